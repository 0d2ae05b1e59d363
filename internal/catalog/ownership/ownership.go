// Package ownership is who answers for an app: a fact beside its release, which begins
// as the release says and goes on while people come and go. What was approved does not
// change with it, and neither does its digest.
//
//	a release is applied              the owners that it names, unless it names the same as the one before
//	the primary owner leaves          the secondary owner is the primary, and there is no secondary
//	nobody is left                    the app is Orphaned, until somebody is named
//	the primary owner comes back      nothing: whoever answers for the app now goes on
//	an administrator names owners     those
//
// Owners are e-mail addresses, since a manifest is written before its owners sign in. Who
// has an address is looked for among people; of an address that nobody has it is not known
// whether its owner left. Being an owner gives nobody a right: teams have rights.
package ownership

import (
	"context"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// The faults of this package.
var (
	ErrAddress = fault.New(fault.Invalid, "owner_address", "must be an e-mail address")
	ErrSame    = fault.New(fault.Invalid, "owner_same", "the secondary owner is somebody else than the primary owner").At("secondary")
	// ErrGone refuses an owner who is known to have left.
	ErrGone = fault.New(fault.Conflict, "owner_gone", "this person has left, or is disabled: name somebody else")
	// ErrReason refuses a reason that cannot be kept.
	ErrReason = fault.New(fault.Invalid, "owner_reason", "a reason has at most 500 characters, and no control characters").At("reason")
)

// State says whether somebody answers for an app.
type State string

// The states.
const (
	Owned    State = "owned"
	Orphaned State = "orphaned" // everybody who did has left
)

// States lists them.
func States() []State { return []State{Owned, Orphaned} }

// Owners are those whom a release names.
type Owners struct {
	Primary   string `json:"primary,omitempty"`
	Secondary string `json:"secondary,omitempty"`
}

// Ownership is who answers for one app.
type Ownership struct {
	// App is its internal id, Name its name, and Team the directory group of its release.
	App  string `json:"-"`
	Name string `json:"app"`
	Team string `json:"team,omitempty"`
	Owners
	State State `json:"state"`
	// Since is when it became so.
	Since time.Time `json:"since"`
	// From is who was the primary owner before, where that did not come of a release.
	From string `json:"from,omitempty"`
	// Cause is the event that it came of, Of what that was about, and both are empty for
	// what a release says.
	Cause string `json:"cause,omitempty"`
	Of    string `json:"of,omitempty"`
	// Declared are the owners whom the release in force names.
	Declared Owners `json:"declared"`
}

// Declare is the ownership that a release begins with.
func Declare(app, name, team string, owners Owners, at time.Time) Ownership {
	return Ownership{App: app, Name: name, Team: team, Owners: owners, State: Owned, Since: at, Declared: owners}
}

// Released is the ownership with the next release, which names the owners anew if it
// names others than the release before.
func (o Ownership) Released(name, team string, owners Owners, at time.Time) Ownership {
	if o.Declared != owners {
		return Declare(o.App, name, team, owners, at)
	}
	o.Name, o.Team = name, team
	return o
}

// Key is what an address is compared by.
func Key(address string) string { return strings.ToLower(strings.TrimSpace(address)) }

// Query selects ownerships, by the name of the app.
type Query struct {
	// Primary selects by the address of the primary owner.
	Primary string
	// Orphaned selects those without an owner.
	Orphaned bool
	// Apps selects apps by name; nil selects all.
	Apps []string
	// After is the app that the page begins after, Limit how many it has at most.
	After string
	Limit int
}

// Store keeps ownerships: one for each app, as its release says unless something came
// between.
type Store interface {
	// Ownership returns that of the app with this name, or catalog.ErrAppNotFound.
	Ownership(ctx context.Context, app string) (Ownership, error)
	// Ownerships returns a page.
	Ownerships(ctx context.Context, q Query) ([]Ownership, error)
	// UpdateOwnership changes one in one transaction. It fails with
	// catalog.ErrAppNotFound.
	UpdateOwnership(ctx context.Context, app string, change func(Ownership) (Ownership, []event.Event, error)) (Ownership, error)
	// CountOrphaned returns how many apps have no owner.
	CountOrphaned(ctx context.Context) (int64, error)
}
