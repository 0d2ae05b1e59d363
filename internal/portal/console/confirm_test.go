package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
)

func TestNothingIsDoneThatWasNotShownFirst(t *testing.T) {
	s := newStage(t)
	s.app("own", "Own App", "people-tools")
	s.as("ada", admin.Admin)
	a := s.post("/apps/own/disable", url.Values{}, "same-origin")
	if a.status != http.StatusConflict || s.disabled("own") || !strings.Contains(a.body, "Nothing has been done yet") {
		t.Errorf("without a question: %d", a.status)
	}
	stale := s.get("/apps/own/disable").hidden()
	s.app("own", "Another Title", "people-tools")
	a = s.post("/apps/own/disable", stale, "same-origin")
	if a.status != http.StatusConflict || s.disabled("own") || !strings.Contains(a.body, "It has changed since you looked") || !strings.Contains(a.body, "Switch off Another Title?") {
		t.Errorf("changed meanwhile: %d", a.status)
	}
	if a = s.post("/apps/own/disable", a.hidden(), "same-origin"); a.status != http.StatusSeeOther || !s.disabled("own") {
		t.Errorf("shown anew: %d %s", a.status, a.body)
	}
	if to := a.header.Get("Location"); to != prefix+"/admin/apps/own?notice=app-disabled" {
		t.Errorf("leads to %s", to)
	}
}

