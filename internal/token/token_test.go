package token_test

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"pgregory.net/rapid"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/revoke"
	"github.com/gatehouse-io/gatehouse/internal/token"
)

const issuer = "https://login.example"

// shelf keeps signing keys in memory.
type shelf struct{ records []keys.Record }

func (s *shelf) Keys(context.Context) ([]keys.Record, error) { return slices.Clone(s.records), nil }

func (s *shelf) Rotate(_ context.Context, change keys.Change) (err error) {
	s.records, _, err = change(slices.Clone(s.records))
	return err
}

// house mints and verifies at a time that tests move.
type house struct {
	*token.Minter
	*token.Verifier
	ring    *keys.Ring
	now     time.Time
	era     string
	revoked map[identity.Ref]uint64
	unknown bool // whether anything was revoked cannot be told
}

// Check implements token.Revocations.
func (h *house) Check(rev uint64, refs ...identity.Ref) error {
	if h.unknown {
		return revoke.ErrStale
	}
	for _, ref := range refs {
		if h.revoked[ref] > rev {
			return revoke.ErrRevoked
		}
	}
	return nil
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC), era: "era-1", revoked: map[identity.Ref]uint64{}}
	vault, err := keys.NewVault(make([]byte, keys.VaultKeySize))
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return h.now }
	h.ring = keys.NewRing(keys.RingOptions{Store: &shelf{}, Vault: vault, Now: now, Log: slog.New(slog.DiscardHandler)})
	if err := h.ring.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.Minter = token.NewMinter(token.MinterOptions{Issuer: issuer, Ring: h.ring, Now: now})
	h.Verifier = token.NewVerifier(token.VerifierOptions{Issuer: issuer, Era: func() string { return h.era }, Keys: h.ring, Revocations: h, Now: now})
	return h
}

// access is a person's token with every claim.
func (h *house) access() token.Access {
	return token.Access{
		ID: "jti-1", Subject: "alice", Audience: "payroll-api", Client: "expense-bot", Scopes: []string{"openid", "payroll.read"}, Roles: []string{"reader"},
		Issued: h.now, Expires: h.now.Add(5 * time.Minute), AuthTime: h.now.Add(-time.Minute), ACR: "mfa", AMR: []string{"pwd", "otp"},
		Person: "alice", Session: "s-1", Connection: "acme", App: "app-1", Grant: "g-1", Rev: 7, Era: h.era,
	}
}

