package admin

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// The faults of roles.
var (
	// ErrForbidden refuses whoever has not the right.
	ErrForbidden = fault.New(fault.Denied, "right_missing", "you may not do that")
	// ErrLastAdmin refuses to take away the last admin.
	ErrLastAdmin = fault.New(fault.Conflict, "last_admin", "nobody would be admin any more: make another admin first")
	// ErrNotAssigned is returned for an assignment that is not there.
	ErrNotAssigned = fault.New(fault.NotFound, "role_not_assigned", "this person has no such assignment")
	// ErrRole refuses a role that there is not.
	ErrRole = fault.New(fault.Invalid, "role_unknown", "the roles are admin, security-reviewer, approver, app-owner and auditor")
)

// Assignment gives a person a role.
type Assignment struct {
	Person  string    `json:"person"`
	Role    Role      `json:"role"`
	Created time.Time `json:"created"`
}

// Assigned is the Source of a Holder by assignment.
const Assigned = "assignment"

// Holder is a person with a role, and what gave it: Assigned, or a group's name.
type Holder struct {
	Person directory.Person `json:"person"`
	Role   Role             `json:"role"`
	Source string           `json:"source"`
	// Group is the upstream group that has the name, for a role by a group.
	Group identity.GroupRef `json:"group,omitzero"`
}

// Store keeps tokens and assignments.
type Store interface {
	// APIToken returns the token with this hash that was not revoked, or ErrTokenNotFound.
	APIToken(ctx context.Context, hash []byte) (Token, error)
	// APITokens returns those that were not revoked, newest first.
	APITokens(ctx context.Context) ([]Token, error)
	CreateToken(ctx context.Context, t Token, events []event.Event) error
	// RevokeToken removes a token, or fails with ErrTokenNotFound.
	RevokeToken(ctx context.Context, id string, events []event.Event) error
	// TouchToken notes a use.
	TouchToken(ctx context.Context, id string, at time.Time) error
	// Assignments returns all, by role and person.
	Assignments(ctx context.Context) ([]Assignment, error)
	// Assign adds one; one that is there stays.
	Assign(ctx context.Context, a Assignment, events []event.Event) error
	// RoleHolders returns a page of the people who are assigned the role or members of
	// a group of one of the names, by name, and the cursor of the page after it.
	RoleHolders(ctx context.Context, q RoleQuery) (page []directory.Person, next string, err error)
	// Unassign removes one, or fails with ErrNotAssigned, or with ErrLastAdmin if the
	// admins were there before and nobody is one after it.
	Unassign(ctx context.Context, person string, role Role, keep Admins, events []event.Event) error
	// DisablePerson is directory.Store.UpdatePerson that fails with ErrLastAdmin like
	// Unassign. It removes the tokens of the person.
	DisablePerson(ctx context.Context, id string, keep Admins, change func(directory.Person) (directory.Person, []event.Event, error)) error
	// MapGroup adds or renames a mapping, and UnmapGroup removes one: they are
	// directory.GroupStore's that fail with ErrLastAdmin like Unassign.
	MapGroup(ctx context.Context, m directory.Mapping, keep Admins, events []event.Event) error
	UnmapGroup(ctx context.Context, g identity.GroupRef, keep Admins, events []event.Event) error
}

// Admins says who is one: whoever is enabled and has the assignment, or is at Now
// a member of a group of one of the names. Changes that could take the last one
// away exclude each other, also across replicas.
type Admins struct {
	Groups []string
	Now    time.Time
}

// RoleQuery selects people by role.
type RoleQuery struct {
	Role Role
	// Groups are the names of the groups whose members have it too.
	Groups []string
	// Limit is how many people a page has, 1 to 1000; 0 means 100.
	Limit int
	// After is the cursor of the page before, empty for the first.
	After string
}

// People is the part of the directory that roles are about.
type People interface {
	Person(ctx context.Context, id string) (directory.Person, error)
	Mappings(ctx context.Context) ([]directory.Mapping, error)
}

// Groups names groups, and makes the changes of people and mappings that a role may
// hang on: directory.Service.
type Groups interface {
	GroupNames(ctx context.Context, p directory.Person) ([]string, error)
	Disabling(id string, disabled bool, actor identity.Actor) func(directory.Person) (directory.Person, []event.Event, error)
	Mapping(m directory.Mapping, actor identity.Actor) ([]event.Event, error)
	Unmapping(g identity.GroupRef, actor identity.Actor) []event.Event
	Forget()
}

// Options are what a Service needs. All but FourEyes are required.
type Options struct {
	Store     Store
	Changes   ChangeStore
	Directory People
	Groups    Groups
	// ConnectionEnabled reports whether people may sign in over a connection.
	ConnectionEnabled func(ctx context.Context, id string) (bool, error)
	// Members names the groups that give a role.
	Members map[Role][]string
	// FourEyes names the operations that wait for a second person.
	FourEyes []string
	Now      func() time.Time
}

// Service answers who may do what, and changes it.
type Service struct{ o Options }

// New returns a Service.
func New(o Options) *Service { return &Service{o: o} }

func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

// GroupsOf names the groups that give a role.
func (s *Service) GroupsOf(r Role) []string { return s.o.Members[r] }

