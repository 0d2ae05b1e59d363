package revoke

import (
	"crypto/sha256"
	"encoding/base64"

	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// blindSize is how much of the digest stands for an id, in bytes.
const blindSize = 16

// Blind returns what an API is told instead of an id: who holds a token with the id
// in it can compute it, and nobody else can tell what it stands for. Two APIs are told
// different things of the same id. Package verify computes the same:
//
//	base64url(SHA-256("gatehouse revocation" 0x00 audience 0x00 kind 0x00 id)[:16])
func Blind(audience string, ref identity.Ref) string {
	h := sha256.New()
	for _, part := range []string{"gatehouse revocation\x00", audience, "\x00", string(ref.Kind), "\x00", ref.ID} {
		h.Write([]byte(part)) // a hash never fails
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:blindSize])
}
