package verify_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-io/gatehouse/verify"
)

func TestAGoodTokenIsRead(t *testing.T) {
	i := newIssuer()
	i.keys["rsa"], i.keys["ed"] = rsaKey(2048), edKey()
	v := i.verifier()
	p := i.person()
	for alg, kid := range map[string]string{"ES256": "k1", "RS256": "rsa", "EdDSA": "ed"} {
		c, err := v.Verify(t.Context(), i.signed(header(alg, kid), p, i.keys[kid]))
		if err != nil {
			t.Fatalf("%s: %v", alg, err)
		}
		issued := time.Unix(p["iat"].(int64), 0).UTC()
		got := []any{
			c.ID, c.Issuer, c.Audience, c.Subject, c.Client, c.Scopes, c.Roles, c.Issued, c.Expires, c.AuthTime, c.ACR, c.AMR, c.Session, c.Actors, c.MayAct,
			c.Person(), c.HasScope("payroll.list"), c.HasScope("payroll"), c.NotBefore.IsZero(),
		}
		want := []any{
			"j1", issuerURL, audience, "alice", "travel",
			[]string{"payroll.read", "payroll.list"},
			[]string{"user"},
			issued, issued.Add(5 * time.Minute), issued.Add(-time.Minute),
			"mfa",
			[]string{"pwd", "otp"},
			"s1",
			[]string{"payroll", "travel"},
			"ledger", true, true, false, true,
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: read\n%v, not\n%v", alg, got, want)
		}
	}
	own := claims{"iss": issuerURL, "sub": "job", "client_id": "job", "aud": []string{audience}, "jti": "j2", "iat": p["iat"], "exp": p["exp"]}
	if c, err := v.Verify(t.Context(), i.token(own)); err != nil || c.Person() || len(c.Scopes) != 0 {
		t.Errorf("a client's own: %v", err)
	}
}

