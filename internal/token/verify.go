package token

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/keys"
)

// maxToken bounds a token, in bytes; leeway is how far a clock may be ahead.
const (
	maxToken = 8 << 10
	leeway   = 10 * time.Second
)

// PublicKeys finds our own keys.
type PublicKeys interface {
	Public(kid string) (keys.PublicKey, bool)
	// Former finds keys that left in good standing: for hints, never for access.
	Former(kid string) (keys.PublicKey, bool)
}

// Revocations is the part of revoke.Sequence that a Verifier asks.
type Revocations interface {
	Check(rev uint64, refs ...identity.Ref) error
}

// VerifierOptions are what a Verifier needs. All are required.
type VerifierOptions struct {
	Issuer      string
	Era         string
	Keys        PublicKeys
	Revocations Revocations
	Now         func() time.Time
}

// Verifier verifies tokens that this broker signed.
type Verifier struct{ o VerifierOptions }

// NewVerifier returns a Verifier.
func NewVerifier(o VerifierOptions) *Verifier { return &Verifier{o} }

// Access verifies an access token: header, signature, issuer, era, times, and
// that nothing it carries was revoked. The audience is the caller's to check.
func (v *Verifier) Access(raw string) (Access, error) {
	var a Access
	kid, err := v.open(raw, TypeAccess, v.o.Keys.Public, &a)
	if err != nil {
		return Access{}, err
	}
	a.Key = kid
	now := v.o.Now()
	switch {
	case a.Issuer != v.o.Issuer || a.Era != v.o.Era:
		return Access{}, ErrForeign
	case a.Expires == 0 || !now.Before(a.Expiry()):
		return Access{}, ErrExpired
	case time.Unix(a.Issued, 0).After(now.Add(leeway)):
		return Access{}, ErrMalformed
	}
	if err := v.o.Revocations.Check(a.Rev, a.Refs()...); err != nil {
		return Access{}, fmt.Errorf("access token: %w", err)
	}
	return a, nil
}

// Hint verifies an ID token that comes back as id_token_hint. It may have expired
// and its key may have left: it says who is meant and grants nothing.
func (v *Verifier) Hint(raw string) (ID, error) {
	var id ID
	either := func(kid string) (keys.PublicKey, bool) {
		if k, ok := v.o.Keys.Public(kid); ok {
			return k, true
		}
		return v.o.Keys.Former(kid)
	}
	if _, err := v.open(raw, TypeID, either, &id); err != nil {
		return ID{}, err
	}
	if id.Issuer != v.o.Issuer || id.Subject == "" || id.Audience == "" {
		return ID{}, ErrForeign
	}
	return id, nil
}

// open checks header and signature and decodes the payload into claims.
func (v *Verifier) open(raw, typ string, find func(string) (keys.PublicKey, bool), claims any) (kid string, err error) {
	if len(raw) > maxToken {
		return "", ErrMalformed
	}
	input, signature, ok := cutLast(raw)
	encodedHeader, payload, alsoOK := strings.Cut(input, ".")
	if !ok || !alsoOK || strings.Contains(payload, ".") {
		return "", ErrMalformed
	}
	strict := base64.RawURLEncoding.Strict()
	header, err := strict.DecodeString(encodedHeader)
	if err != nil {
		return "", ErrMalformed
	}
	var named struct {
		KID string `json:"kid"`
	}
	if json.Unmarshal(header, &named) != nil {
		return "", ErrMalformed
	}
	key, ok := find(named.KID)
	if !ok || string(header) != keys.Header(key.Algorithm, key.ID, typ) {
		return "", ErrMalformed
	}
	sig, err := strict.DecodeString(signature)
	if err != nil {
		return "", ErrMalformed
	}
	if err := keys.VerifySignature(key.Algorithm, key.Key, []byte(input), sig); err != nil {
		return "", fmt.Errorf("%w: %w", ErrSignature, err)
	}
	body, err := strict.DecodeString(payload)
	if err != nil || json.Unmarshal(body, claims) != nil {
		return "", ErrMalformed
	}
	return key.ID, nil
}

func cutLast(raw string) (before, after string, ok bool) {
	i := strings.LastIndexByte(raw, '.')
	if i < 0 {
		return "", "", false
	}
	return raw[:i], raw[i+1:], true
}
