package record

import "context"

// UserStore keeps users. Service has these methods too, with the rules of this
// package around them: it is what a protocol calls.
type UserStore interface {
	// CreateUser makes a user and the person whose record it is. Where the connection
	// has the same user already, down to every attribute, as a client makes that waited
	// too short for the first answer, existed is true and nothing is changed. It fails
	// with ErrTaken.
	CreateUser(ctx context.Context, op Operation, u User) (made User, existed bool, err error)
	// User returns one, or ErrUserNotFound.
	User(ctx context.Context, connection, id string) (User, error)
	// UpdateUser changes one in one transaction: change returns it as it shall be, from
	// how it is, and may be run again when it changed meanwhile. Where nothing differs,
	// nothing is written. It fails with ErrUserNotFound, ErrVersion and ErrTaken.
	UpdateUser(ctx context.Context, op Operation, connection, id string, want Match, change func(User) (User, error)) (User, error)
	// DeleteUser removes one and closes its memberships. Its history stays.
	DeleteUser(ctx context.Context, op Operation, connection, id string, want Match) error
	// Users returns a page. It fails with ErrFilter, ErrCost and directory.ErrCursor.
	Users(ctx context.Context, connection string, q Query) (Page[User], error)
}

// GroupStore keeps groups: as UserStore for users.
type GroupStore interface {
	CreateGroup(ctx context.Context, op Operation, g Group, members []Member) (made Group, existed bool, err error)
	Group(ctx context.Context, connection, id string) (Group, error)
	// UpdateGroup also fails with ErrNesting.
	UpdateGroup(ctx context.Context, op Operation, connection, id string, want Match, change GroupChange) (Group, error)
	DeleteGroup(ctx context.Context, op Operation, connection, id string, want Match) error
	Groups(ctx context.Context, connection string, q Query) (Page[Group], error)
}

// MemberStore tells who is in which group.
type MemberStore interface {
	// Members returns the members of groups, those that are pending included, by the
	// group's id, each in the order of their values. It fails with ErrCost above
	// MaxMembers in all.
	Members(ctx context.Context, connection string, groups ...string) (map[string][]Member, error)
	// GroupsOf returns the groups that users are in, directly or within others, by the
	// user's id.
	GroupsOf(ctx context.Context, connection string, users ...string) (map[string][]In, error)
}

// MaxMembers is how many members one answer lists.
const MaxMembers = 200_000

// New is a user or a group to be made. Exactly one is set.
type New struct {
	Operation Operation
	User      *User
	Group     *Group
	Members   []Member // of the group
	// Person is whose record the user is, where an administrator says so; empty leaves it to
	// the external id. It fails with directory.ErrPersonNotFound, and with ErrTaken where the
	// external id is somebody else's subject.
	Person string
}

// Made is what became of a New: what was made or existed, or why not.
type Made struct {
	User    User
	Group   Group
	Existed bool
	Err     error
}

// Batcher makes many at once.
type Batcher interface {
	// Create makes what is new, in one transaction with as few statements as there can
	// be, as the single calls would one after the other. One that is refused keeps no
	// other from being made. Members may name what stands before in the same batch by
	// its external id. The answer has as many elements as all; an error is of all.
	Create(ctx context.Context, connection string, all []New) ([]Made, error)
}
