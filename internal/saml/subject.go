package saml

import (
	"time"

	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
)

// ExpectSubject is what an assertion must fit that an app brings, so that it can act
// for whom it is about (RFC 7522, section 3; RFC 8693, section 2.1).
type ExpectSubject struct {
	// EntityID is ours, Issuer is the identity provider's entity id.
	EntityID, Issuer string
	// Audiences and Recipients are those that it may be made for: one of each has to
	// stand in it.
	Audiences, Recipients []string
	// NameIDFormat is the agreed one; empty accepts any.
	NameIDFormat string
	// Contexts are the authentication context classes that are good enough; empty
	// accepts any, and an assertion that does not say.
	Contexts []string
	// MaxAge is how long ago it may have been made.
	MaxAge time.Duration
	// Now is when it came, Skew how far the other clock may be off.
	Now  time.Time
	Skew time.Duration
}

// InspectSubject checks an assertion that came without a response and that the gate
// let in, and notes every check. The error is that of the first that failed.
//
// It is stricter than RFC 7522 in that a bearer confirmation must say until when it
// holds, as a sign-in's does. InResponseTo is not looked at: it binds an answer to a
// browser, and there is none. That the assertion counts once is for the caller to see to.
func InspectSubject(m xmlgate.Message, e ExpectSubject, findings *identity.Findings) (Assertion, error) {
	i := &inspection{findings: findings}
	return i.assertion(m.Assertion, rules{
		Expect: Expect{
			EntityID: e.EntityID, Issuer: e.Issuer, NameIDFormat: e.NameIDFormat, Contexts: e.Contexts, Now: e.Now, Skew: e.Skew,
		},
		audiences: e.Audiences, recipients: e.Recipients, maxAge: e.MaxAge,
	})
}
