package oidc

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/gatehouse-io/gatehouse/internal/keys"
)

const (
	plainHeader = `{"alg":"EdDSA","kid":"one"}`
	plainClaims = `{"iss":"app","sub":"app","aud":"https://id.example","jti":"1","iat":1000,"exp":1060}`
)

// prover signs header and claims as they stand, whatever they are.
type prover struct{ key ed25519.PrivateKey }

func newProver(tb testing.TB) (prover, keys.KeySet) {
	tb.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	raw, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: public, KeyID: "one", Use: "sig"}}})
	if err != nil {
		tb.Fatal(err)
	}
	set, err := keys.ParseJWKS(raw)
	if err != nil {
		tb.Fatal(err)
	}
	return prover{key}, set
}

func (p prover) sign(header, claims string) string {
	input := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	return input + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(p.key, []byte(input)))
}

// believed reports whether an assertion of the client app is good at the time.
func believed(text string, set keys.KeySet, at int64) bool {
	a := readAssertion(text)
	return a.verified(set) && a.says("app", "https://id.example") && a.live(time.Unix(at, 0))
}

func TestAnAssertionIsReadInOneWay(t *testing.T) {
	p, set := newProver(t)
	for name, good := range map[string]string{
		"plain":           p.sign(plainHeader, plainClaims),
		"a typ":           p.sign(`{"alg":"EdDSA","typ":"client-authentication+jwt"}`, plainClaims),
		"another member":  p.sign(plainHeader, strings.Replace(plainClaims, `{`, `{"nonce":{"a":[1]},`, 1)),
		"part of seconds": p.sign(plainHeader, strings.Replace(plainClaims, "1060", "1060.5", 1)),
		"escapes":         p.sign(plainHeader, strings.Replace(plainClaims, `"sub":"app"`, `"sub":"\u0061pp"`, 1)),
	} {
		if !believed(good, set, 1001) {
			t.Errorf("%s is refused", name)
		}
	}
	swap := func(old, now string) string { return p.sign(plainHeader, strings.Replace(plainClaims, old, now, 1)) }
	for name, bad := range map[string]string{
		"something to heed":      p.sign(`{"alg":"EdDSA","kid":"one","crit":["exp"]}`, plainClaims),
		"nothing to heed":        p.sign(`{"alg":"EdDSA","kid":"one","crit":null}`, plainClaims),
		"a line that ends":       p.sign(plainHeader, plainClaims) + "\n",
		"payload not encoded":    p.sign(`{"alg":"EdDSA","kid":"one","b64":false,"crit":["b64"]}`, plainClaims),
		"an empty typ":           p.sign(`{"alg":"EdDSA","kid":"one","typ":""}`, plainClaims),
		"a typ that is a number": p.sign(`{"alg":"EdDSA","kid":"one","typ":1}`, plainClaims),
		"alg twice":              p.sign(`{"alg":"EdDSA","alg":"EdDSA"}`, plainClaims),
		"ALG":                    p.sign(`{"ALG":"EdDSA"}`, plainClaims),
		"iss twice":              swap(`{`, `{"iss":"app",`),
		"ISS":                    swap(`"iss"`, `"ISS"`),
		"a list of issuers":      swap(`"iss":"app"`, `"iss":["app"]`),
		"a list of audiences":    swap(`"https://id.example"`, `["https://id.example"]`),
		"a jti that is a number": swap(`"jti":"1"`, `"jti":1`),
		"an exp that is text":    swap(`1060`, `"1060"`),
		"an exp without end":     swap(`1060`, `1e400`),
		"a life too long":        swap(`1060`, `1e300`),
		"more behind":            p.sign(plainHeader, plainClaims+"{}"),
		"not UTF-8":              swap(`"sub":"app"`, "\"sub\":\"app\xff\""),
		"no object":              p.sign(plainHeader, `null`),
		"a part more":            p.sign(plainHeader, plainClaims) + ".e30",
		"a part less":            strings.TrimSuffix(p.sign(plainHeader, ""), "."),
	} {
		if believed(bad, set, 1001) {
			t.Errorf("%s is believed", name)
		}
	}
}

// What is believed has to be good to libraries that share no code with what reads it: the
// claims as a JWT, and the header as JSON that names the algorithm (go-jose also parses
// keys that a header brings, which nobody here looks at).
func FuzzAssertion(f *testing.F) {
	p, set := newProver(f)
	for _, header := range []string{plainHeader, `{"alg":"none"}`, `{"alg":"EdDSA","crit":[]}`, `{"alg":"EdDSA","jwk":{}}`} {
		f.Add(header, plainClaims, 0)
	}
	f.Add(plainHeader, `{"iss":"app","sub":"app","aud":"https://id.example","jti":"1","iat":1e3,"exp":1.06e3,"nbf":-1}`, 3)
	f.Fuzz(func(t *testing.T, header, claims string, cut int) {
		text := p.sign(header, claims)
		text = text[:len(text)-min(max(cut, 0), len(text))]
		if !believed(text, set, 1001) {
			return
		}
		var named struct {
			Algorithm string `json:"alg"`
		}
		if err := json.Unmarshal([]byte(header), &named); err != nil || named.Algorithm != "EdDSA" {
			t.Errorf("%q is believed: %v", header, err)
		}
		parsed, err := jwt.ParseSigned(p.sign(plainHeader, claims), []jose.SignatureAlgorithm{jose.EdDSA})
		if err != nil {
			t.Fatalf("%q is believed: %v", text, err)
		}
		var said jwt.Claims
		if err := parsed.Claims(p.key.Public(), &said); err != nil {
			t.Fatalf("%q is believed: %v", text, err)
		}
		if err := said.ValidateWithLeeway(jwt.Expected{Issuer: "app", Subject: "app", AnyAudience: jwt.Audience{"https://id.example"}, Time: time.Unix(1001, 0)}, assertionAhead); err != nil {
			t.Errorf("%q is believed: %v", text, err)
		}
	})
}
