package integration

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestAParameterWithoutAValueCountsAsOmitted is RFC 6749, sections 3.1 and 3.2. The
// same parameters with a value are refused, or mean something.
func TestAParameterWithoutAValueCountsAsOmitted(t *testing.T) {
	a := newAttacker(t)
	alice, app, public := a.signIn(t, "alice", "expense-bot"), a.Facts().App("expense-bot"), a.Facts().App("field-notes")
	for name, value := range map[string]string{
		"prompt": "never", "max_age": "long", "request": "x", "request_uri": "x", "registration": "{}", "resource": "nobody", "id_token_hint": "x", "response_mode": "fragment",
	} {
		if params, _ := a.answer(t, alice, url.Values{name: {""}}); !params.Has("code") {
			t.Errorf("%s without a value: %v", name, params)
		}
		if params, _ := a.answer(t, alice, url.Values{name: {value}}); params.Has("code") || params.Get("error") == "" {
			t.Errorf("%s=%s: %v", name, value, params)
		}
	}
	for _, name := range []string{"response_type", "scope", "code_challenge", "code_challenge_method"} {
		if params, _ := a.answer(t, alice, url.Values{name: {""}}); params.Get("error") == "" {
			t.Errorf("%s is needed, and goes without a value: %v", name, params)
		}
	}
	none := url.Values{
		"client_id": {""}, "client_secret": {""}, "client_assertion": {""}, "client_assertion_type": {""}, "resource": {""}, "scope": {""},
	}.Encode()
	held := a.tokens(alice)
	next, code := a.refresh(app, held.RefreshToken, "&"+none)
	if code != "" {
		t.Errorf("of a client with a secret: %q", code)
	}
	for secret, want := range map[string]string{"": "invalid_grant", "x": "invalid_client"} { // who is believed is told that the code is none
		_, code, _ := a.post("/token", url.Values{
			"grant_type": {"authorization_code"}, "client_id": {public.ClientID}, "client_secret": {secret},
			"code": {"none"}, "redirect_uri": {public.RedirectURIs[0]}, "code_verifier": {strings.Repeat("v", 43)},
		}.Encode(), nil)
		if code != want {
			t.Errorf("a public client with the secret %q: %q", secret, code)
		}
	}
	for path, body := range map[string]string{"/token": "grant_type=", "/introspect": "token=", "/revoke": "token=", "/revocations": "audience="} {
		if status, code, _ := a.post(path, body, basicAuth(app.ClientID, app.Secret)); status != http.StatusBadRequest || code != "invalid_request" {
			t.Errorf("%s without what it needs: %d %q", path, status, code)
		}
	}
	idToken, _ := a.tokens(alice).Extra("id_token").(string)
	back := app.PostLogoutRedirectURIs[0]
	if page := a.logoutPage(t, alice, url.Values{"id_token_hint": {idToken}, "client_id": {""}, "post_logout_redirect_uri": {back}}); page.URL.String() != back {
		t.Errorf("a sign-out led to %s", page.URL)
	}
	if _, code := a.refresh(app, next.RefreshToken, ""); code != "invalid_grant" {
		t.Errorf("after the sign-out: %q", code)
	}
}

// TestAStateIsGivenBackAsItWas takes states as they are made by frameworks, which
// keep what they know in it.
func TestAStateIsGivenBackAsItWas(t *testing.T) {
	a := newAttacker(t)
	alice := a.signIn(t, "alice", "expense-bot")
	for state, want := range map[string]string{
		strings.Repeat("s", 4<<10): "", strings.Repeat("s", 4<<10+1): "invalid_request", "\u00e9 &=#\"<>+%2B": "", `{"to":"/a?b=c"}`: "",
	} {
		if params, _ := a.answer(t, alice, url.Values{"state": {state}}); params.Get("state") != state || params.Get("error") != want || params.Has("code") != (want == "") {
			t.Errorf("%d bytes: %v", len(state), params)
		}
	}
}
