package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/demo"
)

// employer is a connection that people are pushed over, as its client sees it.
type employer struct {
	*attacker
	demo.FactSCIM
}

// employer is the SCIM client of the connection that the people of the demo sign in over.
func (a *attacker) employer() *employer {
	a.t.Helper()
	idp := a.Facts().IDPs[0].ID
	i := slices.IndexFunc(a.Facts().SCIM, func(f demo.FactSCIM) bool { return f.Connection == idp })
	if i < 0 {
		a.t.Fatalf("nobody pushes over %s: %v", idp, a.Facts().SCIM)
	}
	return &employer{a, a.Facts().SCIM[i]}
}

// ask sends a SCIM request that succeeds.
func (e *employer) ask(method, path, body string) map[string]any {
	e.t.Helper()
	status, of := e.push(e.t, e.Token, e.Connection, method, path, body)
	if status >= http.StatusBadRequest {
		e.t.Fatalf("%s %s: %d %v", method, path, status, of)
	}
	return of
}

// record is the id of a person's record, which is made if there is none.
func (e *employer) record(username string) string {
	e.t.Helper()
	who := e.Facts().Person(username)
	found, _ := e.ask(http.MethodGet, "/Users?filter="+url.QueryEscape(`userName eq "`+who.Username+`"`), "")["Resources"].([]any)
	if len(found) > 0 {
		id, _ := found[0].(map[string]any)["id"].(string)
		return id
	}
	id, _ := e.ask(http.MethodPost, "/Users", fmt.Sprintf(
		`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"externalId":%q,"active":true,"emails":[{"value":%q,"primary":true}]}`, who.Username, who.Subject, who.Email))["id"].(string)
	return id
}

// active switches a record on or off.
func (e *employer) active(record string, is bool) {
	e.t.Helper()
	e.ask(http.MethodPatch, "/Users/"+record, fmt.Sprintf(
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":%t}]}`, is))
}

func TestALeaverIsSignedOutOfAppsWhichHearOfIt(t *testing.T) {
	a := newAttacker(t)
	told := make(chan string, 8)
	app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { told <- r.PostFormValue("logout_token") }))
	t.Cleanup(app.Close)
	a.manage(t, http.MethodPut, "/apps/crm-dash", a.manifest(t, "crm-dash", map[string]any{"backchannelLogoutUri": app.URL}))
	by := a.employer()
	alice := by.record("alice")
	bot, in := a.subscribe("expense-bot", scopeManage), newInbox(t)
	bot.pushing(in)
	held := a.signedIn()
	a.signIn(t, "alice", "crm-dash")

	by.active(alice, false)
	if got := a.userinfo(held); got != http.StatusUnauthorized {
		t.Errorf("her access token after the answer: %d", got)
	}
	select {
	case raw := <-told:
		if len(strings.Split(raw, ".")) != 3 {
			t.Errorf("the app gets %q", raw)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the app was never told")
	}
	in.await(2)
	by.active(alice, true)
	in.await(3)
	if got := in.kinds(); !slices.Equal(got, []string{"session-revoked", "account-disabled", "account-enabled"}) {
		t.Errorf("her other app hears %v", got)
	}
}

// What SCIM gives and takes shows in claims as what a sign-in tells of does.
func TestAnAppHearsOfGroupsThatArePushed(t *testing.T) {
	a := newAttacker(t)
	by := a.employer()
	bot, in := a.subscribe("expense-bot", scopeManage), newInbox(t)
	bot.pushing(in)
	alice := by.record("alice")
	a.signedIn()
	group := func(name string) string {
		id, _ := by.ask(http.MethodPost, "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"`+name+`"}`)["id"].(string)
		return id
	}
	outer, inner := group("Pilots"), group("Test pilots")
	a.manage(t, http.MethodPut, "/mappings/"+by.Connection+"/"+outer, []byte(`{"name":"pilots"}`))
	member := func(of, op, id string) {
		t.Helper()
		path, value := `members`, `,"value":[{"value":"`+id+`"}]`
		if op == "remove" {
			path, value = `members[value eq \"`+id+`\"]`, ``
		}
		by.ask(http.MethodPatch, "/Groups/"+of, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"`+op+`","path":"`+path+`"`+value+`}]}`)
	}
	n := len(in.kinds())
	for _, step := range []struct {
		what, of, op, member string
		has                  bool
	}{
		{"a member", outer, "add", alice, true},
		{"no member any more", outer, "remove", alice, false},
		{"a member of a group that is in none", inner, "add", alice, false},
		{"whose group is put into another", outer, "add", inner, true},
		{"whose group is taken out", outer, "remove", inner, false},
	} {
		member(step.of, step.op, step.member)
		// What the sign-in and the mapping made may come as late as that; await fails the
		// test when nothing comes that says what this step did.
		for told := false; !told; {
			n++
			last := in.await(n)[n-1]
			raw, err := json.Marshal(last.claims.Events)
			if err != nil || last.kind() != "token-claims-change" {
				t.Fatalf("%s: %s %s %v", step.what, last.kind(), raw, err)
			}
			told = strings.Contains(string(raw), `"pilots"`) == step.has
		}
	}
}
