package admin

import (
	"context"
	"fmt"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Unassign takes an assignment away. It fails with ErrLastAdmin, or with
// ErrNotAssigned for a role that the person has by a group, which is taken away there.
func (s *Service) Unassign(ctx context.Context, person string, role Role, actor identity.Actor) error {
	now := s.now()
	e := event.New(now, "role.unassigned", actor, identity.Person(person), "role", string(role))
	return s.o.Store.Unassign(ctx, person, role, s.admins(now), []event.Event{e})
}

// DisablePerson switches a person off like directory.Service, unless they are the
// last admin. Their tokens end with it, and stay so when they are enabled again.
func (s *Service) DisablePerson(ctx context.Context, id string, actor identity.Actor) error {
	return s.o.Store.DisablePerson(ctx, id, s.admins(s.now()), s.o.Groups.Disabling(id, true, actor))
}

// Map gives an upstream group a name like directory.Service, unless the name that
// it takes away made the last admin.
func (s *Service) Map(ctx context.Context, m directory.Mapping, actor identity.Actor) error {
	events, err := s.o.Groups.Mapping(m, actor)
	if err != nil {
		return err
	}
	defer s.o.Groups.Forget()
	return s.o.Store.MapGroup(ctx, m, s.admins(s.now()), events)
}

// Unmap takes an upstream group's name away like directory.Service, unless that
// name made the last admin.
func (s *Service) Unmap(ctx context.Context, g identity.GroupRef, actor identity.Actor) error {
	defer s.o.Groups.Forget()
	return s.o.Store.UnmapGroup(ctx, g, s.admins(s.now()), s.o.Groups.Unmapping(g, actor))
}

func (s *Service) admins(now time.Time) Admins { return Admins{Groups: s.o.Members[Admin], Now: now} }

// CheckLast fails with ErrLastAdmin when there is an admin who is enabled, and none
// would remain without those that lost selects. It is for showing what a change
// would do: the change itself finds out in its own transaction.
func (s *Service) CheckLast(ctx context.Context, lost func(Holder) bool) error {
	holders, err := s.holders(ctx, Admin)
	if err != nil {
		return fmt.Errorf("who else is admin: %w", err)
	}
	some := false
	for _, h := range holders {
		if h.Person.Disabled {
			continue
		}
		if !lost(h) {
			return nil
		}
		some = true
	}
	if some {
		return ErrLastAdmin
	}
	return nil
}
