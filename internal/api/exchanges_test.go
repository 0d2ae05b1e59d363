package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// exchanged writes the entry of a token that an app got for a person, for an API, and
// returns its id. parent is the token that was exchanged, parentClient whose it was.
func (b *broker) exchanged(t *testing.T, person, app, audience, parent, parentClient string) string {
	t.Helper()
	now := b.clock()
	token := identity.Ref{Kind: identity.KindToken, ID: identity.NewOrderedID(now)}
	e := event.New(now, "token.issued", identity.Actor{Ref: identity.Client(app + "-client")}, token, "mode", "delegation", "person", person, "app", app,
		"audience", audience, "grant", token.ID, "life", "2m0s", "rev", "0", "session", "s", "connection", "acme", "scope", "read", "purpose", "book a trip",
		"parent", parent, "parent_grant", "family", "parent_client", parentClient)
	if err := b.db.Append(t.Context(), []event.Event{e}); err != nil {
		t.Fatal(err)
	}
	return token.ID
}

// ids are those of a list's items.
func ids(t *testing.T, a asked) string {
	t.Helper()
	items, _ := a.items(t)
	var all []string
	for _, item := range items {
		var n struct{ ID string }
		if err := json.Unmarshal(item, &n); err != nil {
			t.Fatal(err)
		}
		all = append(all, n.ID)
	}
	return strings.Join(all, " ")
}

// twoApps adds two apps of other teams and returns their internal ids.
func (b *broker) twoApps(t *testing.T) (own, other string) {
	t.Helper()
	for _, name := range []string{"own", "other"} {
		manifest := strings.NewReplacer("hr-feedback", name).Replace(string(read(t, "manifest/good-minimal.yaml")))
		a := b.ask(t, http.MethodPut, "/apps/"+name, manifest)
		var made struct{ App struct{ ID string } }
		if err := json.Unmarshal([]byte(a.body), &made); err != nil || a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
		own, other = other, made.App.ID
	}
	return own, other
}

