package console_test

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
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/consoletest"
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
				if strings.HasPrefix(a.Key, "on") || strings.HasPrefix(value, "javascript:") || a.Key == "style" || tag.Data == "img" && a.Key == "src" && !strings.HasPrefix(value, consoletest.Prefix+"/static/") {
					return tag.String()
				}
				if tag.Data == "script" && a.Key == "src" && !strings.HasPrefix(a.Val, consoletest.Prefix+"/static/") {
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
	s := consoletest.New(t, "disableApp")
	s.As("ada", admin.Admin)
	group := `g/` + hostile + `?&#%2F`
	s.Person("evil", hostile, group)
	s.App("own", strings.ReplaceAll(hostile, `"`, "'"), "people-tools")
	s.Mapped(group, "staff")
	s.Session("evil")
	actor := identity.Actor{Ref: identity.Person("evil"), Address: hostile}
	told := event.New(time.Now(), "session.ended", actor, identity.Session(hostile), "reason", hostile)
	if err := s.DB.Append(t.Context(), []event.Event{told}); err != nil {
		t.Fatal(err)
	}
	if err := s.DB.Jobs().Enqueue(t.Context(), []job.Job{{ID: "j", Queue: hostile, Key: hostile, Payload: []byte("p"), RunAt: time.Now(), Deadline: time.Now()}}); err != nil {
		t.Fatal(err)
	}
	if err := s.DB.Jobs().Bury(t.Context(), "j", hostile); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Admin.CreateToken(t.Context(), admin.NewToken{Name: hostile, Roles: []admin.Role{admin.Auditor}}, admin.Operator(), actor); err != nil {
		t.Fatal(err)
	}
	if _, done := s.Confirm("/apps/own/disable"); done.Status != http.StatusSeeOther {
		t.Fatal(done.Status)
	}
	for _, whom := range []entitlement.Whom{{Person: "evil"}, {Group: identity.GroupRef{Connection: "acme", ID: group}}, {Attribute: entitlement.Condition{Name: "department", Values: []string{hostile}}}} {
		if _, err := s.Assignments.Assign(t.Context(), "own", entitlement.New{Role: "user", Whom: whom, Reason: hostile}, actor); err != nil {
			t.Fatal(err)
		}
	}
	seen, told2 := map[string]bool{}, 0
	for todo := []string{"", "/people?q=" + url.QueryEscape(hostile), "/roles/assign?q=script", "/explain-access?person=evil&app=own", "/explain-access?at=%3Cscript%3E&app=own&person=" + url.QueryEscape(hostile), "/groups/acme/" + url.PathEscape(group) + "/map?name=" + url.QueryEscape(hostile)}; len(todo) > 0; todo = todo[1:] {
		path, _, _ := strings.Cut(todo[0], "#")
		if seen[path] || strings.Contains(path, "format=") || strings.Contains(path, "lang=") {
			continue
		}
		seen[path] = true
		a := s.Get(path)
		if a.Status != http.StatusOK && (a.Status != http.StatusNotFound || !strings.HasPrefix(path, "/sessions/")) && (a.Status != http.StatusBadRequest || !strings.HasPrefix(path, "/explain-access?at=")) {
			t.Errorf("%s: %d", path, a.Status)
		}
		if what := scripted(t, a.Body); what != "" {
			t.Errorf("%s has %s", path, what)
		}
		if strings.Contains(a.Body, "&lt;script&gt;") {
			told2++
		}
		todo = append(todo, a.Links(t)...)
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
	s := consoletest.New(t)
	s.As("ada", admin.Admin)
	s.App("own", "Own App", "people-tools")
	if a := s.Get("/apps/own?notice=app-enabled"); !strings.Contains(a.Body, "The app is switched on again.") {
		t.Errorf("%s", a.Body)
	}
	forged := s.Get("/apps/own?notice=" + url.QueryEscape("Call 555 and say your password"))
	if strings.Contains(forged.Body, "Call 555") || strings.Contains(forged.Body, `class="notice`) {
		t.Error("a text of the address is said")
	}
}

func TestASignInLeadsBackToTheSameAddress(t *testing.T) {
	s := consoletest.New(t)
	a := s.Get("/people?q=alice&sort=-name")
	if a.Status != http.StatusSeeOther || a.Header.Get("Location") != "/sign-in?to="+url.QueryEscape("/admin/people?q=alice&sort=-name") {
		t.Errorf("%d %v", a.Status, a.Header)
	}
	s.As("ada", admin.Admin)
	if _, err := s.DB.UpdatePerson(t.Context(), "ada", func(p directory.Person) (directory.Person, []event.Event, error) {
		p.Disabled = true
		return p, nil, nil
	}); err != nil {
		t.Fatal(err)
	}
	if a := s.Get("/people"); a.Status != http.StatusForbidden && a.Status != http.StatusNotFound {
		t.Errorf("somebody who is disabled: %d", a.Status)
	}
}

func TestAPageThatRefreshesItselfKeepsNobodySignedIn(t *testing.T) {
	s := consoletest.New(t)
	s.As("ada", admin.Admin)
	ask := func(headers ...string) consoletest.Asked {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, consoletest.Prefix+kit.Base, nil)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		return s.Do(r)
	}
	if a := ask(); a.Status != http.StatusOK || s.Uses != 1 {
		t.Errorf("%d, and %d uses", a.Status, s.Uses)
	}
	if a := ask("HX-Request", "true", "HX-Target", "live"); a.Status != http.StatusOK || s.Uses != 1 || !strings.Contains(a.Body, `id="live"`) {
		t.Errorf("%d, and %d uses", a.Status, s.Uses)
	}
	s.Who = ""
	if a := ask("HX-Request", "true", "HX-Target", "live"); a.Status != http.StatusUnauthorized || a.Header.Get("HX-Refresh") != "true" || a.Body != "" {
		t.Errorf("once it is over: %d %v", a.Status, a.Header)
	}
}

func TestPagesForbidForeignScriptsAndAreNotKept(t *testing.T) {
	s := consoletest.New(t)
	s.As("ada", admin.Admin)
	a := s.Get("")
	policy := a.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "script-src 'self'") || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "frame-ancestors 'none'") || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", a.Header)
	}
}
