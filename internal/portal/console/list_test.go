package console

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
)

// crowd puts n people with names in order into the directory.
func (s *stage) crowd(n int) {
	for i := range n {
		s.person(fmt.Sprintf("p%03d", i), fmt.Sprintf("Person %03d", i))
	}
}

// lastActor is who did the newest thing of a type.
func (s *stage) lastActor(typ string) identity.Ref {
	s.t.Helper()
	page, _, err := s.db.Page(s.t.Context(), audit.Query{Type: typ, Limit: 1})
	if err != nil || len(page) != 1 {
		s.t.Fatalf("%v %v", page, err)
	}
	return page[0].Actor.Ref
}

// links are the addresses on a page that lead to the console.
func (a asked) links(t *testing.T) []string {
	t.Helper()
	var all []string
	z := html.NewTokenizer(strings.NewReader(a.body))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return all
		case html.StartTagToken:
			tag := z.Token()
			for _, at := range tag.Attr {
				if tag.Data == "a" && at.Key == "href" && strings.HasPrefix(at.Val, prefix+kit.Base) {
					all = append(all, strings.TrimPrefix(at.Val, prefix+kit.Base))
				}
			}
		default:
		}
	}
}

func TestAListKeepsItsStateInItsAddressAndEndsOnce(t *testing.T) {
	s := newStage(t)
	s.as("ada", admin.Admin)
	s.crowd(120)
	seen := map[string]bool{}
	pages := 0
	for path := "/people?q=person&sort=-name"; path != ""; pages++ {
		a := s.get(path)
		if a.status != http.StatusOK || !strings.Contains(a.body, `aria-sort="descending"`) || !strings.Contains(a.body, `value="person"`) {
			t.Fatalf("%s: %d", path, a.status)
		}
		path = ""
		for _, link := range a.links(t) {
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
	s := newStage(t)
	s.as("ada", admin.Admin)
	for i := range 60 {
		s.app(fmt.Sprintf("app-%02d", i), fmt.Sprintf("App %02d", i), "team-a")
	}
	first := s.get("/apps")
	var next string
	for _, link := range first.links(t) {
		if strings.Contains(link, "after=") {
			next = link
		}
	}
	// The row that the cursor names goes: the page after it stays what it was.
	if err := s.apps.Remove(t.Context(), "app-49", identity.System("test")); err != nil {
		t.Fatal(err)
	}
	second := s.get(next)
	if strings.Contains(first.body, "App 50") || !strings.Contains(first.body, "App 49") || !strings.Contains(second.body, "App 51") || strings.Contains(second.body, "App 48") {
		t.Errorf("%s", second.body)
	}
}

func TestAnExportIsTheWholeListAsItIsFiltered(t *testing.T) {
	s := newStage(t)
	s.as("ada", admin.Admin)
	s.crowd(130)
	s.person("evil", `=HYPERLINK("http://evil.example","x")`)
	a := s.get("/people?q=person&format=csv")
	rows, err := csv.NewReader(strings.NewReader(a.body)).ReadAll()
	if err != nil || len(rows) != 131 || rows[0][0] != "name" || !strings.HasPrefix(a.header.Get("Content-Type"), "text/csv") ||
		a.header.Get("Content-Disposition") != `attachment; filename="people.csv"` {
		t.Errorf("%d rows, %v, %v", len(rows), err, a.header)
	}
	rows, err = csv.NewReader(strings.NewReader(s.get("/people?q=hyperlink&format=csv").body)).ReadAll()
	if err != nil || len(rows) != 2 || !strings.HasPrefix(rows[1][0], "'=") {
		t.Errorf("a name that is a formula: %v, %v", rows, err)
	}
	lines := strings.Split(strings.TrimSpace(s.get("/people?q=person&format=jsonl").body), "\n")
	var p directory.Person
	if err := json.Unmarshal([]byte(lines[0]), &p); err != nil || len(lines) != 130 || p.Profile.Name != "Person 000" {
		t.Errorf("%d lines, %v, %+v", len(lines), err, p)
	}
	for _, path := range []string{"/apps", "/connections", "/groups", "/sessions", "/keys", "/audit", "/operations", "/operations/jobs", "/roles", "/tokens", "/changes"} {
		for _, format := range []string{"csv", "jsonl"} {
			if a := s.get(path + "?format=" + format); a.status != http.StatusOK || a.header.Get("Content-Disposition") == "" || strings.Contains(a.body, "<html") {
				t.Errorf("%s as %s: %d %v", path, format, a.status, a.header)
			}
		}
	}
}

func TestSessionsAreFoundByWhatAPersonIsCalled(t *testing.T) {
	s := newStage(t)
	s.as("ada", admin.Admin)
	s.person("alice", "Alice Moreau")
	s.person("alina", "Alina Moreau")
	id := s.session("alice")
	for who, want := range map[string]int{"alice": http.StatusOK, "alice@acme.example": http.StatusOK, "Alice+Mor": http.StatusOK, "moreau": http.StatusBadRequest, "zoe": http.StatusOK} {
		a := s.get("/sessions?person=" + who)
		if a.status != want || strings.Contains(a.body, id) != (want == http.StatusOK && who != "zoe") {
			t.Errorf("%s: %d", who, a.status)
		}
	}
}
