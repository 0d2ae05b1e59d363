package upstream_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/upstream"
)

// provider is an identity provider that does what a test tells it to.
type provider struct {
	*httptest.Server
	now      time.Time
	key      *ecdsa.PrivateKey
	meta     map[string]any // over the good ones
	claims   map[string]any // over the good ones; nil removes
	info     map[string]any
	sign     func(payload []byte) string // nil signs well
	answer   string                      // instead of the token response
	keyReads atomic.Int64
	nonce    string
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{now: time.Now(), key: key, meta: map[string]any{}, claims: map[string]any{}, info: map[string]any{"sub": "alice"}}
	mux := http.NewServeMux()
	reply := func(pattern string, body func() any) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(body()) })
	}
	reply("/{tenant}/.well-known/openid-configuration", func() any { return p.metadata() })
	reply("/.well-known/openid-configuration", func() any { return p.metadata() })
	reply("/jwks", func() any {
		p.keyReads.Add(1)
		return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "one", Algorithm: "ES256", Use: "sig"}}}
	})
	reply("/userinfo", func() any { return p.info })
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		if p.answer != "" {
			_, _ = w.Write([]byte(p.answer))
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "opaque", "token_type": "Bearer", "id_token": p.token(t)})
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *provider) metadata() map[string]any {
	m := map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize?p=sign-in", "token_endpoint": p.URL + "/token",
		"jwks_uri": p.URL + "/jwks", "userinfo_endpoint": p.URL + "/userinfo",
	}
	for name, v := range p.meta {
		m[name] = v
	}
	return m
}

func (p *provider) token(t *testing.T) string {
	sum := sha256.Sum256([]byte("opaque"))
	claims := map[string]any{
		"iss": p.URL, "sub": "alice", "aud": "gatehouse", "nonce": p.nonce, "iat": p.now.Unix(), "exp": p.now.Add(time.Minute).Unix(),
		"at_hash": base64.RawURLEncoding.EncodeToString(sum[:16]), "groups": []string{"g1"},
	}
	for name, v := range p.claims {
		claims[name] = v
		if v == nil {
			delete(claims, name)
		}
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Error(err)
	}
	if p.sign != nil {
		return p.sign(payload)
	}
	return signed(t, jose.ES256, p.key, "one", payload)
}

func signed(t *testing.T, alg jose.SignatureAlgorithm, key any, kid string, payload []byte) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, nil)
	if err != nil {
		t.Error(err)
		return ""
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Error(err)
		return ""
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Error(err)
	}
	return text
}

func (p *provider) options() upstream.Options {
	return upstream.Options{
		ID: "acme", Issuer: p.URL, ClientID: "gatehouse", ClientSecret: "s", Scopes: []string{"openid"}, Algorithms: []string{"ES256", "RS256"},
		HTTP: p.Client(), Now: func() time.Time { return p.now }, Log: slog.New(slog.DiscardHandler),
	}
}

