package directory

import (
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// The faults of searching.
var (
	// ErrCursor refuses a cursor that no page of the same order gave.
	ErrCursor = fault.New(fault.Invalid, "cursor_invalid", "this is no cursor that a page of this list gave: begin without one").At("after")
	// ErrSort refuses an order that the list does not have.
	ErrSort = fault.New(fault.Invalid, "sort_unknown", "this list has no such order").At("sort")
)

// Sort is the order of a list: what it is sorted by, after a "-" from the highest
// to the lowest.
type Sort string

// The orders of people and groups. The zero value means ByName.
const (
	ByName         Sort = "name"
	ByNameDown     Sort = "-name"
	ByUpdated      Sort = "updated" // people only: the oldest change first
	ByUpdatedDown  Sort = "-updated"
	ByMembers      Sort = "members" // groups only
	ByMembersDown  Sort = "-members"
	ByLastSeen     Sort = "last_seen" // groups only
	ByLastSeenDown Sort = "-last_seen"
)

// Query selects people: all that every field which is set selects.
type Query struct {
	// Text is words, each of which begins a word of the person's name, user name or
	// e-mail address, in any case of letters. A word ends at white space and at
	// every mark; a whole address and the domain of one are words as well, so that
	// they are found as they are written.
	Text string
	// Disabled selects by state; nil selects both.
	Disabled *bool
	// Connection selects who has an upstream account there.
	Connection string
	// Group selects the members of the upstream groups that are mapped to this name,
	// Upstream those of one upstream group: whom the identity provider last named as
	// one, whether or not that still holds (Membership.Holds), also by groups within
	// groups.
	Group    string
	Upstream identity.GroupRef
	Sort     Sort
	// Limit is how many people a page has, 1 to 1000; 0 means 100.
	Limit int
	// After is the cursor of the page before, empty for the first.
	After string
}

// Group is an upstream group that a sign-in told of or that a mapping names.
type Group struct {
	Ref identity.GroupRef `json:"group"`
	// DisplayName is what the identity provider calls it, empty when it did not say.
	DisplayName string `json:"display_name,omitempty"`
	// Name is what a Mapping made of it, empty without one.
	Name string `json:"name,omitempty"`
	// Members is how many people the identity provider last named as members.
	Members int64 `json:"members"`
	// FirstSeen and LastSeen are when sign-ins told of it, to the hour; zero for a
	// group that is mapped and was never seen.
	FirstSeen time.Time `json:"first_seen,omitzero"`
	LastSeen  time.Time `json:"last_seen,omitzero"`
}

// GroupQuery selects groups: all that every field which is set selects.
type GroupQuery struct {
	// Text is words as in Query, of the group's id, display name and mapped name.
	Text       string
	Connection string
	// Mapped selects groups with a mapping, or without one; nil selects both.
	Mapped *bool
	Sort   Sort
	// Limit is how many groups a page has, 1 to 1000; 0 means 100.
	Limit int
	After string
}
