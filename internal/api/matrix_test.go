package api_test

import (
	"flag"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

var update = flag.Bool("update", false, "write testdata/roles.txt anew: look at what changed before it is committed")

// concrete fills a route's path: in {name}, app.
func concrete(rt rest.Route, app string) string {
	path := strings.ReplaceAll(rt.Path, "{name}", app)
	return regexp.MustCompile(`\{[a-z_]+\}`).ReplaceAllString(path, "none")
}

// TestWhoMayDoWhat asks every operation as everybody and compares with the table in
// testdata/roles.txt: a route without a line there fails, and a line without a route.
func TestWhoMayDoWhat(t *testing.T) {
	b := start(t)
	tokens := map[string]string{}
	for _, r := range admin.Roles() {
		tokens[string(r)] = b.token(t, r)
	}
	tokens["app-owner/own"] = b.tokenOf(t, admin.Operator(), admin.NewToken{Name: "own", Roles: []admin.Role{admin.AppOwner}, Apps: []string{"own"}})
	names := []string{"admin", "security-reviewer", "approver", "app-owner", "app-owner/own", "auditor"}
	var got strings.Builder
	for _, rt := range b.Routes() {
		var may []string
		for _, who := range names {
			a := b.ask(t, rt.Method, concrete(rt, "own"), "", "Authorization", tokens[who])
			if a.status == http.StatusUnauthorized || a.status >= http.StatusInternalServerError {
				t.Errorf("%s as %s: %d %s", rt.ID, who, a.status, a.body)
			}
			if a.status != http.StatusForbidden {
				may = append(may, who)
			}
		}
		got.WriteString(rt.ID + ": " + strings.Join(may, " ") + "\n")
		if a := b.ask(t, rt.Method, concrete(rt, "own"), "", nobody, "yes"); a.status != http.StatusUnauthorized || a.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s by nobody: %d", rt.ID, a.status)
		}
		if !rt.Owned {
			continue
		}
		if a := b.ask(t, rt.Method, concrete(rt, "other"), "", "Authorization", tokens["app-owner/own"]); a.status != http.StatusForbidden {
			t.Errorf("%s of somebody else's app: %d", rt.ID, a.status)
		}
	}
	const golden = "testdata/roles.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	lines := func(s string) []string { return strings.Split(strings.TrimSpace(s), "\n") }
	for _, line := range lines(got.String()) {
		if !slices.Contains(lines(string(want)), line) {
			t.Errorf("not in %s: %s", golden, line)
		}
	}
	for _, line := range lines(string(want)) {
		if !slices.Contains(lines(got.String()), line) {
			t.Errorf("only in %s: %s", golden, line)
		}
	}
}

