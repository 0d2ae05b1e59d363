package integration

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
	"github.com/gatehouse-io/gatehouse/internal/directory"
)

// request is an authorization request of expense-bot.
func (s *stage) request(change url.Values) string {
	app := s.Facts().App("expense-bot")
	q := url.Values{
		"response_type": {"code"}, "client_id": {app.ClientID}, "redirect_uri": {app.RedirectURIs[0]}, "scope": {"openid"}, "state": {"s"},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(strings.Repeat("v", 43))}, "code_challenge_method": {"S256"},
	}
	for name, v := range change {
		q[name] = v
	}
	return s.Issuer() + "/authorize?" + q.Encode()
}

// answer asks for an authorization and returns what reached the app, and whether
// the browser was sent to the identity provider.
func (s *stage) answer(t *testing.T, b *browser.Browser, change url.Values) (params url.Values, upstream bool) {
	t.Helper()
	if _, err := b.Get(t.Context(), s.request(change)); err != nil {
		t.Fatal(err)
	}
	for _, u := range b.Visited {
		upstream = upstream || strings.HasPrefix(u.String(), s.Facts().IDPs[0].Issuer)
		if strings.HasPrefix(u.String(), s.Facts().App("expense-bot").RedirectURIs[0]) {
			params = u.Query()
		}
	}
	return params, upstream
}

func TestASessionAnswersWhatItSatisfiesAndNoMore(t *testing.T) {
	t.Parallel()
	a := newAttacker(t)
	alice := a.signIn(t, "alice", "expense-bot")
	idToken, _ := a.signedIn().Extra("id_token").(string)
	for name, c := range map[string]struct {
		change   url.Values
		upstream bool
		failed   string
	}{
		"single sign-on":              {nil, false, ""},
		"prompt none":                 {url.Values{"prompt": {"none"}}, false, ""},
		"prompt login":                {url.Values{"prompt": {"login"}}, true, ""},
		"prompt select_account":       {url.Values{"prompt": {"select_account"}}, true, ""},
		"max_age of a day":            {url.Values{"max_age": {"86400"}}, false, ""},
		"max_age 0":                   {url.Values{"max_age": {"0"}}, true, ""},
		"another class":               {url.Values{"acr_values": {"urn:example:phishing-resistant"}}, true, ""},
		"another class, prompt none":  {url.Values{"acr_values": {"urn:example:phishing-resistant"}, "prompt": {"none"}}, false, "login_required"},
		"max_age 0, prompt none":      {url.Values{"max_age": {"0"}, "prompt": {"none"}}, false, "login_required"},
		"a hint of this person, none": {url.Values{"id_token_hint": {idToken}, "prompt": {"none"}}, false, ""},
	} {
		params, upstream := a.answer(t, alice, c.change)
		if upstream != c.upstream {
			t.Errorf("%s: sent to the identity provider: %v", name, upstream)
		}
		if params.Get("error") != c.failed {
			t.Errorf("%s: %v", name, params)
		}
		if !c.upstream && (params.Get("iss") != a.Issuer() || params.Get("state") != "s" || (c.failed == "") != params.Has("code")) {
			t.Errorf("%s: %v", name, params)
		}
	}
	// Silence tells nobody who somebody else is, or whether they are signed in.
	bob := a.signIn(t, "bob", "expense-bot")
	nobody := browser.New()
	for name, b := range map[string]*browser.Browser{"somebody else": bob, "nobody": nobody} {
		params, upstream := a.answer(t, b, url.Values{"id_token_hint": {idToken}, "prompt": {"none"}})
		if upstream || params.Get("error") != "login_required" || params.Has("code") || strings.Contains(params.Encode(), "alice") {
			t.Errorf("%s: %v", name, params)
		}
	}
}

