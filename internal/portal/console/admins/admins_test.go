package admins_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/consoletest"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
)

func TestTheLastAdminStaysAdmin(t *testing.T) {
	s := consoletest.New(t)
	s.As("ada", admin.Admin)
	for _, path := range []string{"/people/ada/disable", "/roles/admin/people/ada/unassign"} {
		if _, done := s.Confirm(path); done.Status != http.StatusConflict || !strings.Contains(done.Body, "last_admin") {
			t.Errorf("%s: %d", path, done.Status)
		}
	}
	s.As("bert", admin.Admin)
	s.Who = "ada"
	if _, done := s.Confirm("/roles/admin/people/ada/unassign"); done.Status != http.StatusSeeOther {
		t.Errorf("one of two: %d %s", done.Status, done.Body)
	}
	if a := s.Get(""); a.Status != http.StatusNotFound {
		t.Errorf("who is no admin any more: %d", a.Status)
	}
}

func TestWhatNeedsTwoPersonsWaitsForTheSecond(t *testing.T) {
	s := consoletest.New(t, "disableApp")
	s.App("own", "Own App", "people-tools")
	s.As("bert", admin.Admin)
	s.As("ada", admin.Admin)
	_, done := s.Confirm("/apps/own/disable")
	if done.Status != http.StatusSeeOther || !strings.HasSuffix(done.Header.Get("Location"), "?notice=waits") || s.Disabled("own") {
		t.Fatalf("%d %v", done.Status, done.Header)
	}
	if a := s.Get("/apps/own?notice=waits"); !strings.Contains(a.Body, "waits for a second person") {
		t.Error("nothing says that it waits")
	}
	page, _, err := s.Admin.SearchChanges(t.Context(), admin.ChangeQuery{Limit: 10})
	if err != nil || len(page) != 1 {
		t.Fatalf("%v %v", page, err)
	}
	one := "/changes/" + page[0].ID
	if a := s.Get("/changes"); !strings.Contains(a.Body, "Switch an app off") || !strings.Contains(a.Body, consoletest.Prefix+kit.Base+one) {
		t.Error("the list of changes has it not")
	}
	if _, done := s.Confirm(one + "/approve"); done.Status != http.StatusForbidden || s.Disabled("own") {
		t.Errorf("approved by who asked: %d", done.Status)
	}
	s.Who = "bert"
	if question, done := s.Confirm(one + "/approve"); done.Status != http.StatusSeeOther || !s.Disabled("own") || !strings.Contains(question.Body, ">own</a>") {
		t.Errorf("approved by another: %d %s", done.Status, done.Body)
	}
	if a := s.Get(one); a.Status != http.StatusOK || !strings.Contains(a.Body, ">Made</span>") || strings.Contains(a.Body, "/approve") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if actor := s.LastActor("app.disabled"); actor != identity.Person("ada") {
		t.Errorf("made as %v, and not as who asked", actor)
	}
}

