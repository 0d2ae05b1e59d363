package verify_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/verify"
)

const (
	issuerURL = "https://login.example"
	audience  = "payroll-api"
	era       = "era-1"
)

// claims of a token, by name.
type claims map[string]any

// with returns a copy with a member replaced; nil takes it out.
func (c claims) with(name string, value any) claims {
	c = maps.Clone(c)
	if c[name] = value; value == nil {
		delete(c, name)
	}
	return c
}

// issuer plays the broker as its specification has it, with keys of its own. A test
// changes the fields with the lock held.
type issuer struct {
	mu      sync.Mutex
	keys    map[string]crypto.Signer
	era     string
	raised  []string // blinded, number 1 first
	floor   int
	page    int                            // entries in an answer, at most; 0 for all
	hook    map[string]http.HandlerFunc    // by path, instead of the usual answer
	feed    func(answer map[string]any)    // changes an answer of the feed
	asked   map[string]int                 // requests by path
	seen    []http.Header                  // of the feed's
	forms   []map[string][]string          // of the feed's
	publish func(set []map[string]any) any // changes the published keys
}

func newIssuer() *issuer {
	return &issuer{keys: map[string]crypto.Signer{"k1": ecKey()}, era: era, hook: map[string]http.HandlerFunc{}, asked: map[string]int{}}
}

func (i *issuer) set(change func()) { i.mu.Lock(); defer i.mu.Unlock(); change() }

func (i *issuer) count(path string) int { i.mu.Lock(); defer i.mu.Unlock(); return i.asked[path] }

// raise revokes what the blinded reference stands for.
func (i *issuer) raise(ref string) { i.set(func() { i.raised = append(i.raised, ref) }) }