func TestAQuestionNamesWhatItHits(t *testing.T) {
	s := newStage(t)
	s.mapped("employees", "staff")
	s.app("own", "Own App", "people-tools")
	s.as("ada", admin.Admin)
	s.person("alice", "Alice Moreau", "employees")
	one, other := s.session("alice"), s.session("alice")
	for path, want := range map[string][]string{
		"/people/alice/disable":            {"Disable Alice Moreau?", "Sessions that end", ">2</strong>", "Firefox, Linux"},
		"/people/alice/sign-out":           {"Sessions that end", ">2</strong>"},
		"/sessions/" + one + "/end":        {"End the session of Alice Moreau?", "192.0.2.7"},
		"/connections/acme/disable":        {"Sessions that end", "People who came over it", "Alice Moreau"},
		"/apps/own/remove":                 {"Remove Own App?", "own-client", "staff"},
		"/groups/acme/employees/unmap":     {"Members of the group", "Alice Moreau", "Lose access to Own App"},
		"/roles/admin/people/ada/unassign": {"Administrator", "ada@acme.example"},
	} {
		a := s.get(path)
		for _, text := range want {
			if a.status != http.StatusOK || !strings.Contains(a.body, text) {
				t.Errorf("%s (%d) does not say %q", path, a.status, text)
			}
		}
	}
	if _, done := s.confirm("/sessions/" + one + "/end"); done.status != http.StatusSeeOther {
		t.Errorf("%d %s", done.status, done.body)
	}
	live, err := s.sessions.Of(t.Context(), "alice")
	if err != nil || len(live) != 1 || live[0].ID != other {
		t.Errorf("%v, %v", live, err)
	}
	if _, done := s.confirm("/people/alice/disable"); done.status != http.StatusSeeOther {
		t.Errorf("%d %s", done.status, done.body)
	}
	if p, err := s.db.Person(t.Context(), "alice"); err != nil || !p.Disabled {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestTheLastAdminStaysAdmin(t *testing.T) {
	s := newStage(t)
	s.as("ada", admin.Admin)
	for _, path := range []string{"/people/ada/disable", "/roles/admin/people/ada/unassign"} {
		if _, done := s.confirm(path); done.status != http.StatusConflict || !strings.Contains(done.body, "last_admin") {
			t.Errorf("%s: %d", path, done.status)
		}
	}
	s.as("bert", admin.Admin)
	s.who = "ada"
	if _, done := s.confirm("/roles/admin/people/ada/unassign"); done.status != http.StatusSeeOther {
		t.Errorf("one of two: %d %s", done.status, done.body)
	}
	if a := s.get(""); a.status != http.StatusNotFound {
		t.Errorf("who is no admin any more: %d", a.status)
	}
}

func TestAMappingShowsWhoGainsAndWhoLosesBeforeItIsMade(t *testing.T) {
	s := newStage(t)
	s.app("own", "Own App", "people-tools")
	s.as("ada", admin.Admin)
	s.person("alice", "Alice Moreau", "employees")
	s.person("carol", "Carol Lindqvist", "contractors")
	const path = "/groups/acme/employees/map"
	a := s.get(path + "?name=staff")
	for _, text := range []string{"Gain access to Own App", "Alice Moreau"} {
		if !strings.Contains(a.body, text) {
			t.Errorf("the preview does not say %q: %s", text, a.body)
		}
	}
	if strings.Contains(a.body, "Carol") || strings.Contains(a.body, "Lose access") {
		t.Error("the preview names somebody else")
	}
	if b := s.post(path, url.Values{"name": {"staff"}}, "same-origin"); b.status != http.StatusSeeOther || !strings.HasSuffix(b.header.Get("Location"), "/map?name=staff") {
		t.Errorf("without a preview: %d %v", b.status, b.header)
	}
	if b := s.get(path + "?name=admins"); !strings.Contains(b.body, "Get the role “Administrator” here") {
		t.Errorf("nothing says that a role comes with the name: %s", b.body)
	}
	form := a.hidden()
	form.Set("name", "admins")
	if b := s.post(path, form, "same-origin"); !strings.HasSuffix(b.header.Get("Location"), "/map?name=admins") {
		t.Errorf("another name than was shown: %v", b.header)
	}
	if names := s.names("alice"); len(names) != 0 {
		t.Fatalf("%v before anything was done", names)
	}
	if b := s.post(path, a.hidden(), "same-origin"); b.status != http.StatusSeeOther || !strings.HasSuffix(b.header.Get("Location"), "?notice=group-mapped") {
		t.Errorf("%d %s", b.status, b.body)
	}
	if names := s.names("alice"); !slices.Equal(names, []string{"staff"}) {
		t.Errorf("%v", names)
	}
	ahead := s.get("/map-group?connection=acme&group=" + url.QueryEscape("a/b c"))
	if to := ahead.header.Get("Location"); to != prefix+"/admin/groups/acme/a%2Fb%20c/map" {
		t.Errorf("leads to %s", to)
	}
	if b := s.post("/groups/acme/a%2Fb%20c/map", s.get("/groups/acme/a%2Fb%20c/map?name=staff").hidden(), "same-origin"); b.status != http.StatusSeeOther {
		t.Errorf("a group that nobody has seen: %d %s", b.status, b.body)
	}
	if b := s.get("/groups/acme/a%2Fb%20c"); b.status != http.StatusOK || !strings.Contains(b.body, "staff") {
		t.Errorf("%d", b.status)
	}
	if b := s.get("/groups/nowhere/x/map"); b.status != http.StatusNotFound {
		t.Errorf("a group of no connection: %d", b.status)
	}
	bad := s.get(path + "?name=" + url.QueryEscape("no name <b>"))
	if b := s.post(path, bad.hidden(), "same-origin"); b.status != http.StatusUnprocessableEntity || !strings.Contains(b.body, "letters, digits and") || strings.Contains(b.body, "<b>") {
		t.Errorf("a name that no manifest could use: %d %s", b.status, b.body)
	}
}

func (s *stage) names(person string) []string {
	s.t.Helper()
	p, err := s.db.Person(s.t.Context(), person)
	if err != nil {
		s.t.Fatal(err)
	}
	names, err := s.people.GroupNames(s.t.Context(), p)
	if err != nil {
		s.t.Fatal(err)
	}
	return names
}

func TestWhatNeedsTwoPersonsWaitsForTheSecond(t *testing.T) {
	s := newStage(t, "disableApp")
	s.app("own", "Own App", "people-tools")
	s.as("bert", admin.Admin)
	s.as("ada", admin.Admin)
	_, done := s.confirm("/apps/own/disable")
	if done.status != http.StatusSeeOther || !strings.HasSuffix(done.header.Get("Location"), "?notice=waits") || s.disabled("own") {
		t.Fatalf("%d %v", done.status, done.header)
	}
	if a := s.get("/apps/own?notice=waits"); !strings.Contains(a.body, "waits for a second person") {
		t.Error("nothing says that it waits")
	}
	page, _, err := s.admin.SearchChanges(t.Context(), admin.ChangeQuery{Limit: 10})
	if err != nil || len(page) != 1 {
		t.Fatalf("%v %v", page, err)
	}
	one := "/changes/" + page[0].ID
	if a := s.get("/changes"); !strings.Contains(a.body, "Switch an app off") || !strings.Contains(a.body, prefix+kit.Base+one) {
		t.Error("the list of changes has it not")
	}
	if _, done := s.confirm(one + "/approve"); done.status != http.StatusForbidden || s.disabled("own") {
		t.Errorf("approved by who asked: %d", done.status)
	}
	s.who = "bert"
	if question, done := s.confirm(one + "/approve"); done.status != http.StatusSeeOther || !s.disabled("own") || !strings.Contains(question.body, ">own</a>") {
		t.Errorf("approved by another: %d %s", done.status, done.body)
	}
	if a := s.get(one); a.status != http.StatusOK || !strings.Contains(a.body, ">Made</span>") || strings.Contains(a.body, "/approve") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if actor := s.lastActor("app.disabled"); actor != identity.Person("ada") {
		t.Errorf("made as %v, and not as who asked", actor)
	}
}
