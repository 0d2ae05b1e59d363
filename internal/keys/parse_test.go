package keys_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-io/gatehouse/internal/keys"
)

func jwkOf(t testing.TB, key any, kid, alg string) string {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKey{Key: key, KeyID: kid, Algorithm: alg, Use: "sig"})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func setOf(list ...string) []byte { return []byte(`{"keys":[` + strings.Join(list, ",") + `]}`) }

func TestAForeignKeySetIsPublicSoundAndForSignatures(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	strong, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	weak := fmt.Sprintf(`{"kty":"RSA","kid":"w","alg":"RS256","use":"sig","n":%q,"e":"AQAB"}`,
		base64.RawURLEncoding.EncodeToString(append([]byte{0xff}, make([]byte, 126)...))+"AQ")
	good, goodRSA := jwkOf(t, ec.Public(), "a", "ES256"), jwkOf(t, strong.Public(), "b", "RS256")
	off := strings.Replace(good, `"x":"`, `"x":"AAAA`, 1)
	x := make([]byte, 32)
	x[31] = 5
	wrongPoint := fmt.Sprintf(`{"kty":"EC","crv":"P-256","kid":"p","alg":"ES256","x":%q,"y":%q}`,
		base64.RawURLEncoding.EncodeToString(x), base64.RawURLEncoding.EncodeToString(x))
	for name, c := range map[string]struct {
		set  []byte
		want int // usable keys, -1 for a refusal
	}{
		"two keys":                   {setOf(good, goodRSA), 2},
		"none":                       {setOf(), 0},
		"a private key":              {setOf(good, jwkOf(t, ec, "c", "ES256")), -1},
		"a private RSA key":          {setOf(jwkOf(t, strong, "c", "RS256")), -1},
		"a symmetric key":            {setOf(`{"kty":"oct","kid":"k","k":"c2VjcmV0"}`), -1},
		"a weak key":                 {setOf(good, weak), -1},
		"a coordinate of wrong size": {setOf(off), -1},
		"a point off its curve":      {setOf(wrongPoint), -1},
		"for encryption":             {setOf(good, strings.Replace(goodRSA, `"sig"`, `"enc"`, 1)), 1},
		"of a kind to come":          {setOf(good, `{"kty":"AKP","alg":"ML-DSA-44","kid":"q","pub":"AA"}`), 1},
		"no JSON":                    {[]byte(`keys`), -1},
		"no list":                    {[]byte(`{}`), -1},
		"another shape":              {[]byte(`{"keys":{"a":1}}`), -1},
		"too many":                   {setOf(strings.Split(strings.Repeat(good+";", 65), ";")[:65]...), -1},
		"too large":                  {append(setOf(good), make([]byte, keys.MaxJWKS)...), -1},
	} {
		got, err := keys.ParseJWKS(c.set)
		switch {
		case c.want < 0 && !errors.Is(err, keys.ErrJWKS):
			t.Errorf("%s: %v", name, err)
		case c.want >= 0 && (err != nil || got.Len() != c.want):
			t.Errorf("%s: %d keys, %v", name, got.Len(), err)
		}
	}
}

func TestAKeyIsChosenByItsOwnAlgorithm(t *testing.T) {
	one, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	two, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set, err := keys.ParseJWKS(setOf(jwkOf(t, one.Public(), "same", "ES256"), jwkOf(t, two.Public(), "same", "ES256"), jwkOf(t, two.Public(), "other", "ES256")))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		kid  string
		alg  keys.Algorithm
		want int
	}{{"same", keys.ES256, 2}, {"other", keys.ES256, 1}, {"same", keys.RS256, 0}, {"same", "HS256", 0}, {"same", "none", 0}, {"unknown", keys.ES256, 0}} {
		if got := set.Select(c.kid, c.alg); len(got) != c.want {
			t.Errorf("%s %s: %d keys", c.kid, c.alg, len(got))
		}
	}
}

func FuzzParseJWKS(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{
		setOf(jwkOf(f, key.Public(), "a", "ES256")), setOf(`{"kty":"oct","k":"AA"}`), setOf(`{"kty":"OKP","crv":"Ed25519","x":"AA"}`),
		setOf(`{"kty":"RSA","n":"AQ","e":"AQAB"}`), []byte(`{"keys":null}`), setOf(`null`), setOf(`{"kty":7}`),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		set, err := keys.ParseJWKS(raw)
		if err != nil && (!errors.Is(err, keys.ErrJWKS) || set.Len() != 0) {
			t.Errorf("%d keys, %v", set.Len(), err)
		}
		for _, alg := range []keys.Algorithm{keys.ES256, keys.RS256, keys.EdDSA} {
			for _, k := range set.Select("", alg) {
				if !keys.Fits(alg, k.Key) {
					t.Errorf("%T for %s", k.Key, alg)
				}
			}
		}
	})
}
