package integration

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
)

// attacker talks to a running broker without a browser.
type attacker struct {
	*stage
	t      *testing.T
	client *http.Client
}

func newAttacker(t *testing.T) *attacker {
	t.Helper()
	return &attacker{stage: startDemo(t, tempDir(t), nil), t: t, client: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// authorize sends an authorization request of expense-bot with changed parameters
// and returns the status and where it leads.
func (a *attacker) authorize(change func(url.Values)) (status int, to *url.URL, body string) {
	a.t.Helper()
	app := a.Facts().App("expense-bot")
	q := url.Values{
		"response_type": {"code"}, "client_id": {app.ClientID}, "redirect_uri": {app.RedirectURIs[0]}, "scope": {"openid"}, "state": {"s"},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(oauth2.GenerateVerifier())}, "code_challenge_method": {"S256"},
	}
	change(q)
	return a.get("/authorize?" + q.Encode())
}

func (a *attacker) get(path string) (status int, to *url.URL, body string) {
	a.t.Helper()
	res, err := a.client.Get(a.Issuer() + path)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	to, _ = res.Location()
	return res.StatusCode, to, string(text)
}

// token posts to a path with headers and returns the status and error code.
func (a *attacker) post(path, body string, header http.Header) (status int, code string, h http.Header) {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost, a.Issuer()+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header = header.Clone()
	if req.Header == nil {
		req.Header = http.Header{}
	}
	if req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := a.client.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		Error  string `json:"error"`
		Active *bool  `json:"active"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil && res.StatusCode != http.StatusOK {
		a.t.Fatalf("%s answers %d without JSON: %v", path, res.StatusCode, err)
	}
	if answer.Active != nil && !*answer.Active {
		answer.Error = "inactive"
	}
	return res.StatusCode, answer.Error, res.Header
}

func basicAuth(id, secret string) http.Header {
	return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))}}
}

func TestNoRedirectLeavesForAnAddressThatIsNotRegisteredExactly(t *testing.T) {
	a := newAttacker(t)
	good := a.Facts().App("expense-bot").RedirectURIs[0]
	base, _ := strings.CutSuffix(good, "/callback")
	for _, uri := range []string{
		"", base, base + "/", good + "/", good + "?x=1", good + "#f", good + "/../x", good + "/..;/x", good + "%2f", good + "\\", good + " ", good + "\t", good + "\r\n",
		strings.ToUpper(good), "https" + strings.TrimPrefix(good, "http"), base + "@@evil.example/callback", base + "@evil.example/callback",
		"http://evil.example/callback", "http://127.0.0.1.evil.example/callback", "//evil.example/callback", "JavaScript:alert(1)", "data:text/html,x",
		"http://127.0.0.1:1/callback", "http://localhost/callback", "http://xn--127-0-0-1.example/callback", "callback", "/callback",
	} {
		status, to, _ := a.authorize(func(q url.Values) { q.Set("redirect_uri", uri) })
		if status != http.StatusBadRequest || to != nil {
			t.Errorf("%q: answered %d to %v", uri, status, to)
		}
	}
	if status, to, _ := a.authorize(func(url.Values) {}); status != http.StatusSeeOther || !strings.Contains(to.String(), "/authorize") {
		t.Errorf("control: %d to %v", status, to)
	}
	app := a.Facts().App("expense-bot")
	twice := "/authorize?response_type=code&client_id=" + app.ClientID + "&redirect_uri=" + url.QueryEscape(good) + "&redirect_uri=" + url.QueryEscape("http://evil.example/")
	if status, to, _ := a.get(twice); status != http.StatusBadRequest || to != nil {
		t.Errorf("a repeated redirect_uri: %d to %v", status, to)
	}
}

// TestAPublicClientMayUseAnotherPortAndNothingElse is RFC 8252, section 7.3: a
// native app does not know its port beforehand.
func TestAPublicClientMayUseAnotherPortAndNothingElse(t *testing.T) {
	a := newAttacker(t)
	app := a.Facts().App("field-notes")
	ask := func(uri string) (int, *url.URL) {
		status, to, _ := a.authorize(func(q url.Values) {
			q.Set("client_id", app.ClientID)
			q.Set("redirect_uri", uri)
			q.Set("prompt", "none")
		})
		return status, to
	}
	for _, uri := range []string{app.RedirectURIs[0], "http://127.0.0.1:1/callback", "http://127.0.0.1:65535/callback", "http://127.0.0.1/callback"} {
		if status, to := ask(uri); status != http.StatusSeeOther || to == nil || !strings.HasPrefix(to.String(), uri+"?error=login_required") {
			t.Errorf("control: %q: %d to %v", uri, status, to)
		}
	}
	for _, uri := range []string{
		"http://127.0.0.1:1/callback/", "http://127.0.0.1:1/", "http://127.0.0.1:1", "http://127.0.0.1:1/callback?x", "http://127.0.0.1:1/callback#x", "http://127.0.0.1:1//callback",
		"http://127.0.0.1:0/callback", "http://127.0.0.1:65536/callback", "http://127.0.0.1:01/callback", "http://127.0.0.1:+1/callback", "http://127.0.0.1:/callback",
		"http://127.0.0.1:1@evil.example/callback", "http://127.0.0.1:1\\@evil.example/callback", "http://127.0.0.1.evil.example:1/callback", "http://127.0.0.2:1/callback",
		"http://localhost:1/callback", "http://[::1]:1/callback", "https://127.0.0.1:1/callback", "HTTP://127.0.0.1:1/callback", "http://2130706433:1/callback", "http://127.1:1/callback",
	} {
		if status, to := ask(uri); status != http.StatusBadRequest || to != nil {
			t.Errorf("%q: %d to %v", uri, status, to)
		}
	}
}

func TestAuthorizationRequestsAreRefusedByName(t *testing.T) {
	a := newAttacker(t)
	for name, c := range map[string]struct{ parameter, value, want string }{
		"plain PKCE":          {"code_challenge_method", "plain", "invalid_request"},
		"PKCE dropped":        {"code_challenge", "", "invalid_request"},
		"short challenge":     {"code_challenge", "abc", "invalid_request"},
		"implicit":            {"response_type", "token", "unsupported_response_type"},
		"hybrid":              {"response_type", "code id_token", "unsupported_response_type"},
		"fragment":            {"response_mode", "fragment", "invalid_request"},
		"request object":      {"request", "eyJhbGciOiJub25lIn0.e30.", "request_not_supported"},
		"request_uri":         {"request_uri", "http://evil.example/", "request_uri_not_supported"},
		"registration":        {"registration", "{}", "registration_not_supported"},
		"wider scope":         {"scope", "openid admin", "invalid_scope"},
		"unknown resource":    {"resource", "https://nobody.example", "invalid_target"},
		"none with login":     {"prompt", "none login", "invalid_request"},
		"none, signed out":    {"prompt", "none", "login_required"},
		"negative max_age":    {"max_age", "-1", "invalid_request"},
		"somebody's id_token": {"id_token_hint", "eyJhbGciOiJub25lIn0.e30.", "invalid_request"},
	} {
		_, to, _ := a.authorize(func(q url.Values) { q.Set(c.parameter, c.value) })
		if to == nil || to.Query().Get("error") != c.want || to.Query().Get("iss") != a.Issuer() || to.Query().Get("state") != "s" {
			t.Errorf("%s: answered to %v, want %s", name, to, c.want)
		}
	}
}

func TestTheTokenEndpointTakesOneProofOfOneClientInTheBodyOfAPost(t *testing.T) {
	a := newAttacker(t)
	job, post := a.Facts().App("nightly-report"), a.Facts().App("crm-dash")
	good := "grant_type=client_credentials&scope=payroll.read&resource=payroll-api"
	auth := basicAuth(job.ClientID, job.Secret)
	for name, c := range map[string]struct {
		body   string
		header http.Header
		status int
		code   string
	}{
		"control":                {good, auth, 200, ""},
		"wrong secret":           {good, basicAuth(job.ClientID, "x"), 401, "invalid_client"},
		"unknown client":         {good, basicAuth("nobody", job.Secret), 401, "invalid_client"},
		"no proof":               {good + "&client_id=" + job.ClientID, nil, 401, "invalid_client"},
		"another method":         {good + "&client_id=" + job.ClientID + "&client_secret=" + job.Secret, nil, 401, "invalid_client"},
		"two methods":            {good + "&client_secret=" + job.Secret, auth, 400, "invalid_request"},
		"another client_id":      {good + "&client_id=" + post.ClientID, auth, 401, "invalid_client"},
		"a repeated parameter":   {good + "&grant_type=client_credentials", auth, 400, "invalid_request"},
		"no grant type":          {"scope=payroll.read", auth, 400, "invalid_request"},
		"the password grant":     {"grant_type=password&username=alice&password=x", auth, 400, "unsupported_grant_type"},
		"a grant not its own":    {"grant_type=authorization_code&code=x", auth, 400, "unauthorized_client"},
		"a wider scope":          {"grant_type=client_credentials&scope=payroll.write&resource=payroll-api", auth, 400, "invalid_scope"},
		"scope without resource": {"grant_type=client_credentials&scope=payroll.read", auth, 400, "invalid_scope"},
		"unknown resource":       {"grant_type=client_credentials&resource=nobody", auth, 400, "invalid_target"},
		"two proofs in headers":  {good, http.Header{"Authorization": append(auth["Authorization"], auth["Authorization"]...)}, 401, "invalid_client"},
		"a public client":        {good + "&client_id=" + a.Facts().App("field-notes").ClientID, nil, 400, "unauthorized_client"},
		"another content type":   {good, http.Header{"Authorization": auth["Authorization"], "Content-Type": {"application/json"}}, 400, "invalid_request"},
	} {
		status, code, h := a.post("/token", c.body, c.header)
		if status != c.status || code != c.code || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s, want %d %s", name, status, code, c.status, c.code)
		}
	}
	if status, _, _ := a.get("/token?" + good + "&client_id=" + job.ClientID + "&client_secret=" + job.Secret); status != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", status)
	}
	if status, _, _ := a.post("/token?"+good, "", auth); status != http.StatusBadRequest {
		t.Errorf("parameters in the URL: %d", status)
	}
}

// signedIn returns tokens of alice for expense-bot.
func (a *attacker) signedIn() *oauth2.Token {
	a.t.Helper()
	return a.tokens(a.signIn(a.t, "alice", "expense-bot"))
}

// tokens returns tokens for expense-bot of whom the browser is signed in as.
func (a *attacker) tokens(b *browser.Browser) *oauth2.Token {
	a.t.Helper()
	token, err := a.code(b)()
	if err != nil {
		a.t.Fatal(err)
	}
	return token
}

// code gets a code for expense-bot and returns how it is redeemed.
func (a *attacker) code(b *browser.Browser) (redeem func() (*oauth2.Token, error)) {
	a.t.Helper()
	app := a.Facts().App("expense-bot")
	conf := oauth2.Config{
		ClientID: app.ClientID, ClientSecret: app.Secret, RedirectURL: app.RedirectURIs[0], Scopes: []string{"openid", "email"},
		Endpoint: oauth2.Endpoint{AuthURL: a.Issuer() + "/authorize", TokenURL: a.Issuer() + "/token", AuthStyle: oauth2.AuthStyleInHeader},
	}
	verifier := oauth2.GenerateVerifier()
	if _, err := b.Get(a.t.Context(), conf.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier))); err != nil {
		a.t.Fatal(err)
	}
	for _, u := range b.Visited {
		if code := u.Query().Get("code"); code != "" && strings.HasPrefix(u.String(), app.RedirectURIs[0]) {
			return func() (*oauth2.Token, error) {
				return conf.Exchange(a.t.Context(), code, oauth2.VerifierOption(verifier))
			}
		}
	}
	a.t.Fatal("the broker gave no code")
	return nil
}

func TestATokenIsGoodForItsOwnUseAlone(t *testing.T) {
	a := newAttacker(t)
	held := a.signedIn()
	idToken, _ := held.Extra("id_token").(string)
	userinfo := func(raw string) int {
		status, _, _ := a.post("/userinfo", "", http.Header{"Authorization": {"Bearer " + raw}})
		return status
	}
	if got := userinfo(held.AccessToken); got != http.StatusOK {
		t.Fatalf("control: %d", got)
	}
	parts := strings.Split(held.AccessToken, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt"}`))
	for name, raw := range map[string]string{
		"an id_token": idToken, "a refresh token": held.RefreshToken, "truncated": held.AccessToken[:len(held.AccessToken)-1],
		"padded": held.AccessToken + "=", "a fourth part": held.AccessToken + ".x", "unsigned": none + "." + parts[1] + ".",
		"alg none": none + "." + parts[1] + "." + parts[2],
	} {
		if got := userinfo(raw); got != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, got)
		}
	}
	api, crm := a.Facts().App("payroll-api"), a.Facts().App("crm-dash")
	if _, code, _ := a.post("/introspect", url.Values{"token": {held.AccessToken}}.Encode(), basicAuth(api.ClientID, api.Secret)); code != "inactive" {
		t.Errorf("an API learns of a token for somebody else: %q", code)
	}
	foreign := url.Values{"token": {held.RefreshToken}, "client_id": {crm.ClientID}, "client_secret": {crm.Secret}}
	if status, _, _ := a.post("/revoke", foreign.Encode(), nil); status != http.StatusOK {
		t.Errorf("a foreign revocation answers %d", status)
	}
	if got := userinfo(held.AccessToken); got != http.StatusOK {
		t.Errorf("another client revoked the token: %d", got)
	}
	app := a.Facts().App("expense-bot")
	if status, _, _ := a.post("/revoke", url.Values{"token": {held.RefreshToken}}.Encode(), basicAuth(app.ClientID, app.Secret)); status != http.StatusOK {
		t.Errorf("its own revocation answers %d", status)
	}
	if got := userinfo(held.AccessToken); got != http.StatusUnauthorized {
		t.Errorf("after its own revocation: %d", got)
	}
}

