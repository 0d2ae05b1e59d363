package integration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
)

// stranger is a second identity provider, whose people and their claims the test
// chooses. It asks nobody for a password.
type stranger struct {
	*httptest.Server
	t   *testing.T
	key *ecdsa.PrivateKey
	// closed makes it let nobody in who does not say open.
	closed atomic.Bool

	mu     sync.Mutex
	nonce  string
	claims map[string]any
}

func newStranger(t *testing.T) *stranger {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &stranger{t: t, key: key}
	mux := http.NewServeMux()
	reply := func(pattern string, body func() any) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(body()) })
	}
	reply("/.well-known/openid-configuration", func() any {
		return map[string]any{
			"issuer": s.URL, "authorization_endpoint": s.URL + "/authorize", "token_endpoint": s.URL + "/token", "jwks_uri": s.URL + "/jwks",
		}
	})
	reply("/jwks", func() any {
		return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "one", Algorithm: "ES256", Use: "sig"}}}
	})
	reply("/token", func() any {
		return map[string]any{"access_token": "opaque", "token_type": "Bearer", "id_token": s.idToken()}
	})
	mux.HandleFunc("/authorize", func(w http.ResponseWriter, r *http.Request) {
		if s.closed.Load() && r.FormValue("open") == "" {
			return
		}
		s.mu.Lock()
		s.nonce = r.FormValue("nonce")
		s.mu.Unlock()
		back := url.Values{"code": {"code"}, "state": {r.FormValue("state")}, "iss": {s.URL}}
		http.Redirect(w, r, r.FormValue("redirect_uri")+"?"+back.Encode(), http.StatusSeeOther)
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *stranger) idToken() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	claims := map[string]any{
		"iss": s.URL, "aud": "gatehouse", "nonce": s.nonce, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
	}
	for name, v := range s.claims {
		claims[name] = v
	}
	return jws(s.t, jose.ES256, jose.JSONWebKey{Key: s.key, KeyID: "one"}, nil, claims)
}

// withStranger is an attacker of a broker with the stranger as the connection
// "partner"; an admin gave its group "staff" the name all-employees.
func withStranger(t *testing.T) (*attacker, *stranger) {
	t.Helper()
	s := newStranger(t)
	a := &attacker{t: t, client: &http.Client{}, stage: startDemoAt(t, tempDir(t), nil, time.Now, func(c *config.Config) {
		c.Connections = append(c.Connections, config.Connection{
			ID: "partner", Title: "Partner", Type: "oidc", Issuer: s.URL, ClientID: "gatehouse", ClientSecret: "secret", Scopes: []string{"openid"},
			Algorithms: []string{"ES256"}, Groups: config.Groups{Claim: "groups"},
		})
		c.Mappings = append(c.Mappings, config.Mapping{Connection: "partner", Group: "staff", Name: "all-employees"})
	})}
	return a, s
}

// enter signs somebody with these claims in at the stranger, and reports whether
// expense-bot got a code for them.
func (a *attacker) enter(s *stranger, claims map[string]any) (b *browser.Browser, page *browser.Page, in bool) {
	a.t.Helper()
	s.mu.Lock()
	s.claims = claims
	s.mu.Unlock()
	b = browser.New()
	page, err := b.Get(a.t.Context(), a.request(url.Values{"idp": {"partner"}, "scope": {"openid profile email groups"}}))
	if err != nil {
		a.t.Fatal(err)
	}
	return b, page, page.URL.Query().Has("code") && strings.HasPrefix(page.URL.String(), a.Facts().App("expense-bot").RedirectURIs[0])
}

// atAcme signs alice in at the demo's own provider.
func (a *attacker) atAcme() *browser.Browser { return a.atAcmeAs("alice") }

func (a *attacker) atAcmeAs(username string) *browser.Browser {
	a.t.Helper()
	b, who := browser.New(), a.Facts().Person(username)
	page, err := b.Get(a.t.Context(), a.request(url.Values{"idp": {"acme"}}))
	if err == nil {
		_, err = b.Submit(a.t.Context(), page, "", url.Values{"username": {who.Username}, "password": {who.Password}})
	}
	if err != nil {
		a.t.Fatal(err)
	}
	return b
}

// about returns what userinfo says of who is signed in in the browser.
func (a *attacker) about(b *browser.Browser) map[string]any {
	a.t.Helper()
	_, text := a.send(http.MethodGet, "/userinfo", nil, http.Header{"Authorization": {"Bearer " + a.tokens(b).AccessToken}})
	var said map[string]any
	if err := json.Unmarshal([]byte(text), &said); err != nil || said["sub"] == nil {
		a.t.Fatalf("%s %v", text, err)
	}
	return said
}

