package upstream_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/upstream"
)

const (
	clientID = "gatehouse"
	access   = "the-access-token"
)

// rsaKey makes the keys of the tests once: it takes a while.
var rsaKey = sync.OnceValue(func() [2]*rsa.PrivateKey {
	var pair [2]*rsa.PrivateKey
	for i := range pair {
		pair[i], _ = rsa.GenerateKey(rand.Reader, 2048) // a nil key would fail every test
	}
	return pair
})

// liar is an identity provider that lies on request. A sign-in is good until
// a test changes something.
type liar struct {
	t      *testing.T
	server *httptest.Server
	now    time.Time
	asked  map[string]int // by path

	key     *rsa.PrivateKey
	kid     string
	jwks    any
	meta    map[string]any
	claims  map[string]any // over the good ones; nil removes one
	info    map[string]any
	params  url.Values // over the good ones of the callback
	header  map[jose.HeaderKey]any
	forge   func(payload string) string // instead of the signature
	aside   map[string]http.HandlerFunc // instead of the good answer, by path
	options func(*upstream.Options)
}

func newLiar(t *testing.T, start func(http.Handler) *httptest.Server) *liar {
	t.Helper()
	p := &liar{
		t: t, now: time.Now().Truncate(time.Second), asked: map[string]int{}, key: rsaKey()[0], kid: "one", meta: map[string]any{},
		claims: map[string]any{}, info: map[string]any{"sub": "alice"}, params: url.Values{}, aside: map[string]http.HandlerFunc{}, options: func(*upstream.Options) {},
	}
	p.publish(jose.JSONWebKey{Key: p.key.Public(), KeyID: p.kid, Algorithm: "RS256", Use: "sig"})
	p.server = start(http.HandlerFunc(p.serve))
	t.Cleanup(p.server.Close)
	return p
}

func (p *liar) publish(list ...jose.JSONWebKey) { p.jwks = jose.JSONWebKeySet{Keys: list} }

func (p *liar) serve(w http.ResponseWriter, r *http.Request) {
	p.asked[r.URL.Path]++
	if h := p.aside[r.URL.Path]; h != nil {
		h(w, r)
		return
	}
	var answer any
	switch base := p.server.URL; r.URL.Path {
	case "/.well-known/openid-configuration":
		meta := map[string]any{
			"issuer": base, "authorization_endpoint": base + "/authorize", "token_endpoint": base + "/token",
			"jwks_uri": base + "/jwks", "userinfo_endpoint": base + "/userinfo",
		}
		maps.Copy(meta, p.meta)
		answer = meta
	case "/jwks":
		answer = p.jwks
	case "/token":
		answer = map[string]any{"access_token": access, "token_type": "Bearer", "id_token": p.idToken()}
	case "/userinfo":
		answer = p.info
	default:
		http.NotFound(w, r)
		return
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		p.t.Error(err)
	}
}

// idToken makes the token that the current state of the lies asks for.
func (p *liar) idToken() string {
	claims := map[string]any{
		"iss": p.server.URL, "sub": "alice", "aud": clientID, "iat": p.now.Unix(), "exp": p.now.Add(time.Minute).Unix(), "at_hash": half(access),
	}
	maps.Copy(claims, p.claims)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	payload, err := json.Marshal(claims)
	if err != nil {
		p.t.Error(err)
	}
	if p.forge != nil {
		return p.forge(b64(payload))
	}
	return p.sign(jose.RS256, p.key, payload)
}

func (p *liar) sign(alg jose.SignatureAlgorithm, key any, payload []byte) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: p.kid}}, &jose.SignerOptions{ExtraHeaders: p.header})
	if err != nil {
		p.t.Error(err)
		return ""
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		p.t.Error(err)
		return ""
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		p.t.Error(err)
	}
	return text
}

// connection returns a broker's side that remembers nothing yet.
func (p *liar) connection() *upstream.Connection {
	roots := x509.NewCertPool()
	if c := p.server.Certificate(); c != nil {
		roots.AddCert(c)
	}
	o := upstream.Options{
		ID: "acme", Issuer: p.server.URL, ClientID: clientID, ClientSecret: "secret", Scopes: []string{"openid"}, Algorithms: []string{"RS256"}, UserInfo: true,
		HTTP: httpx.NewClient(httpx.OutgoingOptions{AllowLoopback: true, RootCAs: roots}), Now: func() time.Time { return p.now }, Log: slog.New(slog.DiscardHandler),
	}
	p.options(&o)
	return upstream.New(o)
}

// signIn goes through one sign-in.
func (p *liar) signIn(c *upstream.Connection, ch identity.Challenge) (identity.Assertion, error) {
	ch.State, ch.RedirectURI = "state", "https://broker.example/login/callback/acme"
	left, err := c.Begin(p.t.Context(), ch)
	if err != nil {
		return identity.Assertion{}, err
	}
	u, err := url.Parse(left.URL)
	if err != nil {
		return identity.Assertion{}, err
	}
	if _, changed := p.claims["nonce"]; !changed {
		p.claims["nonce"] = u.Query().Get("nonce")
		defer delete(p.claims, "nonce")
	}
	params := url.Values{"state": {"state"}, "code": {"code"}, "iss": {p.server.URL}}
	maps.Copy(params, p.params)
	return c.Finish(p.t.Context(), params, left.Kept)
}

// good fails the test unless a sign-in works as things are.
func (p *liar) good(c *upstream.Connection) {
	p.t.Helper()
	got, err := p.signIn(c, identity.Challenge{})
	if err != nil || got.Authentication.Subject != "alice" || got.Authentication.Connection != "acme" {
		p.t.Fatalf("control: %v %v", got, err)
	}
}

// refused fails the test unless a sign-in is refused for the reason.
func (p *liar) refused(c *upstream.Connection, why string) {
	p.t.Helper()
	if got, err := p.signIn(c, identity.Challenge{}); err == nil || !strings.Contains(err.Error(), why) || got.Authentication.Subject != "" {
		p.t.Errorf("answered %q and %v, want a refusal with %q", got.Authentication.Subject, err, why)
	}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// half is at_hash for RS256.
func half(text string) string {
	sum := sha256.Sum256([]byte(text))
	return b64(sum[:16])
}