// TestNoProofOfOneFaceIsGoodAtAnother takes the API token to the provider, and what
// the provider and the pages gave to the management API.
func TestNoProofOfOneFaceIsGoodAtAnother(t *testing.T) {
	a := newAttacker(t)
	ada := a.signIn(t, "ada", "expense-bot")
	held := a.tokens(ada)
	issuer, err := url.Parse(a.Issuer())
	if err != nil {
		t.Fatal(err)
	}
	cookie, secret := ada.CookieHeader(issuer), a.Facts().Admin.APIToken
	bearer := func(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }
	idToken, _ := held.Extra("id_token").(string)
	client := a.Facts().App("payroll-api")
	for name, header := range map[string]http.Header{
		"a session": {"Cookie": {cookie}}, "an access token": bearer(held.AccessToken), "an ID token": bearer(idToken), "a refresh token": bearer(held.RefreshToken),
		"a client": basicAuth(client.ClientID, client.Secret), "two proofs": {"Authorization": {"Bearer x", "Bearer " + secret}}, "one too long": bearer(secret + "="),
	} {
		if res, text := a.send(http.MethodGet, "/api/v1/me", nil, header); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, res.StatusCode, text)
		}
	}
	if res, _ := a.send(http.MethodGet, "/api/v1/me?access_token="+secret, nil, nil); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("in the address: %d", res.StatusCode)
	}
	if res, _ := a.send(http.MethodGet, "/admin", nil, bearer(secret)); res.StatusCode != http.StatusSeeOther {
		t.Errorf("the API token opens pages: %d", res.StatusCode)
	}
	if res, _ := a.send(http.MethodGet, "/userinfo", nil, bearer(secret)); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("the API token is good at userinfo: %d", res.StatusCode)
	}
	about := url.Values{"token": {secret}}
	if res, text := a.send(http.MethodPost, "/introspect", about, basicAuth(client.ClientID, client.Secret)); res.StatusCode != http.StatusOK || strings.TrimSpace(text) != `{"active":false}` {
		t.Errorf("a client learns of an API token: %d %s", res.StatusCode, text)
	}
	if res, _ := a.send(http.MethodPost, "/revoke", about, basicAuth(client.ClientID, client.Secret)); res.StatusCode != http.StatusOK {
		t.Errorf("revocation tells of a token that is none: %d", res.StatusCode)
	}
	for name, header := range map[string]http.Header{"/api/v1/me": bearer(secret), "/admin": {"Cookie": {cookie}}, "/userinfo": bearer(held.AccessToken)} {
		if res, text := a.send(http.MethodGet, name, nil, header); res.StatusCode != http.StatusOK {
			t.Errorf("control: %s: %d %s", name, res.StatusCode, text)
		}
	}
}

