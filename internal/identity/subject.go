package identity

import (
	"context"
	"time"
)

// SubjectToken is what a token or an assertion of another issuer says that an app
// brings, so that it can act for whom it speaks of (RFC 8693, section 2.1): verified,
// and meant for us.
type SubjectToken struct {
	// Authentication says who is meant, and as much of how they signed in as is believed.
	// Its Time is zero where nothing is said of it.
	Authentication Authentication
	// Issuer is who made it, ID what it is called there, empty for nothing.
	Issuer, ID string
	// Issued is when it was made. Expires is the end of what may grow from it.
	Issued, Expires time.Time
	// Use takes what counts once, and fails if it was taken before, at any replica; nil
	// for what counts as often as it comes.
	Use func(context.Context) error
}
