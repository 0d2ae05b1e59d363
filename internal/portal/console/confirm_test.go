package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/consoletest"
)

func TestNothingIsDoneThatWasNotShownFirst(t *testing.T) {
	s := consoletest.New(t)
	s.App("own", "Own App", "people-tools")
	s.As("ada", admin.Admin)
	a := s.Post("/apps/own/disable", url.Values{}, "same-origin")
	if a.Status != http.StatusConflict || s.Disabled("own") || !strings.Contains(a.Body, "Nothing has been done yet") {
		t.Errorf("without a question: %d", a.Status)
	}
	stale := s.Get("/apps/own/disable").Hidden()
	s.App("own", "Another Title", "people-tools")
	a = s.Post("/apps/own/disable", stale, "same-origin")
	if a.Status != http.StatusConflict || s.Disabled("own") || !strings.Contains(a.Body, "It has changed since you looked") || !strings.Contains(a.Body, "Switch off Another Title?") {
		t.Errorf("changed meanwhile: %d", a.Status)
	}
	if a = s.Post("/apps/own/disable", a.Hidden(), "same-origin"); a.Status != http.StatusSeeOther || !s.Disabled("own") {
		t.Errorf("shown anew: %d %s", a.Status, a.Body)
	}
	if to := a.Header.Get("Location"); to != consoletest.Prefix+"/admin/apps/own?notice=app-disabled" {
		t.Errorf("leads to %s", to)
	}
}

func TestAQuestionNamesWhatItHits(t *testing.T) {
	s := consoletest.New(t)
	s.Mapped("employees", "staff")
	s.App("own", "Own App", "people-tools")
	s.As("ada", admin.Admin)
	s.Person("alice", "Alice Moreau", "employees")
	one, other := s.Session("alice"), s.Session("alice")
	for path, want := range map[string][]string{
		"/people/alice/disable":            {"Disable Alice Moreau?", "Sessions that end", ">2</strong>", "Firefox, Linux"},
		"/people/alice/sign-out":           {"Sessions that end", ">2</strong>"},
		"/sessions/" + one + "/end":        {"End the session of Alice Moreau?", "192.0.2.7"},
		"/connections/acme/disable":        {"Sessions that end", "People who came over it", "Alice Moreau"},
		"/apps/own/remove":                 {"Remove Own App?", "own-client", "staff"},
		"/groups/acme/employees/unmap":     {"Members of the group", "Alice Moreau", "Lose access to Own App"},
		"/roles/admin/people/ada/unassign": {"Administrator", "ada@acme.example"},
	} {
		a := s.Get(path)
		for _, text := range want {
			if a.Status != http.StatusOK || !strings.Contains(a.Body, text) {
				t.Errorf("%s (%d) does not say %q", path, a.Status, text)
			}
		}
	}
	if _, done := s.Confirm("/sessions/" + one + "/end"); done.Status != http.StatusSeeOther {
		t.Errorf("%d %s", done.Status, done.Body)
	}
	live, err := s.Sessions.Of(t.Context(), "alice")
	if err != nil || len(live) != 1 || live[0].ID != other {
		t.Errorf("%v, %v", live, err)
	}
	if _, done := s.Confirm("/people/alice/disable"); done.Status != http.StatusSeeOther {
		t.Errorf("%d %s", done.Status, done.Body)
	}
	if p, err := s.DB.Person(t.Context(), "alice"); err != nil || !p.Disabled {
		t.Errorf("%+v, %v", p, err)
	}
}
