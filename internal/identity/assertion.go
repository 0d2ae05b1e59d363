package identity

import (
	"net/url"
	"time"
)

// Challenge is what the broker asks of an upstream identity provider.
type Challenge struct {
	// State is the opaque handle that the answer must bring back: OAuth state,
	// SAML RelayState. It is safe in a URL.
	State string
	// RedirectURI is where the answer goes: one per connection.
	RedirectURI string
	// LoginHint is passed on, or empty.
	LoginHint string
	// Fresh asks for a new authentication (prompt=login, ForceAuthn).
	Fresh bool
	// SelectAccount lets the person choose another account (prompt=select_account).
	SelectAccount bool
	// MaxAge is the oldest acceptable authentication; nil accepts any.
	MaxAge *time.Duration
	// ACR lists wanted context classes.
	ACR []string
}

// Departure is how a browser gets to an upstream identity provider.
type Departure struct {
	// URL is where to send it.
	URL string
	// Form is what it posts there; nil means a redirect.
	Form url.Values
	// Kept is what the provider's answer must be given back with. Login keeps it
	// where the browser cannot see it.
	Kept []byte
}

// Assertion is what an upstream identity provider said of a person, verified
// but not yet mapped: package claims makes a profile of it. Beside an error,
// Checks and Document alone tell how far the answer got.
type Assertion struct {
	Authentication Authentication
	// Attributes are the upstream's claims as decoded from JSON.
	Attributes map[string]any
	// Checks are what was looked at, in order; of those that failed, the first is
	// why the answer was refused.
	Checks []Check
	// Document is what came, for people to read, without secrets, tokens, signature
	// values and what it says of a person. Empty when nothing came.
	Document string
}
