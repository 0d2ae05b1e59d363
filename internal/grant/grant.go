// Package grant owns what a person or app was given and that can be taken back:
// authorization codes, refresh token families, consent, and the tree of exchanged
// tokens (Node); and it tells how far a revocation is (Progress).
//
// A code and the refresh family that grows from it share one id, the grant id:
// replaying the code, or any used refresh token, revokes the grant, and with it
// every token that carries the id.
package grant

import (
	"context"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// The faults of this package. A replay is told apart from an unknown value only
// in the log and the audit entry: outside both are invalid_grant.
var (
	ErrUnknown  = fault.New(fault.Invalid, "grant_unknown", "no such code or token, or it has expired")
	ErrReplayed = fault.New(fault.Invalid, "grant_replayed", "this code or token was used before")
	ErrEnded    = fault.New(fault.Invalid, "grant_ended", "this grant has ended")
)

// Subject is whom and what a grant is about: what every token minted from it carries.
type Subject struct {
	Person     string `json:"person"`
	Session    string `json:"session"`
	Connection string `json:"connection"`
	App        string `json:"app"`
	Client     string `json:"client"`
	// Scopes are what the person and policy allowed.
	Scopes []string `json:"scopes"`
	// Audience is the resource asked for (RFC 8707); empty means the issuer.
	Audience       string                  `json:"audience,omitempty"`
	Authentication identity.Authentication `json:"authentication"`
	Rev            uint64                  `json:"rev"`
	Era            string                  `json:"era"`
}

// Code is an authorization code (RFC 6749, section 4.1). The client holds 256
// random bits; the store keeps their SHA-256.
type Code struct {
	Hash []byte `json:"-"`
	// Grant is the id of the grant that the code begins.
	Grant       string    `json:"grant"`
	Subject     Subject   `json:"subject"`
	RedirectURI string    `json:"redirect_uri"`
	Challenge   string    `json:"challenge"` // PKCE S256 code_challenge
	Nonce       string    `json:"nonce,omitempty"`
	Issued      time.Time `json:"issued"`
	Expires     time.Time `json:"expires"`
}

// Family is a line of refresh tokens, of which only the newest is good.
type Family struct {
	ID      string  `json:"id"` // the grant id
	Subject Subject `json:"subject"`
	// Offline families outlive their session (scope offline_access).
	Offline bool      `json:"offline"`
	Created time.Time `json:"created"`
	LastUse time.Time `json:"last_use"`
	Expires time.Time `json:"expires"`
	// Ended is zero while the family lives; EndedBy is the id of the event that ended it.
	Ended   time.Time `json:"ended,omitzero"`
	EndedBy string    `json:"ended_by,omitempty"`
}

// RefreshToken is one token of a family.
type RefreshToken struct {
	Hash    []byte
	Family  string
	Issued  time.Time
	Expires time.Time
	// Used is when it was exchanged for its successor; zero while it is good.
	Used time.Time
	// Successor is the sealed text of the token that replaced it, kept only
	// while a client's retry window is open.
	Successor []byte
}

// Redemption is what a code turns into.
type Redemption struct {
	// Family and First are set when the client also gets a refresh token.
	Family *Family
	First  *RefreshToken
	// Joins makes the client a participant of the subject's session.
	Joins bool
	// Events are written with it: the audit entry of the issued tokens.
	Events []event.Event
}

// Rotation is what a refresh token turns into. A zero Next changes nothing but
// writes Events: a retry within the window.
type Rotation struct {
	Next *RefreshToken
	// Successor is stored at the old token: see RefreshToken.Successor.
	Successor []byte
	Events    []event.Event
}

// Consent is what a person allowed a third-party app.
type Consent struct {
	Person string    `json:"person"`
	App    string    `json:"app"`    // internal id: a reused client id inherits nothing
	Scopes []string  `json:"scopes"` // those of an API as identity.Right
	Given  time.Time `json:"given"`
}

// Store keeps codes, families and consents. What yields tokens is consumed by a
// compare-and-swap in the transaction that writes what it turns into.
type Store interface {
	// CreateCode stores a code.
	CreateCode(ctx context.Context, c Code) error
	// RedeemCode consumes the code with this hash. It fails with ErrUnknown when
	// there is none. When it was consumed before, it revokes the code's grant in
	// the same transaction (event "grant.replayed", revoking the grant) and
	// fails with ErrReplayed. Otherwise redeem decides; if it fails, nothing
	// changes: a thief without the verifier cannot burn the code.
	RedeemCode(ctx context.Context, hash []byte, actor identity.Actor, now time.Time, redeem func(Code) (Redemption, error)) error
	// Refresh returns the token with this hash and its family, or ErrUnknown.
	Refresh(ctx context.Context, hash []byte) (RefreshToken, Family, error)
	// RotateRefresh replaces the token with this hash by its successor. rotate
	// gets the token and family as they are inside the transaction. When rotate
	// returns ErrReplayed, the family is revoked in the same transaction (event
	// "grant.replayed") and ErrReplayed is returned.
	RotateRefresh(ctx context.Context, hash []byte, actor identity.Actor, now time.Time, rotate func(RefreshToken, Family) (Rotation, error)) error
	// Families returns the person's families that have not ended, newest first.
	Families(ctx context.Context, person string) ([]Family, error)
	// Family returns the family with this id, ended or not, or ErrUnknown.
	Family(ctx context.Context, id string) (Family, error)
	// Consent returns what the person allowed the app; ok is false for nothing.
	Consent(ctx context.Context, person, app string) (c Consent, ok bool, err error)
	// Consents returns everything that the person allowed.
	Consents(ctx context.Context, person string) ([]Consent, error)
	// Withdraw takes from the app what it holds of the person: in one transaction
	// it ends every family (event "grant.revoked" each) and removes the consent
	// ("consent.withdrawn", revoking all that the app had of the person by it).
	Withdraw(ctx context.Context, person, app string, actor identity.Actor, now time.Time) error
	// SearchAccess returns a page of what the apps that q selects hold at now, by app
	// and person, and the cursor of the page after it, empty at the end. It fails
	// with ErrCursor.
	SearchAccess(ctx context.Context, q Query, now time.Time) (page []Held, next string, err error)
	// SaveConsent replaces it.
	SaveConsent(ctx context.Context, c Consent, events []event.Event) error
	// Record writes events that change nothing else in a grant: revoking one by
	// its id is an event that Revokes identity.Grant(id).
	Record(ctx context.Context, events []event.Event) error
}
