package integration

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
)

// still is a client that follows no redirect and keeps no cookie.
func still() *http.Client {
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// TestASignOutLeadsNowhereElseWithAHintOfThisVerySession has every proof but the
// address, or but the client.
func TestASignOutLeadsNowhereElseWithAHintOfThisVerySession(t *testing.T) {
	a := newAttacker(t)
	alice, app, other := a.signIn(t, "alice", "expense-bot"), a.Facts().App("expense-bot"), a.Facts().App("crm-dash")
	back := app.PostLogoutRedirectURIs[0]
	hint, _ := a.tokens(alice).Extra("id_token").(string)
	for _, uri := range []string{a.Issuer() + "/healthz", back + "/", back + "?x=1", strings.ToUpper(back), other.PostLogoutRedirectURIs[0]} {
		page := a.logoutPage(t, alice, url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {uri}})
		if _, in := a.account(t, alice); page.Status != http.StatusBadRequest || !in {
			t.Errorf("%s: %d, signed in %v", uri, page.Status, in)
		}
	}
	for name, more := range map[string]url.Values{
		"nowhere":                {},
		"to the other client's":  {"post_logout_redirect_uri": {other.PostLogoutRedirectURIs[0]}},
		"to its own, as another": {"post_logout_redirect_uri": {back}},
	} {
		more.Set("id_token_hint", hint)
		more.Set("client_id", other.ClientID)
		page := a.logoutPage(t, alice, more)
		if _, in := a.account(t, alice); !in || !strings.HasPrefix(page.URL.String(), a.Issuer()) {
			t.Errorf("as another client, %s: signed in %v, led to %s", name, in, page.URL)
		}
	}
	good := url.Values{"id_token_hint": {hint}, "client_id": {app.ClientID}, "post_logout_redirect_uri": {back}}
	if page := a.logoutPage(t, alice, good); page.URL.String() != back {
		t.Errorf("control: %s", page.URL)
	}
	// Whoever is signed out already is only led on by a hint: a name is no proof.
	good.Del("id_token_hint")
	if page := a.logoutPage(t, alice, good); !strings.HasPrefix(page.URL.String(), a.Issuer()) || page.Status != http.StatusOK {
		t.Errorf("signed out, without a hint: %d at %s", page.Status, page.URL)
	}
	good.Set("id_token_hint", hint)
	if page := a.logoutPage(t, alice, good); page.URL.String() != back {
		t.Errorf("control: signed out, with a hint: %s", page.URL)
	}
}