// TestASignInStaysInTheBrowserThatBeganIt steals each link of a sign-in.
func TestASignInStaysInTheBrowserThatBeganIt(t *testing.T) {
	t.Parallel()
	a := newAttacker(t)
	thief, victim := browser.New(), a.signIn(t, "bob", "crm-dash")
	page, err := thief.Get(t.Context(), a.request(nil))
	if err != nil {
		t.Fatal(err)
	}
	who := a.Facts().Person("alice")
	if _, err := thief.Submit(t.Context(), page, "", url.Values{"username": {who.Username}, "password": {who.Password}}); err != nil {
		t.Fatal(err)
	}
	var links []string
	for _, u := range thief.Visited {
		if strings.HasPrefix(u.String(), a.Issuer()+"/login/") {
			links = append(links, u.String())
		}
	}
	if len(links) == 0 {
		t.Fatal("control: the sign-in has no links")
	}
	for _, link := range links {
		for name, b := range map[string]*browser.Browser{"a victim's browser": victim, "the same browser, again": thief, "a new one": browser.New()} {
			page, err := b.Get(t.Context(), link)
			if err != nil {
				t.Fatal(err)
			}
			if page.Status != http.StatusBadRequest || !strings.Contains(page.Text(), "begin again") {
				t.Errorf("%s in %s: %d %s", link, name, page.Status, page.Text())
			}
		}
	}
	if text, in := a.account(t, victim); !in || !strings.Contains(text, "bob@") {
		t.Errorf("the victim is somebody else now: %s", text)
	}
}

// TestACodeIsWorthOneAnswerToItsOwnClient redeems a code wrongly, rightly, and
// once more.
func TestACodeIsWorthOneAnswerToItsOwnClient(t *testing.T) {
	t.Parallel()
	a := newAttacker(t)
	app, crm := a.Facts().App("expense-bot"), a.Facts().App("crm-dash")
	params, _ := a.answer(t, a.signIn(t, "alice", "expense-bot"), nil)
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {params.Get("code")}, "redirect_uri": {app.RedirectURIs[0]}, "code_verifier": {strings.Repeat("v", 43)},
	}
	with := func(name, value string) string {
		changed := url.Values{}
		for n, v := range form {
			changed[n] = v
		}
		if changed.Set(name, value); value == "" {
			changed.Del(name)
		}
		return changed.Encode()
	}
	auth := basicAuth(app.ClientID, app.Secret)
	for name, c := range map[string]struct {
		body string
		auth http.Header
		want string
	}{
		"another verifier":     {with("code_verifier", strings.Repeat("w", 43)), auth, "invalid_grant"},
		"no verifier":          {with("code_verifier", ""), auth, "invalid_request"},
		"the challenge itself": {with("code_verifier", oauth2.S256ChallengeFromVerifier(strings.Repeat("v", 43))), auth, "invalid_grant"},
		"another redirect_uri": {with("redirect_uri", app.RedirectURIs[0]+"/"), auth, "invalid_grant"},
		"no redirect_uri":      {with("redirect_uri", ""), auth, "invalid_request"},
		"another client":       {form.Encode() + "&client_id=" + crm.ClientID + "&client_secret=" + url.QueryEscape(crm.Secret), nil, "invalid_grant"},
		"another resource":     {with("resource", "payroll-api"), auth, "invalid_target"},
		"as a refresh token":   {"grant_type=refresh_token&refresh_token=" + params.Get("code"), auth, "invalid_grant"},
		"unknown":              {with("code", "x"), auth, "invalid_grant"},
	} {
		if _, code, _ := a.post("/token", c.body, c.auth); code != c.want {
			t.Errorf("%s: %q, want %q", name, code, c.want)
		}
	}
	held, code := a.exchange(t, form, app.ClientID, app.Secret)
	if code != "" || a.userinfo(held) != http.StatusOK {
		t.Fatalf("control: %q", code)
	}
	if _, code := a.exchange(t, form, app.ClientID, app.Secret); code != "invalid_grant" {
		t.Errorf("used again: %q", code)
	}
	if got := a.userinfo(held); got != http.StatusUnauthorized {
		t.Errorf("what a replayed code gave: %d", got)
	}
	if _, code := a.refresh(app, held.RefreshToken, ""); code != "invalid_grant" {
		t.Errorf("and its refresh token: %q", code)
	}
}