// TestABackupIsNotToBeHadOverTheNetwork asks for it where operators do so on the socket.
func TestABackupIsNotToBeHadOverTheNetwork(t *testing.T) {
	a := newAttacker(t)
	for _, path := range []string{"/backup", "/api/v1/backup", "/admin/backup", "/api/v1/../../backup"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			res, _ := a.send(method, path, nil, http.Header{"Authorization": {"Bearer " + a.Facts().Admin.APIToken}})
			if res.StatusCode < http.StatusMultipleChoices {
				t.Errorf("%s %s: %d", method, path, res.StatusCode)
			}
		}
	}
	if res, body := a.overSocket("/backup", "", ""); res.StatusCode != http.StatusOK || len(body) == 0 {
		t.Errorf("control: %d, %d bytes", res.StatusCode, len(body))
	}
}

// TestATokenForAnAPIIsForThatAPIAlone gets tokens of a person for the provider, for
// an API, and without openid.
func TestATokenForAnAPIIsForThatAPIAlone(t *testing.T) {
	a := newAttacker(t)
	app, api, crm, public := a.Facts().App("expense-bot"), a.Facts().App("payroll-api"), a.Facts().App("crm-dash"), a.Facts().App("field-notes")
	alice := a.signIn(t, "alice", "expense-bot")
	get := func(change url.Values) string {
		params, _ := a.answer(t, alice, change)
		held, code := a.exchange(t, url.Values{
			"grant_type": {"authorization_code"}, "code": {params.Get("code")}, "redirect_uri": {app.RedirectURIs[0]}, "code_verifier": {strings.Repeat("v", 43)},
		}, app.ClientID, app.Secret)
		if code != "" {
			t.Fatalf("%v: %s", change, code)
		}
		return held.AccessToken
	}
	introspect := func(raw, id, secret string) string {
		_, code, _ := a.post("/introspect", url.Values{"token": {raw}}.Encode(), basicAuth(id, secret))
		return code
	}
	ours, theirs, bare := get(nil), get(url.Values{"resource": {"payroll-api"}}), get(url.Values{"scope": {"profile"}})
	for name, c := range map[string]struct {
		raw    string
		status int
	}{"for the provider": {ours, http.StatusOK}, "for an API": {theirs, http.StatusUnauthorized}, "without openid": {bare, http.StatusForbidden}} {
		if status, _, _ := a.post("/userinfo", "", http.Header{"Authorization": {"Bearer " + c.raw}}); status != c.status {
			t.Errorf("userinfo with a token %s: %d", name, status)
		}
	}
	for name, c := range map[string]struct{ got, want string }{
		"its own API":                {introspect(theirs, api.ClientID, api.Secret), ""},
		"the client it was given to": {introspect(ours, app.ClientID, app.Secret), ""},
		"an API it is not for":       {introspect(ours, api.ClientID, api.Secret), "inactive"},
		"another job":                {introspect(theirs, a.Facts().App("nightly-report").ClientID, a.Facts().App("nightly-report").Secret), "inactive"},
	} {
		if c.got != c.want {
			t.Errorf("introspection by %s: %q", name, c.got)
		}
	}
	if _, code, _ := a.post("/introspect", url.Values{"token": {theirs}, "client_id": {crm.ClientID}, "client_secret": {crm.Secret}}.Encode(), nil); code != "inactive" {
		t.Errorf("introspection by another app: %q", code)
	}
	if status, code, _ := a.post("/introspect", url.Values{"token": {ours}, "client_id": {public.ClientID}}.Encode(), nil); status != http.StatusUnauthorized || code != "invalid_client" {
		t.Errorf("introspection by a client without credentials: %d %q", status, code)
	}
}

