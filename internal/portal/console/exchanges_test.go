package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
)

// exchanged writes the entry of a token that an app got for a person.
func (s *stage) exchanged(person, app, audience, parent, parentClient, purpose string) string {
	s.t.Helper()
	now := time.Now()
	token := identity.Ref{Kind: identity.KindToken, ID: identity.NewOrderedID(now)}
	e := event.New(now, "token.issued", identity.Actor{Ref: identity.Client("client-of-it")}, token, "mode", "delegation", "person", person, "app", app, "audience", audience,
		"grant", token.ID, "life", "5m0s", "rev", "0", "session", "s", "connection", "acme", "scope", "read", "purpose", purpose, "parent", parent, "parent_client", parentClient)
	if err := s.db.Append(s.t.Context(), []event.Event{e}); err != nil {
		s.t.Fatal(err)
	}
	return token.ID
}

func TestExchangedTokensAreShownAsTheyHangAndPruned(t *testing.T) {
	s := newStage(t)
	own, other := s.app("own", "Own App", "people-tools"), s.app("other", "Other App", "finance")
	s.as("ada", admin.Admin)
	s.person("alice", "Alice Moreau")
	first := s.exchanged("alice", own.ID, "payroll-api", "", "desk", `book <b>a</b> "trip"`)
	second := s.exchanged("alice", other.ID, "ledger-api", first, "own-client", "")
	for path, want := range map[string][]string{
		"/exchanges":                         {"Own App", "Other App", "Alice Moreau", "book &lt;b&gt;a&lt;/b&gt;"},
		"/exchanges?person=alice&live=true":  {"Own App", "payroll-api"},
		"/exchanges?app=" + own.ID:           {"Own App"},
		"/exchanges/" + first:                {"What hangs from it", "↳ Other App", "End it and what hangs from it", "From nothing that is shown here."},
		"/exchanges/" + second:               {"What it grew from", "payroll-api"},
		"/exchanges/" + first + "/prune":     {"End the token of Own App for payroll-api?", "Alice Moreau", "Other App", ">2</strong>"},
		"/people/alice":                      {"Exchanged tokens", "Own App"},
		"/apps/own/exchanges":                {"Exchanged tokens of Own App", "payroll-api"},
		"/exchanges?audience=none&person=no": {"No token was exchanged like that."},
	} {
		a := s.get(path)
		for _, text := range want {
			if a.status != http.StatusOK || !strings.Contains(a.body, text) {
				t.Errorf("%s (%d) does not say %q", path, a.status, text)
			}
		}
	}
	if a := s.get("/exchanges?app=" + own.ID); strings.Contains(a.body, "ledger-api") {
		t.Error("a filter selects everything")
	}
	if _, done := s.confirm("/exchanges/" + first + "/prune"); done.status != http.StatusSeeOther || !strings.HasSuffix(done.header.Get("Location"), "/exchanges?notice=exchange-pruned") {
		t.Errorf("%d %v", done.status, done.header)
	}
	if a := s.get("/exchanges/" + second); !strings.Contains(a.body, "Ended early") || strings.Contains(a.body, "End it and what hangs from it") {
		t.Errorf("what hung from it: %s", a.body)
	}
}

func TestAnAppsOwnerSeesNoOtherAppsTokensOnPages(t *testing.T) {
	s := newStage(t)
	own, other := s.app("own", "Own App", "people-tools"), s.app("other", "Other App", "finance")
	s.mapped("tools", "people-tools")
	s.person("olga", "Olga", "tools")
	s.person("alice", "Alice Moreau")
	mine := s.exchanged("alice", own.ID, "payroll-api", "", "desk", "")
	below := s.exchanged("alice", other.ID, "ledger-api", mine, "payroll-client", "")
	s.who = "olga"
	for path, want := range map[string]int{
		"/exchanges": http.StatusForbidden, "/exchanges/" + mine: http.StatusForbidden, "/apps/other/exchanges": http.StatusForbidden,
		"/apps/own/exchanges/" + below: http.StatusNotFound, "/apps/own/exchanges/" + below + "/prune": http.StatusNotFound,
		"/apps/own/exchanges": http.StatusOK, "/apps/own/exchanges/" + mine: http.StatusOK, "/apps/own/exchanges/" + mine + "/prune": http.StatusOK,
	} {
		a := s.get(path)
		if a.status != want || strings.Contains(a.body, "ledger-api") || strings.Contains(a.body, "Other App") {
			t.Errorf("%s: %d, want %d: %s", path, a.status, want, a.body)
		}
	}
	if a := s.get("/apps/own/exchanges/" + mine); !strings.Contains(a.body, "One token of the line is another app") {
		t.Errorf("what is not shown is not told of: %s", a.body)
	}
	if a := s.post("/apps/own/exchanges/"+mine+"/prune", s.get("/apps/own/exchanges/"+mine+"/prune").hidden(), "cross-site"); a.status != http.StatusForbidden {
		t.Errorf("from another site: %d", a.status)
	}
	if _, done := s.confirm("/apps/own/exchanges/" + mine + "/prune"); done.status != http.StatusSeeOther {
		t.Errorf("control: %d %s", done.status, done.body)
	}
}

