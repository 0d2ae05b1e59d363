package console_test

import (
	"flag"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/consoletest"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
)

var update = flag.Bool("update", false, "write testdata/roles.txt anew: look at what changed before it is committed")

// try asks a rule about an app in every way that it answers.
func try(s *consoletest.Stage, ru kit.Rule, app, site string) []consoletest.Asked {
	path := regexp.MustCompile(`\{[a-z_]+\}`).ReplaceAllString(strings.ReplaceAll(ru.Path, "{name}", app), "none")
	var all []consoletest.Asked
	if ru.Gets() {
		all = append(all, s.Get(path))
	}
	switch {
	case ru.Upload, ru.Receives:
		all = append(all, s.UploadFrom(site, path, map[string]string{"manifest": "kind: none"}, strings.NewReader("none")))
	case ru.Posts():
		all = append(all, s.Post(path, url.Values{}, site))
	}
	return all
}

// TestWhoMayDoWhat asks for every page and action as everybody and compares with
// testdata/roles.txt: a rule without a line there fails, and a line without a rule.
func TestWhoMayDoWhat(t *testing.T) {
	s := consoletest.New(t)
	s.App("own", "Own App", "people-tools")
	s.App("other", "Other App", "finance")
	staff := map[string]string{"app-owner/own": "owner-own"}
	for _, r := range admin.Roles() {
		s.As("one-"+string(r), r)
		staff[string(r)] = "one-" + string(r)
	}
	s.Person("owner-own", "Owner", "tools")
	s.Mapped("tools", "people-tools")
	s.Mapped("staff", "staff")
	s.Person("guest", "Guest", "staff")
	var got strings.Builder
	for _, ru := range s.Console.Rules() {
		if ru.Right == "" {
			t.Errorf("%s has no right", ru.Path)
		}
		var may []string
		for _, who := range []string{"admin", "security-reviewer", "approver", "app-owner", "app-owner/own", "auditor"} {
			s.Who = staff[who]
			answers := try(s, ru, "own", "same-origin")
			denied := 0
			for _, a := range answers {
				if a.Status >= http.StatusInternalServerError {
					t.Errorf("%s as %s: %d %s", ru.Path, who, a.Status, a.Body)
				}
				if a.Status == http.StatusForbidden {
					denied++
				}
			}
			switch denied {
			case 0:
				may = append(may, who)
			case len(answers):
			default:
				t.Errorf("%s as %s: GET and POST differ", ru.Path, who)
			}
		}
		got.WriteString("/admin" + ru.Path + ": " + strings.Join(may, " ") + "\n")
		s.Who = "guest"
		for _, a := range try(s, ru, "own", "same-origin") {
			if a.Status != http.StatusNotFound || strings.Contains(a.Body, "Own App") {
				t.Errorf("%s by somebody without a role: %d", ru.Path, a.Status)
			}
		}
		s.Who = ""
		for i, a := range try(s, ru, "own", "same-origin") {
			if i == 0 && ru.Gets() && (a.Status != http.StatusSeeOther || !strings.HasPrefix(a.Header.Get("Location"), "/sign-in?to=%2Fadmin")) {
				t.Errorf("%s by nobody: %d %v", ru.Path, a.Status, a.Header)
			}
			if (i > 0 || !ru.Gets()) && a.Status != http.StatusNotFound {
				t.Errorf("POST %s by nobody: %d", ru.Path, a.Status)
			}
		}
		if !ru.Owned {
			continue
		}
		s.Who = "owner-own"
		for _, a := range try(s, ru, "other", "same-origin") {
			if a.Status != http.StatusForbidden {
				t.Errorf("%s of somebody else's app: %d", ru.Path, a.Status)
			}
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

// The pages must not promise what the management API refuses, nor hide what it allows.
func TestEveryActionTakesTheRightOfItsOperation(t *testing.T) {
	s := consoletest.New(t)
	routes := map[string]rest.Route{}
	for _, rt := range s.Operations.Routes() {
		routes[rt.ID] = rt
	}
	places := regexp.MustCompile(`\{[a-z_]+\}`)
	checked := 0
	for _, ru := range s.Console.Rules() {
		if ru.Operation == "" {
			continue
		}
		checked++
		rt, ok := routes[ru.Operation]
		if !ok {
			t.Errorf("%s: the API has no operation %s", ru.Path, ru.Operation)
			continue
		}
		if rt.Right != rest.Anybody && (rt.Right != ru.Right || rt.Owned != ru.Owned) {
			t.Errorf("%s takes %s and %s %s", ru.Path, ru.Right, rt.ID, rt.Right)
		}
		for _, place := range places.FindAllString(rt.Path, -1) {
			if !strings.Contains(ru.Path, place) {
				t.Errorf("%s has no %s, which %s needs", ru.Path, place, rt.ID)
			}
		}
		for _, place := range places.FindAllString(ru.Then, -1) {
			if !strings.Contains(ru.Path, place) {
				t.Errorf("%s cannot lead on to %s", ru.Path, ru.Then)
			}
		}
		if !told(s, ru.Notice) || !strings.Contains(ru.Then, "/") {
			t.Errorf("%s ends without a word", ru.Path)
		}
	}
	if checked < 15 {
		t.Errorf("%d actions", checked)
	}
}

// told reports whether a part says something by the code of a notice.
func told(s *consoletest.Stage, code string) bool {
	return slices.ContainsFunc(s.Console.Parts(), func(p kit.Part) bool { return !p.Notices[code].Empty() })
}

func TestAFormOfAnotherSiteDoesNothing(t *testing.T) {
	s := consoletest.New(t)
	s.App("own", "Own App", "people-tools")
	s.As("ada", admin.Admin)
	for _, ru := range s.Console.Rules() {
		if !ru.Posts() {
			continue
		}
		for _, site := range []string{"cross-site", "same-site"} {
			answers := try(s, ru, "own", site)
			if a := answers[len(answers)-1]; a.Status != http.StatusForbidden || !strings.Contains(a.Body, "Another site sent this form") {
				t.Errorf("%s from %s: %d", ru.Path, site, a.Status)
			}
		}
	}
	question := s.Get("/apps/own/disable")
	if a := s.Post("/apps/own/disable", question.Hidden(), "cross-site"); a.Status != http.StatusForbidden || s.Disabled("own") {
		t.Errorf("with all that a form has: %d", a.Status)
	}
	if a := s.Post("/apps/own/disable", question.Hidden(), "same-origin"); a.Status != http.StatusSeeOther || !s.Disabled("own") {
		t.Errorf("from our own page: %d %s", a.Status, a.Body)
	}
}

func TestAPageThatIsNotThereForTheAddressTakesNothingElse(t *testing.T) {
	s := consoletest.New(t)
	s.As("ada", admin.Admin)
	for path, want := range map[string]int{
		"/apps": http.StatusOK, "/apps?state=on": http.StatusOK, "/apps?state=odd": http.StatusBadRequest, "/apps?sate=on": http.StatusBadRequest,
		"/apps?sort=-updated": http.StatusOK, "/apps?sort=digest": http.StatusBadRequest, "/apps?state=on&state=off": http.StatusBadRequest,
		"/people?after=nonsense": http.StatusBadRequest, "/audit?from=2026-11-25": http.StatusOK, "/audit?from=yesterday": http.StatusBadRequest,
		"/people?format=xml": http.StatusBadRequest, "/?span=day": http.StatusNotFound, "?span=year": http.StatusBadRequest, "?span=week": http.StatusOK,
		"/apps/none": http.StatusNotFound, "/people/none": http.StatusNotFound, "/sessions/none": http.StatusNotFound, "/keys/none/kill": http.StatusNotFound,
		"/keys/HS256/rotate": http.StatusNotFound, "/groups/acme/none": http.StatusNotFound, "/connections/none": http.StatusNotFound, "/audit/none": http.StatusNotFound,
		"/operations/jobs/none": http.StatusNotFound, "/operations/events/none": http.StatusNotFound, "/changes/none": http.StatusNotFound, "/tokens/none/revoke": http.StatusNotFound,
		"/sessions?person=none": http.StatusOK, "/%00": http.StatusNotFound,
	} {
		if a := s.Get(path); a.Status != want {
			t.Errorf("%s: %d, want %d: %s", path, a.Status, want, a.Body)
		}
	}
}
