package integration

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
)

// TestASignOutLeadsNowhereElseWithAHintOfThisVerySession has every proof but the address.
func TestASignOutLeadsNowhereElseWithAHintOfThisVerySession(t *testing.T) {
	a := newAttacker(t)
	alice, back := a.signIn(t, "alice", "expense-bot"), a.Facts().App("expense-bot").PostLogoutRedirectURIs[0]
	hint, _ := a.tokens(alice).Extra("id_token").(string)
	for _, uri := range []string{a.Issuer() + "/healthz", back + "/", back + "?x=1", strings.ToUpper(back)} {
		page := a.logoutPage(t, alice, url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {uri}})
		if _, in := a.account(t, alice); page.Status != http.StatusBadRequest || !in {
			t.Errorf("%s: %d, signed in %v", uri, page.Status, in)
		}
	}
	if page := a.logoutPage(t, alice, url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {back}}); page.URL.String() != back {
		t.Errorf("control: %s", page.URL)
	}
}

// TestALiveSignInIsOfOneBrowser stops before the callback, which is still unused,
// and opens it in a browser that has begun a sign-in of its own.
func TestALiveSignInIsOfOneBrowser(t *testing.T) {
	a, s := withStranger(t)
	s.claims = map[string]any{"sub": "mallory", "groups": []string{"staff"}}
	_, to, _ := (&attacker{t: t, stage: a.stage, client: newStill()}).get("/authorize?" + strings.SplitN(a.request(url.Values{"idp": {"partner"}}), "?", 2)[1])
	res, err := newStill().Get(to.String())
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	victim := browser.New()
	if _, err := victim.Get(t.Context(), a.request(url.Values{"idp": {"acme"}})); err != nil {
		t.Fatal(err)
	}
	page, err := victim.Get(t.Context(), res.Header.Get("Location"))
	if err != nil || page.Status != http.StatusBadRequest {
		t.Errorf("%v %v", page, err)
	}
	if _, in := a.account(t, victim); in {
		t.Error("the victim is signed in as the attacker")
	}
	if _, page, in := a.enter(s, s.claims); !in {
		t.Errorf("control: %s", page.Text())
	}
}

// newStill is a client that follows no redirect.
func newStill() *http.Client {
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}
