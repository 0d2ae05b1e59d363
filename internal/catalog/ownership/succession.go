package ownership

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Handled lists the types of events that Handle takes.
func Handled() []string {
	return []string{record.PersonLeft, "person.disabled", "connection.disabled", "connection.removed", "connection.enabled", "app.applied"}
}

// Handle passes on what somebody owned who is gone by an event. Again is no change: what
// somebody was made the owner of after the event, they keep.
func (s *Service) Handle(ctx context.Context, e event.Event) error {
	succeed := func(ctx context.Context, o Ownership) error { return s.succeed(ctx, o, e) }
	switch e.Type {
	case record.PersonLeft, "person.disabled":
		p, err := s.o.People.Person(ctx, e.Subject.ID)
		if errors.Is(err, directory.ErrPersonNotFound) {
			return nil
		}
		if err != nil || p.Profile.Email == "" {
			return err
		}
		return s.each(ctx, Query{Primary: p.Profile.Email}, succeed)
	case "connection.disabled", "connection.removed":
		return s.each(ctx, Query{}, succeed)
	case "connection.enabled":
		return s.each(ctx, Query{Orphaned: true}, func(ctx context.Context, o Ownership) error { return s.giveBack(ctx, o, e) })
	case "app.applied":
		o, err := s.o.Store.Ownership(ctx, e.Data["name"])
		if err == nil {
			err = succeed(ctx, o)
		}
		return unlessRemoved(err)
	}
	return nil
}

// Check passes on what people own who are gone, by whatever it was: a connection that the
// configuration has no more, or an owner who had left before this was kept.
func (s *Service) Check(ctx context.Context) error {
	e := event.Event{Time: s.now(), Actor: identity.System("ownership")}
	return s.each(ctx, Query{}, func(ctx context.Context, o Ownership) error { return s.succeed(ctx, o, e) })
}

// succeed passes an app on if its primary owner is gone by an event.
func (s *Service) succeed(ctx context.Context, o Ownership, e event.Event) error {
	if o.State == Orphaned || o.Primary == "" || o.Since.After(e.Time) {
		return nil
	}
	is, err := s.standing(ctx, o.Primary, e)
	if err != nil || is != Gone {
		return err
	}
	next, err := s.standing(ctx, o.Secondary, e)
	if err != nil {
		return err
	}
	passed, err := s.o.Store.UpdateOwnership(ctx, o.Name, func(now Ownership) (Ownership, []event.Event, error) {
		if now.App != o.App || now.Owners != o.Owners || now.State == Orphaned || now.Since.After(e.Time) {
			return now, nil, errUnchanged
		}
		return now.after(e, next == Present || next == Unknown, s.now)
	})
	switch {
	case errors.Is(err, errUnchanged):
		return nil
	case err != nil:
		return unlessRemoved(err)
	case passed.State == Orphaned:
		s.o.Log.WarnContext(ctx, "an app has no owner any more: name one", slog.String("app", passed.Name), slog.String("event", passed.Cause))
	}
	return nil
}

// after is what becomes of an ownership whose primary owner is gone by an event.
func (o Ownership) after(e event.Event, secondary bool, now func() time.Time) (Ownership, []event.Event, error) {
	actor := e.Actor
	if e.ID != "" { // not by whoever caused the event: it follows from it
		actor = identity.System("ownership")
	}
	told := event.New(now(), "app.orphaned", actor, identity.App(o.App), "name", o.Name, "last", o.Primary, "cause", e.ID)
	if secondary {
		told = event.New(now(), "app.owner_succeeded", actor, identity.App(o.App), "name", o.Name, "from", o.Primary, "to", o.Secondary, "cause", e.ID)
		o.From, o.Primary, o.Secondary = o.Primary, o.Secondary, ""
	} else {
		o.State = Orphaned
	}
	// The time is the event's: whoever leaves after it leaves as the owner.
	o.Since, o.Cause, o.Of = e.Time, cmp.Or(e.ID, told.ID), ""
	if e.ID != "" {
		o.Of = e.Subject.String()
	}
	return o, []event.Event{told}, nil
}

// giveBack makes an app its owner's again that lost it because an administrator switched a
// connection off, once it is on: nobody left.
func (s *Service) giveBack(ctx context.Context, o Ownership, e event.Event) error {
	if o.Of != e.Subject.String() || o.Since.After(e.Time) {
		return nil
	}
	is, err := s.standing(ctx, o.Primary, event.Event{})
	if err != nil || is != Present {
		return err
	}
	_, err = s.o.Store.UpdateOwnership(ctx, o.Name, func(now Ownership) (Ownership, []event.Event, error) {
		if now.App != o.App || now.State != Orphaned || now.Of != o.Of || now.Since.After(e.Time) {
			return now, nil, errUnchanged
		}
		told := event.New(s.now(), "app.owner_returned", identity.System("ownership"), identity.App(now.App), "name", now.Name, "to", now.Primary, "cause", e.ID)
		now.State, now.Since, now.Cause, now.Of = Owned, e.Time, e.ID, ""
		return now, []event.Event{told}, nil
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return unlessRemoved(err)
}

// unlessRemoved forgives that an app is not there any more.
func unlessRemoved(err error) error {
	if errors.Is(err, catalog.ErrAppNotFound) {
		return nil
	}
	return err
}
