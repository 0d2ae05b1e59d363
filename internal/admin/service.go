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
	errRole        = fault.New(fault.Invalid, "role_unknown", "the roles are admin, security-reviewer, approver, app-owner and auditor")
)

// Assignment gives a person a role.
type Assignment struct {
	Person  string    `json:"person"`
	Role    Role      `json:"role"`
	Created time.Time `json:"created"`
}

// Holder is a person with a role, and what gave it: "assignment" or a group's name.
type Holder struct {
	Person directory.Person `json:"person"`
	Role   Role             `json:"role"`
	Source string           `json:"source"`
}

// Store keeps tokens and assignments.
type Store interface {
	// Token returns the token with this hash that was not revoked, or ErrTokenNotFound.
	Token(ctx context.Context, hash []byte) (Token, error)
	// Tokens returns those that were not revoked, newest first.
	Tokens(ctx context.Context) ([]Token, error)
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
	// Unassign.
	DisablePerson(ctx context.Context, id string, keep Admins, change func(directory.Person) (directory.Person, []event.Event, error)) error
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
}

// Groups names groups and switches people: directory.Service.
type Groups interface {
	GroupNames(ctx context.Context, p directory.Person) ([]string, error)
	Disabling(id string, disabled bool, actor identity.Actor) func(directory.Person) (directory.Person, []event.Event, error)
}

// Options are what a Service needs. All are required.
type Options struct {
	Store     Store
	Directory People
	Groups    Groups
	// Members names the groups that give a role.
	Members map[Role][]string
	Now     func() time.Time
}

// Service answers who may do what, and changes it.
type Service struct{ o Options }

// New returns a Service.
func New(o Options) *Service { return &Service{o: o} }

func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

// Of returns what a person may do. Somebody who is disabled has no role.
func (s *Service) Of(ctx context.Context, p directory.Person) (Principal, error) {
	who := Principal{Ref: identity.Person(p.ID)}
	if p.Disabled {
		return who, nil
	}
	assigned, err := s.o.Store.Assignments(ctx)
	if err != nil {
		return Principal{}, err
	}
	holders, err := s.rolesOf(ctx, p, assigned)
	if err != nil {
		return Principal{}, err
	}
	for _, h := range holders {
		if !who.Has(h.Role) {
			who.Roles = append(who.Roles, h.Role)
		}
	}
	who.Teams, err = s.o.Groups.GroupNames(ctx, p)
	return who, err
}

func (s *Service) rolesOf(ctx context.Context, p directory.Person, assigned []Assignment) ([]Holder, error) {
	var has []Holder
	for _, a := range assigned {
		if a.Person == p.ID {
			has = append(has, Holder{p, a.Role, "assignment"})
		}
	}
	names, err := s.o.Groups.GroupNames(ctx, p)
	if err != nil {
		return nil, err
	}
	for _, role := range Roles() {
		for _, g := range s.o.Members[role] {
			if slices.Contains(names, g) {
				has = append(has, Holder{p, role, g})
			}
		}
	}
	return has, nil
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
	assigned, err := s.o.Store.Assignments(ctx)
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
			has, err := s.rolesOf(ctx, p, assigned)
			if err != nil {
				return nil, "", err
			}
			page = append(page, slices.DeleteFunc(has, func(h Holder) bool { return h.Role != role })...)
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
			return nil, errRole.At("role")
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

// Holders lists everybody who has a role, by assignment or by group.
func (s *Service) Holders(ctx context.Context) (all []Holder, err error) {
	for q := (HolderQuery{Limit: 1000}); ; {
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
		return errRole.At("role")
	}
	if _, err := s.o.Directory.Person(ctx, person); err != nil {
		return err
	}
	now := s.now()
	e := event.New(now, "role.assigned", actor, identity.Person(person), "role", string(role))
	return s.o.Store.Assign(ctx, Assignment{Person: person, Role: role, Created: now}, []event.Event{e})
}

// Unassign takes an assignment away. It fails with ErrLastAdmin, or with
// ErrNotAssigned for a role that the person has by a group, which is taken away there.
func (s *Service) Unassign(ctx context.Context, person string, role Role, actor identity.Actor) error {
	now := s.now()
	e := event.New(now, "role.unassigned", actor, identity.Person(person), "role", string(role))
	return s.o.Store.Unassign(ctx, person, role, s.admins(now), []event.Event{e})
}

// DisablePerson switches a person off like directory.Service, unless they are the
// last admin.
func (s *Service) DisablePerson(ctx context.Context, id string, actor identity.Actor) error {
	return s.o.Store.DisablePerson(ctx, id, s.admins(s.now()), s.o.Groups.Disabling(id, true, actor))
}

func (s *Service) admins(now time.Time) Admins { return Admins{Groups: s.o.Members[Admin], Now: now} }
