package integration

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
)

// TestASwitchClosesEveryWayIn tries each way to get in, or to find out, against each
// switch, with what was good before.
func TestASwitchClosesEveryWayIn(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]func(*attacker) string{
		"person":     func(a *attacker) string { return "/people/" + a.person(a.t, "alice") },
		"connection": func(*attacker) string { return "/connections/acme" },
		"app":        func(*attacker) string { return "/apps/expense-bot" },
	} {
		t.Run(name, func(t *testing.T) {
			a := newAttacker(t)
			app, client := a.Facts().App("expense-bot"), a.Facts().App("expense-bot").ClientID
			introspect := func(token string) string {
				_, code, _ := a.post("/introspect", url.Values{"token": {token}}.Encode(), basicAuth(client, app.Secret))
				return code
			}
			held, session := a.signedIn(), a.signIn(t, "alice", "expense-bot")
			code := a.code(session)
			if params, _ := a.answer(t, session, url.Values{"prompt": {"none"}}); !params.Has("code") || introspect(held.AccessToken) != "" || a.userinfo(held) != http.StatusOK {
				t.Fatalf("control: %v", params)
			}
			a.disable(path(a))
			for way, open := range map[string]func() bool{
				"the session, silently": func() bool { p, _ := a.answer(t, session, url.Values{"prompt": {"none"}}); return p.Has("code") },
				"the session":           func() bool { p, _ := a.answer(t, session, nil); return p.Has("code") },
				"a code of before":      func() bool { _, err := code(); return err == nil },
				"a refresh token":       func() bool { _, code := a.refresh(app, held.RefreshToken, ""); return code == "" },
				"userinfo":              func() bool { return a.userinfo(held) == http.StatusOK },
				"introspection":         func() bool { return introspect(held.AccessToken) == "" },
				"signing in anew":       func() bool { return a.enters("alice") },
			} {
				if open() {
					t.Errorf("%s is open", way)
				}
			}
			if name != "person" {
				return
			}
			if !a.enters("bob") {
				t.Error("somebody else is out")
			}
		})
	}
}

// enters reports whether a person can sign in to expense-bot.
func (a *attacker) enters(username string) bool {
	a.t.Helper()
	who, b := a.Facts().Person(username), browser.New()
	page, err := b.Get(a.t.Context(), a.Facts().App("expense-bot").URL+"login")
	if err != nil {
		a.t.Fatal(err)
	}
	if f, ok := page.Form(""); !ok || !f.Values.Has("password") {
		return false // nobody is asked for one
	}
	if page, err = b.Submit(a.t.Context(), page, "", url.Values{"username": {who.Username}, "password": {who.Password}}); err != nil {
		a.t.Fatal(err)
	}
	in, _ := page.ByID("who")
	return in == who.Email
}

func TestAnAppThatIsSwitchedOffGetsNothingForItselfAndTellsOfNothing(t *testing.T) {
	a := newAttacker(t)
	job, api := a.Facts().App("nightly-report"), a.Facts().App("payroll-api")
	ask := func() (string, string) {
		held, code := a.tokenAnswer(job.ClientID, job.Secret, "grant_type=client_credentials&scope=payroll.read&resource=payroll-api")
		return held.AccessToken, code
	}
	introspect := func(token string) string {
		_, code, _ := a.post("/introspect", url.Values{"token": {token}}.Encode(), basicAuth(api.ClientID, api.Secret))
		return code
	}
	token, code := ask()
	if code != "" || introspect(token) != "" {
		t.Fatalf("control: %q", code)
	}
	a.disable("/apps/nightly-report")
	if _, code := ask(); code != "invalid_client" {
		t.Errorf("a token for itself: %q", code)
	}
	if got := introspect(token); got != "inactive" {
		t.Errorf("a token of before, asked by the API: %q", got)
	}
	a.manage(t, http.MethodPost, "/apps/nightly-report/enable", nil)
	again, code := ask()
	if code != "" || introspect(again) != "" || introspect(token) != "inactive" {
		t.Errorf("switched on again: %q", code)
	}
	a.disable("/apps/payroll-api")
	if got := introspect(again); got != "invalid_client" {
		t.Errorf("an API that is switched off: %q", got)
	}
}
