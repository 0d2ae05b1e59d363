package admin

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Withdraw closes the changes that wait and that somebody asked for, in person or with a
// token of theirs, who may come over no connection after the event; so do those who came
// back since, of what they asked for before. It is for events by which people leave, and
// again is no change.
func (s *Service) Withdraw(ctx context.Context, e event.Event) error {
	for q := (ChangeQuery{Waiting: true, Limit: changesPage}); ; {
		page, next, err := s.SearchChanges(ctx, q)
		if err != nil {
			return fmt.Errorf("read changes: %w", err)
		}
		for _, c := range page {
			if c.Created.After(e.Time) {
				continue
			}
			left, err := s.leftBy(ctx, c.Owner, e)
			if err == nil && left {
				err = s.withdraw(ctx, c.ID, e)
			}
			if err != nil {
				return fmt.Errorf("withdraw change %s: %w", c.ID, err)
			}
		}
		if q.After = next; next == "" {
			return nil
		}
	}
}

// leftBy reports whether somebody is out by an event.
func (s *Service) leftBy(ctx context.Context, who identity.Ref, e event.Event) (bool, error) {
	person := e.Subject.Kind == identity.KindPerson
	if who.Kind != identity.KindPerson || person && who != e.Subject {
		return false, nil
	}
	p, err := s.o.Directory.Person(ctx, who.ID)
	if errors.Is(err, directory.ErrPersonNotFound) {
		return true, nil
	}
	if err != nil || p.Disabled || e.Type == "person.disabled" {
		return err == nil, err
	}
	closed := e.Data["connection"] // of a person who left over it
	if !person {
		closed = e.Subject.ID
	}
	for _, i := range p.Identities {
		if i.Connection == closed || p.Over(i.Connection, directory.JITAndSCIM) != nil {
			continue
		}
		if on, err := s.o.ConnectionEnabled(ctx, i.Connection); err != nil || on {
			return false, err
		}
	}
	return true, nil
}

func (s *Service) withdraw(ctx context.Context, id string, e event.Event) error {
	by := identity.System("leavers")
	_, err := s.o.Changes.UpdateChange(ctx, id, func(c Change) (Change, []event.Event, error) {
		now := s.now()
		if c = c.at(now); c.State != Waiting {
			return c, nil, ErrChangeDecided
		}
		c.State, c.Decided, c.DecidedBy, c.Reason, c.Cause = Withdrawn, now, &by, RequesterLeft, e.ID
		return c, []event.Event{c.event(now, "change.withdrawn", by).With("reason", c.Reason, "cause", e.ID)}, nil
	})
	if errors.Is(err, ErrChangeDecided) {
		return nil
	}
	return err
}
