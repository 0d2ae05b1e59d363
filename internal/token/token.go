// Package token holds the claims of the broker's own tokens, mints them and is
// the one path that verifies them.
//
// Three kinds, told apart by typ, which is always checked: access tokens
// (at+jwt, RFC 9068), ID tokens (JWT, OpenID Connect Core) and logout tokens
// (logout+jwt, OpenID Connect Back-Channel Logout). A token is accepted only with
// the very header that this broker writes for the key, so that nothing in a
// header (alg, jku, jwk, crit) can choose how it is verified.
package token

import (
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// The values of the typ header.
const (
	TypeAccess = "at+jwt"
	TypeID     = "JWT"
	TypeLogout = "logout+jwt"
)

// The refusals of a Verifier. Outside all of them are invalid_token.
var (
	ErrMalformed = fault.New(fault.Unauthenticated, "token_malformed", "this is not a token of ours")
	ErrSignature = fault.New(fault.Unauthenticated, "token_signature", "the token's signature does not hold")
	ErrExpired   = fault.New(fault.Unauthenticated, "token_expired", "the token has expired")
	ErrForeign   = fault.New(fault.Unauthenticated, "token_foreign", "the token is of another issuer or era")
)

// Access is what an access token says. Its JSON is the token's payload.
type Access struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience string   `json:"aud"`
	Client   string   `json:"client_id"`
	Scope    string   `json:"scope,omitempty"`
	ID       string   `json:"jti"`
	Issued   int64    `json:"iat"` // seconds since 1970
	Expires  int64    `json:"exp"`
	AuthTime int64    `json:"auth_time,omitempty"`
	ACR      string   `json:"acr,omitempty"`
	AMR      []string `json:"amr,omitempty"`
	// Session is the OpenID Connect sid; Person, Connection, App and Grant are
	// internal ids: with Client and the key, all that may revoke the token.
	Session    string `json:"sid,omitempty"`
	Person     string `json:"psn,omitempty"`
	Connection string `json:"cnx,omitempty"`
	App        string `json:"app,omitempty"`
	Grant      string `json:"gnt,omitempty"`
	// Rev is the revocation number applied before the facts were read, Era the
	// database's era.
	Rev uint64 `json:"rev"`
	Era string `json:"era"`
	// Key is the kid that signed; it is in the header, not the payload.
	Key string `json:"-"`
}

// Refs lists everything that may revoke the token.
func (a Access) Refs() []identity.Ref {
	refs := make([]identity.Ref, 0, 7)
	for _, r := range [...]identity.Ref{
		identity.Person(a.Person), identity.Session(a.Session), identity.Connection(a.Connection),
		identity.App(a.App), identity.Client(a.Client), identity.Grant(a.Grant), identity.Key(a.Key),
	} {
		if r.ID != "" {
			refs = append(refs, r)
		}
	}
	return refs
}

// Expiry returns when the token ends.
func (a Access) Expiry() time.Time { return time.Unix(a.Expires, 0).UTC() }

// ID is what an ID token says (OpenID Connect Core, section 2).
type ID struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience string   `json:"aud"`
	Issued   int64    `json:"iat"`
	Expires  int64    `json:"exp"`
	AuthTime int64    `json:"auth_time,omitempty"`
	Nonce    string   `json:"nonce,omitempty"`
	ACR      string   `json:"acr,omitempty"`
	AMR      []string `json:"amr,omitempty"`
	Session  string   `json:"sid,omitempty"`
	// AccessHash is at_hash; the Minter sets it.
	AccessHash string `json:"at_hash,omitempty"`
}

// Logout is what a logout token says.
type Logout struct {
	Issuer   string              `json:"iss"`
	Subject  string              `json:"sub,omitempty"`
	Audience string              `json:"aud"`
	ID       string              `json:"jti"`
	Issued   int64               `json:"iat"`
	Expires  int64               `json:"exp"`
	Session  string              `json:"sid,omitempty"`
	Events   map[string]struct{} `json:"events"`
}

// LogoutEvent is the member of Logout.Events.
const LogoutEvent = "http://schemas.openid.net/event/backchannel-logout"