func TestATokenComesToUserinfoInOneWay(t *testing.T) {
	a := newAttacker(t)
	raw := a.signedIn().AccessToken
	bearer := "Bearer " + raw
	for name, c := range map[string]struct {
		method, query, body string
		authorization       []string
		status              int
	}{
		"in the header":           {http.MethodGet, "", "", []string{bearer}, http.StatusOK},
		"for the headers alone":   {http.MethodHead, "", "", []string{bearer}, http.StatusOK},
		"in the form":             {http.MethodPost, "", raw, nil, http.StatusOK},
		"in the URL":              {http.MethodGet, "?access_token=" + raw, "", nil, http.StatusUnauthorized},
		"in header and form":      {http.MethodPost, "", raw, []string{bearer}, http.StatusBadRequest},
		"in two headers":          {http.MethodGet, "", "", []string{bearer, bearer}, http.StatusBadRequest},
		"beside another header":   {http.MethodGet, "", "", []string{bearer, "Bearer x"}, http.StatusBadRequest},
		"with a space too many":   {http.MethodGet, "", "", []string{"Bearer  " + raw}, http.StatusUnauthorized},
		"under another scheme":    {http.MethodGet, "", "", []string{"Basic " + raw}, http.StatusUnauthorized},
		"by a method of no sense": {http.MethodPut, "", "", []string{bearer}, http.StatusMethodNotAllowed},
	} {
		var form url.Values
		if c.body != "" {
			form = url.Values{"access_token": {c.body}}
		}
		res, _ := a.send(c.method, "/userinfo"+c.query, form, http.Header{"Authorization": c.authorization})
		asked, allow := res.Header.Get("WWW-Authenticate"), res.Header.Get("Allow")
		refused, misused := c.status == http.StatusUnauthorized || c.status == http.StatusBadRequest, c.status == http.StatusMethodNotAllowed
		if res.StatusCode != c.status || refused != strings.HasPrefix(asked, `Bearer realm="`) || misused != (allow != "") {
			t.Errorf("%s: %d %q %q", name, res.StatusCode, asked, allow)
		}
	}
}

func TestLogsHoldNoSecret(t *testing.T) {
	a := newAttacker(t)
	held := a.signedIn()
	job := a.Facts().App("nightly-report")
	a.post("/token", "grant_type=client_credentials&code="+held.RefreshToken, basicAuth(job.ClientID, job.Secret+"x"))
	a.get("/authorize?client_id=" + url.QueryEscape(held.AccessToken))
	log := a.log.String()
	if !strings.Contains(log, "serving") || !strings.Contains(log, "invalid_client") {
		t.Fatal("control: the log does not tell of what happened")
	}
	for _, secret := range []string{held.AccessToken, held.RefreshToken, job.Secret, a.Facts().Person("alice").Password} {
		if strings.Contains(log, secret) {
			t.Error("the log holds a secret")
		}
	}
}