func (h *house) mint(t testing.TB, alg keys.Algorithm, a token.Access) string {
	t.Helper()
	raw, err := h.Minter.Access(alg, a)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestWhatIsMintedIsReadBackAndByOthers(t *testing.T) {
	h := newHouse(t)
	body, _ := h.ring.JWKS()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(body, &set); err != nil {
		t.Fatal(err)
	}
	for _, alg := range []keys.Algorithm{keys.ES256, keys.RS256, keys.EdDSA} {
		want := h.access()
		raw := h.mint(t, alg, want)
		got, err := h.Verifier.Access(t.Context(), raw)
		if err != nil {
			t.Fatalf("%s: %v", alg, err)
		}
		want.Issuer, want.Key = issuer, got.Key
		if left, right := string(mustJSON(t, got)), string(mustJSON(t, want)); left != right {
			t.Errorf("%s: read\n%s, minted\n%s", alg, left, right)
		}
		parsed, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
		if err != nil {
			t.Fatal(err)
		}
		var claims map[string]any
		if err := parsed.Claims(set.Key(parsed.Headers[0].KeyID)[0].Key, &claims); err != nil {
			t.Fatalf("%s: another library: %v", alg, err)
		}
		// RFC 9068, section 2.2.
		if parsed.Headers[0].ExtraHeaders[jose.HeaderType] != "at+jwt" || claims["iss"] != issuer || claims["sub"] != "alice" || claims["aud"] != "payroll-api" ||
			claims["client_id"] != "expense-bot" || claims["jti"] != "jti-1" || claims["scope"] != "openid payroll.read" || claims["exp"].(float64)-claims["iat"].(float64) != 300 {
			t.Errorf("%s: %v %v", alg, parsed.Headers[0], claims)
		}
	}
}

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// bent changes the header or the payload of a token and keeps its signature.
func bent(raw string, part int, change func(string) string) string {
	parts := strings.Split(raw, ".")
	text, _ := base64.RawURLEncoding.DecodeString(parts[part])
	parts[part] = base64.RawURLEncoding.EncodeToString([]byte(change(string(text))))
	return strings.Join(parts, ".")
}

func TestNoOtherTokenPassesForAnAccessToken(t *testing.T) {
	h := newHouse(t)
	good := h.mint(t, keys.ES256, h.access())
	if _, err := h.Verifier.Access(t.Context(), good); err != nil {
		t.Fatalf("control: %v", err)
	}
	idToken, err := h.ID(keys.ES256, token.ID{Subject: "alice", Audience: "expense-bot", Expires: h.now.Add(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	logout, err := h.Logout(keys.ES256, token.Logout{ID: "l", Subject: "alice", Audience: "expense-bot", Expires: h.now.Add(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
	key, _ := h.ring.Public(h.kid(t))
	public, err := x509.MarshalPKIXPublicKey(key.Key)
	if err != nil {
		t.Fatal(err)
	}
	other := newHouse(t)
	replace := func(old, next string) func(string) string {
		return func(s string) string { return strings.Replace(s, old, next, 1) }
	}
	for name, raw := range map[string]string{
		"an id_token":       idToken,
		"a logout token":    logout,
		"of another broker": other.mint(t, keys.ES256, other.access()),
		"alg none":          bent(good, 0, replace("ES256", "none")),
		"another alg":       bent(good, 0, replace("ES256", "RS256")),
		"another typ":       bent(good, 0, replace("at+jwt", "JWT")),
		"no typ":            bent(good, 0, replace(`"typ":"at+jwt"`, `"typ":""`)),
		"crit":              bent(good, 0, replace("{", `{"crit":["b64"],"b64":false,`)),
		"an embedded key":   bent(good, 0, replace("{", `{"jwk":{"kty":"oct","k":"AA"},`)),
		"alg twice":         bent(good, 0, replace("{", `{"alg":"none",`)),
		"spaces in header":  bent(good, 0, replace("{", "{ ")),
		"changed subject":   bent(good, 1, replace("alice", "mallo")),
		"sub twice":         bent(good, 1, replace("{", `{"sub":"mallory",`)),
		"unsigned":          parts[0] + "." + parts[1] + ".",
		"two parts":         parts[0] + "." + parts[1],
		"a fourth part":     good + ".x",
		"truncated":         good[:len(good)-1],
		"padded":            good + "=",
		"a space":           good + " ",
		"a line break":      parts[0] + "\n." + parts[1] + "." + parts[2],
		"other alphabet":    parts[0] + "." + parts[1] + "." + strings.NewReplacer("-", "+", "_", "/").Replace(parts[2]) + "+",
		"empty":             "",
		"dots":              "..",
		"huge":              strings.Repeat("A", token.MaxSize+1),
		"HS256 with the public key": func() string {
			signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: public, KeyID: h.kid(t)}}, (&jose.SignerOptions{}).WithType("at+jwt"))
			if err != nil {
				t.Fatal(err)
			}
			jws, err := signer.Sign(payload)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := jws.CompactSerialize()
			return text
		}(),
	} {
		if _, err := h.Verifier.Access(t.Context(), raw); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
		if name != "an id_token" {
			if _, err := h.IDHint(t.Context(), raw); !errors.Is(err, token.ErrInvalid) {
				t.Errorf("%s, as a hint: %v", name, err)
			}
		}
	}
	if _, err := h.IDHint(t.Context(), good); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("an access token as a hint: %v", err)
	}
	h.now = h.now.Add(time.Hour)
	if id, err := h.IDHint(t.Context(), idToken); err != nil || id.Subject != "alice" || id.Audience != "expense-bot" {
		t.Errorf("a hint may have expired: %+v %v", id, err)
	}
}

func (h *house) kid(t testing.TB) string {
	t.Helper()
	signer, err := h.ring.Signer(keys.ES256)
	if err != nil {
		t.Fatal(err)
	}
	return signer.KID()
}

func TestATokenEndsWithItsTimeItsEraAndWhatItCarries(t *testing.T) {
	h := newHouse(t)
	a := h.access()
	raw := h.mint(t, keys.ES256, a)
	for name, ref := range map[string]identity.Ref{
		"person": identity.Person("alice"), "session": identity.Session("s-1"), "connection": identity.Connection("acme"), "app": identity.App("app-1"),
		"client": identity.Client("expense-bot"), "grant": identity.Grant("g-1"), "key": identity.Key(h.kid(t)),
	} {
		h.revoked = map[identity.Ref]uint64{ref: 8}
		if _, err := h.Verifier.Access(t.Context(), raw); fault.KindOf(err) != fault.Denied {
			t.Errorf("%s, raised after: %v", name, err)
		}
		h.revoked = map[identity.Ref]uint64{ref: 7, identity.Person("somebody else"): 9}
		if _, err := h.Verifier.Access(t.Context(), raw); err != nil {
			t.Errorf("%s, raised before: %v", name, err)
		}
	}
	h.unknown = true
	if _, err := h.Verifier.Access(t.Context(), raw); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("nobody can tell: %v", err)
	}
	h.unknown, h.era = false, "era-2"
	if _, err := h.Verifier.Access(t.Context(), raw); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("another era: %v", err)
	}
	h.era = "era-1"
	h.now = a.Expires.Add(-time.Second)
	if _, err := h.Verifier.Access(t.Context(), raw); err != nil {
		t.Errorf("the last second: %v", err)
	}
	h.now = a.Expires
	if _, err := h.Verifier.Access(t.Context(), raw); !errors.Is(err, token.ErrExpired) {
		t.Errorf("expired: %v", err)
	}
	h.now = a.Issued.Add(-time.Hour)
	if _, err := h.Verifier.Access(t.Context(), raw); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("from the future: %v", err)
	}
}

