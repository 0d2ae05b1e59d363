package integration

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
)

// thirdParty is an attacker of a broker where expense-bot is a third party's app.
func thirdParty(t *testing.T) *attacker {
	t.Helper()
	return &attacker{t: t, client: &http.Client{}, stage: startDemoAt(t, tempDir(t), nil, time.Now, func(c *config.Config) {
		c.Policy.ThirdParty = []string{"expense-bot"}
	})}
}

// consentPage asks for an authorization and returns the page that asks for consent.
func (a *attacker) consentPage(b *browser.Browser, change url.Values) *browser.Page {
	a.t.Helper()
	page, err := b.Get(a.t.Context(), a.request(change))
	if err != nil {
		a.t.Fatal(err)
	}
	if _, asked := page.Form("/consent"); !asked {
		a.t.Fatalf("nobody is asked: %d %s", page.Status, page.Text())
	}
	return page
}

// consent answers the page and returns what reached the app.
func (a *attacker) consent(b *browser.Browser, page *browser.Page, answer string) (params url.Values, last *browser.Page) {
	a.t.Helper()
	last, err := b.Submit(a.t.Context(), page, "/consent", url.Values{"answer": {answer}})
	if err != nil {
		a.t.Fatal(err)
	}
	for _, u := range b.Visited {
		if strings.HasPrefix(u.String(), a.Facts().App("expense-bot").RedirectURIs[0]) {
			params = u.Query()
		}
	}
	return params, last
}

func TestConsentIsForWhatWasShownToWhoSawIt(t *testing.T) {
	t.Parallel()
	a := thirdParty(t)
	alice := a.signIn(t, "alice", "crm-dash")
	if params, _ := a.answer(t, alice, url.Values{"prompt": {"none"}}); params.Get("error") != "consent_required" || params.Has("code") {
		t.Errorf("in silence, before any consent: %v", params)
	}
	page := a.consentPage(alice, nil)
	if policy := page.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") || page.Header.Get("X-Frame-Options") != "DENY" {
		t.Errorf("the page can be framed: %s", policy)
	}
	for _, answer := range []string{"deny", "", "ALLOW"} {
		if params, _ := a.consent(alice, a.consentPage(alice, nil), answer); params.Get("error") != "access_denied" || params.Has("code") {
			t.Errorf("the answer %q: %v", answer, params)
		}
	}
	if params, _ := a.consent(alice, page, "allow"); !params.Has("code") || params.Get("iss") != a.Issuer() {
		t.Errorf("control: %v", params)
	}
	if params, last := a.consent(alice, page, "allow"); params != nil || last.Status != http.StatusBadRequest {
		t.Errorf("the same page once more: %v %d", params, last.Status)
	}
	if params, _ := a.answer(t, alice, url.Values{"prompt": {"none"}}); !params.Has("code") {
		t.Errorf("the same scope again: %v", params)
	}
	if params, _ := a.answer(t, alice, url.Values{"prompt": {"none"}, "scope": {"openid email"}}); params.Get("error") != "consent_required" {
		t.Errorf("a wider scope, in silence: %v", params)
	}
	a.consentPage(alice, url.Values{"scope": {"openid email"}})
	a.consentPage(alice, url.Values{"prompt": {"consent"}})
	if params, _ := a.answer(t, a.signIn(t, "bob", "crm-dash"), url.Values{"prompt": {"none"}}); params.Get("error") != "consent_required" {
		t.Errorf("somebody else: %v", params)
	}
}