// Of returns what a person may do. Somebody who is disabled has no role.
func (s *Service) Of(ctx context.Context, p directory.Person) (Principal, error) {
	who := Principal{Ref: identity.Person(p.ID), Owner: identity.Person(p.ID)}
	if p.Disabled {
		return who, nil
	}
	assigned, err := s.o.Store.Assignments(ctx)
	if err == nil {
		who.Teams, err = s.o.Groups.GroupNames(ctx, p)
	}
	if err != nil {
		return Principal{}, err
	}
	for _, role := range Roles() {
		byGroup := slices.ContainsFunc(s.o.Members[role], func(name string) bool { return slices.Contains(who.Teams, name) })
		if byGroup || slices.ContainsFunc(assigned, func(a Assignment) bool { return a.Person == p.ID && a.Role == role }) {
			who.Roles = append(who.Roles, role)
		}
	}
	return who, nil
}

// RolesOf lists the roles that a person has, each with what gives it.
func (s *Service) RolesOf(ctx context.Context, p directory.Person) ([]Holder, error) {
	f, err := s.facts(ctx)
	return f.rolesOf(p), err
}

// facts is what roles come from.
type facts struct {
	assigned []Assignment
	names    map[identity.GroupRef]string
	members  map[Role][]string
	now      time.Time
}

func (s *Service) facts(ctx context.Context) (facts, error) {
	f := facts{names: map[identity.GroupRef]string{}, members: s.o.Members, now: s.now()}
	var err error
	if f.assigned, err = s.o.Store.Assignments(ctx); err != nil {
		return f, err
	}
	mappings, err := s.o.Directory.Mappings(ctx)
	for _, m := range mappings {
		f.names[m.Group] = m.Name
	}
	return f, err
}

// rolesOf lists the roles of a person by assignment, and by groups that hold now.
func (f facts) rolesOf(p directory.Person) []Holder {
	has := []Holder{}
	for _, a := range f.assigned {
		if a.Person == p.ID {
			has = append(has, Holder{Person: p, Role: a.Role, Source: Assigned})
		}
	}
	for _, role := range Roles() {
		for _, in := range p.Groups {
			if name := f.names[in.Group]; name != "" && in.Holds(f.now) && slices.Contains(f.members[role], name) {
				has = append(has, Holder{Person: p, Role: role, Source: name, Group: in.Group})
			}
		}
	}
	return has
}

// HolderQuery selects who has roles.
type HolderQuery struct {
	// Role selects one role; empty selects all.
	Role Role
	// Limit is how many people a page has, 1 to 1000; 0 means 100. Somebody who has a
	// role twice over is listed with each.
	Limit int
	// After is the cursor of the page before, empty for the first.
	After string
}

// holdersPage is how many people a page has that was not told.
const holdersPage = 100

// SearchHolders returns a page of who has which role, by role and name, and the
// cursor of the page after it, empty at the end. It fails with directory.ErrCursor.
func (s *Service) SearchHolders(ctx context.Context, q HolderQuery) (page []Holder, next string, err error) {
	roles, err := q.roles()
	if err != nil {
		return nil, "", err
	}
	f, err := s.facts(ctx)
	if err != nil {
		return nil, "", err
	}
	if q.Limit <= 0 {
		q.Limit = holdersPage
	}
	_, after, _ := strings.Cut(q.After, ".")
	for i, role := range roles {
		people, more, err := s.o.Store.RoleHolders(ctx, RoleQuery{Role: role, Groups: s.o.Members[role], Limit: q.Limit, After: after})
		if err != nil {
			return nil, "", err
		}
		for _, p := range people {
			page = append(page, slices.DeleteFunc(f.rolesOf(p), func(h Holder) bool { return h.Role != role })...)
		}
		if more != "" {
			return page, string(role) + "." + more, nil
		}
		if q.Limit -= len(people); q.Limit <= 0 && i+1 < len(roles) {
			return page, string(roles[i+1]) + ".", nil
		}
		after = ""
	}
	return page, "", nil
}

// roles returns the roles that a page is about, from that of the cursor on.
func (q HolderQuery) roles() ([]Role, error) {
	roles := Roles()
	if q.Role != "" {
		if !slices.Contains(roles, q.Role) {
			return nil, ErrRole.At("role")
		}
		roles = []Role{q.Role}
	}
	if q.After == "" {
		return roles, nil
	}
	role, _, _ := strings.Cut(q.After, ".")
	i := slices.Index(roles, Role(role))
	if i < 0 {
		return nil, directory.ErrCursor
	}
	return roles[i:], nil
}

// holders lists everybody who has the role, by assignment or by a group.
func (s *Service) holders(ctx context.Context, role Role) (all []Holder, err error) {
	for q := (HolderQuery{Role: role, Limit: 1000}); ; {
		page, next, err := s.SearchHolders(ctx, q)
		if err != nil {
			return nil, err
		}
		if all, q.After = append(all, page...), next; next == "" {
			return all, nil
		}
	}
}

// Assign gives a person a role.
func (s *Service) Assign(ctx context.Context, person string, role Role, actor identity.Actor) error {
	if !slices.Contains(Roles(), role) {
		return ErrRole.At("role")
	}
	if _, err := s.o.Directory.Person(ctx, person); err != nil {
		return err
	}
	now := s.now()
	e := event.New(now, "role.assigned", actor, identity.Person(person), "role", string(role))
	return s.o.Store.Assign(ctx, Assignment{Person: person, Role: role, Created: now}, []event.Event{e})
}
