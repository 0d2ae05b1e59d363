package porting

import (
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
)

// Kind says what a line is.
type Kind string

// The kinds, in the order in which lines are written and applied.
const (
	KindDirectory  Kind = "directory"
	KindPerson     Kind = "person"
	KindUser       Kind = "user"
	KindGroup      Kind = "group"
	KindMembership Kind = "membership"
	KindMapping    Kind = "mapping"
	KindAssignment Kind = "assignment"
	KindEnd        Kind = "end"
)

// Kinds lists the kinds of lines that are applied, in their order.
func Kinds() []Kind {
	return []Kind{KindPerson, KindUser, KindGroup, KindMembership, KindMapping, KindAssignment}
}

// Line is one line: one of Header, Person, User, Group, Membership, Mapping, Assignment
// and End.
type Line interface{ LineKind() Kind }

// Header is the first line of a file.
type Header struct {
	Kind    Kind `json:"kind"`
	Version int  `json:"version"`
	// Issuer says whose directory it is, Connection that it is that of one connection.
	Issuer     string    `json:"issuer,omitempty"`
	Connection string    `json:"connection,omitempty"`
	Created    time.Time `json:"created,omitzero"`
}

// Identity is a subject of a person: who signs in over the connection as it is them.
type Identity struct {
	Connection string `json:"connection"`
	Subject    string `json:"subject"`
}

// Person is somebody, with the subjects that they sign in as.
type Person struct {
	Kind Kind `json:"kind"`
	// ID is the sub that apps see. A new person gets it if nobody has it; other lines name
	// the person by it, whatever id they have here.
	ID         string     `json:"id,omitempty"`
	Identities []Identity `json:"identities,omitempty"`
	// Profile is what is known of them until they sign in. That an address is verified is
	// not taken from a file: the domains that a connection has proved say so.
	Profile  directory.Profile `json:"profile,omitzero"`
	Disabled bool              `json:"disabled,omitempty"`
	Created  time.Time         `json:"created,omitzero"`
}

// User is the record that a connection keeps of somebody, as SCIM pushes it: see
// record.User.
type User struct {
	Kind       Kind   `json:"kind"`
	Connection string `json:"connection"`
	ID         string `json:"id"`
	// Person is the id in the file of whose record it is; empty makes or finds them as SCIM
	// does, by the external id.
	Person     string         `json:"person,omitempty"`
	ExternalID string         `json:"external_id,omitempty"`
	UserName   string         `json:"user_name"`
	Inactive   bool           `json:"inactive,omitempty"`
	Attributes map[string]any `json:"attributes,omitempty"`
}

// Group is a group that a connection keeps: see record.Group.
type Group struct {
	Kind        Kind           `json:"kind"`
	Connection  string         `json:"connection"`
	ID          string         `json:"id"`
	ExternalID  string         `json:"external_id,omitempty"`
	DisplayName string         `json:"display_name"`
	Attributes  map[string]any `json:"attributes,omitempty"`
}

// Membership says that a user, or a group, is in a group of the same connection. All
// are named by the ids of their lines.
type Membership struct {
	Kind       Kind   `json:"kind"`
	Connection string `json:"connection"`
	Group      string `json:"group"`
	// User or Subgroup is set.
	User     string `json:"user,omitempty"`
	Subgroup string `json:"subgroup,omitempty"`
}

// Mapping is the name that a group has here. A group that no line describes is one that
// sign-ins tell of.
type Mapping struct {
	Kind       Kind   `json:"kind"`
	Connection string `json:"connection"`
	Group      string `json:"group"`
	Name       string `json:"name"`
}

// Assignment is a role in an app that an administrator gave.
type Assignment struct {
	Kind   Kind             `json:"kind"`
	App    string           `json:"app"` // its name
	Role   string           `json:"role"`
	Whom   entitlement.Whom `json:"whom"`
	From   time.Time        `json:"from,omitzero"`
	Until  time.Time        `json:"until,omitzero"`
	Reason string           `json:"reason"`
}

// End is the last line of a file.
type End struct {
	Kind Kind `json:"kind"`
	// Lines is how many lines stand before it, the first included.
	Lines int `json:"lines"`
}

// LineKind implements Line.
func (Header) LineKind() Kind { return KindDirectory }

// LineKind implements Line.
func (Person) LineKind() Kind { return KindPerson }

// LineKind implements Line.
func (User) LineKind() Kind { return KindUser }

// LineKind implements Line.
func (Group) LineKind() Kind { return KindGroup }

// LineKind implements Line.
func (Membership) LineKind() Kind { return KindMembership }

// LineKind implements Line.
func (Mapping) LineKind() Kind { return KindMapping }

// LineKind implements Line.
func (Assignment) LineKind() Kind { return KindAssignment }

// LineKind implements Line.
func (End) LineKind() Kind { return KindEnd }
