package integration

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"
)

// send makes a request with headers and returns the answer and its body.
func (a *attacker) send(method, path string, body url.Values, header http.Header) (*http.Response, string) {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.Issuer()+path, strings.NewReader(body.Encode()))
	if err != nil {
		a.t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := a.client.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return res, string(text)
}

// TestEveryFormIsRefusedFromAnotherSite sends each form of a signed-in person as
// other sites would. A form with a made-up id gets through to a page that says so.
func TestEveryFormIsRefusedFromAnotherSite(t *testing.T) {
	a := newAttacker(t)
	alice := a.signIn(t, "alice", "expense-bot")
	issuer, err := url.Parse(a.Issuer())
	if err != nil {
		t.Fatal(err)
	}
	cookie := alice.CookieHeader(issuer)
	forms := []string{
		"/account/sign-out", "/account/sign-out-everywhere", "/account/sessions/x/end", "/account/apps/x/withdraw", "/account/exchanges/x/prune", "/logout/confirm", "/login/flow/x/consent",
		"/admin/new-app", "/admin/apps/expense-bot/manifest", "/admin/tokens/new", "/admin/apps/expense-bot/enable",
		"/admin/exchanges/x/prune", "/admin/apps/expense-bot/exchanges/x/prune", "/admin/revoke/person/x",
		"/admin/new-import", "/admin/imports/x/apply", "/admin/imports/x/discard", "/admin/export",
		"/admin/apps/expense-bot/owner", "/admin/revocations/x/retry", "/admin/apps/payroll-api/callers/expense-bot/agree", "/admin/apps/payroll-api/callers/expense-bot/withdraw",
		"/admin/apps/payroll-api/callers/expense-bot/agree/delegation/payroll.read", "/admin/apps/payroll-api/callers/expense-bot/withdraw/delegation/payroll.read",
	}
	for _, form := range forms {
		for name, header := range map[string]http.Header{
			"another origin":         {"Origin": {"https://evil.example"}},
			"an app of this machine": {"Origin": {"http://127.0.0.1:1"}},
			"no origin to tell":      {"Origin": {"null"}},
			"cross-site":             {"Sec-Fetch-Site": {"cross-site"}},
			"same-site":              {"Sec-Fetch-Site": {"same-site"}, "Origin": {a.Issuer()}},
		} {
			header.Set("Cookie", cookie)
			res, text := a.send(http.MethodPost, form, url.Values{"answer": {"allow"}}, header)
			if res.StatusCode != http.StatusForbidden || !strings.Contains(text, "cross_origin") {
				t.Errorf("%s from %s: %d", form, name, res.StatusCode)
			}
		}
	}
	if _, in := a.account(t, alice); !in {
		t.Fatal("another site signed the person out")
	}
	for name, header := range map[string]http.Header{"its own page": {"Sec-Fetch-Site": {"same-origin"}}, "its own page, in an old browser": {"Origin": {a.Issuer()}}} {
		header.Set("Cookie", cookie)
		if res, text := a.send(http.MethodPost, "/account/sessions/x/end", url.Values{}, header); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d %s", name, res.StatusCode, text)
		}
	}
	res, _ := a.send(http.MethodPost, "/account/sign-out", url.Values{}, http.Header{"Sec-Fetch-Site": {"same-origin"}, "Cookie": {cookie}})
	if _, in := a.account(t, alice); in || res.StatusCode != http.StatusOK {
		t.Errorf("control: %d, signed in %v", res.StatusCode, in)
	}
}

// TestAFormThatAnAppPostsFindsTheSession posts without cookies, as browsers do
// across sites (SameSite=Lax), and follows where that leads with them.
func TestAFormThatAnAppPostsFindsTheSession(t *testing.T) {
	a := newAttacker(t)
	app := a.Facts().App("expense-bot")
	alice := a.signIn(t, "alice", "expense-bot")
	idToken, _ := a.tokens(alice).Extra("id_token").(string)
	lead := func(path string, form url.Values) string {
		t.Helper()
		res, _ := a.send(http.MethodPost, path, form, nil)
		to, err := res.Location()
		if err != nil || res.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to.String(), a.Issuer()+path+"?") {
			t.Fatalf("%s: %d to %v %v", path, res.StatusCode, to, err)
		}
		if len(res.Cookies()) > 0 {
			t.Errorf("%s: the answer to a form of another site sets cookies", path)
		}
		page, err := alice.Get(t.Context(), to.String())
		if err != nil || page.Status >= http.StatusInternalServerError {
			t.Fatalf("%s: %v %v", path, page, err)
		}
		return alice.Visited[len(alice.Visited)-1].String()
	}
	request, err := url.Parse(a.request(nil))
	if err != nil {
		t.Fatal(err)
	}
	lead("/authorize", request.Query())
	if code := alice.Visited[1].Query().Get("code"); code == "" {
		t.Errorf("posted, the request did not find the session: %v", alice.Visited)
	}
	bad := request.Query()
	bad.Set("scope", "admin")
	if res, _ := a.send(http.MethodPost, "/authorize", bad, nil); !strings.HasPrefix(res.Header.Get("Location"), app.RedirectURIs[0]) {
		t.Errorf("a bad request goes back at once: %v", res.Header)
	}
	back := app.PostLogoutRedirectURIs[0]
	if at := lead("/logout", url.Values{"id_token_hint": {idToken}, "post_logout_redirect_uri": {back}, "state": {"s"}}); !strings.HasPrefix(at, back) {
		t.Errorf("posted, the sign-out led to %s", at)
	}
	if _, in := a.account(t, alice); in {
		t.Error("posted, the sign-out signed nobody out")
	}
}

