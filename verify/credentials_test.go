package verify_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/gatehouse-io/gatehouse/verify"
)

func TestAnAPIProvesItselfWithASecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer()
		basic, post := i.verifier(), i.verifier()
		basic.Client = verify.ClientSecretBasic("pay roll", "a:b+c")
		post.Client = verify.ClientSecretPost("payroll", "secret")
		go func() { _ = basic.Follow(t.Context()) }() // these end with the test
		time.Sleep(time.Second)
		go func() { _ = post.Follow(t.Context()) }()
		time.Sleep(500 * time.Millisecond)
		i.set(func() {
			r := http.Request{Header: i.seen[0]}
			// Each half is form-encoded before it is joined (RFC 6749, section 2.3.1).
			if id, secret, ok := r.BasicAuth(); !ok || id != "pay+roll" || secret != "a%3Ab%2Bc" || url.Values(i.forms[0]).Has("client_secret") {
				t.Errorf("%q %q", id, secret)
			}
			last := url.Values(i.forms[len(i.forms)-1])
			if last.Get("client_id") != "payroll" || last.Get("client_secret") != "secret" || last.Get("audience") != audience || i.seen[len(i.seen)-1].Get("Authorization") != "" {
				t.Errorf("%v", last)
			}
		})
	})
}

func TestAnAPIProvesItselfWithAKey(t *testing.T) {
	for name, key := range map[jose.SignatureAlgorithm]crypto.Signer{jose.ES256: ecKey(), jose.RS256: rsaKey(2048), jose.EdDSA: edKey()} {
		prove, seen := verify.PrivateKeyJWT("payroll", "kid-1", key), map[string]bool{}
		for range 20 { // a signature may have to be filled up with zeros
			form := url.Values{}
			if err := prove(issuerURL, form, nil); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			parsed, err := jwt.ParseSigned(form.Get("client_assertion"), []jose.SignatureAlgorithm{name})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			var c jwt.Claims
			err = parsed.Claims(key.Public(), &c)
			if err != nil || c.Issuer != "payroll" || c.Subject != "payroll" || len(c.Audience) != 1 || c.Audience[0] != issuerURL || c.ID == "" || parsed.Headers[0].KeyID != "kid-1" {
				t.Errorf("%s: %v %+v", name, err, c)
			}
			if life := c.Expiry.Time().Sub(c.IssuedAt.Time()); life <= 0 || life > 5*time.Minute || seen[c.ID] {
				t.Errorf("%s: it lives %s, or was there before", name, life)
			}
			seen[c.ID] = true
			if form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
				t.Error(form)
			}
		}
	}
	large, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := verify.PrivateKeyJWT("payroll", "kid-1", large)(issuerURL, url.Values{}, nil); err == nil {
		t.Error("a key on another curve is taken for one on P-256")
	}
}
