package console_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/consoletest"
)

func TestAListKeepsItsStateInItsAddressAndEndsOnce(t *testing.T) {
	s := consoletest.New(t)
	s.As("ada", admin.Admin)
	s.Crowd(120)
	seen := map[string]bool{}
	pages := 0
	for path := "/people?q=person&sort=-name"; path != ""; pages++ {
		a := s.Get(path)
		if a.Status != http.StatusOK || !strings.Contains(a.Body, `aria-sort="descending"`) || !strings.Contains(a.Body, `value="person"`) {
			t.Fatalf("%s: %d", path, a.Status)
		}
		path = ""
		for _, link := range a.Links(t) {
			if id, ok := strings.CutPrefix(link, "/people/"); ok {
				if seen[id] {
					t.Errorf("%s comes twice", id)
				}
				seen[id] = true
			}
			if strings.Contains(link, "after=") {
				path = link
			}
		}
		if path != "" && (!strings.Contains(path, "q=person") || !strings.Contains(path, "sort=-name")) {
			t.Fatalf("the next page is of another list: %s", path)
		}
	}
	if len(seen) != 120 || pages != 3 {
		t.Errorf("%d people on %d pages", len(seen), pages)
	}
}

func TestAListInMemoryPagesLikeOneOfTheDatabase(t *testing.T) {
	s := consoletest.New(t)
	s.As("ada", admin.Admin)
	for i := range 60 {
		s.App(fmt.Sprintf("app-%02d", i), fmt.Sprintf("App %02d", i), "team-a")
	}
	first := s.Get("/apps")
	var next string
	for _, link := range first.Links(t) {
		if strings.Contains(link, "after=") {
			next = link
		}
	}
	// The row that the cursor names goes: the page after it stays what it was.
	if err := s.Apps.Remove(t.Context(), "app-49", identity.System("test")); err != nil {
		t.Fatal(err)
	}
	second := s.Get(next)
	if strings.Contains(first.Body, "App 50") || !strings.Contains(first.Body, "App 49") || !strings.Contains(second.Body, "App 51") || strings.Contains(second.Body, "App 48") {
		t.Errorf("%s", second.Body)
	}
}

func TestAnExportIsTheWholeListAsItIsFiltered(t *testing.T) {
	s := consoletest.New(t)
	s.As("ada", admin.Admin)
	s.Crowd(130)
	s.Person("evil", `=HYPERLINK("http://evil.example","x")`)
	a := s.Get("/people?q=person&format=csv")
	rows, err := csv.NewReader(strings.NewReader(a.Body)).ReadAll()
	if err != nil || len(rows) != 131 || rows[0][0] != "name" || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/csv") ||
		a.Header.Get("Content-Disposition") != `attachment; filename="people.csv"` {
		t.Errorf("%d rows, %v, %v", len(rows), err, a.Header)
	}
	rows, err = csv.NewReader(strings.NewReader(s.Get("/people?q=hyperlink&format=csv").Body)).ReadAll()
	if err != nil || len(rows) != 2 || !strings.HasPrefix(rows[1][0], "'=") {
		t.Errorf("a name that is a formula: %v, %v", rows, err)
	}
	lines := strings.Split(strings.TrimSpace(s.Get("/people?q=person&format=jsonl").Body), "\n")
	var p directory.Person
	if err := json.Unmarshal([]byte(lines[0]), &p); err != nil || len(lines) != 130 || p.Profile.Name != "Person 000" {
		t.Errorf("%d lines, %v, %+v", len(lines), err, p)
	}
	for _, path := range []string{"/apps", "/connections", "/groups", "/sessions", "/keys", "/audit", "/operations", "/operations/jobs", "/roles", "/tokens", "/changes"} {
		for _, format := range []string{"csv", "jsonl"} {
			if a := s.Get(path + "?format=" + format); a.Status != http.StatusOK || a.Header.Get("Content-Disposition") == "" || strings.Contains(a.Body, "<html") {
				t.Errorf("%s as %s: %d %v", path, format, a.Status, a.Header)
			}
		}
	}
}