// ServeHTTP implements http.Handler.
func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	i.asked[r.URL.Path]++
	hook := i.hook[r.URL.Path]
	i.mu.Unlock()
	switch {
	case hook != nil:
		hook(w, r)
	case r.URL.Path == "/.well-known/openid-configuration":
		writeJSON(w, map[string]any{"issuer": issuerURL, "jwks_uri": issuerURL + "/jwks", "revocation_feed_endpoint": issuerURL + "/revocations"})
	case r.URL.Path == "/jwks":
		i.jwks(w)
	case r.URL.Path == "/revocations":
		i.revocations(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (i *issuer) jwks(w http.ResponseWriter) {
	i.mu.Lock()
	defer i.mu.Unlock()
	var set []map[string]any
	for kid, k := range i.keys {
		set = append(set, jwk(kid, k))
	}
	w.Header().Set("Cache-Control", "public, max-age=300")
	if i.publish != nil {
		writeJSON(w, i.publish(set))
		return
	}
	writeJSON(w, map[string]any{"keys": set})
}

// revocations answers at once, or waits for the next entry.
func (i *issuer) revocations(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	after, _ := strconv.Atoi(r.Form.Get("after"))
	wait, _ := strconv.Atoi(r.Form.Get("wait"))
	began, until := time.Now(), time.Now().Add(time.Duration(wait)*time.Second)
	i.set(func() { i.seen, i.forms = append(i.seen, r.Header), append(i.forms, r.Form) })
	for {
		i.mu.Lock()
		if len(i.raised) > after || after < i.floor || !time.Now().Before(until) {
			break
		}
		i.mu.Unlock()
		select {
		case <-r.Context().Done():
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
	defer i.mu.Unlock()
	after = max(after, i.floor)
	answer := map[string]any{"era": i.era, "after": after, "floor": i.floor, "more": false, "current": time.Since(began).Milliseconds()}
	revoked := []any{}
	head := len(i.raised)
	for n := after + 1; n <= len(i.raised); n++ {
		if i.page > 0 && len(revoked) == i.page {
			answer["more"], head = true, n-1
			break
		}
		revoked = append(revoked, map[string]any{"number": n, "ref": i.raised[n-1]})
	}
	answer["head"], answer["revoked"] = head, revoked
	if i.feed != nil {
		i.feed(answer)
	}
	writeJSON(w, answer)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// RoundTrip implements http.RoundTripper without a network, so that a test can move the
// clock.
func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	rec := httptest.NewRecorder()
	i.ServeHTTP(rec, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return rec.Result(), nil
}

// verifier returns one that asks the issuer, and follows nothing.
func (i *issuer) verifier() *verify.Verifier {
	return &verify.Verifier{Issuer: issuerURL, Audience: audience, HTTP: &http.Client{Transport: i}}
}

// following returns one that knows what was revoked, to be used in a bubble of synctest.
func (i *issuer) following(t *testing.T) *verify.Verifier {
	t.Helper()
	v := i.verifier()
	v.Client = verify.ClientSecretBasic("payroll", "secret")
	go func() { _ = v.Follow(t.Context()) }() // ends with the test
	time.Sleep(time.Second)
	if err := v.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return v
}

// person are the claims of alice's token, that travel-desk acts with.
func (i *issuer) person() claims {
	now := time.Now().Unix()
	return claims{
		"iss": issuerURL, "sub": "alice", "aud": audience, "client_id": "travel", "jti": "j1", "iat": now, "exp": now + 300,
		"scope": "payroll.read payroll.list", "auth_time": now - 60, "acr": "mfa", "amr": []string{"pwd", "otp"}, "roles": []string{"user"},
		"sid": "s1", "cnx": "acme", "app": "a-travel", "gnt": "g-travel", "rev": 0, "era": era,
		"act": map[string]any{"sub": "payroll", "act": map[string]any{"sub": "travel"}}, "may_act": map[string]any{"sub": "ledger"}, "agt": "g-actor",
		"via": []any{map[string]any{"jti": "j0", "aud": issuerURL, "client_id": "expense", "app": "a-expense", "gnt": "g-expense", "kid": "k0", "agt": "g-earlier"}},
	}
}

// token signs claims with the key of a kid.
func (i *issuer) token(c claims) string { return i.signed(header("ES256", "k1"), c, i.keys["k1"]) }

func header(alg, kid string) claims { return claims{"alg": alg, "kid": kid, "typ": "at+jwt"} }

func (i *issuer) signed(head, c claims, k crypto.Signer) string {
	h, _ := json.Marshal(head)
	p, _ := json.Marshal(c)
	return compact(string(h), string(p), k)
}

// compact signs a header and a payload as they are; without a key, with nothing.
func compact(head, payload string, k crypto.Signer) string {
	input := b64([]byte(head)) + "." + b64([]byte(payload))
	if k == nil {
		return input + "."
	}
	return input + "." + b64(sign(k, []byte(input)))
}

func sign(k crypto.Signer, input []byte) []byte {
	digest := sha256.Sum256(input)
	switch k := k.(type) {
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, k, digest[:])
		if err != nil {
			panic(err)
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	case *rsa.PrivateKey:
		out, err := rsa.SignPKCS1v15(nil, k, crypto.SHA256, digest[:])
		if err != nil {
			panic(err)
		}
		return out
	case ed25519.PrivateKey:
		return ed25519.Sign(k, input)
	}
	panic("no such key")
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func ecKey() crypto.Signer {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

func rsaKey(bits int) crypto.Signer {
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return k
}

func edKey() crypto.Signer {
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

// jwk is the public half of a key (RFC 7517).
func jwk(kid string, k crypto.Signer) map[string]any {
	switch public := k.Public().(type) {
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		if err != nil {
			panic(err)
		}
		return map[string]any{"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:]), "use": "sig", "alg": "ES256", "kid": kid}
	case *rsa.PublicKey:
		return map[string]any{"kty": "RSA", "n": b64(public.N.Bytes()), "e": b64(big.NewInt(int64(public.E)).Bytes()), "use": "sig", "alg": "RS256", "kid": kid}
	case ed25519.PublicKey:
		return map[string]any{"kty": "OKP", "crv": "Ed25519", "x": b64(public), "use": "sig", "alg": "EdDSA", "kid": kid}
	}
	panic("no such key")
}

// middle returns the payload of a token.
func middle(raw string) string { return strings.Split(raw, ".")[1] }
