// Package token is the one place where the broker's tokens are minted and
// verified. It knows four, told apart by the typ of their header, which is
// checked exactly:
//
//	at+jwt        Access, an access token (RFC 9068)
//	JWT           ID, an id_token (OpenID Connect Core, section 2)
//	logout+jwt    Logout, a logout token (OpenID Connect Back-Channel Logout)
//	secevent+jwt  SecurityEvent, a security event token (RFC 8417)
//
// Besides the standard claims an access token carries what may revoke it: sid
// (session), cnx (connection), app, client_id, gnt (grant) and the key in its
// header, and by sub with app and aud what its person has there (identity.Install); rev, the revocation number that was applied before the facts in it
// were read (see package revoke); and era, the database's era, so that a restored
// backup brings no token back to life. An id_token carries the same, so that it can be
// a subject of a token exchange (RFC 8693) and be refused for the same reasons.
//
// A token out of an exchange has a grant of its own, says by via what it grew from
// (see Link), by act who acts for its subject, and by may_act who may exchange it in
// turn. Whatever ends something that it grew from ends it, too.
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
	TypeEvent  = "secevent+jwt"
)

// The faults of verification. Outside both are invalid_token: which rule failed
// is in the error's text, for the log.
var (
	ErrInvalid = fault.New(fault.Unauthenticated, "token_invalid", "the token is not valid")
	ErrExpired = fault.New(fault.Unauthenticated, "token_expired", "the token has expired")
)

// ErrTooLong refuses to mint a token that would be longer than MaxSize: what it is to say
// has to be less.
var ErrTooLong = fault.New(fault.Invalid, "token_too_long", "the token would be longer than fits into a header field")

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
	// Actors act for the subject, the present one first, each on behalf of the one
	// after it: nested act claims (RFC 8693, section 4.1). Empty for a token that is
	// not delegated.
	Actors []string
	// MayAct is the client_id of who alone may exchange the token, empty for one that
	// does not say (RFC 8693, section 4.4).
	MayAct string
	// ActorGrant is the grant of the actor's own token, where it proved itself by one.
	ActorGrant string
	// Via is what an exchanged token grew from, the first of its line first.
	Via []Link
}

// MaxVia is how often a token may be exchanged on, at most, and how deep act is nested.
const MaxVia = 4

// Link is one token of the line that an exchanged token grew from.
type Link struct {
	ID       string `json:"jti,omitempty"` // empty for an id_token
	Audience string `json:"aud"`
	Client   string `json:"client_id"`
	App      string `json:"app"` // internal id
	Grant    string `json:"gnt"`
	// Key is the kid that signed it, ActorGrant as in Access.
	Key        string `json:"kid"`
	ActorGrant string `json:"agt,omitempty"`
}

// Link returns what a token that grows from a says of it.
func (a Access) Link() Link {
	return Link{ID: a.ID, Audience: a.Audience, Client: a.Client, App: a.App, Grant: a.Grant, Key: a.Key, ActorGrant: a.ActorGrant}
}

// Refs lists everything whose revocation ends the token.
func (a Access) Refs() []identity.Ref {
	return a.appendRefs(make([]identity.Ref, 0, maxRefs+linkRefs*len(a.Via)))
}

// How many things may revoke a token by themselves, and by each of its links.
const (
	maxRefs  = 11
	linkRefs = 8
)

func (a Access) appendRefs(refs []identity.Ref) []identity.Ref {
	refs = appendNamed(refs, identity.Person(a.Person), identity.Session(a.Session), identity.Connection(a.Connection))
	refs = a.appendCall(a.Link().appendRefs(refs), a.Client, a.Audience)
	for _, l := range a.Via {
		refs = a.appendCall(l.appendRefs(refs), l.Client, l.Audience)
	}
	return a.appendInstalls(refs)
}

// appendCall names what a client of the line got at an API. Nobody has to agree that
// people sign in at the broker.
func (a Access) appendCall(refs []identity.Ref, client, audience string) []identity.Ref {
	if client == "" || audience == "" || audience == a.Issuer {
		return refs
	}
	return append(refs, identity.Call(client, audience))
}

// appendInstalls names what the person has at every app and API of the line: losing one
// of them ends the token.
func (a Access) appendInstalls(refs []identity.Ref) []identity.Ref {
	if a.Person == "" {
		return refs
	}
	var room [2 * (1 + MaxVia)]string
	places := a.appendPlaces(room[:0], a.App, a.Audience)
	for _, l := range a.Via {
		places = a.appendPlaces(places, l.App, l.Audience)
	}
	return identity.AppendInstalls(refs, a.Person, places...)
}

// appendPlaces leaves the broker itself out: nobody loses it.
func (a Access) appendPlaces(places []string, app, audience string) []string {
	if app != "" {
		places = append(places, app)
	}
	if audience != "" && audience != a.Issuer {
		places = append(places, audience)
	}
	return places
}

func (l Link) appendRefs(refs []identity.Ref) []identity.Ref {
	return appendNamed(refs, identity.App(l.App), identity.Client(l.Client), identity.Grant(l.Grant), identity.Key(l.Key), identity.Grant(l.ActorGrant))
}

func appendNamed(refs []identity.Ref, all ...identity.Ref) []identity.Ref {
	for _, ref := range all {
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
	// Connection, App, Grant, Key, Rev and Era are as in Access.
	Connection, App, Grant, Key string
	Rev                         uint64
	Era                         string
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