// TestAttacksOnATokenAreRefused has the good token as the control of each.
func TestAttacksOnATokenAreRefused(t *testing.T) {
	i := newIssuer()
	i.keys["k2"], i.keys["rsa"] = ecKey(), rsaKey(2048)
	v := i.verifier()
	good := i.person()
	k1, now := i.keys["k1"], time.Now().Unix()
	raw := i.token(good)
	parts := strings.Split(raw, ".")
	head := func(name string, value any) string {
		return i.signed(header("ES256", "k1").with(name, value), good, k1)
	}
	claim := func(name string, value any) string { return i.token(good.with(name, value)) }
	text := func(change func(string) string) string {
		p, _ := json.Marshal(good)
		return compact(`{"alg":"ES256","kid":"k1","typ":"at+jwt"}`, change(string(p)), k1)
	}
	hmacWith := func(secret []byte) string {
		input := b64([]byte(`{"alg":"HS256","kid":"rsa","typ":"at+jwt"}`)) + "." + parts[1]
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(input))
		return input + "." + b64(mac.Sum(nil))
	}
	der, err := x509.MarshalPKIXPublicKey(i.keys["rsa"].Public())
	if err != nil {
		t.Fatal(err)
	}
	attacks := map[string]string{
		"nothing":                            "",
		"dots":                               "..",
		"four parts":                         raw + ".x",
		"a truncated signature":              raw[:len(raw)-2],
		"padding":                            raw + "=",
		"a line break":                       parts[0] + "." + parts[1][:8] + "\n" + parts[1][8:] + "." + parts[2],
		"another payload":                    parts[0] + "." + middle(claim("sub", "bob")) + "." + parts[2],
		"unsigned":                           parts[0] + "." + parts[1] + ".",
		"alg none":                           compact(`{"alg":"none","kid":"k1","typ":"at+jwt"}`, `{}`, nil),
		"alg none with the good signature":   b64([]byte(`{"alg":"none","kid":"k1","typ":"at+jwt"}`)) + "." + parts[1] + "." + parts[2],
		"HS256 with the public key":          hmacWith(der),
		"HS256 with the public key as PEM":   hmacWith(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
		"ES256 with an RSA key":              i.signed(header("ES256", "rsa"), good, i.keys["rsa"]),
		"RS256 with an EC key":               i.signed(header("RS256", "k1"), good, k1),
		"the kid of another key":             i.signed(header("ES256", "k2"), good, k1),
		"a kid that nobody knows":            i.signed(header("ES256", "../../dev/null"), good, k1),
		"no kid":                             head("kid", nil),
		"an id_token":                        head("typ", "JWT"),
		"a logout token":                     head("typ", "logout+jwt"),
		"no typ":                             head("typ", nil),
		"typ of another case":                head("typ", "AT+JWT"),
		"crit":                               head("crit", []string{"exp"}),
		"jku":                                head("jku", "https://evil.example/jwks"),
		"an embedded key":                    head("jwk", jwk("k1", i.keys["k2"])),
		"x5c":                                head("x5c", []string{"MII"}),
		"b64":                                head("b64", false),
		"a member of the header twice":       compact(`{"alg":"ES256","kid":"k2","kid":"k1","typ":"at+jwt"}`, string(mustDecode(t, parts[1])), k1),
		"typ as a number":                    head("typ", 7),
		"a header that is no object":         compact(`["ES256"]`, string(mustDecode(t, parts[1])), k1),
		"another issuer":                     claim("iss", "https://evil.example"),
		"the issuer with a slash":            claim("iss", issuerURL+"/"),
		"no issuer":                          claim("iss", nil),
		"another API":                        claim("aud", "ledger-api"),
		"the broker itself":                  claim("aud", issuerURL),
		"two audiences":                      claim("aud", []string{audience, "ledger-api"}),
		"the audience twice":                 claim("aud", []string{audience, audience}),
		"no audience":                        claim("aud", nil),
		"an empty list of audiences":         claim("aud", []string{}),
		"an audience that only begins so":    claim("aud", audience+"-2"),
		"expired":                            claim("exp", now-1),
		"expiring now":                       claim("exp", now),
		"no exp":                             claim("exp", nil),
		"exp as a string":                    claim("exp", "9999999999"),
		"exp that is not whole":              claim("exp", 9999999999.5),
		"exp below zero":                     claim("exp", -1),
		"exp beyond all bounds":              text(func(p string) string { return strings.Replace(p, `"exp":`, `"exp":9e99,"x":`, 1) }),
		"from the future":                    claim("iat", now+60),
		"no iat":                             claim("iat", nil),
		"not good yet":                       claim("nbf", now+60),
		"no jti":                             claim("jti", nil),
		"no sub":                             claim("sub", nil),
		"no client_id":                       claim("client_id", nil),
		"a person whom nobody vouches for":   claim("cnx", nil),
		"bound to a key":                     claim("cnf", map[string]any{"jkt": "x"}),
		"a claim twice":                      text(func(p string) string { return `{"aud":"ledger-api",` + p[1:] }),
		"a claim twice, escaped":             text(func(p string) string { return `{"\u0061ud":"ledger-api",` + p[1:] }),
		"a claim twice, in act":              text(func(p string) string { return strings.Replace(p, `"act":{"act"`, `"act":{"act":{"sub":"x"},"act"`, 1) }),
		"aud only in capitals":               text(func(p string) string { return strings.Replace(p, `"aud":"payroll-api"`, `"AUD":"payroll-api"`, 1) }),
		"scope as a list":                    claim("scope", []string{"payroll.read"}),
		"act without sub":                    claim("act", map[string]any{"iss": "x"}),
		"act as a string":                    claim("act", "travel"),
		"may_act as a list":                  claim("may_act", []string{"ledger"}),
		"via as a string":                    claim("via", "j0"),
		"via of strings":                     claim("via", []string{"j0"}),
		"via with a number for an app":       claim("via", []any{map[string]any{"app": 7}}),
		"too long a line":                    claim("via", make([]map[string]any, 17)),
		"claims that are no object":          compact(`{"alg":"ES256","kid":"k1","typ":"at+jwt"}`, `"alice"`, k1),
		"claims that are not JSON":           text(func(p string) string { return p + "x" }),
		"two objects of claims":              text(func(p string) string { return p + p }),
		"claims that are not UTF-8":          text(func(p string) string { return strings.Replace(p, "alice", "\xff", 1) }),
		"nested without end":                 claim("x", nested(64)),
		"longer than any":                    claim("x", strings.Repeat("x", verify.MaxSize)),
		"a header that is longer than any":   head("x", strings.Repeat("x", 512)),
		"the signature of another token":     parts[0] + "." + parts[1] + "." + strings.Split(claim("sub", "bob"), ".")[2],
		"r and s of zero":                    parts[0] + "." + parts[1] + "." + b64(make([]byte, 64)),
		"a signature in ASN.1":               parts[0] + "." + parts[1] + "." + b64([]byte("\x30\x06\x02\x01\x01\x02\x01\x01")),
		"no token but its payload":           parts[1],
		"a token within a token's signature": raw + raw,
	}
	for name, attack := range attacks {
		if c, err := v.Verify(t.Context(), attack); !errors.Is(err, verify.ErrInvalid) || c != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, fine := range map[string]string{
		"control": raw, "typ in full": head("typ", "application/at+jwt"), "a member that nobody knows": head("x", 1), "a claim that nobody knows": claim("x", nested(8)),
		"a clock that is a little ahead": claim("iat", now+20), "nbf": claim("nbf", now), "one audience in a list": claim("aud", []string{audience}), "alone": claim("act", nil),
	} {
		if _, err := v.Verify(t.Context(), fine); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (&verify.Verifier{Issuer: issuerURL, HTTP: &http.Client{Transport: i}}).Verify(t.Context(), i.token(good.with("aud", ""))); !errors.Is(err, verify.ErrInvalid) {
		t.Errorf("a verifier without an audience: %v", err)
	}
}

func nested(depth int) any {
	if depth == 0 {
		return 1
	}
	return []any{nested(depth - 1)}
}

func mustDecode(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestATokenEndsWhenItSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer()
		v, raw := i.verifier(), i.token(i.person())
		c, err := v.Verify(t.Context(), raw)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5*time.Minute - time.Second)
		if _, err := v.Verify(t.Context(), raw); err != nil || v.Check(c, verify.Requirement{}) != nil {
			t.Errorf("a second before: %v", err)
		}
		time.Sleep(time.Second)
		if _, err := v.Verify(t.Context(), raw); !errors.Is(err, verify.ErrExpired) || !errors.Is(err, verify.ErrInvalid) || errors.Is(err, verify.ErrRevoked) {
			t.Errorf("at its end: %v", err)
		}
		if err := v.Check(c, verify.Requirement{}); !errors.Is(err, verify.ErrExpired) {
			t.Errorf("what was verified before: %v", err)
		}
	})
}

