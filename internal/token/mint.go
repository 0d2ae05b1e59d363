package token

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/gatehouse-io/gatehouse/internal/keys"
)

// Signers is the part of keys.Ring that mints.
type Signers interface {
	Signer(alg keys.Algorithm) (*keys.Signer, error)
}

// Minter signs tokens of one issuer.
type Minter struct {
	issuer string
	ring   Signers
}

// NewMinter returns a Minter. issuer becomes the iss of everything it signs.
func NewMinter(issuer string, ring Signers) *Minter { return &Minter{issuer: issuer, ring: ring} }

// Access signs an access token.
func (m *Minter) Access(alg keys.Algorithm, a Access) (string, error) {
	a.Issuer = m.issuer
	return m.sign(alg, TypeAccess, a)
}

// ID signs an ID token that belongs to the given access token.
func (m *Minter) ID(alg keys.Algorithm, id ID, access string) (string, error) {
	id.Issuer = m.issuer
	id.AccessHash = accessHash(alg, access)
	return m.sign(alg, TypeID, id)
}

// Logout signs a logout token.
func (m *Minter) Logout(alg keys.Algorithm, l Logout) (string, error) {
	l.Issuer = m.issuer
	l.Events = map[string]struct{}{LogoutEvent: {}}
	return m.sign(alg, TypeLogout, l)
}

func (m *Minter) sign(alg keys.Algorithm, typ string, claims any) (string, error) {
	s, err := m.ring.Signer(alg)
	if err != nil {
		return "", fmt.Errorf("mint: %w", err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("mint: %w", err)
	}
	return s.Sign(typ, payload)
}

// accessHash is at_hash: the left half of the hash that goes with the algorithm,
// SHA-512 for EdDSA with Ed25519 (OpenID Connect Core, section 3.1.3.6).
func accessHash(alg keys.Algorithm, access string) string {
	if alg == keys.EdDSA {
		sum := sha512.Sum512([]byte(access))
		return base64.RawURLEncoding.EncodeToString(sum[:32])
	}
	sum := sha256.Sum256([]byte(access))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
