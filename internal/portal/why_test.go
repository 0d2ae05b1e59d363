package portal

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/catalog/ownership"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/why"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/revoke"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/storage"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// prefix is the path that the broker is served under in tests.
const prefix = "/auth"

// stage is the portal over a database of its own, with a clock that the test moves.
type stage struct {
	t       *testing.T
	now     time.Time
	people  *directory.Service
	apps    *catalog.Service
	owners  *ownership.Service
	gives   *entitlement.Service
	handler http.Handler
	// who is whose browser asks.
	who string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, now: time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)}
	clock, log := func() time.Time { return s.now }, slog.New(slog.DiscardHandler)
	var revocations *revoke.Sequence
	db, err := storage.Open(t.Context(), storage.Options{
		Driver: "sqlite", Dir: t.TempDir(), Now: clock, Log: log, Raised: func(ctx context.Context) error { return revocations.Sync(ctx) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	revocations = revoke.New(revoke.Options{Store: db, Now: clock, Log: log})
	pages, uiErr := ui.New(ui.Options{Brand: ui.Brand{Name: "Gatehouse"}, Prefix: prefix, Now: clock, Log: log})
	if err := errors.Join(uiErr, revocations.Start(t.Context())); err != nil {
		t.Fatal(err)
	}
	clients := registry.New(registry.Options{Store: db, Applied: revocations.Applied, Now: clock, Log: log, ThirdParty: func(string) bool { return false }})
	s.people = directory.NewService(directory.Options{People: db, Groups: db, Connections: db, Now: clock})
	s.apps = catalog.NewService(catalog.Options{Store: db, Issuer: "https://login.example", Now: clock, Changed: func(ctx context.Context) {
		if err := clients.Refresh(ctx); err != nil {
			t.Error(err)
		}
	}})
	decides := entitlement.NewChecker(s.people, db, clock)
	s.gives = entitlement.NewService(entitlement.Options{Store: db, Apps: s.apps, Now: clock, Changed: decides.Forget})
	sessions := session.New(session.Options{Store: db, People: s.people, Revocations: revocations, Era: db.Era(), Now: clock, Idle: time.Hour, Absolute: time.Hour, Actor: httpx.Actor})
	s.owners = ownership.NewService(ownership.Options{Store: db, People: db, Enabled: s.people.ConnectionEnabled, Now: clock, Log: log})
	p, err := New(Options{
		Sessions: browser{sessions, s}, People: s.people, Connections: func(context.Context) (map[string]string, error) {
			return map[string]string{"acme": "Acme Workforce"}, nil
		},
		Roles: admin.New(admin.Options{
			Store: db, Changes: db, Directory: db, Groups: s.people, Now: clock, ConnectionEnabled: s.people.ConnectionEnabled, Members: map[admin.Role][]string{admin.Admin: {"admins"}},
		}),
		Clients: clients, Grants: db, Exchanges: grant.NewTree(grant.TreeOptions{Nodes: db, Record: db.Record, Revocations: revocations, Now: clock}), Now: clock,
		Entitlements: decides, Answers: s.owners.Answers, Explain: entitlement.NewExplainer(db, clock).Explain, Actor: httpx.Actor, Prefix: prefix, UI: pages,
		SignIn: func(w http.ResponseWriter, r *http.Request, local string) {
			http.Redirect(w, r, "/sign-in?to="+url.QueryEscape(local), http.StatusSeeOther)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	p.Mount(mux)
	s.handler = httpx.Edge(httpx.EdgeOptions{Prefix: prefix}, mux)
	return s
}

// browser is whom the test has the browser belong to.
type browser struct {
	*session.Manager
	s *stage
}

func (b browser) Current(*http.Request) (session.Session, error) {
	if b.s.who == "" {
		return session.Session{}, session.ErrNotFound
	}
	return session.Session{ID: "browser", Person: b.s.who, Authentication: identity.Authentication{Connection: "acme"}}, nil
}

// comes has somebody sign in with groups, and makes the browser theirs.
func (s *stage) comes(subject, name string, groups ...string) {
	s.t.Helper()
	p, err := s.people.SignIn(s.t.Context(), directory.Arrival{
		Authentication: identity.Authentication{Connection: "acme", Subject: subject}, Profile: directory.Profile{Name: name, Username: subject, Department: "Finance"}, Groups: groups,
	}, identity.System("test"))
	s.must(err)
	s.who = p.ID
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// later lets time pass.
func (s *stage) later() { s.now = s.now.Add(time.Hour) }

// app applies an app whose role "user" is for a name of groups.
func (s *stage) app(name, title, group string) {
	s.t.Helper()
	s.released(name, title, group, `, launchUri: "https://`+name+`.example/"`)
}

// unlisted applies one that nobody finds among the apps.
func (s *stage) unlisted(name, title, group string) {
	s.t.Helper()
	s.released(name, title, group, "")
}

func (s *stage) released(name, title, group, launch string) {
	s.t.Helper()
	m, err := catalog.Parse("m.yaml", []byte(`{apiVersion: marketplace/v1alpha1, kind: MicroApp, metadata: {name: `+name+`, title: "`+title+`", description: An app of a test.},
spec: {version: 1.4.0, owner: {team: finance-tools, primary: owner@acme.example}, entitlements: [{name: user, description: "Files expenses", groups: ["`+group+`"]}, {name: approver, description: Approves expenses}],
identity: {protocol: oidc, oidc: {clientId: `+name+`-client, redirectUris: ["https://`+name+`.example/cb"], grantTypes: [authorization_code], tokenEndpointAuthMethod: client_secret_basic, scopes: [{name: openid}, {name: email}]`+launch+`}}}}`))
	s.must(err)
	_, _, err = s.apps.Apply(s.t.Context(), m, admins)
	s.must(err)
}

// admins is an administrator, of whom people hear nothing.
var admins = identity.Actor{Ref: identity.Person("the-admin-with-a-secret-name"), Address: "192.0.2.99"}

func (s *stage) mapped(group, name string) {
	s.t.Helper()
	s.must(s.people.Map(s.t.Context(), directory.Mapping{Group: identity.GroupRef{Connection: "acme", ID: group}, Name: name}, admins))
}

func (s *stage) assigned(app string, n entitlement.New) {
	s.t.Helper()
	n.Reason = "A reason that only administrators read"
	_, err := s.gives.Assign(s.t.Context(), app, n, admins)
	s.must(err)
}

func (s *stage) get(path string) (status int, body string) {
	s.t.Helper()
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, httptest.NewRequestWithContext(s.t.Context(), http.MethodGet, prefix+path, nil))
	if w.Code == http.StatusSeeOther {
		return w.Code, w.Header().Get("Location")
	}
	return w.Code, w.Body.String()
}

// at asks for an instant.
func at(t time.Time) string { return "?" + url.Values{why.Instant: {why.Format(t)}}.Encode() }

// inOrder returns the first of the texts that does not stand after those before it.
func inOrder(body string, texts ...string) string {
	for _, text := range texts {
		i := strings.Index(body, html.EscapeString(text))
		if i < 0 {
			return text
		}
		body = body[i:]
	}
	return ""
}

// heading is what a page says, without the number of the request.
func heading(body string) string {
	_, body, _ = strings.Cut(body, "<h1>")
	body, _, _ = strings.Cut(body, "page_not_found")
	body, _, _ = strings.Cut(body, "app_not_found")
	return body
}

func TestAPersonReadsTheWholeWayFromTheSignInToTheRoleAtAnyTime(t *testing.T) {
	s := newStage(t)
	s.app("expenses", "Expense Bot", "all-employees")
	s.comes("alice", "Alice", "00g1")
	refused := s.now
	s.later()
	s.mapped("00g1", "all-employees")
	s.later()
	status, body := s.get("/apps/expenses/why")
	if missing := inOrder(body, "Why can I use Expense Bot?", "You can use Expense Bot.", "Files expenses", "A sign-in told of it", "Acme Workforce", "00g1", "Which is called here", "all-employees", "since",
		"Release in force", "1.4.0", "Role in Expense Bot", "user", "See your e-mail address"); status != http.StatusOK || missing != "" {
		t.Errorf("%d, without %q in %s", status, missing, body)
	}
	status, body = s.get("/apps/expenses/why" + at(refused))
	if missing := inOrder(body, "Why can I not use Expense Bot?", "2026-11-26T09:00:00", "You could not use Expense Bot.", "What is missing", "Membership of the group", "all-employees",
		"No group of your organisation has this name", "Who can help", "finance-tools", "owner@acme.example"); status != http.StatusOK || missing != "" {
		t.Errorf("an hour ago: %d, without %q in %s", status, missing, body)
	}
	if _, body := s.get("/apps/expenses/why" + at(refused.Add(-time.Hour))); !strings.Contains(body, "history does not go back that far") {
		t.Errorf("before history: %s", body)
	}
	if _, body := s.get("/apps/expenses"); !strings.Contains(body, `href="/auth/apps/expenses/why"`) {
		t.Error("the app's page does not lead there")
	}
}

func TestTheMomentBeforeTheLastChangeIsOneLinkAway(t *testing.T) {
	s := newStage(t)
	s.app("expenses", "Expense Bot", "all-employees")
	s.comes("alice", "Alice", "00g1")
	s.later()
	s.mapped("00g1", "all-employees")
	_, body := s.get("/apps/expenses/why")
	_, rest, found := strings.Cut(body, `<a href="/auth/apps/expenses/why?at=`)
	before, _, _ := strings.Cut(rest, `"`)
	if status, then := s.get("/apps/expenses/why?at=" + html.UnescapeString(before)); !found || status != http.StatusOK || !strings.Contains(then, "You could not use Expense Bot.") {
		t.Errorf("%v %s: %d %s", found, before, status, then)
	}
}

func TestAPersonIsToldNothingOfOthersNorOfRulesThatTheyAreNotIn(t *testing.T) {
	s := newStage(t)
	s.app("expenses", "Expense Bot", "all-employees")
	s.comes("mallory", "Mallory Neighbour", "secret-group")
	mallory := s.who
	s.comes("alice", "Alice", "00g1")
	s.mapped("00g1", "all-employees")
	s.mapped("secret-group", "all-employees")
	s.assigned("expenses", entitlement.New{Role: "approver", Whom: entitlement.Whom{Person: mallory}})
	s.assigned("expenses", entitlement.New{Role: "approver", Whom: entitlement.Whom{Group: identity.GroupRef{Connection: "acme", ID: "secret-group"}}})
	s.assigned("expenses", entitlement.New{Role: "approver", Whom: entitlement.Whom{Attribute: entitlement.Condition{Name: "department", Values: []string{"Rivals of theirs"}}}})
	s.assigned("expenses", entitlement.New{Role: "user", Whom: entitlement.Whom{Attribute: entitlement.Condition{Name: "department", Values: []string{"Finance", "Secret Projects"}}}})
	s.assigned("expenses", entitlement.New{Role: "user", Whom: entitlement.Whom{Person: s.who}, Until: s.now.Add(time.Hour)})
	then := at(s.now)
	for _, name := range []string{"now", "later"} {
		path := ""
		if name == "later" { // of a time at which the assignment held
			s.now, path = s.now.Add(3*time.Hour), then
		}
		status, body := s.get("/apps/expenses/why" + path)
		for _, want := range []string{"department = Finance", "to you by name", "all-employees"} {
			if status != http.StatusOK || !strings.Contains(body, want) {
				t.Errorf("%s: %d, without %q in %s", name, status, want, body)
			}
		}
		for _, secret := range []string{"Mallory", mallory, "secret-group", "Rivals", "Secret Projects", "only administrators read", "the-admin-with", "192.0.2.99"} {
			if strings.Contains(body, secret) {
				t.Errorf("%s: the page tells of %q", name, secret)
			}
		}
	}
}

func TestAnAppThatOneNeverHadIsAsOneThatNeverWas(t *testing.T) {
	s := newStage(t)
	for _, app := range []string{"gone", "closed"} {
		s.app(app, "Title of "+app, map[string]string{"gone": "all-employees", "closed": "others"}[app])
	}
	s.comes("alice", "Alice", "00g1")
	s.mapped("00g1", "all-employees")
	then := s.now
	s.later()
	for _, app := range []string{"gone", "closed"} {
		s.must(s.apps.Remove(t.Context(), app, admins))
	}
	s.later()
	_, never := s.get("/apps/never/why" + at(then))
	for path, want := range map[string]int{
		"/apps/never/why" + at(then):  http.StatusNotFound,
		"/apps/closed/why" + at(then): http.StatusNotFound,
		"/apps/closed/why":            http.StatusNotFound,
		"/apps/closed/why?at=never":   http.StatusNotFound,
		"/apps/gone/why":              http.StatusNotFound,
		"/apps/gone/why" + at(then):   http.StatusOK, // which they used
	} {
		status, body := s.get(path)
		if status != want || want == http.StatusNotFound && heading(body) != heading(never) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if _, body := s.get("/apps/gone/why" + at(then)); !strings.Contains(body, "You could use Title of gone.") {
		t.Error(body)
	}
}

func TestWhoWasNotThereYetIsToldNothingOfThatTime(t *testing.T) {
	s := newStage(t)
	s.app("expenses", "Expense Bot", "all-employees")
	s.comes("bob", "Bob")
	before := s.now
	s.later()
	s.app("expenses", "Expense Bot", "another-name")
	s.comes("alice", "Alice")
	_, body := s.get("/apps/expenses/why" + at(before))
	if !strings.Contains(body, "You were not here yet.") || strings.Contains(body, "all-employees") {
		t.Error(body)
	}
}

func TestAWrongInstantIsSaidAtItsField(t *testing.T) {
	s := newStage(t)
	s.app("expenses", "Expense Bot", "all-employees")
	s.comes("alice", "Alice")
	for instant, want := range map[string]string{
		"tomorrow": "Write a date and a time", "2026-11-26T25:00": "Write a date and a time", "0001-01-01T00:00": "Write a date and a time", `"><script>`: "Write a date and a time",
		"2026-11-26T09:01": "What will be cannot be explained", "9999-12-31T23:59:59Z": "What will be cannot be explained",
	} {
		status, body := s.get("/apps/expenses/why?at=" + url.QueryEscape(instant))
		if status != http.StatusBadRequest || !strings.Contains(body, want) || !strings.Contains(body, `aria-invalid="true"`) || strings.Contains(body, "You cannot use") || strings.Contains(body, "<script>") {
			t.Errorf("%s: %d %s", instant, status, body)
		}
	}
	for _, instant := range []string{"", "2026-11-26T09:00", "2026-11-26T09:00:00", "2026-11-26 09:00", "2026-11-26T10:00:00+01:00", " 2026-11-26T09:00 "} {
		if status, body := s.get("/apps/expenses/why?at=" + url.QueryEscape(instant)); status != http.StatusOK || strings.Contains(body, "aria-invalid") {
			t.Errorf("%q: %d %s", instant, status, body)
		}
	}
	s.who = ""
	if status, to := s.get("/apps/expenses/why?at=2026-11-26T09:00"); status != http.StatusSeeOther || to != "/sign-in?to="+url.QueryEscape("/apps/expenses/why?at=2026-11-26T09:00") {
		t.Errorf("%d: a sign-in leads back to %s", status, to)
	}
}

const hostile = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>`

func TestHostileNamesStayTextsOnThePageThatExplains(t *testing.T) {
	s := newStage(t)
	s.app("expenses", strings.ReplaceAll(hostile, `"`, "'"), strings.ReplaceAll(hostile, `"`, "'"))
	s.comes("alice", hostile, hostile)
	if _, body := s.get("/apps/expenses/why"); strings.Contains(body, "<script>alert") || strings.Contains(body, "<img src=x") || !strings.Contains(body, "&lt;script&gt;") {
		t.Error("what is missing: " + body)
	}
	s.app("expenses", strings.ReplaceAll(hostile, `"`, "'"), "staff")
	s.mapped(hostile, "staff")
	if _, body := s.get("/apps/expenses/why"); strings.Contains(body, "<script>alert") || strings.Contains(body, "<img src=x") || strings.Count(body, "&lt;script&gt;") < 4 {
		t.Error("a way: " + body)
	}
}

func TestThePageThatExplainsSpeaksGerman(t *testing.T) {
	s := newStage(t)
	s.app("expenses", "Expense Bot", "all-employees")
	s.comes("alice", "Alice", "00g1")
	for _, want := range []string{"Warum kann ich Expense Bot nicht nutzen?", "Was fehlt, und wer es geben kann"} {
		if _, body := s.get("/apps/expenses/why?lang=de"); !strings.Contains(body, want) || strings.Contains(body, "What is missing") {
			t.Errorf("without %q: %s", want, body)
		}
	}
	s.mapped("00g1", "all-employees")
	if _, body := s.get("/apps/expenses/why?lang=de"); inOrder(body, "Sie können Expense Bot nutzen.", "Eine Anmeldung hat es mitgeteilt", "Gruppe bei Acme Workforce", "Geltendes Release", "Rolle in Expense Bot") != "" {
		t.Error(body)
	}
}

func TestAnAppThatIsNotListedIsThereForWhoeverMayUseItAlone(t *testing.T) {
	s := newStage(t)
	s.unlisted("nightly", "Nightly Job", "operators")
	s.app("expenses", "Expense Bot", "operators")
	s.mapped("ops", "operators")
	s.comes("mallory", "Mallory", "00g1")
	for _, path := range []string{"", "/why", "/why" + at(s.now), "/why?at=never"} {
		_, never := s.get("/apps/never" + path)
		status, body := s.get("/apps/nightly" + path)
		if status != http.StatusNotFound || heading(body) != heading(never) || strings.Contains(body, "Nightly") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	// One that is listed is there for everybody, with what is missing.
	if status, body := s.get("/apps/expenses/why"); status != http.StatusOK || !strings.Contains(body, "You cannot use Expense Bot.") {
		t.Errorf("listed: %d %s", status, body)
	}
	s.comes("olga", "Olga", "ops")
	for _, path := range []string{"/apps/nightly", "/apps/nightly/why"} {
		if status, body := s.get(path); status != http.StatusOK || !strings.Contains(body, "Nightly Job") {
			t.Errorf("%s for who may use it: %d %s", path, status, body)
		}
	}
	if _, body := s.get("/"); strings.Contains(body, "Nightly") {
		t.Error("it is listed")
	}
	then := at(s.now)
	s.later()
	s.comes("olga", "Olga")
	if status, _ := s.get("/apps/nightly"); status != http.StatusNotFound {
		t.Errorf("for who may use it no more: %d", status)
	}
	if status, body := s.get("/apps/nightly/why" + then); status != http.StatusOK || !strings.Contains(body, "You could use Nightly Job.") {
		t.Errorf("of a time at which they used it: %d %s", status, body)
	}
}

func TestTheOwnerOfNowAnswersForAnAppAndNotTheManifests(t *testing.T) {
	s := newStage(t)
	s.app("expenses", "Expense Bot", "all-employees")
	s.comes("alice", "Alice")
	for _, path := range []string{"/apps/expenses", "/apps/expenses/why"} {
		if _, body := s.get(path); !strings.Contains(body, "owner@acme.example") {
			t.Errorf("control: %s names no owner: %s", path, body)
		}
	}
	_, err := s.owners.Name(t.Context(), "expenses", ownership.Naming{Primary: "bob@acme.example", Secondary: "eve@acme.example"}, admins)
	s.must(err)
	for _, path := range []string{"/apps/expenses", "/apps/expenses/why"} {
		_, body := s.get(path)
		if strings.Contains(body, "owner@acme.example") || !strings.Contains(body, "bob@acme.example") || !strings.Contains(body, "eve@acme.example") {
			t.Errorf("%s: %s", path, body)
		}
	}
	for _, leaver := range []string{"bob", "eve"} {
		p, err := s.people.SignIn(t.Context(), directory.Arrival{
			Authentication: identity.Authentication{Connection: "acme", Subject: leaver}, Profile: directory.Profile{Email: leaver + "@acme.example", EmailVerified: true},
		}, admins)
		s.must(err)
		s.must(s.people.SetPersonDisabled(t.Context(), p.ID, true, admins))
	}
	s.must(s.owners.Check(t.Context()))
	_, body := s.get("/apps/expenses")
	if strings.Contains(body, "bob@acme.example") || strings.Contains(body, "eve@acme.example") || !strings.Contains(body, "Nobody at the moment") || !strings.Contains(body, "finance-tools") {
		t.Errorf("orphaned: %s", body)
	}
}