// TestOnlyConnectionAndSubjectSayWhoSomebodyIs is every way to be taken for
// another person by what a provider says of oneself.
func TestOnlyConnectionAndSubjectSayWhoSomebodyIs(t *testing.T) {
	a, s := withStranger(t)
	alice := a.Facts().Person("alice")
	her := a.about(a.atAcme())
	if her["email"] != alice.Email || her["email_verified"] != true {
		t.Fatalf("control: %v", her)
	}
	claims := func(subject, email string) map[string]any {
		return map[string]any{"sub": subject, "email": email, "email_verified": true, "preferred_username": alice.Username, "name": "Alice", "groups": []string{"staff"}}
	}
	seen := map[any]string{her["sub"]: "alice"}
	for name, said := range map[string]map[string]any{
		"her subject at another provider": claims(alice.Subject, "x@partner.example"),
		"her address":                     claims("1", alice.Email),
		"her address, other case":         claims("2", strings.ToUpper(alice.Email)),
		"her address, plus":               claims("3", strings.Replace(alice.Email, "@", "+x@", 1)),
		"her address, a homoglyph":        claims("4", strings.Replace(alice.Email, "a", "\u0430", 1)),
		"her address, two at signs":       claims("5", "mallory@evil.example@acme.example"),
		"her subject, other case":         claims(strings.ToUpper(alice.Subject), alice.Email),
		"her subject, with a space":       claims(alice.Subject+" ", alice.Email),
		"a recycled address":              claims("6", alice.Email),
	} {
		b, page, in := a.enter(s, said)
		if !in {
			t.Fatalf("%s: %d %s", name, page.Status, page.Text())
		}
		him := a.about(b)
		if other, taken := seen[him["sub"]]; taken {
			t.Errorf("%s: taken for %s", name, other)
		}
		seen[him["sub"]] = name
		if him["email_verified"] == true {
			t.Errorf("%s: the address of a domain that the provider does not have counts as verified: %v", name, him)
		}
	}
	b, _, _ := a.enter(s, claims("1", "renamed@partner.example"))
	if him := a.about(b); seen[him["sub"]] != "her address" || him["email"] != "renamed@partner.example" {
		t.Errorf("control: the same person under another address is somebody else: %v", him)
	}
	if again := a.about(a.atAcme()); again["sub"] != her["sub"] {
		t.Errorf("control: alice is somebody else now: %v", again)
	}
}

func TestAGroupOfAnotherConnectionGrantsNothing(t *testing.T) {
	a, s := withStranger(t)
	for _, groups := range [][]string{nil, {"all-employees"}, {"All-Employees"}, {"Staff"}, {"staff "}, {"acme:staff"}, {"marketplace-admins"}} {
		_, page, in := a.enter(s, map[string]any{"sub": "mallory", "groups": groups})
		if in || page.Status != http.StatusForbidden {
			t.Errorf("%q: %d %s", groups, page.Status, page.Text())
		}
	}
	if _, page, in := a.enter(s, map[string]any{"sub": "mallory", "groups": []string{"staff"}}); !in {
		t.Errorf("control: %d %s", page.Status, page.Text())
	}
	if _, page, in := a.enter(s, map[string]any{"sub": "mallory"}); in || page.Status != http.StatusForbidden {
		t.Errorf("who left the group still has it: %d", page.Status)
	}
}

// TestWhatAProviderSaysStaysText signs in somebody whose every claim is an attack.
func TestWhatAProviderSaysStaysText(t *testing.T) {
	a, s := withStranger(t)
	const attack = `"><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}`
	said := map[string]any{
		"sub": "mallory", "email": attack, "name": attack, "preferred_username": attack, "given_name": attack, "picture": "javascript:alert(1)", "locale": attack,
		"groups": []string{attack, "staff"},
	}
	b, _, _ := a.enter(s, said)
	for _, path := range []string{"/account", "/", "/apps/expense-bot"} {
		page, err := b.Get(t.Context(), a.Issuer()+path)
		if err != nil || page.Status != http.StatusOK {
			t.Fatalf("%s: %v %v", path, page, err)
		}
		if strings.Contains(page.Body, "<script>") || strings.Contains(page.Body, "<img src=x") || strings.Contains(page.Body, `href="javascript:`) {
			t.Errorf("%s: the claim is markup: %s", path, page.Body)
		}
		if !strings.Contains(page.Text(), "<script>alert(1)</script>") {
			t.Errorf("control: %s does not show the claim: %s", path, page.Text())
		}
	}
	said["groups"] = []string{attack}
	if _, page, in := a.enter(s, said); in || page.Status != http.StatusForbidden || strings.Contains(page.Body, "<script>") || !strings.Contains(page.Text(), "<script>") {
		t.Errorf("the refusal: %d %s", page.Status, page.Body)
	}
}

// TestAnAnswerBelongsToTheConnectionThatWasAsked brings the state of a sign-in at
// one provider to the callback of the other, as a mix-up attack does.
func TestAnAnswerBelongsToTheConnectionThatWasAsked(t *testing.T) {
	a, s := withStranger(t)
	s.claims = map[string]any{"sub": "mallory", "groups": []string{"staff"}}
	begin := func() (b *browser.Browser, state string) {
		b = browser.New()
		if _, err := b.Get(t.Context(), a.request(url.Values{"idp": {"acme"}})); err != nil {
			t.Fatal(err)
		}
		for _, u := range b.Visited {
			if strings.HasPrefix(u.String(), a.Facts().IDPs[0].Issuer) {
				state = u.Query().Get("state")
			}
		}
		if state == "" {
			t.Fatal("nobody was asked")
		}
		return b, state
	}
	for name, c := range map[string]struct{ connection, issuer string }{
		"at the other's callback":                 {"partner", s.URL},
		"at the other's, as the first":            {"partner", a.Facts().IDPs[0].Issuer},
		"at its own, as the other":                {"acme", s.URL},
		"at its own, as nobody":                   {"acme", ""},
		"at the callback of no connection at all": {"nobody", s.URL},
	} {
		b, state := begin()
		q := url.Values{"code": {"code"}, "state": {state}}
		if c.issuer != "" {
			q.Set("iss", c.issuer)
		}
		page, err := b.Get(t.Context(), a.Issuer()+"/login/callback/"+c.connection+"?"+q.Encode())
		if err != nil || page.Status < http.StatusBadRequest || page.Status >= http.StatusInternalServerError {
			t.Errorf("%s: %v %v", name, page, err)
		}
		if _, in := a.account(t, b); in {
			t.Errorf("%s: somebody is signed in", name)
		}
	}
	if _, page, in := a.enter(s, s.claims); !in {
		t.Errorf("control: %d %s", page.Status, page.Text())
	}
}
