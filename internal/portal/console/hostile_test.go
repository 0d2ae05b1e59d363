package console

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
)

const hostile = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>`

// scripted is what of a page a browser would run, or that was never on it.
func scripted(t *testing.T, page string) string {
	t.Helper()
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return ""
		case html.StartTagToken, html.SelfClosingTagToken:
			tag := z.Token()
			for _, a := range tag.Attr {
				value := strings.ToLower(strings.TrimSpace(a.Val))
				if strings.HasPrefix(a.Key, "on") || strings.HasPrefix(value, "javascript:") || a.Key == "style" || tag.Data == "img" && a.Key == "src" && !strings.HasPrefix(value, prefix+"/static/") {
					return tag.String()
				}
				if tag.Data == "script" && a.Key == "src" && !strings.HasPrefix(a.Val, prefix+"/static/") {
					return tag.String()
				}
			}
			if tag.Data == "script" && len(tag.Attr) == 0 {
				return tag.String()
			}
		default:
		}
	}
}

// TestNamesOfStrangersStayTexts walks through the whole console while everything in it
// is named by somebody hostile.
func TestNamesOfStrangersStayTexts(t *testing.T) {
	s := newStage(t, "disableApp")
	s.as("ada", admin.Admin)
	group := `g/` + hostile + `?&#%2F`
	s.person("evil", hostile, group)
	s.app("own", strings.ReplaceAll(hostile, `"`, "'"), "people-tools")
	s.mapped(group, "staff")
	s.session("evil")
	actor := identity.Actor{Ref: identity.Person("evil"), Address: hostile}
	told := event.New(time.Now(), "session.ended", actor, identity.Session(hostile), "reason", hostile)
	if err := s.db.Append(t.Context(), []event.Event{told}); err != nil {
		t.Fatal(err)
	}
	if err := s.db.Jobs().Enqueue(t.Context(), []job.Job{{ID: "j", Queue: hostile, Key: hostile, Payload: []byte("p"), RunAt: time.Now(), Deadline: time.Now()}}); err != nil {
		t.Fatal(err)
	}
	if err := s.db.Jobs().Bury(t.Context(), "j", hostile); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.admin.CreateToken(t.Context(), admin.NewToken{Name: hostile, Roles: []admin.Role{admin.Auditor}}, admin.Operator(), actor); err != nil {
		t.Fatal(err)
	}
	if _, done := s.confirm("/apps/own/disable"); done.status != http.StatusSeeOther {
		t.Fatal(done.status)
	}
	seen, told2 := map[string]bool{}, 0
	for todo := []string{"", "/people?q=" + url.QueryEscape(hostile), "/roles/assign?q=script", "/groups/acme/" + url.PathEscape(group) + "/map?name=" + url.QueryEscape(hostile)}; len(todo) > 0; todo = todo[1:] {
		path, _, _ := strings.Cut(todo[0], "#")
		if seen[path] || strings.Contains(path, "format=") || strings.Contains(path, "lang=") {
			continue
		}
		seen[path] = true
		a := s.get(path)
		if a.status != http.StatusOK && (a.status != http.StatusNotFound || !strings.HasPrefix(path, "/sessions/")) {
			t.Errorf("%s: %d", path, a.status)
		}
		if what := scripted(t, a.body); what != "" {
			t.Errorf("%s has %s", path, what)
		}
		if strings.Contains(a.body, "&lt;script&gt;") {
			told2++
		}
		todo = append(todo, a.links(t)...)
	}
	if len(seen) < 40 || told2 < 20 {
		t.Errorf("%d pages, of which %d show the name", len(seen), told2)
	}
	for _, want := range []string{"/people/evil", "/groups/acme/" + url.PathEscape(group), "/operations/jobs/j", "/sessions", "/apps/own"} {
		if !seen[want] {
			t.Errorf("no link leads to %s", want)
		}
	}
}

func TestANoticeIsOneOfOursOrNone(t *testing.T) {
	s := newStage(t)
	s.as("ada", admin.Admin)
	s.app("own", "Own App", "people-tools")
	if a := s.get("/apps/own?notice=app-enabled"); !strings.Contains(a.body, "The app is switched on again.") {
		t.Errorf("%s", a.body)
	}
	forged := s.get("/apps/own?notice=" + url.QueryEscape("Call 555 and say your password"))
	if strings.Contains(forged.body, "Call 555") || strings.Contains(forged.body, `class="notice`) {
		t.Error("a text of the address is said")
	}
}

func TestASignInLeadsBackToTheSameAddress(t *testing.T) {
	s := newStage(t)
	a := s.get("/people?q=alice&sort=-name")
	if a.status != http.StatusSeeOther || a.header.Get("Location") != "/sign-in?to="+url.QueryEscape("/admin/people?q=alice&sort=-name") {
		t.Errorf("%d %v", a.status, a.header)
	}
	s.as("ada", admin.Admin)
	if _, err := s.db.UpdatePerson(t.Context(), "ada", func(p directory.Person) (directory.Person, []event.Event, error) {
		p.Disabled = true
		return p, nil, nil
	}); err != nil {
		t.Fatal(err)
	}
	if a := s.get("/people"); a.status != http.StatusForbidden && a.status != http.StatusNotFound {
		t.Errorf("somebody who is disabled: %d", a.status)
	}
}

func TestAPageThatRefreshesItselfKeepsNobodySignedIn(t *testing.T) {
	s := newStage(t)
	s.as("ada", admin.Admin)
	ask := func(headers ...string) asked {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, prefix+kit.Base, nil)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		return s.do(r)
	}
	if a := ask(); a.status != http.StatusOK || s.uses != 1 {
		t.Errorf("%d, and %d uses", a.status, s.uses)
	}
	if a := ask("HX-Request", "true", "HX-Target", "live"); a.status != http.StatusOK || s.uses != 1 || !strings.Contains(a.body, `id="live"`) {
		t.Errorf("%d, and %d uses", a.status, s.uses)
	}
	s.who = ""
	if a := ask("HX-Request", "true", "HX-Target", "live"); a.status != http.StatusUnauthorized || a.header.Get("HX-Refresh") != "true" || a.body != "" {
		t.Errorf("once it is over: %d %v", a.status, a.header)
	}
}

func TestPagesForbidForeignScriptsAndAreNotKept(t *testing.T) {
	s := newStage(t)
	s.as("ada", admin.Admin)
	a := s.get("")
	policy := a.header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "script-src 'self'") || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "frame-ancestors 'none'") || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", a.header)
	}
}