func TestExchangesAreSeenAndPruned(t *testing.T) {
	b := start(t)
	own, other := b.twoApps(t)
	b.person(t, "alice")
	first := b.exchanged(t, "alice", own, "payroll-api", "", "desk")
	second := b.exchanged(t, "alice", other, "ledger-api", first, "own-client")
	bobs := b.exchanged(t, "bob", own, "payroll-api", "", "desk")
	if got := ids(t, b.ask(t, http.MethodGet, "/exchanges?person=alice&live=true", "")); got != second+" "+first {
		t.Errorf("alice's: %s", got)
	}
	if got := ids(t, b.ask(t, http.MethodGet, "/exchanges?app=own", "")); got != bobs+" "+first {
		t.Errorf("the app's: %s", got)
	}
	a := b.ask(t, http.MethodGet, "/exchanges/"+first, "")
	for _, text := range []string{`"state":"live"`, `"purpose":"book a trip"`, `"hanging":[{"id":"` + second + `"`, `"line":[]`} {
		if a.status != http.StatusOK || !strings.Contains(a.body, text) {
			t.Errorf("%d %s lacks %s", a.status, a.body, text)
		}
	}
	a = b.ask(t, http.MethodGet, "/exchanges/"+first+"/preview", "")
	if a.status != http.StatusOK || !strings.Contains(a.body, `"exchanged":2`) || !strings.Contains(a.body, `"apps":["other","own"]`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := b.ask(t, http.MethodDelete, "/exchanges/"+first+"?reason=not+theirs", ""); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := b.ask(t, http.MethodGet, "/exchanges/"+second, ""); !strings.Contains(a.body, `"ended":"grant:`+first+`"`) || !strings.Contains(a.body, `"state":"ended"`) {
		t.Errorf("what hung from it: %s", a.body)
	}
	if a := b.ask(t, http.MethodGet, "/exchanges/"+bobs, ""); !strings.Contains(a.body, `"state":"live"`) {
		t.Errorf("control: %s", a.body)
	}
	if a := b.ask(t, http.MethodDelete, "/exchanges/"+first, ""); a.status != http.StatusConflict {
		t.Errorf("again: %d %s", a.status, a.body)
	}
	if a := b.ask(t, http.MethodGet, "/audit?type=exchange.pruned", ""); !strings.Contains(a.body, "not theirs") {
		t.Errorf("the log: %s", a.body)
	}
	b.now.Store(int64(3 * time.Minute))
	if a := b.ask(t, http.MethodDelete, "/exchanges/"+bobs, ""); a.status != http.StatusConflict || !strings.Contains(a.body, "exchange_over") {
		t.Errorf("an expired one: %d %s", a.status, a.body)
	}
}

// TestAnAppsOwnerSeesAndPrunesOnlyTheNodesOfTheApp has a node of own's and one of
// other's below it.
func TestAnAppsOwnerSeesAndPrunesOnlyTheNodesOfTheApp(t *testing.T) {
	b := start(t)
	own, other := b.twoApps(t)
	b.person(t, "alice")
	mine := b.exchanged(t, "alice", own, "payroll-api", "", "desk")
	below := b.exchanged(t, "alice", other, "ledger-api", mine, "payroll-client")
	token := b.tokenOf(t, admin.Operator(), admin.NewToken{Name: "own", Roles: []admin.Role{admin.AppOwner}, Apps: []string{"own"}})
	ask := func(method, path string) asked { return b.ask(t, method, path, "", "Authorization", token) }
	for path, want := range map[string]int{
		"/exchanges": http.StatusForbidden, "/exchanges/" + mine: http.StatusForbidden, "/apps/other/exchanges": http.StatusForbidden,
		"/apps/other/exchanges/" + below: http.StatusForbidden, "/apps/own/exchanges/" + below: http.StatusNotFound, "/apps/own/exchanges/none": http.StatusNotFound,
		"/apps/own/exchanges/" + below + "/preview": http.StatusNotFound, "/apps/own/exchanges/" + mine: http.StatusOK,
	} {
		if a := ask(http.MethodGet, path); a.status != want {
			t.Errorf("%s: %d, want %d: %s", path, a.status, want, a.body)
		}
	}
	if got := ids(t, ask(http.MethodGet, "/apps/own/exchanges")); got != mine {
		t.Errorf("sees %s", got)
	}
	if a := ask(http.MethodGet, "/apps/own/exchanges/"+mine); strings.Contains(a.body, below) || !strings.Contains(a.body, `"elsewhere":1`) {
		t.Errorf("is told of another app's: %s", a.body)
	}
	for _, path := range []string{"/apps/own/exchanges/" + below, "/exchanges/" + mine} {
		if a := ask(http.MethodDelete, path); a.status < http.StatusBadRequest {
			t.Errorf("pruned %s: %d", path, a.status)
		}
	}
	if a := b.ask(t, http.MethodGet, "/exchanges/"+below, ""); !strings.Contains(a.body, `"state":"live"`) {
		t.Errorf("still there: %s", a.body)
	}
	if a := ask(http.MethodDelete, "/apps/own/exchanges/"+mine); a.status != http.StatusNoContent {
		t.Errorf("control: %d %s", a.status, a.body)
	}
	if a := b.ask(t, http.MethodGet, "/exchanges/"+below, ""); !strings.Contains(a.body, `"state":"ended"`) {
		t.Errorf("what hung from it: %s", a.body)
	}
}

func TestARevocationIsShownBeforeItIsMadeAndFollowedAfter(t *testing.T) {
	b := start(t)
	own, other := b.twoApps(t)
	b.person(t, "alice")
	if a := b.ask(t, http.MethodGet, "/revocations/person/alice/preview", ""); !strings.Contains(a.body, `"apps":[]`) {
		t.Errorf("control: nothing holds anything of her: %s", a.body)
	}
	// An app has what it got by client credentials, which is counted nowhere.
	for _, path := range []string{"app/other", "client/microapp-other"} {
		if a := b.ask(t, http.MethodGet, "/revocations/"+path+"/preview", ""); !strings.Contains(a.body, `"apps":["other"]`) {
			t.Errorf("%s does not name the app itself: %s", path, a.body)
		}
	}
	node := b.exchanged(t, "alice", own, "payroll-api", "", "desk")
	for _, path := range []string{"person/alice", "connection/acme", "app/own", "client/microapp-own", "install/alice%2Fown", "grant/" + node} {
		a := b.ask(t, http.MethodGet, "/revocations/"+path+"/preview", "")
		if a.status != http.StatusOK || !strings.Contains(a.body, `"exchanged":1`) || !strings.Contains(a.body, `"people":1`) || !strings.Contains(a.body, `"names":["alice"]`) || !strings.Contains(a.body, `"apps":["own"]`) {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	b.exchanged(t, "alice", other, "ledger-api", node, "microapp-own")
	for _, path := range []string{"person/alice", "app/own", "grant/" + node} {
		if a := b.ask(t, http.MethodGet, "/revocations/"+path+"/preview", ""); !strings.Contains(a.body, `"exchanged":2`) || !strings.Contains(a.body, `"apps":["other","own"]`) {
			t.Errorf("%s does not name whose tokens hang from it: %s", path, a.body)
		}
	}
	for path, want := range map[string]int{
		"person/none": http.StatusNotFound, "connection/none": http.StatusNotFound, "app/none": http.StatusNotFound, "client/none": http.StatusNotFound,
		"session/none": http.StatusNotFound, "install/alice": http.StatusNotFound, "key/k": http.StatusNotFound,
	} {
		if a := b.ask(t, http.MethodPost, "/revocations/"+path, `{"reason":"a reason"}`); a.status != want {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	for _, body := range []string{`{}`, `{"reason":"a"}`, `{"reason":"a\u0007b c"}`} {
		if a := b.ask(t, http.MethodPost, "/revocations/person/alice", body); a.status != http.StatusBadRequest || !strings.Contains(a.body, "/reason") {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	if a := b.ask(t, http.MethodGet, "/exchanges/"+node, ""); !strings.Contains(a.body, `"state":"live"`) {
		t.Fatalf("nothing was done yet: %s", a.body)
	}
	made := b.ask(t, http.MethodPost, "/revocations/install/alice%2Fown", `{"reason":"lost laptop"}`)
	if made.status != http.StatusCreated || !strings.Contains(made.body, "lost laptop") {
		t.Fatalf("%d %s", made.status, made.body)
	}
	if a := b.ask(t, http.MethodGet, "/exchanges/"+node, ""); !strings.Contains(a.body, `"state":"ended"`) {
		t.Errorf("after it: %s", a.body)
	}
	at := strings.TrimPrefix(made.header.Get("Location"), "/api/v1")
	if a := b.ask(t, http.MethodGet, at, ""); a.status != http.StatusOK || !strings.Contains(a.body, `"queued":true`) {
		t.Errorf("%s: %d %s", at, a.status, a.body)
	}
	if a := b.ask(t, http.MethodGet, "/revocations/none", ""); a.status != http.StatusNotFound {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestAnExchangeIsExplained(t *testing.T) {
	b := start(t)
	a := b.ask(t, http.MethodGet, "/explain/exchange?client=c&audience=closed&person=p", "")
	for _, text := range []string{`"granted":false`, `"rule":"audience_denied"`, `"who":"client_owner"`, `"person":"p"`} {
		if a.status != http.StatusOK || !strings.Contains(a.body, text) {
			t.Errorf("%d %s lacks %s", a.status, a.body, text)
		}
	}
	if a := b.ask(t, http.MethodGet, "/explain/exchange?client=c&audience=open&person=p", ""); !strings.Contains(a.body, `"granted":true`) {
		t.Errorf("control: %s", a.body)
	}
}
