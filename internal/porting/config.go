package porting

import (
	"context"
	"io"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Connections tell of what connections are here.
type Connections interface {
	// Known reports whether there is a connection.
	Known(ctx context.Context, id string) (bool, error)
	// Domains are the e-mail domains that a connection has proved.
	Domains(ctx context.Context, id string) ([]string, error)
	// Policy is what a connection may do over SCIM; it fails for one that takes none.
	Policy(ctx context.Context, id string) (record.Policy, error)
	// ReadUser and ReadGroup check the attributes of a record against the schemas of the
	// connection, and return it as it would be if a SCIM client had sent it.
	ReadUser(ctx context.Context, u record.User) (record.User, error)
	ReadGroup(ctx context.Context, g record.Group) (record.Group, error)
}

// People keeps people.
type People interface {
	// PutPeople puts people into the directory, or says what would become of them, by
	// Landing.Onto, in one transaction. Who is protected by one of the roles is refused
	// with ErrProtected where something of them would change.
	PutPeople(ctx context.Context, put Put) ([]Landed, error)
	// Person returns one, or directory.ErrPersonNotFound.
	Person(ctx context.Context, id string) (directory.Person, error)
}

// Records are what connections keep: record.Service.
type Records interface {
	record.Batcher
	UpdateUser(ctx context.Context, op record.Operation, connection, id string, want record.Match, change func(record.User) (record.User, error)) (record.User, error)
	UpdateGroup(ctx context.Context, op record.Operation, connection, id string, want record.Match, change record.GroupChange) (record.Group, error)
}

// Found looks at many records at once.
type Found interface {
	// FindUsers returns the users of a connection that have one of the ids, external ids or
	// user names, and which of the ids any record of any connection has, or had.
	FindUsers(ctx context.Context, connection string, ids, externals, names []string) (users []record.User, taken []string, err error)
	// FindGroups is as FindUsers, by display names.
	FindGroups(ctx context.Context, connection string, ids, externals, names []string) (groups []record.Group, taken []string, err error)
	// FindMembers returns those of the pairs of a group and a member of a connection that
	// are there.
	FindMembers(ctx context.Context, connection string, pairs [][2]string) ([][2]string, error)
	// Protected returns those of the people, by id, and of the groups of the connection
	// that the policy does not let be changed.
	Protected(ctx context.Context, connection string, policy record.Policy, people, groups []string) (map[string]bool, error)
}

// Storage is what rows are kept in, and looked for: what a database has for this package.
type Storage interface {
	Store
	People
	Found
	Directory
}

// Groups keeps the names of groups: directory.Service.
type Groups interface {
	Mapping(m directory.Mapping, actor identity.Actor) ([]event.Event, error)
	Map(ctx context.Context, m directory.Mapping, actor identity.Actor) error
}

// Assignments gives roles in apps: entitlement.Service.
type Assignments interface {
	Check(ctx context.Context, app string, n entitlement.New) (entitlement.Assignment, error)
	Assign(ctx context.Context, app string, n entitlement.New, by identity.Actor) (entitlement.Assignment, error)
}

// Config is what a Service needs. All are required.
type Config struct {
	Issuer      string
	Store       Store
	People      People
	Records     Records
	Found       Found
	Groups      Groups
	Assignments Assignments
	Connections Connections
	Directory   Directory
	// Roles are the names of the groups that make a role other than that of an app's owner.
	Roles func() []string
	// Parsers read the foreign formats.
	Parsers map[Format]func(in io.Reader, o Options) Source
	Now     func() time.Time
}