func TestWhatMustNotBeMintedIsNot(t *testing.T) {
	h := newHouse(t)
	for name, change := range map[string]func(*token.Access){
		"no id":                   func(a *token.Access) { a.ID = "" },
		"no audience":             func(a *token.Access) { a.Audience = "" },
		"no client":               func(a *token.Access) { a.Client = "" },
		"another subject":         func(a *token.Access) { a.Subject = "bob" },
		"no life":                 func(a *token.Access) { a.Expires = a.Issued },
		"person, no connection":   func(a *token.Access) { a.Connection = "" },
		"connection, no person":   func(a *token.Access) { a.Person, a.Subject = "", a.Client },
		"larger than is accepted": func(a *token.Access) { a.ACR = strings.Repeat("a", token.MaxSize) },
	} {
		a := h.access()
		change(&a)
		if raw, err := h.Minter.Access(keys.ES256, a); err == nil {
			t.Errorf("%s: %s", name, raw)
		}
	}
	long := h.access()
	long.ACR = strings.Repeat("a", token.MaxSize)
	if _, err := h.Minter.Access(keys.ES256, long); !errors.Is(err, token.ErrTooLong) {
		t.Errorf("one that is too long: %v", err)
	}
	for _, name := range []string{"sub", "aud", "events", "exp", "client_id", "cnf", "at_hash", "SUB", "Aud", "SID"} {
		if _, err := h.ID(keys.ES256, token.ID{Subject: "a", Audience: "c", Expires: h.now.Add(time.Minute), Extra: map[string]any{name: "x"}}); err == nil {
			t.Errorf("an id_token with its own %s", name)
		}
	}
	raw, err := h.ID(keys.ES256, token.ID{
		Subject: "a", Audience: "c", Expires: h.now.Add(time.Minute), AccessToken: "access", Extra: map[string]any{"email": "a@b.example", "email_verified": true},
	})
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	payload, _ := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[1])
	sum := sha256.Sum256([]byte("access"))
	if err := json.Unmarshal(payload, &claims); err != nil || claims["email_verified"] != true || claims["at_hash"] != base64.RawURLEncoding.EncodeToString(sum[:16]) {
		t.Errorf("%v %v", err, claims)
	}
}

// TestTextsComeBackAsTheyWere holds the encoder that is written by hand to
// encoding/json: whatever texts are, the token is JSON and says the same.
func TestTextsComeBackAsTheyWere(t *testing.T) {
	h := newHouse(t)
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringN(1, 20, 60)
		a := h.access()
		a.ID, a.ACR, a.Session, a.Audience = text.Draw(rt, "id"), text.Draw(rt, "acr"), text.Draw(rt, "session"), text.Draw(rt, "audience")
		a.AMR, a.Roles = rapid.SliceOfN(text, 0, 3).Draw(rt, "amr"), rapid.SliceOfN(text, 0, 3).Draw(rt, "roles")
		raw, err := h.Minter.Access(keys.EdDSA, a)
		if err != nil {
			rt.Fatal(err)
		}
		got, err := h.Verifier.Access(t.Context(), raw)
		if err != nil || got.ID != a.ID || got.ACR != a.ACR || got.Session != a.Session || got.Audience != a.Audience || !slices.Equal(got.AMR, a.AMR) || !slices.Equal(got.Roles, a.Roles) {
			rt.Fatalf("%v\n%+v\n%+v", err, got, a)
		}
	})
}

func FuzzVerify(f *testing.F) {
	h := newHouse(f)
	good := h.mint(f, keys.EdDSA, h.access())
	for _, seed := range []string{good, bent(good, 0, strings.ToUpper), bent(good, 1, strings.ToUpper), good + ".", "..", "eyJhbGciOiJub25lIn0.e30."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if _, err := h.Verifier.Access(t.Context(), raw); err == nil && raw != good {
			t.Errorf("accepted %q", raw)
		}
		if _, err := h.IDHint(t.Context(), raw); err == nil {
			t.Errorf("accepted as a hint: %q", raw)
		}
	})
}