// TestASharedBrowserNeverGoesOnForSomebodyElse leaves a consent page open, and
// signs in as another person in the same browser.
func TestASharedBrowserNeverGoesOnForSomebodyElse(t *testing.T) {
	t.Parallel()
	a := thirdParty(t)
	shared := a.signIn(t, "alice", "crm-dash")
	left := a.consentPage(shared, nil)
	request := a.request(url.Values{"prompt": {"login"}})
	page, err := shared.Get(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	bob := a.Facts().Person("bob")
	his, err := shared.Submit(t.Context(), page, "", url.Values{"username": {bob.Username}, "password": {bob.Password}})
	if err != nil {
		t.Fatal(err)
	}
	if params, last := a.consent(shared, left, "allow"); params != nil || last.Status != http.StatusBadRequest {
		t.Errorf("what was begun for alice goes on for bob: %v %d", params, last.Status)
	}
	if params, _ := a.consent(a.signIn(t, "bob", "crm-dash"), his, "allow"); params != nil {
		t.Errorf("in another browser of the same person: %v", params)
	}
	if params, _ := a.consent(shared, his, "allow"); !params.Has("code") {
		t.Errorf("control: %v", params)
	}
}

// allow says yes to expense-bot for a scope and returns what reached it.
func (a *attacker) allow(b *browser.Browser, scope string) url.Values {
	a.t.Helper()
	params, _ := a.consent(b, a.consentPage(b, url.Values{"scope": {scope}}), "allow")
	return params
}

func TestConsentCoversWhatWasAllowedByWhomAndNoMore(t *testing.T) {
	t.Parallel()
	a := thirdParty(t)
	none := url.Values{"prompt": {"none"}}
	alice, bob := a.signIn(t, "alice", "crm-dash"), a.signIn(t, "bob", "crm-dash")
	if got := a.allow(alice, "email openid"); !got.Has("code") {
		t.Fatalf("control: %v", got)
	}
	for name, c := range map[string]struct {
		b     *browser.Browser
		scope string
		want  string
	}{
		"the same":      {alice, "openid email", ""},
		"less":          {alice, "openid", ""},
		"more":          {alice, "openid email groups", "consent_required"},
		"somebody else": {bob, "openid email", "consent_required"},
	} {
		if a.ask(c.b, c.scope, none); a.reached(c.b).Get("error") != c.want || a.reached(c.b).Has("code") != (c.want == "") {
			t.Errorf("%s: %v, want %q", name, a.reached(c.b), c.want)
		}
	}
	account, err := alice.Get(t.Context(), a.Facts().Account)
	if err == nil {
		_, err = alice.Submit(t.Context(), account, "withdraw", nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	if a.ask(alice, "openid", none); a.reached(alice).Get("error") != "consent_required" {
		t.Errorf("withdrawn: %v", a.reached(alice))
	}
}

func TestConsentIsGivenByThePersonInTheirOwnBrowser(t *testing.T) {
	a := thirdParty(t)
	alice, bob := a.signIn(t, "alice", "crm-dash"), a.signIn(t, "bob", "crm-dash")
	page := a.consentPage(alice, nil)
	form, _ := page.Form("/consent")
	yes := url.Values{"answer": {"allow"}}
	if stolen, err := bob.Post(t.Context(), page, form.Action.String(), yes); err != nil || stolen.Status != http.StatusBadRequest {
		t.Errorf("in another browser: %v %v", stolen, err)
	}
	foreign := *page
	foreign.URL = &url.URL{Scheme: "http", Host: "evil.example"}
	if forged, err := alice.Post(t.Context(), &foreign, form.Action.String(), yes); err != nil || forged.Status != http.StatusForbidden {
		t.Errorf("from another site: %v %v", forged, err)
	}
	a.signOutEverywhere(t, alice)
	if late, err := alice.Post(t.Context(), page, form.Action.String(), yes); err != nil || late.Status != http.StatusBadRequest {
		t.Errorf("signed out meanwhile: %v %v", late, err)
	}
	alice = a.signIn(t, "alice", "crm-dash")
	if got := a.allow(alice, "openid"); !got.Has("code") {
		t.Errorf("control: %v", got)
	}
}

// What two APIs call the same is allowed at each by itself.
func TestConsentIsForTheAPIThatWasNamed(t *testing.T) {
	t.Parallel()
	a := thirdParty(t)
	ledger := bytes.Replace(a.manifest(t, "ledger-api", nil), []byte(`"ledger.read"`), []byte(`"ledger.read","payroll.read"`), 1)
	a.manage(t, http.MethodPut, "/apps/ledger-api", ledger)
	a.manage(t, http.MethodPut, "/apps/expense-bot", a.manifest(t, "expense-bot", map[string]any{
		"scopes": []any{map[string]any{"name": "openid"}, map[string]any{"name": "payroll.read"}},
	}))
	alice := a.signIn(t, "alice", "crm-dash")
	at := func(api string) url.Values { return url.Values{"scope": {"openid payroll.read"}, "resource": {api}} }
	silently := func(api string) string {
		ask := at(api)
		ask.Set("prompt", "none")
		params, _ := a.answer(t, alice, ask)
		return params.Get("error")
	}
	page := a.consentPage(alice, at("payroll-api"))
	if !strings.Contains(page.Text(), "At the API payroll-api, in your name") {
		t.Errorf("the page does not say where: %s", page.Text())
	}
	if params, _ := a.consent(alice, page, "allow"); !params.Has("code") || silently("payroll-api") != "" {
		t.Fatalf("control: %v, then %q", params, silently("payroll-api"))
	}
	for _, api := range []string{"ledger-api", ""} {
		if code := silently(api); code != "consent_required" {
			t.Errorf("at %q, too: %q", api, code)
		}
	}
	if params, _ := a.consent(alice, a.consentPage(alice, at("ledger-api")), "allow"); !params.Has("code") || silently("ledger-api") != "" || silently("payroll-api") != "" {
		t.Errorf("control, both: %v, %q, %q", params, silently("ledger-api"), silently("payroll-api"))
	}
	if text, _ := a.account(t, alice); !strings.Contains(text, "payroll.read") || strings.Contains(text, "#payroll.read") {
		t.Errorf("the account says: %s", text)
	}
}

// An app without refresh tokens holds nothing but what it was given last.
func TestWithdrawnConsentEndsWhatWasIssuedByIt(t *testing.T) {
	t.Parallel()
	a := thirdParty(t)
	app := a.Facts().App("expense-bot")
	a.manage(t, http.MethodPut, "/apps/expense-bot", a.manifest(t, "expense-bot", map[string]any{
		"grantTypes": []string{"authorization_code"}, "scopes": []any{map[string]any{"name": "openid"}},
	}))
	alice, bob := a.signIn(t, "alice", "crm-dash"), a.signIn(t, "bob", "crm-dash")
	redeem := func(params url.Values) (access, code string) {
		held, code := a.tokenAnswer(app.ClientID, app.Secret, url.Values{
			"grant_type": {"authorization_code"}, "code": {params.Get("code")}, "redirect_uri": {app.RedirectURIs[0]}, "code_verifier": {strings.Repeat("v", 43)},
		}.Encode())
		return held.AccessToken, code
	}
	good := func(access string) bool { return a.userinfo(&oauth2.Token{AccessToken: access}) == http.StatusOK }
	held, _ := redeem(a.allow(alice, "openid"))
	others, _ := redeem(a.allow(bob, "openid"))
	late, _ := a.answer(t, alice, nil)
	if !good(held) || !good(others) || !late.Has("code") {
		t.Fatalf("control: %q %q %v", held, others, late)
	}
	account, err := alice.Get(t.Context(), a.Issuer()+"/account")
	if err == nil {
		_, err = alice.Submit(t.Context(), account, "withdraw", nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	if good(held) {
		t.Error("the token is good after the consent was withdrawn")
	}
	if access, code := redeem(late); code != "invalid_grant" {
		t.Errorf("a code of before is redeemed: %q, good: %v", code, good(access))
	}
	if !good(others) {
		t.Error("control: somebody else's is not")
	}
	if again, code := redeem(a.allow(alice, "openid")); code != "" || !good(again) {
		t.Errorf("control: allowed anew: %q", code)
	}
}
