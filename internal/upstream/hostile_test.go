package upstream_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/upstream"
)

func TestAHostileProviderIsRefusedForItsOwnReason(t *testing.T) {
	claim := func(name string, v any) func(*liar) { return func(p *liar) { p.claims[name] = v } }
	forge := func(f func(*liar, string) string) func(*liar) {
		return func(p *liar) { p.forge = func(payload string) string { return f(p, payload) } }
	}
	none := b64([]byte(`{"alg":"none","kid":"one"}`)) + "."
	for name, c := range map[string]struct {
		lie func(*liar)
		why string
	}{
		"metadata of another issuer":  {func(p *liar) { p.meta["issuer"] = "https://evil.example" }, "metadata is of another issuer"},
		"metadata with a slash more":  {func(p *liar) { p.meta["issuer"] = p.server.URL + "/" }, "metadata is of another issuer"},
		"metadata without jwks_uri":   {func(p *liar) { p.meta["jwks_uri"] = "" }, "lacks an endpoint"},
		"metadata with a broken URL":  {func(p *liar) { p.meta["token_endpoint"] = "http://[" }, "broken or without TLS"},
		"metadata with a script":      {func(p *liar) { p.meta["authorization_endpoint"] = "javascript:alert(1)" }, "broken or without TLS"},
		"metadata names a link-local": {func(p *liar) { p.meta["token_endpoint"] = "http://169.254.169.254/" }, "does not answer"},
		"an error instead of a code":  {func(p *liar) { p.params["error"] = []string{"access_denied<script>"} }, "access_deniedscript"},
		"no code":                     {func(p *liar) { p.params["code"] = nil }, "no code"},
		"no id_token":                 {forge(func(*liar, string) string { return "" }), "no id_token"},
		"iss":                         {claim("iss", "https://evil.example"), "id_token is of another issuer"},
		"no iss":                      {claim("iss", nil), "id_token is of another issuer"},
		"no sub":                      {claim("sub", nil), "names no subject"},
		"a sub without end":           {claim("sub", strings.Repeat("a", 256)), "names no subject"},
		"aud":                         {claim("aud", "another"), "for another client"},
		"aud as a list of others":     {claim("aud", []string{"another", clientID + "x"}), "for another client"},
		"no aud":                      {claim("aud", nil), "for another client"},
		"a foreign aud without azp":   {claim("aud", []string{clientID, "another"}), "another party"},
		"azp":                         {claim("azp", "another"), "another party"},
		"no nonce":                    {claim("nonce", nil), "another request"},
		"nonce":                       {claim("nonce", "another"), "another request"},
		"expired":                     {func(p *liar) { p.claims["exp"] = p.now.Add(-2 * time.Minute).Unix() }, "not valid now"},
		"no exp":                      {claim("exp", nil), "not valid now"},
		"no iat":                      {claim("iat", nil), "not valid now"},
		"iat far in the future":       {func(p *liar) { p.claims["iat"] = p.now.Add(time.Hour).Unix() }, "not valid now"},
		"at_hash":                     {claim("at_hash", half("another token")), "another access token"},
		"acr of another type":         {claim("acr", 1), "another type"},
		"alg none":                    {forge(func(_ *liar, payload string) string { return none + payload + "." }), "not allowed"},
		"alg none with a signature":   {forge(func(_ *liar, payload string) string { return none + payload + ".AAAA" }), "not allowed"},
		"two parts":                   {forge(func(_ *liar, payload string) string { return none + payload }), "malformed"},
		"HS256 with the public key":   {forge(confused), "not allowed"},
		"HS256 where it is listed": {func(p *liar) {
			forge(confused)(p)
			p.options = func(o *upstream.Options) { o.Algorithms = []string{"HS256"} }
		}, "does not publish"},
		"an algorithm that is not allowed": {func(p *liar) { p.options = func(o *upstream.Options) { o.Algorithms = []string{"ES256"} } }, "not allowed"},
		"an algorithm that the key is not for": {func(p *liar) {
			p.options = func(o *upstream.Options) { o.Algorithms = []string{"RS256", "RS384"} }
			p.forge = func(payload string) string { return p.sign(jose.RS384, p.key, decode(p, payload)) }
		}, "does not publish"},
		"unsigned": {func(p *liar) {
			p.forge = func(payload string) string { return b64([]byte(`{"alg":"RS256","kid":"one"}`)) + "." + payload + "." }
		}, "id_token"},
		"another's key": {func(p *liar) { p.key = rsaKey()[1] }, "signature does not hold"},
		"an embedded key": {func(p *liar) {
			p.key = rsaKey()[1]
			p.header = map[jose.HeaderKey]any{"jwk": jose.JSONWebKey{Key: p.key.Public()}, "jku": p.server.URL + "/jwks"}
		}, "signature does not hold"},
		"an extension that must be understood": {func(p *liar) {
			p.header = map[jose.HeaderKey]any{"crit": []string{"x"}, "x": true}
		}, "signature does not hold"},
		"userinfo of another":      {func(p *liar) { p.info["sub"] = "bob" }, "somebody else"},
		"userinfo of nobody":       {func(p *liar) { p.info = nil }, "somebody else"},
		"userinfo with a sub list": {func(p *liar) { p.info["sub"] = []string{"alice"} }, "somebody else"},
		"endless metadata":         {func(p *liar) { p.aside["/.well-known/openid-configuration"] = endless }, "not the JSON"},
		"endless keys":             {func(p *liar) { p.aside["/jwks"] = endless }, "not the JSON"},
		"an endless token answer":  {func(p *liar) { p.aside["/token"] = endless }, "not the JSON"},
		"metadata elsewhere":       {func(p *liar) { p.aside["/.well-known/openid-configuration"] = elsewhere(p) }, "another host"},
		"keys elsewhere":           {func(p *liar) { p.aside["/jwks"] = elsewhere(p) }, "another host"},
		"a code sent elsewhere":    {func(p *liar) { p.aside["/token"] = elsewhere(p) }, "does not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newLiar(t, httptest.NewServer)
			p.good(p.connection())
			c.lie(p)
			p.refused(p.connection(), c.why)
		})
	}
}

