package verify_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-io/gatehouse/verify"
)

func TestKeysAreReadOnceAndAgainWhenTheirTimeIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer()
		v := i.verifier()
		good := func() {
			t.Helper()
			if _, err := v.Verify(t.Context(), i.token(i.person())); err != nil {
				t.Error(err)
			}
			synctest.Wait() // also for keys that are read beside
		}
		var group sync.WaitGroup
		for range 8 {
			group.Go(good0(t, v, i))
		}
		group.Wait()
		good()
		if n := i.count("/jwks"); n != 1 {
			t.Errorf("read %d times by many at once", n)
		}
		time.Sleep(4 * time.Minute)
		good()
		if n := i.count("/jwks"); n != 1 {
			t.Errorf("read %d times within their life", n)
		}
		time.Sleep(2 * time.Minute)
		good()
		good()
		if n := i.count("/jwks"); n != 2 {
			t.Errorf("read %d times after their life", n)
		}
		if n := i.count("/.well-known/openid-configuration"); n != 1 {
			t.Errorf("the metadata is read %d times", n)
		}
	})
}

func good0(t *testing.T, v *verify.Verifier, i *issuer) func() {
	return func() {
		if _, err := v.Verify(t.Context(), i.token(i.person())); err != nil {
			t.Error(err)
		}
	}
}

func TestANewKeyIsFoundAtOnceAndAnUnknownOneAsksSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer()
		v := i.verifier()
		if _, err := v.Verify(t.Context(), i.token(i.person())); err != nil {
			t.Fatal(err)
		}
		unknown := i.signed(header("ES256", "k9"), i.person(), ecKey())
		time.Sleep(10 * time.Second)
		for range 100 {
			if _, err := v.Verify(t.Context(), unknown); !errors.Is(err, verify.ErrInvalid) {
				t.Fatal(err)
			}
		}
		if n := i.count("/jwks"); n != 2 {
			t.Errorf("a hundred tokens of a key that nobody has: read %d times", n)
		}
		i.set(func() { i.keys["k2"] = ecKey(); delete(i.keys, "k1") })
		time.Sleep(10 * time.Second)
		if _, err := v.Verify(t.Context(), i.signed(header("ES256", "k2"), i.person(), i.keys["k2"])); err != nil {
			t.Errorf("the new key: %v", err)
		}
		if n := i.count("/jwks"); n != 3 {
			t.Errorf("read %d times", n)
		}
		i.set(func() { i.keys["k1"] = i.keys["k2"] })
		if _, err := v.Verify(t.Context(), i.token(i.person())); !errors.Is(err, verify.ErrInvalid) {
			t.Errorf("the key that is gone: %v", err)
		}
	})
}

// failures are what a server of keys may do instead of answering.
func failures() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"an error": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) },
		"silence":  func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example/jwks", http.StatusFound)
		},
		"a huge answer": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"keys":[],"x":"` + strings.Repeat("x", 300<<10) + `"}`))
		},
		"no JSON":         func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"an empty set":    func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":[]}`)) },
		"keys twice":      func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":[],"keys":[]}`)) },
		"keys of strings": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":["k1"]}`)) },
	}
}

func TestAServerOfKeysThatFailsLetsNothingThroughAndIsNotFlooded(t *testing.T) {
	for name, fail := range failures() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIssuer()
				v := i.verifier()
				i.hook["/jwks"] = fail
				began := time.Now()
				for range 3 {
					if _, err := v.Verify(t.Context(), i.token(i.person())); !errors.Is(err, verify.ErrUnavailable) {
						t.Errorf("it fails: %v", err)
					}
				}
				if took := time.Since(began); took > 5*time.Second+time.Second || i.count("/jwks") > 2 {
					t.Errorf("three tokens took %s and %d requests", took, i.count("/jwks"))
				}
				if err := v.Ready(t.Context()); !errors.Is(err, verify.ErrUnavailable) {
					t.Errorf("ready: %v", err)
				}
				i.set(func() { delete(i.hook, "/jwks") })
				time.Sleep(6 * time.Second)
				if _, err := v.Verify(t.Context(), i.token(i.person())); err != nil || v.Ready(t.Context()) != nil {
					t.Errorf("it answers again: %v", err)
				}
				if i.count("/evil") != 0 {
					t.Error("the redirect was followed")
				}
			})
		})
	}
}

