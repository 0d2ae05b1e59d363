package session

import "github.com/gatehouse-io/gatehouse/internal/fault"

// ErrCursor refuses a cursor that no page of sessions gave.
var ErrCursor = fault.New(fault.Invalid, "cursor_invalid", "this is no cursor that a page of this list gave: begin without one").At("after")

// Query selects sessions that may be in use: all that every field which is set
// selects.
type Query struct {
	Person     string
	Connection string
	// App selects the sessions in which this app got tokens, by its internal id.
	App string
	// Limit is how many sessions a page has, 1 to 1000; 0 means 100.
	Limit int
	// After is the cursor of the page before, empty for the first.
	After string
}

// Found is a session as a list shows it.
type Found struct {
	Session
	// Name is the person's name, user name or e-mail address, the first there is.
	Name string `json:"name"`
	// Apps are the internal ids of the apps that got tokens in it, sorted.
	Apps []string `json:"apps,omitempty"`
}

// Whose selects the sessions of a person, those over a connection, or both; without
// either all.
type Whose struct{ Person, Connection string }
