// Package directory owns people and groups.
//
// A person is keyed by (connection, upstream subject), never by an e-mail
// address: mail addresses are reassigned, spelled in many ways, and claimed by
// whoever runs an identity provider. The person's internal id is the sub that
// apps see, and it never changes.
//
// A group is (connection, id). What a partner's identity provider calls
// "finance" is not ours: only an administrator's Mapping gives an upstream group
// one of the names that manifests use, and a group without a mapping grants
// nothing.
package directory

import (
	"context"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// The faults of this package.
var (
	ErrPersonNotFound     = fault.New(fault.NotFound, "person_not_found", "no such person")
	ErrPersonDisabled     = fault.New(fault.Denied, "person_disabled", "this account is disabled")
	ErrConnectionRemoved  = fault.New(fault.Denied, "connection_removed", "this identity provider is no longer connected")
	ErrConnectionDisabled = fault.New(fault.Denied, "connection_disabled", "this identity provider is disabled")
	// ErrLeft refuses whom the connection's identity provider switched off or removed
	// over SCIM.
	ErrLeft = fault.New(fault.Denied, "person_left", "your organisation switched this account off, or removed it: ask the people who look after accounts there")
	// ErrNotProvisioned refuses whom the connection's identity provider did not tell of
	// over SCIM, where only those sign in whom it did.
	ErrNotProvisioned = fault.New(fault.Denied, "person_not_provisioned", "your organisation has not set up an account here for you: ask the people who look after accounts there")

	ErrGroupNotFound   = fault.New(fault.NotFound, "group_not_found", "no such group was seen or mapped")
	ErrMappingNotFound = fault.New(fault.NotFound, "mapping_not_found", "no such group mapping")
)

// Identity is one upstream account of a person.
type Identity struct {
	Connection string    `json:"connection"`
	Subject    string    `json:"subject"`
	LastSignIn time.Time `json:"last_sign_in,omitzero"`
}

// Profile is what the claim rules made of the upstream's attributes.
type Profile struct {
	Username      string `json:"username,omitempty"`
	Name          string `json:"name,omitempty"`
	GivenName     string `json:"given_name,omitempty"`
	FamilyName    string `json:"family_name,omitempty"`
	Email         string `json:"email,omitempty"`
	EmailVerified bool   `json:"email_verified,omitempty"`
	Locale        string `json:"locale,omitempty"`
	Picture       string `json:"picture,omitempty"`
	Department    string `json:"department,omitempty"`
}

// Title is what lists call the person: the name, user name or e-mail address, the
// first there is.
func (p Profile) Title() string {
	for _, title := range []string{p.Name, p.Username, p.Email} {
		if title != "" {
			return title
		}
	}
	return ""
}

// What tells of memberships.
const (
	SourceSignIn = "sign-in"
	SourceSCIM   = "scim"
)

// Membership is a person's place in an upstream group, with where it comes from, and
// for how long it holds without being seen again: what only a sign-in told expires 12
// hours after it.
type Membership struct {
	Group  identity.GroupRef `json:"group"`
	Source string            `json:"source"` // SourceSignIn or SourceSCIM
	// Since is from when on it has held without a break; zero for one from before that
	// was kept.
	Since time.Time `json:"since,omitzero"`
	// ValidUntil is zero for one that holds until it is taken away.
	ValidUntil time.Time `json:"valid_until,omitzero"`
	// Origin is the id of what began it: of the event of a sign-in, or of a SCIM operation.
	Origin string `json:"origin,omitempty"`
	// Through are the groups that the person is in it by, from their own on; empty for a
	// member.
	Through []identity.GroupRef `json:"through,omitempty"`
}

// Holds reports whether the membership, which has begun, holds at the time.
func (m Membership) Holds(at time.Time) bool { return m.ValidUntil.IsZero() || at.Before(m.ValidUntil) }

// Memberships tells which groups a person is in by what connections push, directly or
// by groups within groups, at any time that is kept. Those of now are in the Person,
// beside what sign-ins told.
type Memberships interface {
	MembershipsOf(ctx context.Context, person string, at time.Time) ([]Membership, error)
}

// Record is one of a person's SCIM records: package record has what is in it.
type Record struct {
	Connection string `json:"connection"`
	ID         string `json:"id"`
	// Active says that it lets the person come over its connection. One that was deleted
	// never does.
	Active bool `json:"active"`
}

// Provisioning says who signs in over a connection.
type Provisioning string

// The ways of provisioning. The zero value means JITAndSCIM.
const (
	// JIT makes a person of whoever signs in. There is no SCIM.
	JIT Provisioning = "jit"
	// JITAndSCIM makes a person of whoever signs in, too; where there is a SCIM record
	// of somebody, it decides.
	JITAndSCIM Provisioning = "jit+scim"
	// SCIM lets those in alone who have an active SCIM record: SCIM says who, the
	// sign-in proves it.
	SCIM Provisioning = "scim"
)

// Person is somebody who signs in.
type Person struct {
	ID         string     `json:"id"`
	Identities []Identity `json:"identities"`
	Profile    Profile    `json:"profile"`
	// Groups are those of sign-ins and of active records.
	Groups  []Membership `json:"groups,omitempty"`
	Records []Record     `json:"records,omitempty"`
	// Assigned are the roles in apps that administrators gave the person by name and did
	// not end: package entitlement has the rest of them.
	Assigned []Assigned `json:"assigned,omitempty"`
	Disabled bool       `json:"disabled,omitempty"`
	Created  time.Time  `json:"created"`
	Updated  time.Time  `json:"updated"`
	// Version is the compare-and-swap counter; the store advances it.
	Version int64 `json:"version"`
}

// Over fails unless the person's SCIM records let them come over the connection, by
// the connection's way of provisioning.
func (p Person) Over(connection string, by Provisioning) error {
	has := false
	for _, r := range p.Records {
		if r.Connection != connection {
			continue
		}
		if r.Active {
			return nil
		}
		has = true
	}
	switch {
	case has:
		return ErrLeft
	case by == SCIM:
		return ErrNotProvisioned
	}
	return nil
}

// Left reports whether the person's SCIM records keep them from coming over every
// connection that they have.
func (p Person) Left() bool {
	if len(p.Records) == 0 {
		return false
	}
	for _, i := range p.Identities {
		if p.Over(i.Connection, JITAndSCIM) == nil {
			return false
		}
	}
	return !slices.ContainsFunc(p.Records, func(r Record) bool { return r.Active })
}

// Key is how a sign-in names its person.
type Key struct {
	Connection, Subject string
	// ExternalID finds the SCIM record of the connection that is the person's; empty
	// finds none.
	ExternalID string
	// Spared are the names of groups that make roles: whoever has a role is not shut out
	// by a record that was not theirs and is not active. Nil spares nobody.
	Spared []string
}

// Mapping gives an upstream group the name that manifests use. Several upstream
// groups may share a name; an upstream group has at most one.
type Mapping struct {
	Group identity.GroupRef `json:"group"`
	Name  string            `json:"name"`
}

// ConnectionState is what an administrator switched about a connection; the
// connection itself is configuration.
type ConnectionState struct {
	ID       string `json:"id"`
	Disabled bool   `json:"disabled"`
}

// Store keeps people. Update closures run once per attempt and may be run again
// when the row changed meanwhile.
type Store interface {
	// Person returns the person with this internal id, or ErrPersonNotFound.
	Person(ctx context.Context, id string) (Person, error)
	// PersonByIdentity returns the person who owns the upstream subject, or
	// ErrPersonNotFound. Subjects compare byte by byte.
	PersonByIdentity(ctx context.Context, connection, subject string) (Person, error)
	// SignIn creates or updates the owner of the key's subject in one transaction. Where
	// nobody owns it and the connection has a SCIM record of the key's external id, its
	// person becomes the owner; where somebody does, the record becomes theirs. change
	// gets nil when there is neither; two first sign-ins at once make one person.
	SignIn(ctx context.Context, key Key, change func(*Person) (Person, []event.Event, error)) (Person, error)
	// UpdatePerson changes the person with this id in one transaction.
	UpdatePerson(ctx context.Context, id string, change func(Person) (Person, []event.Event, error)) (Person, error)
	// People returns up to limit people with an id above after, in id order.
	People(ctx context.Context, after string, limit int) ([]Person, error)
	// Search returns a page of the people that q selects, in the order of q.Sort,
	// and the cursor of the page after it, empty at the end. It fails with
	// ErrCursor and ErrSort.
	Search(ctx context.Context, q Query) (page []Person, next string, err error)
}

// GroupSearch finds groups.
type GroupSearch interface {
	// Group returns one group, or ErrGroupNotFound.
	Group(ctx context.Context, ref identity.GroupRef) (Group, error)
	// SearchGroups returns a page of the groups that q selects and the cursor of
	// the page after it, empty at the end. It fails with ErrCursor and ErrSort.
	SearchGroups(ctx context.Context, q GroupQuery) (page []Group, next string, err error)
}

// GroupStore keeps mappings.
type GroupStore interface {
	// Mappings returns all mappings, by connection and group id.
	Mappings(ctx context.Context) ([]Mapping, error)
	// SetMapping adds or renames a mapping.
	SetMapping(ctx context.Context, m Mapping, events []event.Event) error
	// RemoveMapping removes a mapping, or fails with ErrMappingNotFound.
	RemoveMapping(ctx context.Context, group identity.GroupRef, events []event.Event) error
}

// ConnectionStore keeps what was switched about connections.
type ConnectionStore interface {
	// ConnectionStates returns the state of every connection that has one.
	ConnectionStates(ctx context.Context) ([]ConnectionState, error)
	// SetConnectionState stores the state.
	SetConnectionState(ctx context.Context, s ConnectionState, events []event.Event) error
}