// TestALiveSignInIsOfOneBrowser stops before the callback, which is still unused,
// and opens it in a browser that has begun a sign-in of its own.
func TestALiveSignInIsOfOneBrowser(t *testing.T) {
	a, s := withStranger(t)
	s.claims = map[string]any{"sub": "mallory", "groups": []string{"staff"}}
	_, to, _ := (&attacker{t: t, stage: a.stage, client: still()}).get("/authorize?" + strings.SplitN(a.request(url.Values{"idp": {"partner"}}), "?", 2)[1])
	res, err := still().Get(to.String())
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

// atTheDoor asks for a sign-in at the stranger and returns the browser and the
// genuine answer that it was given, which is not delivered yet.
func (a *attacker) atTheDoor(s *stranger) (b *browser.Browser, answer *url.URL) {
	a.t.Helper()
	b = browser.New()
	s.closed.Store(true)
	defer s.closed.Store(false)
	page, err := b.Get(a.t.Context(), a.request(url.Values{"idp": {"partner"}}))
	if err != nil {
		a.t.Fatal(err)
	}
	res, err := still().Get(page.URL.String() + "&open=1")
	if err != nil {
		a.t.Fatal(err)
	}
	_ = res.Body.Close()
	if answer, err = res.Location(); err != nil {
		a.t.Fatal(err)
	}
	return b, answer
}

// TestAnAnswerWithoutItsBrowserLeavesATrace opens the true answer in a browser that
// has no cookie, and in one that has another sign-in's. Neither spoils it for the
// browser that it is for.
func TestAnAnswerWithoutItsBrowserLeavesATrace(t *testing.T) {
	a, s := withStranger(t)
	s.claims = map[string]any{"sub": "mallory", "groups": []string{"staff"}}
	own, answer := a.atTheDoor(s)
	busy := browser.New()
	if _, err := busy.Get(t.Context(), a.request(url.Values{"idp": {"acme"}})); err != nil {
		t.Fatal(err)
	}
	for got, b := range map[string]*browser.Browser{"no cookie": browser.New(), "the cookie of another sign-in": busy} {
		page, err := b.Get(t.Context(), answer.String())
		if err != nil {
			t.Fatal(err)
		}
		code := codeOnPage.FindString(page.Text())
		if page.Status != http.StatusBadRequest || code == "" {
			t.Fatalf("%s: %d %s", got, page.Status, page.Text())
		}
		found := a.trace(code)
		if last := found.Checks[len(found.Checks)-1]; found.Rule != "login_flow" || found.Connection != "partner" || last.Name != "login_flow" || last.Passed || !strings.HasPrefix(last.Got, got) {
			t.Errorf("%s: %+v", got, found)
		}
	}
	if _, err := own.Get(t.Context(), answer.String()); err != nil || !a.reached(own).Has("code") {
		t.Errorf("control: its own browser does not get in: %v", err)
	}
}

// TestAGenuineAnswerCountsAtTheConnectionItIsForAlone brings the true answer of one
// provider, with its issuer, code and state, to the callback of another connection:
// only the address that it comes to is wrong.
func TestAGenuineAnswerCountsAtTheConnectionItIsForAlone(t *testing.T) {
	a, s := withStranger(t)
	s.claims = map[string]any{"sub": "mallory", "groups": []string{"staff"}}
	for connection, in := range map[string]bool{"acme": false, "nobody": false, "Partner": false, "partner": true} {
		b, answer := a.atTheDoor(s)
		answer.Path = strings.TrimSuffix(answer.Path, "partner") + connection
		page, err := b.Get(t.Context(), answer.String())
		if err != nil {
			t.Fatal(err)
		}
		if refused := strings.HasPrefix(page.URL.String(), a.Issuer()) && page.Status == http.StatusBadRequest; a.reached(b).Has("code") != in || refused == in {
			t.Errorf("at the callback of %s: %d %s", connection, page.Status, page.URL)
		}
	}
}

// TestAHintOfAPersonLetsNobodyElseIn signs in as somebody else than the app's
// id_token_hint names, and asks with an id_token that another app was given.
func TestAHintOfAPersonLetsNobodyElseIn(t *testing.T) {
	a := newAttacker(t)
	alice, bob := a.signIn(t, "alice", "expense-bot"), a.signIn(t, "bob", "expense-bot")
	about := func(b *browser.Browser) string { raw, _ := a.tokens(b).Extra("id_token").(string); return raw }
	hers, his := url.Values{"id_token_hint": {about(alice)}}, url.Values{"id_token_hint": {about(bob)}}
	for name, c := range map[string]struct {
		change url.Values
		want   string
	}{"alice, as was hinted": {hers, ""}, "alice, where bob was hinted": {his, "login_required"}} {
		b := browser.New()
		page := a.ask(b, "openid", c.change)
		who := a.Facts().Person("alice")
		if _, err := b.Submit(t.Context(), page, "", url.Values{"username": {who.Username}, "password": {who.Password}}); err != nil {
			t.Fatal(err)
		}
		if got := a.reached(b); got.Get("error") != c.want || got.Has("code") != (c.want == "") {
			t.Errorf("%s: %v", name, got)
		}
		if _, in := a.account(t, b); in != (c.want == "") {
			t.Errorf("%s: signed in %v", name, in)
		}
	}
	// The same person's id_token of another app names nobody to this one.
	a.ask(alice, "openid", url.Values{"prompt": {"none"}, "id_token_hint": {a.idTokenOf(alice, "crm-dash")}})
	if got := a.reached(alice); got.Get("error") != "invalid_request" || got.Has("code") {
		t.Errorf("another app's id_token: %v", got)
	}
}

// idTokenOf returns the id_token that an app with client_secret_post gets for the
// person of the browser.
func (a *attacker) idTokenOf(b *browser.Browser, name string) string {
	a.t.Helper()
	app := a.Facts().App(name)
	if _, err := b.Get(a.t.Context(), a.request(url.Values{"client_id": {app.ClientID}, "redirect_uri": {app.RedirectURIs[0]}})); err != nil {
		a.t.Fatal(err)
	}
	for _, u := range b.Visited {
		if code := u.Query().Get("code"); code != "" {
			form := url.Values{
				"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {app.RedirectURIs[0]}, "code_verifier": {strings.Repeat("v", 43)},
				"client_id": {app.ClientID}, "client_secret": {app.Secret},
			}
			_, text := a.send(http.MethodPost, "/token", form, nil)
			var answer struct {
				ID string `json:"id_token"`
			}
			if err := json.Unmarshal([]byte(text), &answer); err != nil || answer.ID == "" {
				a.t.Fatalf("%v %s", err, text)
			}
			return answer.ID
		}
	}
	a.t.Fatalf("%s got no code", name)
	return ""
}

// TestAnAddressThatIsRemovedDuringTheSignInIsNotLedTo changes the app's manifest
// while the person types a password.
func TestAnAddressThatIsRemovedDuringTheSignInIsNotLedTo(t *testing.T) {
	for name, c := range map[string]struct {
		change map[string]any
		led    bool
	}{
		"it stays": {map[string]any{"refreshRetryWindow": "1s"}, true},
		"it goes":  {map[string]any{"redirectUris": []string{"https://expense.example/callback"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAttacker(t)
			b, who := browser.New(), a.Facts().Person("alice")
			page := a.ask(b, "openid", nil)
			a.manage(t, http.MethodPut, "/apps/expense-bot", a.manifest(t, "expense-bot", c.change))
			page, err := b.Submit(t.Context(), page, "", url.Values{"username": {who.Username}, "password": {who.Password}})
			if err != nil {
				t.Fatal(err)
			}
			if refused := strings.HasPrefix(page.URL.String(), a.Issuer()) && page.Status == http.StatusBadRequest; a.reached(b).Has("code") != c.led || refused == c.led {
				t.Errorf("%d %s", page.Status, page.URL)
			}
		})
	}
}