func TestEveryAnswerSaysThatItIsNotToBeKeptFramedOrGuessedAt(t *testing.T) {
	a := newAttacker(t)
	app := a.Facts().App("expense-bot")
	query := url.Values{
		"response_type": {"code"}, "client_id": {app.ClientID}, "redirect_uri": {app.RedirectURIs[0]}, "scope": {"openid"}, "prompt": {"none"},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(strings.Repeat("v", 43))}, "code_challenge_method": {"S256"},
	}.Encode()
	for _, path := range []string{
		"/", "/account", "/logout", "/authorize", "/authorize?" + query, "/authorize?" + strings.Replace(query, "prompt=none", "response_mode=form_post&prompt=none", 1),
		"/token", "/userinfo", "/introspect", "/revoke", "/revocations", "/login/flow/x", "/login/callback/acme", "/nowhere", "//account", "/static/nothing", "/healthz", "/readyz",
		"/admin", "/admin/tokens/new", "/admin/nowhere", "/api/v1/me", "/api/v1/docs", "/api/v1/nowhere",
	} {
		res, _ := a.send(http.MethodGet, path, nil, nil)
		policy := res.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", path, policy)
		}
		for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
	}
	for _, path := range []string{"/jwks", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		if res, _ := a.send(http.MethodGet, path, nil, nil); res.Header.Get("Cache-Control") != "public, max-age=300" || res.StatusCode != http.StatusOK {
			t.Errorf("control: %s: %d %v", path, res.StatusCode, res.Header)
		}
	}
}

// TestOnlyOriginsOfBrowserAppsMayReadTokens asks as pages of other origins do.
func TestOnlyOriginsOfBrowserAppsMayReadTokens(t *testing.T) {
	a := newAttacker(t)
	origin := func(app string) string { return strings.TrimSuffix(a.Facts().App(app).URL, "/") }
	for name, c := range map[string]struct {
		origin string
		want   bool
	}{
		"a public client":            {origin("field-notes"), true},
		"a confidential client":      {origin("expense-bot"), false},
		"another site":               {"https://evil.example", false},
		"a page without an origin":   {"null", false},
		"an origin that begins so":   {origin("field-notes") + ".evil.example", false},
		"the origin in another case": {strings.ToUpper(origin("field-notes")), false},
	} {
		for _, path := range []string{"/token", "/userinfo", "/revoke"} {
			for _, method := range []string{http.MethodOptions, http.MethodPost} {
				res, _ := a.send(method, path, nil, http.Header{"Origin": {c.origin}})
				allowed := res.Header.Get("Access-Control-Allow-Origin")
				if (allowed == c.origin) != c.want || (!c.want && allowed != "") || res.Header.Get("Vary") != "Origin" {
					t.Errorf("%s: %s %s: %v", name, method, path, res.Header)
				}
				if res.Header.Get("Access-Control-Allow-Credentials") != "" {
					t.Errorf("%s: %s %s: cookies are asked for", name, method, path)
				}
			}
		}
		if res, _ := a.send(http.MethodPost, "/introspect", url.Values{}, http.Header{"Origin": {c.origin}}); res.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: a page may introspect", name)
		}
	}
}

// TestNoAddressOfTheRequestEndsUpInALink pretends to be asked at another address.
func TestNoAddressOfTheRequestEndsUpInALink(t *testing.T) {
	a := newAttacker(t)
	lies := http.Header{
		"X-Forwarded-Host": {"evil.example"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-For": {"203.0.113.9"}, "Forwarded": {"host=evil.example"},
		"X-Original-Url": {"/evil.example"}, "X-Rewrite-Url": {"/evil.example"},
	}
	for _, path := range []string{"/account", "/.well-known/openid-configuration", "/logout", "//evil.example/account", "/account?return_to=https://evil.example"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.Issuer()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host, req.Header = "evil.example", lies
		res, err := a.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		to := res.Header.Get("Location")
		if err != nil || strings.Contains(string(text), "//evil.example") || strings.HasPrefix(to, "//") || strings.HasPrefix(to, "https://evil") || strings.Contains(to, "%2Fevil.example") {
			t.Errorf("%s: to %q, %s %v", path, to, text, err)
		}
	}
	// The control: links are there, and they are the issuer's.
	if _, text := a.send(http.MethodGet, "/.well-known/openid-configuration", nil, lies); !strings.Contains(text, `"jwks_uri":"`+a.Issuer()+`/jwks"`) {
		t.Error(text)
	}
}