// signIn goes through a sign-in; change may touch the answer's parameters.
func (p *provider) signIn(t *testing.T, c *upstream.Connection, ch identity.Challenge, change func(url.Values)) (identity.Assertion, error) {
	t.Helper()
	ch.State, ch.RedirectURI = "state", "https://gate.example/login/callback/acme"
	left, err := c.Begin(t.Context(), ch)
	if err != nil {
		return identity.Assertion{}, err
	}
	u, err := url.Parse(left.URL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if q.Get("p") != "sign-in" || q.Get("code_challenge_method") != "S256" || q.Get("state") != "state" || len(q.Get("nonce")) < 43 {
		t.Errorf("asked with %s", u.RawQuery)
	}
	p.nonce = q.Get("nonce")
	params := url.Values{"code": {"code"}, "state": {"state"}, "iss": {p.URL}}
	if change != nil {
		change(params)
	}
	return c.Finish(t.Context(), params, left.Kept)
}

func TestAGoodAnswerIsBelieved(t *testing.T) {
	p := newProvider(t)
	o := p.options()
	o.UserInfo = true
	p.info["email"] = "alice@acme.example"
	p.claims["nbf"] = p.now.Unix()
	sum := sha256.Sum256([]byte("code"))
	p.claims["c_hash"] = base64.RawURLEncoding.EncodeToString(sum[:16])
	a, err := p.signIn(t, upstream.New(o), identity.Challenge{}, nil)
	if err != nil || a.Authentication.Connection != "acme" || a.Authentication.Subject != "alice" || a.Attributes["email"] != "alice@acme.example" {
		t.Errorf("%+v %v", a, err)
	}
	if got, ok := a.Attributes["groups"].([]any); !ok || len(got) != 1 {
		t.Errorf("%v", a.Attributes)
	}
}

func TestWhatCannotBeTrustedIsRefusedByItsRule(t *testing.T) {
	public := func(k crypto.PublicKey) []byte { der, _ := x509.MarshalPKIXPublicKey(k); return der }
	for name, c := range map[string]struct {
		change func(*provider)
		params func(url.Values)
		want   string
	}{
		"metadata of another issuer":   {change: func(p *provider) { p.meta["issuer"] = "https://evil.example" }, want: "the metadata is of another issuer"},
		"metadata without an endpoint": {change: func(p *provider) { p.meta["token_endpoint"] = "" }, want: "lacks an endpoint"},
		"answer of another issuer":     {params: func(q url.Values) { q.Set("iss", "https://evil.example") }, want: "comes from another issuer"},
		"answer without issuer": {
			change: func(p *provider) { p.meta["authorization_response_iss_parameter_supported"] = true },
			params: func(q url.Values) { q.Del("iss") }, want: "comes from another issuer",
		},
		"no code":              {params: func(q url.Values) { q.Del("code") }, want: "has no code"},
		"no id_token":          {change: func(p *provider) { p.answer = `{"access_token":"x"}` }, want: "has no id_token"},
		"no JSON":              {change: func(p *provider) { p.answer = `<html>` }, want: "not the JSON"},
		"issuer":               {change: func(p *provider) { p.claims["iss"] = "https://evil.example" }, want: "of another issuer"},
		"issuer of a tenant":   {change: func(p *provider) { p.claims["iss"] = p.URL + "/"; p.claims["tid"] = "/" }, want: "of another issuer"},
		"no subject":           {change: func(p *provider) { p.claims["sub"] = nil }, want: "no subject"},
		"long subject":         {change: func(p *provider) { p.claims["sub"] = strings.Repeat("a", 256) }, want: "no subject"},
		"audience":             {change: func(p *provider) { p.claims["aud"] = "other" }, want: "for another client"},
		"several audiences":    {change: func(p *provider) { p.claims["aud"] = []string{"gatehouse", "other"} }, want: "another party"},
		"authorized party":     {change: func(p *provider) { p.claims["azp"] = "other" }, want: "another party"},
		"nonce":                {change: func(p *provider) { p.claims["nonce"] = "other" }, want: "answers another request"},
		"no nonce":             {change: func(p *provider) { p.claims["nonce"] = nil }, want: "answers another request"},
		"expired":              {change: func(p *provider) { p.claims["exp"] = p.now.Add(-2 * time.Minute).Unix() }, want: "not valid now"},
		"no expiry":            {change: func(p *provider) { p.claims["exp"] = nil }, want: "not valid now"},
		"from the future":      {change: func(p *provider) { p.claims["iat"] = p.now.Add(2 * time.Minute).Unix() }, want: "not valid now"},
		"another access token": {change: func(p *provider) { p.claims["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" }, want: "another access token"},
		"another code":         {change: func(p *provider) { p.claims["c_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" }, want: "another code"},
		"not yet valid":        {change: func(p *provider) { p.claims["nbf"] = p.now.Add(2 * time.Minute).Unix() }, want: "not valid yet"},
		"claim of another type": {
			change: func(p *provider) { p.claims["amr"] = 7 }, want: "another type",
		},
		"unsigned": {change: func(p *provider) {
			p.sign = func(b []byte) string {
				return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(b) + "."
			}
		}, want: "not allowed"},
		"HS256 with the public key": {change: func(p *provider) {
			p.sign = func(b []byte) string { return signed(t, jose.HS256, public(p.key.Public()), "one", b) }
		}, want: "not allowed"},
		"algorithm not listed": {change: func(p *provider) {
			p.sign = func(b []byte) string {
				k, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
				return signed(t, jose.ES384, k, "one", b)
			}
		}, want: "not allowed"},
		"another key": {change: func(p *provider) {
			p.sign = func(b []byte) string {
				k, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
				return signed(t, jose.ES256, k, "one", b)
			}
		}, want: "signature does not hold"},
		"changed payload": {change: func(p *provider) {
			p.sign = func(b []byte) string {
				parts := strings.Split(signed(t, jose.ES256, p.key, "one", b), ".")
				parts[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(b), "alice", "mallo", 1)))
				return strings.Join(parts, ".")
			}
		}, want: "signature does not hold"},
		"userinfo of another": {change: func(p *provider) { p.info["sub"] = "mallory" }, want: "userinfo is about somebody else"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			if c.change != nil {
				c.change(p)
			}
			o := p.options()
			o.UserInfo = true
			_, err := p.signIn(t, upstream.New(o), identity.Challenge{}, c.params)
			if fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestAnErrorOfTheProviderIsNeverShownAsItCame(t *testing.T) {
	p := newProvider(t)
	_, err := p.signIn(t, upstream.New(p.options()), identity.Challenge{}, func(q url.Values) {
		q.Del("code")
		q.Set("error", `access_denied<script>`)
		q.Set("error_description", "call 555-EVIL")
	})
	if fault.KindOf(err) != fault.Denied || strings.ContainsAny(err.Error(), "<>") || strings.Contains(err.Error(), "EVIL") || !strings.Contains(err.Error(), "access_denied") {
		t.Error(err)
	}
}

func TestAFreshSignInIsProved(t *testing.T) {
	age := time.Minute
	for name, c := range map[string]struct {
		ch   identity.Challenge
		at   any // auth_time, seconds before now
		good bool
	}{
		"fresh":               {identity.Challenge{Fresh: true}, 0, true},
		"fresh, but long ago": {identity.Challenge{Fresh: true}, 600, false},
		"fresh, not told":     {identity.Challenge{Fresh: true}, nil, false},
		"young enough":        {identity.Challenge{MaxAge: &age}, 30, true},
		"too old":             {identity.Challenge{MaxAge: &age}, 300, false},
		"age not told":        {identity.Challenge{MaxAge: &age}, nil, false},
		"nobody asked":        {identity.Challenge{}, 6000, true},
	} {
		p := newProvider(t)
		if seconds, ok := c.at.(int); ok {
			p.claims["auth_time"] = p.now.Unix() - int64(seconds)
		}
		if _, err := p.signIn(t, upstream.New(p.options()), c.ch, nil); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUnknownKeysAreAskedForOnceInAWhile(t *testing.T) {
	p := newProvider(t)
	c := upstream.New(p.options())
	if _, err := p.signIn(t, c, identity.Challenge{}, nil); err != nil {
		t.Fatal(err)
	}
	p.sign = func(b []byte) string { return signed(t, jose.ES256, p.key, "unknown", b) }
	p.now = p.now.Add(time.Minute) // past the pause that the first reading began
	before := p.keyReads.Load()
	for range 20 {
		if _, err := p.signIn(t, c, identity.Challenge{}, nil); fault.KindOf(err) != fault.Denied {
			t.Fatal(err)
		}
	}
	if n := p.keyReads.Load() - before; n != 1 {
		t.Errorf("20 unknown keys were asked for %d times", n)
	}
	p.sign = nil
	p.now = p.now.Add(time.Hour) // what was read has expired
	if _, err := p.signIn(t, c, identity.Challenge{}, nil); err != nil {
		t.Error(err)
	}
	if n := p.keyReads.Load() - before; n != 2 {
		t.Errorf("the key set is believed for ever: %d reads", n)
	}
}

func TestTenantsOfOneIssuerAreThoseThatAreListed(t *testing.T) {
	p := newProvider(t)
	o := p.options()
	o.Issuer, o.Tenants = p.URL+"/{tenantid}", []string{"t-1", "t-2"}
	p.meta["issuer"] = o.Issuer
	c := upstream.New(o)
	for name, token := range map[string]struct {
		iss, tid any
		good     bool
	}{
		"listed":            {p.URL + "/t-1", "t-1", true},
		"listed too":        {p.URL + "/t-2", "t-2", true},
		"not listed":        {p.URL + "/t-3", "t-3", false},
		"other tid":         {p.URL + "/t-1", "t-2", false},
		"no tid":            {p.URL + "/t-1", nil, false},
		"the template":      {o.Issuer, "{tenantid}", false},
		"all organizations": {p.URL + "/organizations", "organizations", false},
	} {
		p.claims["iss"], p.claims["tid"] = token.iss, token.tid
		_, err := p.signIn(t, c, identity.Challenge{}, func(q url.Values) { q.Del("iss") })
		if (err == nil) != token.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatTheAppAsksIsPassedOn(t *testing.T) {
	p := newProvider(t)
	c := upstream.New(p.options())
	for want, ch := range map[string]identity.Challenge{
		"": {}, "login": {Fresh: true}, "select_account": {SelectAccount: true}, "login select_account": {Fresh: true, SelectAccount: true},
	} {
		left, err := c.Begin(t.Context(), ch)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(left.URL)
		if err != nil || u.Query().Get("prompt") != want || u.Query().Has("prompt") != (want != "") {
			t.Errorf("%+v: %s %v", ch, left.URL, err)
		}
	}
}