// TestACodeEndsWithItsTimeItsSessionAndTheRightToTheApp lets something happen
// between the code and its redemption.
func TestACodeEndsWithItsTimeItsSessionAndTheRightToTheApp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		happens func(a *attacker, alice *browser.Browser, forward func(time.Duration))
		want    string
	}{
		"nothing":          {func(*attacker, *browser.Browser, func(time.Duration)) {}, ""},
		"half a minute":    {func(_ *attacker, _ *browser.Browser, forward func(time.Duration)) { forward(30 * time.Second) }, ""},
		"a minute":         {func(_ *attacker, _ *browser.Browser, forward func(time.Duration)) { forward(time.Minute) }, "invalid_grant"},
		"signed out":       {func(a *attacker, b *browser.Browser, _ func(time.Duration)) { a.signOutEverywhere(a.t, b) }, "invalid_grant"},
		"out of the group": {func(a *attacker, _ *browser.Browser, _ func(time.Duration)) { a.unmap("all-employees") }, "invalid_grant"},
		"the person is off": {func(a *attacker, _ *browser.Browser, _ func(time.Duration)) {
			a.disable("/people/" + a.person(a.t, "alice"))
		}, "invalid_grant"},
		"the app is off": {func(a *attacker, _ *browser.Browser, _ func(time.Duration)) { a.disable("/apps/expense-bot") }, "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			var passed atomic.Int64
			a := &attacker{t: t, client: &http.Client{}, stage: startDemoAt(t, tempDir(t), nil, func() time.Time {
				return time.Now().Add(time.Duration(passed.Load()))
			})}
			alice, app := a.signIn(t, "alice", "expense-bot"), a.Facts().App("expense-bot")
			params, _ := a.answer(t, alice, nil)
			if !params.Has("code") {
				t.Fatal(params)
			}
			c.happens(a, alice, func(d time.Duration) {
				passed.Store(int64(d))
				eventually(t, "the broker is ready", func() bool { status, _, _ := a.get("/readyz"); return status == http.StatusOK })
			})
			_, code := a.exchange(t, url.Values{
				"grant_type": {"authorization_code"}, "code": {params.Get("code")}, "redirect_uri": {app.RedirectURIs[0]}, "code_verifier": {strings.Repeat("v", 43)},
			}, app.ClientID, app.Secret)
			if code != c.want {
				t.Errorf("%q, want %q", code, c.want)
			}
		})
	}
}

func (a *attacker) disable(path string) { a.manage(a.t, http.MethodPost, path+"/disable", nil) }

// unmap takes from upstream groups the name that manifests use.
func (a *attacker) unmap(name string) {
	a.t.Helper()
	var all struct{ Items []directory.Mapping }
	if err := json.Unmarshal(a.manage(a.t, http.MethodGet, "/mappings", nil), &all); err != nil {
		a.t.Fatal(err)
	}
	for _, m := range all.Items {
		if m.Name == name {
			a.manage(a.t, http.MethodDelete, "/mappings/"+m.Group.Connection+"/"+url.PathEscape(m.Group.ID), nil)
		}
	}
}

// TestASignInThatFailsLeadsBackToTheApp plays a provider where the person gave up.
func TestASignInThatFailsLeadsBackToTheApp(t *testing.T) {
	a := newAttacker(t)
	b := browser.New()
	form, ok := a.ask(b, "openid", nil).Form("")
	if !ok {
		t.Fatal("there is no sign-in form")
	}
	gaveUp := a.Issuer() + "/login/callback/acme?" + url.Values{"error": {"access_denied"}, "state": {form.Values.Get("state")}}.Encode()
	page, err := b.Get(t.Context(), gaveUp)
	if err != nil || page.Status != http.StatusForbidden {
		t.Fatalf("%v %v", page, err)
	}
	back, ok := page.Link("Back to the app")
	if !ok {
		t.Fatalf("the page leads nowhere: %s", page.Text())
	}
	if again, err := b.Get(t.Context(), gaveUp); err != nil || again.Status != http.StatusBadRequest {
		t.Errorf("one answer taken twice: %v %v", again, err)
	}
	if _, err := browser.New().Get(t.Context(), back); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Get(t.Context(), back); err != nil {
		t.Fatal(err)
	}
	if got := a.reached(b); got.Get("error") != "access_denied" || got.Get("state") != "s" || got.Has("code") {
		t.Errorf("the app gets %v", got)
	}
}