func TestATokenIsShownOnceAndWorksUntilItIsRevoked(t *testing.T) {
	s := consoletest.New(t)
	s.As("ada", admin.Admin)
	made := s.Post("/tokens/new", url.Values{"name": {"nightly"}, "role-auditor": {"yes"}, "days": {"30"}, "apps": {""}}, "same-origin")
	secret := regexp.MustCompile(`value="(gha_[^"]+)"`).FindStringSubmatch(made.Body)
	if made.Status != http.StatusOK || secret == nil {
		t.Fatalf("%d %s", made.Status, made.Body)
	}
	who, err := s.Admin.Authenticate(t.Context(), secret[1])
	if err != nil || !who.Has(admin.Auditor) || who.Has(admin.Admin) {
		t.Errorf("%+v %v", who, err)
	}
	if err := s.DB.Append(t.Context(), []event.Event{event.New(time.Now(), "app.disabled", identity.Actor{Ref: who.Ref}, identity.App("gone"))}); err != nil {
		t.Fatal(err)
	}
	if page := s.Get("/audit?type=app.disabled"); !strings.Contains(page.Body, "nightly") {
		t.Errorf("what it did is not told by its name: %s", page.Body)
	}
	list := s.Get("/tokens")
	if strings.Contains(list.Body, secret[1]) || !strings.Contains(list.Body, "nightly") {
		t.Errorf("%s", list.Body)
	}
	if _, done := s.Confirm("/tokens/" + who.Ref.ID + "/revoke"); done.Status != http.StatusSeeOther {
		t.Errorf("%d", done.Status)
	}
	if _, err := s.Admin.Authenticate(t.Context(), secret[1]); err == nil {
		t.Error("a token that was revoked is good")
	}
	for name, form := range map[string]url.Values{
		"no name": {"name": {""}, "role-auditor": {"yes"}, "days": {"30"}}, "no role": {"name": {"x"}, "days": {"30"}},
		"too long": {"name": {"x"}, "role-auditor": {"yes"}, "days": {"4000"}}, "no days": {"name": {"x"}, "role-auditor": {"yes"}, "days": {"soon"}},
		"apps without an owner": {"name": {"x"}, "role-auditor": {"yes"}, "days": {"30"}, "apps": {"own"}},
	} {
		if a := s.Post("/tokens/new", form, "same-origin"); a.Status != http.StatusUnprocessableEntity || !strings.Contains(a.Body, `role="alert"`) {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
}

func TestARoleIsGivenToWhoWasFound(t *testing.T) {
	s := consoletest.New(t)
	s.As("ada", admin.Admin)
	s.Person("alice", "Alice Moreau")
	if a := s.Get("/roles/assign?q=moreau"); !strings.Contains(a.Body, "/admin/roles/assign?person=alice") {
		t.Errorf("%s", a.Body)
	}
	if a := s.Get("/roles/assign?person=alice"); !strings.Contains(a.Body, "Alice Moreau") || !strings.Contains(a.Body, `value="auditor"`) {
		t.Errorf("%s", a.Body)
	}
	if a := s.Post("/roles/assign", url.Values{"person": {"alice"}, "role": {"auditor"}}, "same-origin"); a.Status != http.StatusSeeOther {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	for name, form := range map[string]url.Values{
		"an unknown role": {"person": {"alice"}, "role": {"emperor"}}, "nobody": {"person": {"none"}, "role": {"auditor"}}, "no role": {"person": {"alice"}},
	} {
		if a := s.Post("/roles/assign", form, "same-origin"); a.Status != http.StatusBadRequest && a.Status != http.StatusNotFound {
			t.Errorf("%s: %d", name, a.Status)
		}
	}
	if a := s.Get("/roles"); !strings.Contains(a.Body, `/admin/people/ada"`) {
		t.Errorf("control, every role: %s", a.Body)
	}
	if a := s.Get("/roles?role=auditor"); !strings.Contains(a.Body, "Alice Moreau") || strings.Contains(a.Body, `/admin/people/ada"`) {
		t.Errorf("%s", a.Body)
	}
}

func TestAChangeThatWasWithdrawnSaysWhyAndLeadsToWhatItFollowsFrom(t *testing.T) {
	s := consoletest.New(t, "disableApp")
	s.App("own", "Own App", "people-tools")
	s.As("bert", admin.Admin)
	s.As("ada", admin.Admin)
	s.Confirm("/apps/own/disable")
	page, _, err := s.Admin.SearchChanges(t.Context(), admin.ChangeQuery{Limit: 10})
	if err != nil || len(page) != 1 {
		t.Fatalf("%v %v", page, err)
	}
	one := "/changes/" + page[0].ID
	s.Who = "bert"
	if a := s.Get(one); strings.Contains(a.Body, "Why it was withdrawn") {
		t.Errorf("control: it waits: %s", a.Body)
	}
	left := event.New(time.Now(), "person.disabled", identity.System("test"), identity.Person("ada"))
	if err := s.Admin.Withdraw(t.Context(), left); err != nil {
		t.Fatal(err)
	}
	a := s.Get(one)
	for _, text := range []string{"Withdrawn", "Who asked for it has left", kit.Base + "/revocations/" + left.ID} {
		if !strings.Contains(a.Body, text) {
			t.Errorf("the page does not say %q: %s", text, a.Body)
		}
	}
}