// confused signs with HMAC and what everybody knows of the key.
func confused(p *liar, payload string) string {
	der, err := x509.MarshalPKIXPublicKey(p.key.Public())
	if err != nil {
		p.t.Error(err)
	}
	input := b64([]byte(`{"alg":"HS256","kid":"one"}`)) + "." + payload
	mac := hmac.New(sha256.New, der)
	_, _ = mac.Write([]byte(input)) // never fails
	return input + "." + b64(mac.Sum(nil))
}

func decode(p *liar, payload string) []byte {
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		p.t.Error(err)
	}
	return raw
}

func endless(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, `{"issuer":"`)
	for range 40 {
		_, _ = w.Write(bytes.Repeat([]byte("a"), 64<<10)) // the client hangs up
	}
}

// elsewhere redirects to another host that answers just as well.
func elsewhere(p *liar) http.HandlerFunc {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		delete(p.aside, r.URL.Path)
		p.serve(w, r)
	}))
	p.t.Cleanup(other.Close)
	return func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}
}

func TestAnAudienceListIsGoodWhereTheTokenWasIssuedToUs(t *testing.T) {
	for _, claims := range []map[string]any{
		{"aud": []string{clientID}}, {"aud": []string{clientID, "api"}, "azp": clientID}, {"azp": clientID}, {"at_hash": nil},
	} {
		p := newLiar(t, httptest.NewServer)
		p.claims = claims
		p.good(p.connection())
	}
}

func TestTheIssuerOfTheAnswerIsChecked(t *testing.T) {
	p := newLiar(t, httptest.NewServer)
	p.params["iss"] = nil
	p.good(p.connection())
	p.params["iss"] = []string{"https://evil.example"}
	p.refused(p.connection(), "answer comes from another issuer")
	p.params["error"] = []string{"access_denied"}
	p.refused(p.connection(), "answer comes from another issuer")
	delete(p.params, "error")
	p.meta["authorization_response_iss_parameter_supported"] = true
	p.refused(p.connection(), "answer comes from another issuer")
	p.params["iss"] = nil
	p.refused(p.connection(), "answer comes from another issuer")
	p.params["iss"] = []string{p.server.URL}
	p.good(p.connection())
}

func TestAProviderWithTLSNamesNoEndpointWithoutIt(t *testing.T) {
	for _, endpoint := range []string{"authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"} {
		p := newLiar(t, httptest.NewTLSServer)
		p.good(p.connection())
		p.meta[endpoint] = "http://" + strings.TrimPrefix(p.server.URL, "https://") + "/x"
		p.refused(p.connection(), "without TLS")
	}
}

// canned answers without a network.
type canned func(path string) string

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(c(r.URL.Path))), Header: http.Header{}, Request: r}, nil
}

func FuzzMetadata(f *testing.F) {
	for _, seed := range []string{
		`{"issuer":"https://idp.example","authorization_endpoint":"https://idp.example/a","token_endpoint":"https://idp.example/t","jwks_uri":"https://idp.example/j"}`,
		`{"issuer":"https://idp.example/"}`, `null`, `[]`, `{"issuer":1}`, `{"authorization_endpoint":"%"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := upstream.New(upstream.Options{
			ID: "acme", Issuer: "https://idp.example", ClientID: clientID, Algorithms: []string{"RS256"}, Now: time.Now,
			HTTP: &http.Client{Transport: canned(func(string) string { return text })},
		})
		left, err := c.Begin(t.Context(), identity.Challenge{State: "s", RedirectURI: "https://broker.example/cb"})
		if err == nil && !strings.HasPrefix(left.URL, "https://") {
			t.Errorf("metadata %q leads to %q", text, left.URL)
		}
	})
}

func FuzzIDToken(f *testing.F) {
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: rsaKey()[0].Public(), KeyID: "one", Algorithm: "RS256"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b64([]byte(`{"alg":"none"}`)) + "." + b64([]byte(`{"sub":"alice"}`)) + ".")
	f.Add(b64([]byte(`{"alg":"RS256","kid":"one"}`)) + "." + b64([]byte(`{"iss":"https://idp.example","sub":"alice"}`)) + ".AAAA")
	f.Add("..")
	f.Add(`{"payload":"","signatures":[]}`)
	f.Fuzz(func(t *testing.T, text string) {
		c := upstream.New(upstream.Options{
			ID: "acme", Issuer: "https://idp.example", ClientID: clientID, Algorithms: []string{"RS256"}, Now: time.Now,
			HTTP: &http.Client{Transport: canned(func(path string) string {
				switch path {
				case "/j":
					return string(keys)
				case "/t":
					answer, _ := json.Marshal(map[string]string{"access_token": access, "id_token": text}) // strings always marshal
					return string(answer)
				}
				return `{"issuer":"https://idp.example","authorization_endpoint":"https://idp.example/a","token_endpoint":"https://idp.example/t","jwks_uri":"https://idp.example/j"}`
			})},
		})
		if got, err := c.Finish(t.Context(), map[string][]string{"code": {"code"}}, []byte(`{"nonce":"n"}`)); err == nil {
			t.Errorf("a token that nobody signed is alice: %v", got)
		}
	})
}
