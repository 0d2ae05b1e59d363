package integration

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// feedbackKey reads the private key of hr-feedback, as the app does.
func feedbackKey(t *testing.T, file string) *ecdsa.PrivateKey {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatalf("%s is no PEM", file)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(*ecdsa.PrivateKey)
}

// jws signs claims with any algorithm, key and header.
func jws(t *testing.T, alg jose.SignatureAlgorithm, key any, header map[jose.HeaderKey]any, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	o := &jose.SignerOptions{ExtraHeaders: header}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, o)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestAssertionsOfAClientAreBelievedByEveryRule asks for a code that does not
// exist: a client that is believed gets invalid_grant, any other invalid_client.
func TestAssertionsOfAClientAreBelievedByEveryRule(t *testing.T) {
	a := newAttacker(t)
	app := a.Facts().App("hr-feedback")
	key := feedbackKey(t, app.PrivateKey)
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	claims := func(change map[string]any) map[string]any {
		n++
		now := time.Now()
		all := map[string]any{
			"iss": app.ClientID, "sub": app.ClientID, "aud": a.Issuer(), "jti": "assertion-" + strconv.Itoa(n),
			"iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
		}
		for name, v := range change {
			all[name] = v
			if v == nil {
				delete(all, name)
			}
		}
		return all
	}
	kid := map[jose.HeaderKey]any{"kid": app.KeyID}
	with := func(name jose.HeaderKey, v any) map[jose.HeaderKey]any {
		return map[jose.HeaderKey]any{"kid": app.KeyID, name: v}
	}
	ours := func(change map[string]any) string { return jws(t, jose.ES256, key, kid, claims(change)) }
	unsigned := func(header string) string {
		payload, _ := json.Marshal(claims(nil))
		return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(payload) + "."
	}
	embedded := func(k crypto.PublicKey) jose.JSONWebKey {
		return jose.JSONWebKey{Key: k, KeyID: app.KeyID, Algorithm: "ES256"}
	}
	later := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	ask := func(assertion, extra string) (int, string) {
		form := url.Values{
			"grant_type": {"authorization_code"}, "code": {"none"}, "redirect_uri": {app.RedirectURIs[0]}, "code_verifier": {strings.Repeat("v", 43)},
			"client_assertion_type": {jwtBearer}, "client_assertion": {assertion},
		}
		status, code, _ := a.post("/token", form.Encode()+extra, nil)
		return status, code
	}
	for name, assertion := range map[string]string{
		"control": ours(nil), "typ JWT": jws(t, jose.ES256, key, with("typ", "JWT"), claims(nil)), "no kid": jws(t, jose.ES256, key, nil, claims(nil)),
	} {
		if status, code := ask(assertion, ""); status != http.StatusBadRequest || code != "invalid_grant" {
			t.Errorf("%s: %d %s", name, status, code)
		}
	}
	good := ours(nil)
	ask(good, "")
	signed := ours(nil)
	for name, assertion := range map[string]string{
		"replayed":                  good,
		"replayed jti":              ours(map[string]any{"jti": "assertion-1"}),
		"aud is the endpoint":       ours(map[string]any{"aud": a.Issuer() + "/token"}),
		"aud is a list":             ours(map[string]any{"aud": []string{a.Issuer()}}),
		"aud is a list of two":      ours(map[string]any{"aud": []string{a.Issuer(), "https://evil.example"}}),
		"aud with a slash":          ours(map[string]any{"aud": a.Issuer() + "/"}),
		"no aud":                    ours(map[string]any{"aud": nil}),
		"another issuer":            ours(map[string]any{"iss": "microapp-expense-bot"}),
		"another subject":           ours(map[string]any{"sub": "microapp-expense-bot"}),
		"no subject":                ours(map[string]any{"sub": nil}),
		"no jti":                    ours(map[string]any{"jti": nil}),
		"long jti":                  ours(map[string]any{"jti": strings.Repeat("j", 5000)}),
		"expired":                   ours(map[string]any{"iat": later(-3 * time.Minute), "exp": later(-time.Minute)}),
		"no exp":                    ours(map[string]any{"exp": nil}),
		"no iat":                    ours(map[string]any{"iat": nil}),
		"lives too long":            ours(map[string]any{"exp": later(time.Hour)}),
		"issued in the future":      ours(map[string]any{"iat": later(time.Minute), "exp": later(2 * time.Minute)}),
		"not yet good":              ours(map[string]any{"nbf": later(time.Minute)}),
		"unsigned":                  unsigned(`{"alg":"none"}`),
		"unsigned, other case":      unsigned(`{"alg":"nOnE"}`),
		"HS256 with the public key": jws(t, jose.HS256, der, kid, claims(nil)),
		"a stranger's key":          jws(t, jose.ES256, stranger, kid, claims(nil)),
		"another algorithm":         jws(t, jose.RS256, rsaKey, kid, claims(nil)),
		"an embedded key":           jws(t, jose.ES256, stranger, with("jwk", embedded(stranger.Public())), claims(nil)),
		"a key elsewhere":           jws(t, jose.ES256, stranger, with("jku", "http://127.0.0.1:1/jwks"), claims(nil)),
		"a certificate elsewhere":   jws(t, jose.ES256, stranger, with("x5u", "http://127.0.0.1:1/cert"), claims(nil)),
		"a kid that is a path":      jws(t, jose.ES256, stranger, map[jose.HeaderKey]any{"kid": "../../../dev/null"}, claims(nil)),
		"a kid that is SQL":         jws(t, jose.ES256, stranger, map[jose.HeaderKey]any{"kid": "' OR 1=1 --"}, claims(nil)),
		"another kind of token":     jws(t, jose.ES256, key, with("typ", "at+jwt"), claims(nil)),
		"truncated":                 signed[:len(signed)-8],
		"padded":                    signed + "==",
		"trailing":                  signed + ".x",
		"empty":                     "",
	} {
		if status, code := ask(assertion, ""); status != http.StatusUnauthorized || code != "invalid_client" {
			t.Errorf("%s: %d %s", name, status, code)
		}
	}
	if status, code := ask(ours(nil), "&client_id=microapp-expense-bot"); status != http.StatusUnauthorized || code != "invalid_client" {
		t.Errorf("another client_id: %d %s", status, code)
	}
	if status, code := ask(ours(nil), "&client_secret=x"); status != http.StatusBadRequest || code != "invalid_request" {
		t.Errorf("two proofs: %d %s", status, code)
	}
	// A client with a secret gains nothing by an assertion, whoever signed it.
	secret := a.Facts().App("expense-bot")
	forged := jws(t, jose.ES256, key, kid, claims(map[string]any{"iss": secret.ClientID, "sub": secret.ClientID}))
	if status, code := ask(forged, ""); status != http.StatusUnauthorized || code != "invalid_client" {
		t.Errorf("as a client with a secret: %d %s", status, code)
	}
}

// TestAnAssertionIsGoodOnceAlsoAtOnce sends one assertion from many connections.
func TestAnAssertionIsGoodOnceAlsoAtOnce(t *testing.T) {
	a := newAttacker(t)
	app := a.Facts().App("hr-feedback")
	now := time.Now()
	assertion := jws(t, jose.ES256, feedbackKey(t, app.PrivateKey), map[jose.HeaderKey]any{"kid": app.KeyID}, map[string]any{
		"iss": app.ClientID, "sub": app.ClientID, "aud": a.Issuer(), "jti": "once", "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	})
	form := url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {"none"}, "client_assertion_type": {jwtBearer}, "client_assertion": {assertion},
	}.Encode()
	const callers = 16
	codes := make(chan string, callers)
	for range callers {
		go func() { _, code, _ := a.post("/token", form, nil); codes <- code }()
	}
	believed := 0
	for range callers {
		if code := <-codes; code != "invalid_client" {
			believed++
		}
	}
	if believed != 1 {
		t.Errorf("believed %d times", believed)
	}
}
