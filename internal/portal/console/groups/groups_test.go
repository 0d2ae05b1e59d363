package groups_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/consoletest"
)

func TestAMappingShowsWhoGainsAndWhoLosesBeforeItIsMade(t *testing.T) {
	s := consoletest.New(t)
	s.App("own", "Own App", "people-tools")
	s.As("ada", admin.Admin)
	s.Person("alice", "Alice Moreau", "employees")
	s.Person("carol", "Carol Lindqvist", "contractors")
	const path = "/groups/acme/employees/map"
	a := s.Get(path + "?name=staff")
	for _, text := range []string{"Gain access to Own App", "Alice Moreau"} {
		if !strings.Contains(a.Body, text) {
			t.Errorf("the preview does not say %q: %s", text, a.Body)
		}
	}
	if strings.Contains(a.Body, "Carol") || strings.Contains(a.Body, "Lose access") {
		t.Error("the preview names somebody else")
	}
	if b := s.Post(path, url.Values{"name": {"staff"}}, "same-origin"); b.Status != http.StatusSeeOther || !strings.HasSuffix(b.Header.Get("Location"), "/map?name=staff") {
		t.Errorf("without a preview: %d %v", b.Status, b.Header)
	}
	if b := s.Get(path + "?name=admins"); !strings.Contains(b.Body, "Get the role “Administrator” here") {
		t.Errorf("nothing says that a role comes with the name: %s", b.Body)
	}
	form := a.Hidden()
	form.Set("name", "admins")
	if b := s.Post(path, form, "same-origin"); !strings.HasSuffix(b.Header.Get("Location"), "/map?name=admins") {
		t.Errorf("another name than was shown: %v", b.Header)
	}
	if names := s.GroupNames("alice"); len(names) != 0 {
		t.Fatalf("%v before anything was done", names)
	}
	if b := s.Post(path, a.Hidden(), "same-origin"); b.Status != http.StatusSeeOther || !strings.HasSuffix(b.Header.Get("Location"), "?notice=group-mapped") {
		t.Errorf("%d %s", b.Status, b.Body)
	}
	if names := s.GroupNames("alice"); !slices.Equal(names, []string{"staff"}) {
		t.Errorf("%v", names)
	}
	ahead := s.Get("/map-group?connection=acme&group=" + url.QueryEscape("a/b c"))
	if to := ahead.Header.Get("Location"); to != consoletest.Prefix+"/admin/groups/acme/a%2Fb%20c/map" {
		t.Errorf("leads to %s", to)
	}
	if b := s.Post("/groups/acme/a%2Fb%20c/map", s.Get("/groups/acme/a%2Fb%20c/map?name=staff").Hidden(), "same-origin"); b.Status != http.StatusSeeOther {
		t.Errorf("a group that nobody has seen: %d %s", b.Status, b.Body)
	}
	if b := s.Get("/groups/acme/a%2Fb%20c"); b.Status != http.StatusOK || !strings.Contains(b.Body, "staff") {
		t.Errorf("%d", b.Status)
	}
	if b := s.Get("/groups/nowhere/x/map"); b.Status != http.StatusNotFound {
		t.Errorf("a group of no connection: %d", b.Status)
	}
	bad := s.Get(path + "?name=" + url.QueryEscape("no name <b>"))
	if b := s.Post(path, bad.Hidden(), "same-origin"); b.Status != http.StatusUnprocessableEntity || !strings.Contains(b.Body, "letters, digits and") || strings.Contains(b.Body, "<b>") {
		t.Errorf("a name that no manifest could use: %d %s", b.Status, b.Body)
	}
}