func TestKeysThatAreKnownOutliveAFailureUntilTheirBound(t *testing.T) {
	for name, fail := range failures() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIssuer()
				v := i.verifier()
				check := func() error {
					began := time.Now()
					_, err := v.Verify(t.Context(), i.token(i.person()))
					if took := time.Since(began); err == nil && took > 0 {
						t.Errorf("a token of a known key waited %s", took)
					}
					return err
				}
				if err := check(); err != nil {
					t.Fatal(err)
				}
				i.set(func() { i.hook["/jwks"] = fail })
				for range 11 {
					time.Sleep(5 * time.Minute)
					if err := check(); err != nil {
						t.Fatalf("while it fails: %v", err)
					}
				}
				if _, err := v.Verify(t.Context(), i.signed(header("ES256", "k2"), i.person(), ecKey())); !errors.Is(err, verify.ErrUnavailable) {
					t.Errorf("a key that may be new: %v", err)
				}
				time.Sleep(6 * time.Minute)
				if err := check(); !errors.Is(err, verify.ErrUnavailable) {
					t.Errorf("past the bound: %v", err)
				}
				i.set(func() { delete(i.hook, "/jwks") })
				time.Sleep(10 * time.Second)
				if _, err := v.Verify(t.Context(), i.token(i.person())); err != nil {
					t.Errorf("it answers again: %v", err)
				}
			})
		})
	}
}

func TestWhoLeavesDoesNotWaitForKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer()
		i.hook["/jwks"] = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if _, err := i.verifier().Verify(ctx, i.token(i.person())); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		time.Sleep(5 * time.Second) // the reading ends by itself
	})
}

func TestAKeyThatIsNotGoodIsPassedOver(t *testing.T) {
	i := newIssuer()
	i.keys["weak"], i.keys["rsa"] = rsaKey(1024), rsaKey(2048)
	spoilt := map[string]func(k map[string]any){
		"control":                func(map[string]any) {},
		"no use":                 func(k map[string]any) { delete(k, "use"); delete(k, "alg") },
		"for encryption":         func(k map[string]any) { k["use"] = "enc" },
		"for another algorithm":  func(k map[string]any) { k["alg"] = "ES384" },
		"a private one":          func(k map[string]any) { k["d"] = "AQ" },
		"of another curve":       func(k map[string]any) { k["crv"] = "P-384" },
		"not on its curve":       func(k map[string]any) { k["y"] = k["x"] },
		"with a short x":         func(k map[string]any) { k["x"] = "AQ" },
		"without a kid":          func(k map[string]any) { delete(k, "kid") },
		"whose kid is a number":  func(k map[string]any) { k["kid"] = 1 },
		"of a kind of secrets":   func(k map[string]any) { k["kty"], k["k"] = "oct", "AQ" },
		"a point with a newline": func(k map[string]any) { k["x"] = k["x"].(string) + "\n" },
	}
	for name, spoil := range spoilt {
		i.publish = func(set []map[string]any) any {
			for _, k := range set {
				if k["kid"] == "k1" {
					spoil(k)
				}
			}
			return map[string]any{"keys": set}
		}
		v := i.verifier()
		_, err := v.Verify(t.Context(), i.token(i.person()))
		if fine := name == "control" || name == "no use"; fine != (err == nil) || (!fine && !errors.Is(err, verify.ErrInvalid)) {
			t.Errorf("a key %s: %v", name, err)
		}
		if _, err := v.Verify(t.Context(), i.signed(header("RS256", "rsa"), i.person(), i.keys["rsa"])); err != nil {
			t.Errorf("another key beside one %s: %v", name, err)
		}
	}
	i.publish = func(set []map[string]any) any {
		return map[string]any{"keys": append(set, jwk("k1", ecKey()), jwk("k1", i.keys["k1"]))}
	}
	v := i.verifier()
	for name, raw := range map[string]string{
		"a weak RSA key": i.signed(header("RS256", "weak"), i.person(), i.keys["weak"]), "a kid that two keys have": i.token(i.person()),
	} {
		if _, err := v.Verify(t.Context(), raw); !errors.Is(err, verify.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMetadataOfAnotherIssuerIsNotBelieved(t *testing.T) {
	for name, document := range map[string]map[string]any{
		"another issuer":       {"issuer": "https://evil.example", "jwks_uri": issuerURL + "/jwks"},
		"no issuer":            {"jwks_uri": issuerURL + "/jwks"},
		"keys in the clear":    {"issuer": issuerURL, "jwks_uri": "http://login.example/jwks"},
		"keys of a file":       {"issuer": issuerURL, "jwks_uri": "file:///etc/passwd"},
		"no keys":              {"issuer": issuerURL},
		"a feed in the clear":  {"issuer": issuerURL, "jwks_uri": issuerURL + "/jwks", "revocation_feed_endpoint": "http://login.example/r"},
		"keys of another type": {"issuer": issuerURL, "jwks_uri": []string{issuerURL + "/jwks"}},
		"control":              {"issuer": issuerURL, "jwks_uri": issuerURL + "/jwks"},
	} {
		i := newIssuer()
		i.hook["/.well-known/openid-configuration"] = func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, document) }
		_, err := i.verifier().Verify(t.Context(), i.token(i.person()))
		if fine := name == "control"; fine != (err == nil) || (!fine && !errors.Is(err, verify.ErrUnavailable)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
