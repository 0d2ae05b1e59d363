package integration

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
)

// logoutPage asks to sign out with parameters and returns where that leads.
func (s *stage) logoutPage(t *testing.T, b *browser.Browser, params url.Values) *browser.Page {
	t.Helper()
	page, err := b.Get(t.Context(), s.Issuer()+"/logout?"+params.Encode())
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func TestNobodyIsSignedOutOrSentAwayWithoutTheirWill(t *testing.T) {
	a := newAttacker(t)
	app := a.Facts().App("expense-bot")
	back := app.PostLogoutRedirectURIs[0]
	idToken, _ := a.signedIn().Extra("id_token").(string)
	for name, params := range map[string]url.Values{
		"no hint":                       {},
		"no hint, but an address":       {"client_id": {app.ClientID}, "post_logout_redirect_uri": {back}},
		"a hint of another session":     {"id_token_hint": {idToken}},
		"a hint that is no id_token":    {"id_token_hint": {"eyJhbGciOiJub25lIn0.e30."}},
		"a hint for another client":     {"id_token_hint": {idToken}, "client_id": {"microapp-crm-dash"}},
		"another address":               {"client_id": {app.ClientID}, "post_logout_redirect_uri": {"https://evil.example/"}},
		"an address with more":          {"client_id": {app.ClientID}, "post_logout_redirect_uri": {back + "/../x"}},
		"another address, and a hint":   {"id_token_hint": {idToken}, "post_logout_redirect_uri": {"https://evil.example/"}},
		"an address, and nobody's hint": {"id_token_hint": {"x"}, "post_logout_redirect_uri": {back}},
	} {
		b := a.signIn(t, "alice", "expense-bot")
		page := a.logoutPage(t, b, params)
		if !strings.HasPrefix(page.URL.String(), a.Issuer()) {
			t.Errorf("%s: led to %s", name, page.URL)
		}
		if _, in := a.account(t, b); !in {
			t.Errorf("%s: the person was signed out unasked", name)
		}
	}
	b := a.signIn(t, "alice", "expense-bot")
	page := a.logoutPage(t, b, url.Values{"client_id": {app.ClientID}, "post_logout_redirect_uri": {back}})
	for _, says := range []string{"Sign out?", "signs you out of every app that you opened with it.", "You then go back to Expense Bot.", "Stay signed in"} {
		if !strings.Contains(page.Text(), says) {
			t.Errorf("the question does not say %q: %s", says, page.Text())
		}
	}
	page = a.logoutPage(t, b, url.Values{})
	if text := page.Text(); !strings.Contains(text, "Sign out?") || strings.Contains(text, "go back to") {
		t.Errorf("the question without an address says %s", text)
	}
	if _, err := b.Submit(t.Context(), page, "confirm", nil); err != nil {
		t.Fatal(err)
	}
	if _, in := a.account(t, b); in {
		t.Error("the person said yes, and is still signed in")
	}
	if page := a.logoutPage(t, b, url.Values{}); !strings.Contains(page.Text(), "You are signed out") {
		t.Errorf("who is signed out already is told %s", page.Text())
	}
}

// TestTheAppIsToldAndToldAgainUntilItListens plays an app that fails twice.
func TestTheAppIsToldAndToldAgainUntilItListens(t *testing.T) {
	t.Parallel()
	a := newAttacker(t)
	app := a.Facts().App("expense-bot")
	told := make(chan string, 8)
	var calls atomic.Int32
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) < 3 {
			http.Error(w, "later", http.StatusInternalServerError)
			return
		}
		told <- r.PostFormValue("logout_token")
	}))
	t.Cleanup(receiver.Close)
	a.manage(t, http.MethodPut, "/apps/expense-bot", a.manifest(t, "expense-bot", map[string]any{"backchannelLogoutUri": receiver.URL + "/backchannel"}))
	held := a.signedIn()
	a.manage(t, http.MethodDelete, "/people/"+a.person(t, "alice")+"/sessions", nil)
	var raw string
	select {
	case raw = <-told:
	case <-time.After(30 * time.Second):
		t.Fatalf("the app was called %d times and never told", calls.Load())
	}
	parsed, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Get(a.Issuer() + "/jwks")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var set jose.JSONWebKeySet
	if err := json.NewDecoder(res.Body).Decode(&set); err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := parsed.Claims(set.Key(parsed.Headers[0].KeyID)[0].Key, &claims); err != nil {
		t.Fatal(err)
	}
	// OpenID Connect Back-Channel Logout 1.0, section 2.4.
	events, _ := claims["events"].(map[string]any)
	_, event := events["http://schemas.openid.net/event/backchannel-logout"].(map[string]any)
	_, nonce := claims["nonce"]
	if parsed.Headers[0].ExtraHeaders[jose.HeaderType] != "logout+jwt" || claims["iss"] != a.Issuer() || claims["aud"] != app.ClientID || claims["jti"] == nil ||
		claims["sid"] == nil || claims["sub"] != a.person(t, "alice") || claims["exp"] == nil || !event || nonce {
		t.Errorf("%v %v", parsed.Headers[0], claims)
	}
	if got := a.userinfo(held); got != http.StatusUnauthorized {
		t.Errorf("the access token of the ended session: %d", got)
	}
}

// The person's own yes leads back to the app that asked, if the address is its own.
func TestAYesToSigningOutLeadsBackToTheAppThatAsked(t *testing.T) {
	a := newAttacker(t)
	app := a.Facts().App("expense-bot")
	back := app.PostLogoutRedirectURIs[0]
	idToken, _ := a.signedIn().Extra("id_token").(string) // of a session in another browser
	for name, c := range map[string]struct{ ask, change url.Values }{
		"named by its client_id":     {url.Values{"client_id": {app.ClientID}, "post_logout_redirect_uri": {back}, "state": {"s"}}, nil},
		"named by an older id_token": {url.Values{"id_token_hint": {idToken}, "post_logout_redirect_uri": {back}, "state": {"s"}}, nil},
		"changed on the way": {
			url.Values{"client_id": {app.ClientID}, "post_logout_redirect_uri": {back}}, url.Values{"post_logout_redirect_uri": {"https://evil.example/"}},
		},
		"of another app": {
			url.Values{"client_id": {app.ClientID}, "post_logout_redirect_uri": {back}}, url.Values{"client_id": {"microapp-crm-dash"}},
		},
	} {
		b := a.signIn(t, "alice", "crm-dash")
		page := a.logoutPage(t, b, c.ask)
		if _, in := a.account(t, b); !in || !strings.Contains(page.Text(), "Expense Bot") {
			t.Errorf("%s: signed in: %v; asked: %s", name, in, page.Text())
		}
		page, err := b.Submit(t.Context(), page, "confirm", c.change)
		if err != nil {
			t.Fatal(err)
		}
		_, in := a.account(t, b)
		if c.change != nil {
			if !in || !strings.HasPrefix(page.URL.String(), a.Issuer()) || page.Status != http.StatusBadRequest {
				t.Errorf("%s: signed in: %v; led to %s, %d", name, in, page.URL, page.Status)
			}
			continue
		}
		if in || page.URL.String() != back+"?state=s" {
			t.Errorf("%s: signed in: %v; led to %s", name, in, page.URL)
		}
	}
}
