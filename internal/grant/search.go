package grant

import "github.com/gatehouse-io/gatehouse/internal/fault"

// ErrCursor refuses a cursor that no page of access gave.
var ErrCursor = fault.New(fault.Invalid, "cursor_invalid", "this is no cursor that a page of this list gave: begin without one").At("after")

// Query selects what apps hold: all that every field which is set selects.
type Query struct {
	Person string
	App    string // internal id
	// Limit is how many entries a page has, 1 to 1000; 0 means 100.
	Limit int
	// After is the cursor of the page before, empty for the first.
	After string
}

// Held is what one app holds of one person, as a list across people shows it.
type Held struct {
	Access
	Person string `json:"person"`
	// Name is the person's name, user name or e-mail address, the first there is.
	Name string `json:"name"`
}