func FuzzATokenThatWasNotSignedIsRefused(f *testing.F) {
	i := newIssuer()
	v := i.verifier()
	raw := i.token(i.person().with("exp", time.Now().Unix()+86400))
	signed := raw[:strings.LastIndexByte(raw, '.')]
	parts := strings.Split(raw, ".")
	f.Add(raw)
	f.Add(parts[0] + "." + parts[1] + ".")
	f.Add(b64([]byte(`{"alg":"none","kid":"k1","typ":"at+jwt"}`)) + "." + parts[1] + "." + parts[2])
	f.Add(b64([]byte(`{"alg":"ES256","kid":"k1","typ":"at+jwt","typ":"JWT"}`)) + "." + parts[1] + "." + parts[2])
	f.Add("..")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := v.Verify(t.Context(), text)
		if (err == nil) != (c != nil) {
			t.Fatalf("%v with %v", c, err)
		}
		if err == nil && !strings.HasPrefix(text, signed+".") {
			t.Fatalf("accepted: %s", text)
		}
	})
}

// FuzzClaimsThatAreSignedNeverPanic signs whatever there is.
func FuzzClaimsThatAreSignedNeverPanic(f *testing.F) {
	i := newIssuer()
	v := i.verifier()
	p, err := json.Marshal(i.person())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(`{"alg":"ES256","kid":"k1","typ":"at+jwt"}`, string(p))
	f.Add(`{"alg":"ES256","kid":"k1","typ":"at+jwt"}`, `{"act":{"act":{"act":null}},"via":[{}],"exp":1e400}`)
	f.Fuzz(func(t *testing.T, head, payload string) {
		c, err := v.Verify(t.Context(), compact(head, payload, i.keys["k1"]))
		if err == nil && (c.Audience != audience || c.Issuer != issuerURL || c.Subject == "" || !json.Valid([]byte(payload))) {
			t.Fatalf("accepted: %s %s", head, payload)
		}
	})
}
