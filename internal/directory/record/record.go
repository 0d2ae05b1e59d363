// Package record owns what SCIM connections keep here: the users and groups that an
// identity provider pushes, who is a member of what, and the operations that made it
// so.
//
// A record belongs to the connection that pushed it, and no other connection sees,
// finds or changes it. Its ID is ours, random, and never what the client calls it;
// ExternalID is the client's, compared byte for byte, and unique within a connection;
// UserName is unique within a connection in any case of letters.
//
// A user's record belongs to a person of its own. A sign-in over the same connection
// comes into that person's account when the upstream subject, or the claim that the
// connection's configuration names, equals ExternalID byte for byte; never by a user
// name or an e-mail address. A record that is not Active, or was deleted, keeps its
// person from coming over its connection, apart from what administrators switched.
//
// A group that a record is of is identity.GroupRef{Connection, ID}. A membership is a
// row that opens and closes with the operation that did it, so that who was in which
// group can be told of any time. Members of a group are changed as a set: two changes
// at once lose nothing. A member that is not known yet is kept, and becomes one when
// it arrives with that id or external id.
//
// Every change is one transaction: the rows, the audit entry, the events, and for who
// leaves the end of sessions and refresh tokens and the revocation, all of which hold
// when the caller has its answer.
package record

import (
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// The faults of this package.
var (
	ErrUserNotFound  = fault.New(fault.NotFound, "record_user_not_found", "this connection has no such user")
	ErrGroupNotFound = fault.New(fault.NotFound, "record_group_not_found", "this connection has no such group")
	// ErrTaken refuses what is unique and there already (RFC 7644, section 3.3,
	// scimType uniqueness). It points at the attribute.
	ErrTaken = fault.New(fault.Conflict, "record_taken", "another resource of this connection has this value")
	// ErrVersion refuses a change of a version that is not the current one (RFC 7644,
	// section 3.14).
	ErrVersion = fault.New(fault.Conflict, "record_version", "the resource was changed meanwhile")
	// ErrNesting refuses a group within itself, and one too deep.
	ErrNesting = fault.New(fault.Invalid, "record_nesting", "a group is not within itself, and groups are nested %d deep at most", MaxDepth).At("members")
	// ErrProtected refuses what would touch somebody, or a group, that this connection
	// may not touch.
	ErrProtected = fault.New(fault.Denied, "record_protected", "this connection may not touch a protected person or group: an administrator can allow it")
	// ErrHalted refuses every change of a connection that changed too much at once.
	ErrHalted = fault.New(fault.Unavailable, "scim_halted", "too many people were deactivated or removed at once: the connection is halted until an administrator resumes it")
	// ErrFilter refuses a filter or an order that cannot be evaluated: it never
	// selects all instead.
	ErrFilter = fault.New(fault.Invalid, "record_filter", "this filter cannot be evaluated").At("filter")
	// ErrCost refuses a filter or an order that would read too much.
	ErrCost = fault.New(fault.Invalid, "record_cost", "this query reads too much: make it narrower")
)

// MaxDepth is how deep groups are nested: a group without groups in it is 1 deep.
const MaxDepth = 8

// User is a user as a connection has it.
type User struct {
	Connection string `json:"connection"`
	// ID is ours: identity.NewID.
	ID         string `json:"id"`
	ExternalID string `json:"external_id,omitempty"`
	UserName   string `json:"user_name"`
	Active     bool   `json:"active"`
	// Attributes are the validated resource in the schema's spelling, extensions below
	// their URN, without id, externalId, userName, active, meta, schemas, groups and
	// password. Values are of the types that encoding/json makes.
	Attributes map[string]any `json:"attributes,omitempty"`
	// Person is the internal id of the person whose record it is. The store sets it.
	Person  string    `json:"person"`
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
	// Version is the compare-and-swap counter; the store advances it.
	Version int64 `json:"version"`
}

// Group is a group as a connection has it. Its members are rows of their own: see
// Members.
type Group struct {
	Connection  string `json:"connection"`
	ID          string `json:"id"` // ours: identity.NewID
	ExternalID  string `json:"external_id,omitempty"`
	DisplayName string `json:"display_name"`
	// Attributes are as in User, without displayName and members.
	Attributes map[string]any `json:"attributes,omitempty"`
	Created    time.Time      `json:"created"`
	Updated    time.Time      `json:"updated"`
	Version    int64          `json:"version"`
}

// Kind says what a member is.
type Kind string

// The kinds of member. The zero value leaves it to what the value is found to be.
const (
	KindUser  Kind = "user"
	KindGroup Kind = "group"
)

// Member is one member of a group.
type Member struct {
	// Value is the id of a user or a group of the same connection, or its external id;
	// once it is known, it is the id.
	Value string `json:"value"`
	Kind  Kind   `json:"kind,omitempty"`
	// Pending says that there is no such user or group yet.
	Pending bool `json:"pending,omitempty"`
	// Display is the member's user name or display name, for who lists members.
	Display string `json:"display,omitempty"`
}

// Members is a change of a group's members as sets: what is there already is not
// added again, what is not there is not removed, and neither is an error.
type Members struct {
	// Replace makes Add all there are, and Remove is not looked at.
	Replace bool
	Add     []Member
	Remove  []Member
}

// IsZero reports whether m changes nothing.
func (m Members) IsZero() bool { return !m.Replace && len(m.Add) == 0 && len(m.Remove) == 0 }

// GroupChange is what becomes of a group in one transaction.
type GroupChange struct {
	// Change returns the group as it shall be, from how it is; nil leaves it. It may be
	// run again when the group changed meanwhile.
	Change  func(Group) (Group, error)
	Members Members
}

// In is a group that a user is in.
type In struct {
	ID      string `json:"id"`
	Display string `json:"display,omitempty"`
	// Direct says that the user is a member of it, and not only of a group within it.
	Direct bool `json:"direct"`
}

// Match is the version that a change is of: If-Match of RFC 7644, section 3.14. Zero
// takes any.
type Match int64