// person puts a person into the database who is in these groups of acme.
func (b *broker) person(t *testing.T, id string, groups ...string) directory.Person {
	t.Helper()
	now := b.clock()
	p, err := b.db.SignIn(t.Context(), directory.Key{Connection: "acme", Subject: id}, func(*directory.Person) (directory.Person, []event.Event, error) {
		p := directory.Person{ID: id, Created: now, Updated: now, Identities: []directory.Identity{{Connection: "acme", Subject: id}}}
		for _, g := range groups {
			p.Groups = append(p.Groups, directory.Membership{Group: identity.GroupRef{Connection: "acme", ID: g}, Source: "sign-in", ValidUntil: now.Add(time.Hour)})
		}
		return p, nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// principal is what the person may do now.
func (b *broker) principal(t *testing.T, p directory.Person) admin.Principal {
	t.Helper()
	who, err := b.admin.Of(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return who
}

func (b *broker) assign(t *testing.T, id string, role admin.Role) {
	t.Helper()
	if a := b.ask(t, http.MethodPut, "/roles/"+string(role)+"/people/"+id, ""); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.body)
	}
}

func TestATokenIsGoodOnlyWhileItsOwnerIs(t *testing.T) {
	b := start(t)
	ada := b.person(t, "ada")
	b.person(t, "grace")
	b.assign(t, "ada", admin.Admin)
	b.assign(t, "grace", admin.Admin)
	of := b.tokenOf(t, b.principal(t, ada), admin.NewToken{Name: "first", Roles: []admin.Role{admin.Admin}, Days: 1})
	// A token that hers made counts as hers too.
	made := b.ask(t, http.MethodPost, "/tokens", `{"name":"second","roles":["admin"],"days":2}`, "Authorization", of)
	if made.status != http.StatusCreated || made.header.Get("Location") == "" {
		t.Fatalf("%d %s", made.status, made.body)
	}
	second := "Bearer " + regexp.MustCompile(`gha_[A-Za-z0-9_-]+`).FindString(made.body)
	status := func(token string) int { return b.ask(t, http.MethodGet, "/tokens", "", "Authorization", token).status }
	if status(of) != http.StatusOK || status(second) != http.StatusOK {
		t.Fatal("control: both are good")
	}
	b.now.Store(int64(25 * time.Hour))
	if status(of) != http.StatusUnauthorized || status(second) != http.StatusOK {
		t.Errorf("a day later the first is over: %d %d", status(of), status(second))
	}
	b.now.Store(0)
	if a := b.ask(t, http.MethodDelete, "/roles/admin/people/ada", ""); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if status(of) != http.StatusForbidden || status(second) != http.StatusForbidden {
		t.Errorf("she is admin no more: %d %d", status(of), status(second))
	}
	b.assign(t, "ada", admin.Admin)
	if a := b.ask(t, http.MethodPost, "/people/ada/disable", ""); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if status(of) != http.StatusUnauthorized || status(second) != http.StatusUnauthorized {
		t.Errorf("she is disabled: %d %d", status(of), status(second))
	}
	if a := b.ask(t, http.MethodPost, "/people/ada/enable", ""); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if status(of) != http.StatusUnauthorized || status(second) != http.StatusUnauthorized {
		t.Errorf("she is enabled again, and what she had before is good again: %d %d", status(of), status(second))
	}
	if again := b.tokenOf(t, b.principal(t, ada), admin.NewToken{Name: "third", Roles: []admin.Role{admin.Admin}}); status(again) != http.StatusOK {
		t.Error("control: a new one is not good")
	}
}

func TestATokenIsRefusedOnceItIsRevokedOrChanged(t *testing.T) {
	b := start(t)
	good := b.token(t, admin.Auditor)
	for name, c := range map[string]struct {
		header string
		want   int
	}{
		"control": {good, http.StatusOK}, "lower case": {"bearer " + strings.TrimPrefix(good, "Bearer "), http.StatusOK},
		"cut off": {good[:len(good)-1], http.StatusUnauthorized}, "longer": {good + "a", http.StatusUnauthorized},
		"basic": {"Basic " + strings.TrimPrefix(good, "Bearer "), http.StatusUnauthorized}, "empty": {"Bearer ", http.StatusUnauthorized},
		"another": {"Bearer gha_" + strings.Repeat("a", 43), http.StatusUnauthorized},
	} {
		if a := b.ask(t, http.MethodGet, "/me", "", "Authorization", c.header); a.status != c.want {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	all, err := b.admin.Tokens(t.Context())
	if err != nil || len(all) != 1 || all[0].LastUsed.IsZero() {
		t.Fatalf("%+v %v", all, err)
	}
	if a := b.ask(t, http.MethodDelete, "/tokens/"+all[0].ID, ""); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := b.ask(t, http.MethodGet, "/me", "", "Authorization", good); a.status != http.StatusUnauthorized || !strings.Contains(a.header.Get("WWW-Authenticate"), "invalid_token") {
		t.Errorf("revoked: %d %v", a.status, a.header)
	}
}

func TestAnAppsOwnerMayChangeTheAppsOfTheirTeam(t *testing.T) {
	b := start(t)
	if a := b.ask(t, http.MethodPut, "/mappings/acme/g1", `{"name":"people-tools"}`); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	manifest := string(read(t, "manifest/good-minimal.yaml")) // of the team people-tools
	if a := b.ask(t, http.MethodPut, "/apps/hr-feedback", manifest); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	owner, other := b.principal(t, b.person(t, "olga", "g1")), b.principal(t, b.person(t, "otto"))
	call := func(p admin.Principal, app string) error {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = b.Call(r, admin.Operation{Name: "disableApp", Values: map[string]string{"name": app}}, p)
		return err
	}
	if err := call(other, "hr-feedback"); err == nil {
		t.Error("somebody else disabled it")
	}
	if err := call(owner, "crm"); err == nil {
		t.Error("an app that there is not")
	}
	if err := call(owner, "hr-feedback"); err != nil {
		t.Error(err)
	}
}
