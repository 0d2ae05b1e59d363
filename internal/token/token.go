// Package token is the one place where the broker's tokens are minted and
// verified. It knows three, told apart by the typ of their header, which is
// checked exactly:
//
//	at+jwt      Access, an access token (RFC 9068)
//	JWT         ID, an id_token (OpenID Connect Core, section 2)
//	logout+jwt  Logout, a logout token (OpenID Connect Back-Channel Logout)
//
// Besides the standard claims an access token carries what may revoke it: sid
// (session), cnx (connection), app, client_id, gnt (grant) and the key in its
// header; rev, the revocation number that was applied before the facts in it
// were read (see package revoke); and era, the database's era, so that a restored
// backup brings no token back to life.
//
// A verifier accepts only what a Minter here could have written: the header has
// to be ours byte for byte, so that alg "none", another algorithm, crit, jku, an
// embedded key or a member given twice are refused before any key is looked up.
package token

import (
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// The typ of each token's header.
const (
	TypeAccess = "at+jwt"
	TypeID     = "JWT"
	TypeLogout = "logout+jwt"
)

// The faults of verification. Outside both are invalid_token: which rule failed
// is in the error's text, for the log.
var (
	ErrInvalid = fault.New(fault.Unauthenticated, "token_invalid", "the token is not valid")
	ErrExpired = fault.New(fault.Unauthenticated, "token_expired", "the token has expired")
)

// errClaims is a defect of ours: a token that must not be minted.
var errClaims = fault.New(fault.Internal, "token_claims", "the token could not be made")

// Access is what an access token says.
type Access struct {
	// ID is the jti: random and unique.
	ID string
	// Issuer is set by the Minter.
	Issuer string
	// Subject is the person's internal id, or the client_id for a client that
	// acts by itself.
	Subject string
	// Audience is the API that the token is for; the issuer means userinfo.
	Audience string
	Client   string // client_id
	Scopes   []string
	// Roles are the person's roles in the app, for APIs that check offline.
	Roles []string
	// Issued and Expires are cut to seconds. A zero Issued is now.
	Issued, Expires time.Time
	// AuthTime, ACR and AMR tell how the person signed in; empty for a client.
	AuthTime time.Time
	ACR      string
	AMR      []string
	// Person equals Subject, or is empty for a client that acts by itself.
	Person     string
	Session    string
	Connection string
	App        string // internal id
	Grant      string
	// Key is the kid that signed the token; set by Minter and Verifier.
	Key string
	// Rev and Era bind the token to the revocations and the database: see the
	// package comment.
	Rev uint64
	Era string
}

// Refs lists everything whose revocation ends the token.
func (a Access) Refs() []identity.Ref {
	return a.appendRefs(make([]identity.Ref, 0, maxRefs))
}

const maxRefs = 7

func (a Access) appendRefs(refs []identity.Ref) []identity.Ref {
	for _, ref := range [maxRefs]identity.Ref{
		identity.Person(a.Person), identity.Session(a.Session), identity.Connection(a.Connection),
		identity.App(a.App), identity.Client(a.Client), identity.Grant(a.Grant), identity.Key(a.Key),
	} {
		if ref.ID != "" {
			refs = append(refs, ref)
		}
	}
	return refs
}

// ID is what an id_token says.
type ID struct {
	// Issuer is set by the Minter.
	Issuer  string
	Subject string
	// Audience is the client_id.
	Audience string
	// AuthorizedParty is the azp claim, usually left empty: there is one audience.
	AuthorizedParty string
	Nonce           string
	// Issued and Expires are cut to seconds. A zero Issued is now.
	Issued, Expires time.Time
	AuthTime        time.Time
	ACR             string
	AMR             []string
	Session         string // sid
	// AccessToken is what at_hash is computed from; it is not in the token.
	AccessToken string
	// Extra are further claims, such as a profile. None may have the name of a
	// claim above.
	Extra map[string]any
}

// Logout is what a logout token says. It never has a nonce, so that it cannot
// pass for an id_token.
type Logout struct {
	// ID is the jti: random and unique.
	ID string
	// Issuer is set by the Minter.
	Issuer   string
	Subject  string
	Audience string // client_id
	Session  string // sid
	// Issued and Expires are cut to seconds. A zero Issued is now.
	Issued, Expires time.Time
}
