package record

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
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
	Addresses []string       `json:"addresses,omitempty"`
	CreatedBy identity.Actor `json:"created_by"`
	Created   time.Time      `json:"created"`
	Expires   time.Time      `json:"expires"`
	// LastUsed is to the minute.
	LastUsed time.Time `json:"last_used,omitzero"`
	Hash     []byte    `json:"-"`
}

// The lives of tokens.
const (
	DefaultTokenDays = 365
	maxTokenDays     = 3 * 365
	// touchEvery is how stale LastUsed may get.
	touchEvery = time.Minute
)

// tokenPrefix lets secret scanners find a token that leaked.
const tokenPrefix = "ghs_"

// maxName is how many bytes the name of a token has, maxAddresses how many networks.
const (
	maxName      = 100
	maxAddresses = 50
)

// NewToken is what is asked for.
type NewToken struct {
	Name string `json:"name"`
	// Addresses are the networks that it is good from, "192.0.2.0/24"; empty means any.
	Addresses []string `json:"addresses,omitempty"`
	// Days until it is over; 0 means 365, the most is 1095.
	Days int `json:"days,omitempty"`
}

func (n NewToken) check() error {
	if n.Name == "" || len(n.Name) > maxName || strings.TrimSpace(n.Name) != n.Name || containsControl(n.Name) {
		return fault.New(fault.Invalid, "scim_token_name", "a token has a name of 1 to %d bytes that says whose it is, without control characters or a space at its ends", maxName).At("name")
	}
	if n.Days < 0 || n.Days > maxTokenDays {
		return fault.New(fault.Invalid, "scim_token_days", "a token lives for 1 to %d days", maxTokenDays).At("days")
	}
	for _, a := range n.Addresses {
		if p, err := netip.ParsePrefix(a); err != nil || p != p.Masked() {
			return fault.New(fault.Invalid, "scim_token_address", "%q is no network, such as 192.0.2.0/24 or 2001:db8::7/128", a).At("addresses")
		}
	}
	if len(n.Addresses) > maxAddresses {
		return fault.New(fault.Invalid, "scim_token_addresses", "a token is good from up to %d networks", maxAddresses).At("addresses")
	}
	return nil
}

// TokenStore keeps tokens.
type TokenStore interface {
	// CreateToken adds one, and fails with ErrTokenLimit where the connection has
	// MaxTokens that are good at time now.
	CreateToken(ctx context.Context, t Token, now time.Time, events []event.Event) error
	// Tokens returns a connection's, the newest first.
	Tokens(ctx context.Context, connection string) ([]Token, error)
	// Token returns the one with this hash, or fails with ErrTokenNotFound.
	Token(ctx context.Context, hash []byte) (Token, error)
	// RevokeToken removes one, or fails with ErrTokenNotFound.
	RevokeToken(ctx context.Context, connection, id string, events []event.Event) error
	// TouchToken notes a use.
	TouchToken(ctx context.Context, id string, at time.Time) error
}

// CreateToken makes a token of a connection. The secret is returned this once.
func (s *Service) CreateToken(ctx context.Context, connection string, n NewToken, actor identity.Actor) (Token, string, error) {
	if err := n.check(); err != nil {
		return Token{}, "", err
	}
	if _, err := s.o.Policy(ctx, connection); err != nil {
		return Token{}, "", err
	}
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // crypto/rand.Read never fails
	secret := tokenPrefix + base64.RawURLEncoding.EncodeToString(raw)
	hash := sha256.Sum256([]byte(secret))
	days := DefaultTokenDays
	if n.Days > 0 {
		days = n.Days
	}
	now := s.now()
	t := Token{
		ID: identity.NewID(), Connection: connection, Name: n.Name, Addresses: n.Addresses, CreatedBy: actor,
		Created: now, Expires: now.Add(time.Duration(days) * 24 * time.Hour), Hash: hash[:],
	}
	e := event.New(now, "scim_token.created", actor, t.Ref(), "connection", connection, "name", t.Name)
	if err := s.o.Store.CreateToken(ctx, t, now, []event.Event{e}); err != nil {
		return Token{}, "", err
	}
	return t, secret, nil
}

// Ref names the token in audit entries.
func (t Token) Ref() identity.Ref { return identity.Ref{Kind: identity.KindToken, ID: t.ID} }

// Tokens lists the tokens of a connection that are good, the newest first.
func (s *Service) Tokens(ctx context.Context, connection string) ([]Token, error) {
	all, err := s.o.Store.Tokens(ctx, connection)
	now, good := s.now(), make([]Token, 0, len(all))
	for _, t := range all {
		if now.Before(t.Expires) {
			good = append(good, t)
		}
	}
	return good, err
}

// RevokeToken ends a token at once, or fails with ErrTokenNotFound.
func (s *Service) RevokeToken(ctx context.Context, connection, id string, actor identity.Actor) error {
	e := event.New(s.now(), "scim_token.revoked", actor, identity.Ref{Kind: identity.KindToken, ID: id}, "connection", connection)
	return s.o.Store.RevokeToken(ctx, connection, id, []event.Event{e})
}

// Authenticate returns whose a bearer token is that opens this connection from this
// address. It fails with ErrToken for any other.
func (s *Service) Authenticate(ctx context.Context, connection, secret, address string) (identity.Ref, error) {
	if !strings.HasPrefix(secret, tokenPrefix) {
		return identity.Ref{}, ErrToken
	}
	hash := sha256.Sum256([]byte(secret))
	t, err := s.o.Store.Token(ctx, hash[:])
	now := s.now()
	switch {
	case errors.Is(err, ErrTokenNotFound):
		return identity.Ref{}, ErrToken
	case err != nil:
		return identity.Ref{}, err
	}
	own := subtle.ConstantTimeCompare(t.Hash, hash[:]) & subtle.ConstantTimeCompare([]byte(t.Connection), []byte(connection))
	if own != 1 || !now.Before(t.Expires) || !t.from(address) {
		return identity.Ref{}, ErrToken
	}
	return t.Ref(), s.touch(ctx, t, now)
}

// from reports whether the token is good from the address.
func (t Token) from(address string) bool {
	if len(t.Addresses) == 0 {
		return true
	}
	from, err := netip.ParseAddr(address)
	for i := 0; err == nil && i < len(t.Addresses); i++ {
		if of, bad := netip.ParsePrefix(t.Addresses[i]); bad == nil && of.Contains(from.Unmap()) {
			return true
		}
	}
	return false
}

// touch notes a use, once a minute at most: of requests at once, one does.
func (s *Service) touch(ctx context.Context, t Token, now time.Time) error {
	s.mu.Lock()
	last := s.used[t.ID]
	if t.LastUsed.After(last) {
		last = t.LastUsed
	}
	stale := now.Sub(last) >= touchEvery
	if stale {
		s.used[t.ID] = now
	}
	s.mu.Unlock()
	if !stale {
		return nil
	}
	return s.o.Store.TouchToken(ctx, t.ID, now)
}
