package api_test

import (
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
)

// two returns a broker where killing a key needs four eyes, with tokens of two
// admins and the id of the key.
func two(t *testing.T) (b *broker, ada, grace, kid string) {
	t.Helper()
	b, ada, grace = admins(t, "killKey")
	kid = regexp.MustCompile(`"id":"([^"]+)"`).FindStringSubmatch(b.ask(t, http.MethodGet, "/keys", "").body)[1]
	return b, ada, grace, kid
}

// admins returns a broker where the operations need four eyes, with tokens of two admins.
func admins(t *testing.T, fourEyes ...string) (b *broker, ada, grace string) {
	t.Helper()
	b = start(t, fourEyes...)
	make := func(id string) string {
		b.person(t, id)
		b.assign(t, id, admin.Admin)
		p, err := b.db.Person(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return b.tokenOf(t, b.principal(t, p), admin.NewToken{Name: id, Roles: []admin.Role{admin.Admin}})
	}
	return b, make("ada"), make("grace")
}

// killed reports whether the key is.
func (b *broker) killed(t *testing.T, kid string) bool {
	t.Helper()
	return strings.Contains(b.ask(t, http.MethodGet, "/keys/"+kid, "").body, `"stage":"killed"`)
}

// request asks for the kill and returns the path of the change.
func (b *broker) request(t *testing.T, who, kid string) string {
	t.Helper()
	a := b.ask(t, http.MethodPost, "/keys/"+kid+"/kill", "", "Authorization", who)
	if a.status != http.StatusAccepted || !strings.Contains(a.body, `"state":"waiting"`) || b.killed(t, kid) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	return strings.TrimPrefix(a.header.Get("Location"), "/api/v1")
}

func TestAMarkedChangeWaitsForASecondPerson(t *testing.T) {
	b, ada, grace, kid := two(t)
	change := b.request(t, ada, kid)
	// A token of a token of hers is still her.
	made := b.ask(t, http.MethodPost, "/tokens", `{"name":"x","roles":["admin"]}`, "Authorization", ada)
	hers := "Bearer " + regexp.MustCompile(`gha_[A-Za-z0-9_-]+`).FindString(made.body)
	for name, who := range map[string]string{"who asked": ada, "her other token": hers} {
		if a := b.ask(t, http.MethodPost, change+"/approve", "", "Authorization", who); a.status != http.StatusForbidden || !strings.Contains(a.body, "change_own") {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	for _, role := range []admin.Role{admin.Auditor, admin.SecurityReviewer, admin.Approver, admin.AppOwner} {
		for _, how := range []string{"/approve", "/reject"} {
			if a := b.ask(t, http.MethodPost, change+how, "", "Authorization", b.token(t, role)); a.status != http.StatusForbidden {
				t.Errorf("%s %s: %d %s", role, how, a.status, a.body)
			}
		}
	}
	if b.killed(t, kid) {
		t.Fatal("killed by nobody")
	}
	a := b.ask(t, http.MethodPost, change+"/approve", "", "Authorization", grace)
	if a.status != http.StatusOK || !strings.Contains(a.body, `"state":"made"`) || !b.killed(t, kid) {
		t.Errorf("%d %s", a.status, a.body)
	}
	for _, how := range []string{"/approve", "/reject"} {
		if a := b.ask(t, http.MethodPost, change+how, "", "Authorization", grace); a.status != http.StatusConflict {
			t.Errorf("%s again: %d %s", how, a.status, a.body)
		}
	}
	log := b.ask(t, http.MethodGet, "/audit?type=change.", "").body
	for _, want := range []string{"change.requested", "change.approved", "change.made", `"value_kid":"` + kid} {
		if !strings.Contains(log, want) {
			t.Errorf("no %s in %s", want, log)
		}
	}
	if log := b.ask(t, http.MethodGet, "/audit?type=key.killed", "").body; !strings.Contains(log, `"actor":{"kind":"token"`) {
		t.Errorf("the kill is of who asked for it: %s", log)
	}
}

func TestOfTwoApprovalsAtOnceOneCounts(t *testing.T) {
	b, ada, grace, kid := two(t)
	change := b.request(t, ada, kid)
	codes := make([]int, 4)
	var all sync.WaitGroup
	for i := range codes {
		all.Go(func() { codes[i] = b.ask(t, http.MethodPost, change+"/approve", "", "Authorization", grace).status })
	}
	all.Wait()
	won := 0
	for _, code := range codes {
		switch code {
		case http.StatusOK:
			won++
		case http.StatusConflict:
		default:
			t.Errorf("%v", codes)
		}
	}
	if won != 1 {
		t.Errorf("%v", codes)
	}
}

func TestAChangeOfWhoMayNoMoreIsNotMade(t *testing.T) {
	b, ada, grace, kid := two(t)
	change := b.request(t, ada, kid)
	if a := b.ask(t, http.MethodPost, "/people/ada/disable", "", "Authorization", grace); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := b.ask(t, http.MethodPost, change+"/approve", "", "Authorization", grace); a.status != http.StatusConflict || !strings.Contains(a.body, "change_requester") || b.killed(t, kid) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := b.ask(t, http.MethodPost, change+"/reject", "", "Authorization", grace); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestAChangeWaitsForThreeDaysAndCanBeTakenBack(t *testing.T) {
	b, ada, grace, kid := two(t)
	late, back := b.request(t, ada, kid), b.request(t, ada, kid)
	if a := b.ask(t, http.MethodPost, back+"/reject", "", "Authorization", ada); a.status != http.StatusOK || !strings.Contains(a.body, `"state":"rejected"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if items, _ := b.ask(t, http.MethodGet, "/changes?waiting=true", "").items(t); len(items) != 1 {
		t.Errorf("%s", items)
	}
	b.now.Store(int64(admin.ChangeLife + time.Minute))
	if a := b.ask(t, http.MethodPost, late+"/approve", "", "Authorization", grace); a.status != http.StatusConflict || b.killed(t, kid) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := b.ask(t, http.MethodGet, late, ""); !strings.Contains(a.body, `"state":"expired"`) {
		t.Error(a.body)
	}
	if items, _ := b.ask(t, http.MethodGet, "/changes?waiting=true", "").items(t); len(items) != 0 {
		t.Errorf("%s", items)
	}
}

func TestWhatFailsWhenItIsMadeSaysSo(t *testing.T) {
	b, ada, grace, kid := two(t)
	b2 := b.request(t, ada, kid)
	// The operator never waits.
	if a := b.ask(t, http.MethodPost, "/keys/"+kid+"/kill", ""); a.status != http.StatusOK || !b.killed(t, kid) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := b.ask(t, http.MethodPost, b2+"/approve", "", "Authorization", grace); a.status != http.StatusOK {
		t.Errorf("killing a killed key is no failure: %d %s", a.status, a.body)
	}
	if a := b.ask(t, http.MethodPost, "/keys/none/kill", "", "Authorization", ada); a.status != http.StatusNotFound {
		t.Errorf("what cannot be done does not wait: %d %s", a.status, a.body)
	}
}

func TestTheLastAdminStays(t *testing.T) {
	b := start(t)
	if a := b.ask(t, http.MethodPut, "/mappings/acme/g1", `{"name":"admins"}`); a.status != http.StatusOK {
		t.Fatal(a.body)
	}
	b.person(t, "ada", "g1") // admin by her group
	for name, try := range map[string]func() asked{
		"disabling": func() asked { return b.ask(t, http.MethodPost, "/people/ada/disable", "") },
		"unmapping": func() asked { return b.ask(t, http.MethodDelete, "/mappings/acme/g1", "") },
		"renaming":  func() asked { return b.ask(t, http.MethodPut, "/mappings/acme/g1", `{"name":"others"}`) },
		"its preview": func() asked {
			return b.ask(t, http.MethodGet, "/people/ada/disable/preview", "")
		},
		"the group's": func() asked { return b.ask(t, http.MethodGet, "/mappings/acme/g1/preview", "") },
	} {
		if a := try(); a.status != http.StatusConflict || !strings.Contains(a.body, "last_admin") {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	b.person(t, "grace")
	b.assign(t, "grace", admin.Admin)
	if a := b.ask(t, http.MethodPost, "/people/ada/disable", ""); a.status != http.StatusNoContent {
		t.Errorf("there is another: %d %s", a.status, a.body)
	}
	for _, path := range []string{"/roles/admin/people/grace", "/roles/admin/people/grace"} {
		if a := b.ask(t, http.MethodDelete, path, ""); a.status != http.StatusConflict {
			t.Errorf("the assignment: %d %s", a.status, a.body)
		}
	}
	if a := b.ask(t, http.MethodPost, "/people/ada/enable", ""); a.status != http.StatusNoContent {
		t.Fatal(a.body)
	}
	// Two removals at once do not each see the other's admin.
	codes := make([]int, 2)
	var all sync.WaitGroup
	for i, try := range []func() asked{
		func() asked { return b.ask(t, http.MethodPost, "/people/ada/disable", "") },
		func() asked { return b.ask(t, http.MethodDelete, "/roles/admin/people/grace", "") },
	} {
		all.Go(func() { codes[i] = try().status })
	}
	all.Wait()
	if codes[0] == codes[1] || codes[0]+codes[1] != http.StatusConflict+http.StatusNoContent {
		t.Errorf("%v", codes)
	}
}

func TestAChangeThatWaitsBindsToWhatWasSeen(t *testing.T) {
	b, ada, grace, kid := two(t)
	seen := b.ask(t, http.MethodGet, "/keys/"+kid, "").header.Get("ETag")
	ask := func() string {
		t.Helper()
		a := b.ask(t, http.MethodPost, "/keys/"+kid+"/kill", "", "Authorization", ada, "If-Match", seen)
		if a.status != http.StatusAccepted {
			t.Fatalf("%d %s", a.status, a.body)
		}
		return strings.TrimPrefix(a.header.Get("Location"), "/api/v1")
	}
	first, second := ask(), ask()
	if a := b.ask(t, http.MethodPost, first+"/approve", "", "Authorization", grace); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	a := b.ask(t, http.MethodPost, second+"/approve", "", "Authorization", grace)
	if a.status != http.StatusPreconditionFailed || !strings.Contains(b.ask(t, http.MethodGet, second, "").body, `"failure":"precondition_failed"`) {
		t.Errorf("the key is another than was seen: %d %s", a.status, a.body)
	}
}
