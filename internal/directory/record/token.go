package record

import (
	"net/netip"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// The faults of tokens.
var (
	// ErrToken refuses a bearer token that is unknown, over, revoked, of another
	// connection, or from an address that it is not for; it does not say which.
	ErrToken         = fault.New(fault.Unauthenticated, "scim_token_refused", "a token of this connection that is good is required: Authorization: Bearer …")
	ErrTokenNotFound = fault.New(fault.NotFound, "scim_token_not_found", "this connection has no such token")
	// ErrTokenLimit refuses a third token: two are for changing one without a gap.
	ErrTokenLimit = fault.New(fault.Conflict, "scim_token_limit", "a connection has %d tokens at most: revoke one", MaxTokens)
)

// MaxTokens is how many tokens of a connection are good at once.
const MaxTokens = 2

// Token is a SCIM client's bearer token as it is kept: the secret itself only as its
// SHA-256.
type Token struct {
	ID         string `json:"id"`
	Connection string `json:"connection"`
	Name       string `json:"name"`
	// Addresses are the networks that it is good from; empty means any.
	Addresses []netip.Prefix `json:"addresses,omitempty"`
	CreatedBy identity.Actor `json:"created_by"`
	Created   time.Time      `json:"created"`
	Expires   time.Time      `json:"expires"`
	// LastUsed is to the minute.
	LastUsed time.Time `json:"last_used,omitzero"`
	Hash     []byte    `json:"-"`
}