func TestARevocationIsAskedAboutWithItsReason(t *testing.T) {
	s := newStage(t)
	own := s.app("own", "Own App", "people-tools")
	s.as("ada", admin.Admin)
	s.person("alice", "Alice Moreau")
	s.session("alice")
	node := s.exchanged("alice", own.ID, "payroll-api", "", "desk", "")
	if a := s.get("/revoke"); a.status != http.StatusOK || !strings.Contains(a.body, `name="kind"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := s.get("/revoke?kind=person&id=alice%40acme.example"); a.status != http.StatusSeeOther || !strings.HasSuffix(a.header.Get("Location"), "/revoke/person/alice") {
		t.Errorf("%d %v", a.status, a.header)
	}
	if a := s.get("/revoke/person/none"); a.status != http.StatusNotFound {
		t.Errorf("nobody: %d", a.status)
	}
	if a := s.get("/revoke/key/k"); a.status != http.StatusNotFound {
		t.Errorf("what cannot be revoked: %d", a.status)
	}
	const path = "/revoke/person/alice"
	a := s.get(path)
	for _, text := range []string{"Alice Moreau", "Sessions that end", "Exchanged tokens that stop", `name="reason"`, "Nobody is switched off"} {
		if !strings.Contains(a.body, text) {
			t.Errorf("the question does not say %q: %s", text, a.body)
		}
	}
	form := a.hidden()
	if a := s.post(path, url.Values{"reason": {"lost laptop"}}, "same-origin"); a.status != http.StatusConflict {
		t.Errorf("without a question: %d", a.status)
	}
	if a := s.post(path, form, "same-origin"); a.status != http.StatusBadRequest {
		t.Errorf("without a reason: %d", a.status)
	}
	if live := s.get("/exchanges/" + node); strings.Contains(live.body, "Ended early") {
		t.Fatal("it was done all the same")
	}
	form.Set("reason", "lost laptop")
	done := s.post(path, form, "same-origin")
	if done.status != http.StatusSeeOther || !strings.HasSuffix(done.header.Get("Location"), "?notice=revoked") {
		t.Fatalf("%d %v %s", done.status, done.header, done.body)
	}
	at := strings.TrimPrefix(done.header.Get("Location"), prefix+kit.Base)
	for _, text := range []string{"lost laptop", "Alice Moreau", "Sessions that ended", "Revoked: whatever carries it"} {
		if a := s.get(at); a.status != http.StatusOK || !strings.Contains(a.body, text) {
			t.Errorf("%s does not say %q: %s", at, text, a.body)
		}
	}
	if a := s.get("/exchanges/" + node); !strings.Contains(a.body, "Ended early") {
		t.Errorf("still good: %s", a.body)
	}
}

func TestAnExchangeIsExplainedInWords(t *testing.T) {
	s := newStage(t)
	s.as("ada", admin.Admin)
	s.person("alice", "Alice Moreau")
	if a := s.get("/explain-exchange"); a.status != http.StatusOK || strings.Contains(a.body, "<table") {
		t.Errorf("nothing asked: %d %s", a.status, a.body)
	}
	a := s.get("/explain-exchange?client=c&audience=closed&person=alice%40acme.example")
	for _, text := range []string{"It would be refused.", "audience_denied", "The manifest of the app does not name this API.", "The owner of own", "spec.identity.tokenExchange", "Not reached", "Passed"} {
		if a.status != http.StatusOK || !strings.Contains(a.body, text) {
			t.Errorf("%d does not say %q: %s", a.status, text, a.body)
		}
	}
	if a := s.get("/explain-exchange?client=c&audience=open&person=alice"); !strings.Contains(a.body, "It would be granted.") || !strings.Contains(a.body, "payroll.read") {
		t.Errorf("control: %s", a.body)
	}
}
