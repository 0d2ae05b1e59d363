package catalog

import (
	"context"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// The faults of searching.
var (
	// ErrCursor refuses a cursor that no page of the same order gave.
	ErrCursor = fault.New(fault.Invalid, "cursor_invalid", "this is no cursor that a page of this list gave: begin without one").At("after")
	// ErrSort refuses an order that the list does not have.
	ErrSort = fault.New(fault.Invalid, "sort_unknown", "this list has no such order").At("sort")
)

// State says whether people get into an app.
type State string

// The states.
const (
	On         State = "on"
	Off        State = "off"        // disabled
	Incomplete State = "incomplete" // its manifest lacks something: see Manifest.Missing
)

// State returns the app's.
func (a App) State() State {
	switch {
	case a.Disabled:
		return Off
	case len(a.Manifest.Missing()) > 0:
		return Incomplete
	}
	return On
}

// Title is what the app is called.
func (a App) Title() string {
	if a.Manifest.Metadata.Title != "" {
		return a.Manifest.Metadata.Title
	}
	return a.Name
}

// Groups are the groups that the app names, each once, in its order.
func (a App) Groups() []string {
	var all []string
	seen := map[string]bool{}
	for _, e := range a.Manifest.Spec.Entitlements {
		for _, g := range e.Groups {
			if !seen[g] {
				seen[g], all = true, append(all, g)
			}
		}
	}
	return all
}

// Sort is the order of a list of apps: what it is sorted by, after a "-" from the
// highest to the lowest, and then by name.
type Sort string

// The orders. The zero value means ByName.
const (
	ByName    Sort = "name"
	ByTitle   Sort = "title" // in folded case
	ByState   Sort = "state"
	ByTeam    Sort = "team"
	ByCreated Sort = "created"
	ByUpdated Sort = "updated"
)

// Query selects apps: all that every field which is set selects.
type Query struct {
	// Text is words, each of which is somewhere in the name, the title, the
	// description, the client id or the entity id, in any case of letters.
	Text string
	// Team owns the app, to the letter; Owner is a part of the team or of the primary owner
	// as it is now (package ownership), and Group a part of a group that the app names, in any case of letters.
	Team, Owner, Group string
	State              State
	// Disabled selects by that alone; nil selects both.
	Disabled *bool
	// Orphaned selects apps whose owners have left.
	Orphaned bool
	Sort     Sort
	// Limit is how many apps a page has, 1 to 1000; 0 means 100.
	Limit int
	// After is the cursor of the page before, empty for the first.
	After string
}

// Search returns a page of the apps that q selects, and the cursor of the page after
// it, empty at the end. It fails with ErrCursor or ErrSort.
func (s *Service) Search(ctx context.Context, q Query) (page []App, next string, err error) {
	return s.o.Store.SearchApps(ctx, q)
}

// Count returns how many apps there are in each state.
func (s *Service) Count(ctx context.Context) (map[State]int64, error) {
	return s.o.Store.CountApps(ctx)
}
