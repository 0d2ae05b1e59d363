package admin

import (
	"context"
	"slices"
	"sync"
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
	// Unassign removes one, or fails with ErrNotAssigned.
	Unassign(ctx context.Context, person string, role Role, events []event.Event) error
}

// People is the part of the directory that roles are about.
type People interface {
	Person(ctx context.Context, id string) (directory.Person, error)
	People(ctx context.Context, after string, limit int) ([]directory.Person, error)
}

// Groups changes and names groups and switches people: directory.Service.
type Groups interface {
	GroupNames(ctx context.Context, p directory.Person) ([]string, error)
	SetPersonDisabled(ctx context.Context, id string, disabled bool, actor identity.Actor) error
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
type Service struct {
	o Options
	// last keeps two removals from each seeing the other's admin.
	last sync.Mutex
}

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

// peopleAtOnce is how many people one question of Holders reads.
const peopleAtOnce = 1000

// Holders lists everybody who has a role, by assignment or by group.
func (s *Service) Holders(ctx context.Context) ([]Holder, error) {
	assigned, err := s.o.Store.Assignments(ctx)
	if err != nil {
		return nil, err
	}
	var all []Holder
	for after := ""; ; {
		page, err := s.o.Directory.People(ctx, after, peopleAtOnce)
		if err != nil {
			return nil, err
		}
		for _, p := range page {
			has, err := s.rolesOf(ctx, p, assigned)
			if err != nil {
				return nil, err
			}
			all = append(all, has...)
		}
		if len(page) < peopleAtOnce {
			return all, nil
		}
		after = page[len(page)-1].ID
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
	s.last.Lock()
	defer s.last.Unlock()
	if role == Admin {
		err := s.another(ctx, func(h Holder) bool { return h.Person.ID != person || h.Source != "assignment" })
		if err != nil {
			return err
		}
	}
	e := event.New(s.now(), "role.unassigned", actor, identity.Person(person), "role", string(role))
	return s.o.Store.Unassign(ctx, person, role, []event.Event{e})
}

// DisablePerson switches a person off like directory.Service, unless they are the
// last admin.
func (s *Service) DisablePerson(ctx context.Context, id string, actor identity.Actor) error {
	p, err := s.o.Directory.Person(ctx, id)
	if err != nil {
		return err
	}
	who, err := s.Of(ctx, p)
	if err != nil {
		return err
	}
	s.last.Lock()
	defer s.last.Unlock()
	if who.Has(Admin) {
		if err := s.another(ctx, func(h Holder) bool { return h.Person.ID != id }); err != nil {
			return err
		}
	}
	return s.o.Groups.SetPersonDisabled(ctx, id, true, actor)
}

// another fails with ErrLastAdmin unless an admin who is enabled remains.
func (s *Service) another(ctx context.Context, remains func(Holder) bool) error {
	holders, err := s.Holders(ctx)
	if err != nil {
		return err
	}
	for _, h := range holders {
		if h.Role == Admin && !h.Person.Disabled && remains(h) {
			return nil
		}
	}
	return ErrLastAdmin
}
