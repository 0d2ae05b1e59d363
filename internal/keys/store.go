package keys

import (
	"context"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
)

// Algorithm is a JWS signature algorithm (RFC 7518, RFC 8037).
type Algorithm string

// The algorithms that the broker signs with.
const (
	ES256 Algorithm = "ES256"
	RS256 Algorithm = "RS256"
	EdDSA Algorithm = "EdDSA"
)

// SAML is the line of keys that sign SAML messages: RSA with SHA-256, each in a
// certificate of its own. It is no JWS algorithm: a Ring keeps such keys out of its
// JWKS, and no token is ever verified with one.
const SAML Algorithm = "SAML"

// Record is one signing key as it is stored.
type Record struct {
	ID        string // kid
	Algorithm Algorithm
	// Private is the PKCS #8 key, sealed by the Vault with the associated data
	// of ("signing_keys", "private", ID).
	Private []byte
	// Public is the PKIX key in the clear: a verifier needs no vault.
	Public []byte
	// Certificate is the key's self-signed X.509 certificate in DER, for SAML keys.
	Certificate []byte `json:",omitempty"`
	// Published is when the key entered the JWKS; SignsFrom when it may first
	// sign, late enough for every cached JWKS to have it; RetiredAt when it
	// stopped signing; RemoveAt when it leaves the JWKS, later than the last
	// token it signed. Zero times are not decided yet.
	Published, SignsFrom, RetiredAt, RemoveAt time.Time
	// Killed marks an emergency removal: out of the JWKS at once.
	Killed bool
}

// Store keeps signing keys.
type Store interface {
	// Keys returns every key that was not removed, oldest first.
	Keys(ctx context.Context) ([]Record, error)
	// Rotate runs change over all keys under a lock that replicas share and
	// stores what it returns: new records are added, changed ones updated,
	// missing ones deleted.
	Rotate(ctx context.Context, change Change) error
}

// Change decides on the next state of all keys and tells what happened.
type Change func(current []Record) (next []Record, events []event.Event, err error)
