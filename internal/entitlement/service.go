package entitlement

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/job"
)

// EndQueue is the queue of the timers that end assignments: the payload is the id.
const EndQueue = "assignment-end"

// Apps is the part of catalog.Service that assignments ask.
type Apps interface {
	App(ctx context.Context, name string) (catalog.App, error)
}

// Options are what a Service needs. All are required.
type Options struct {
	Store Store
	Apps  Apps
	Now   func() time.Time
	// Changed is called after a change, such as to forget what is remembered of them.
	Changed func()
}

// Service makes and ends assignments.
type Service struct{ o Options }

// NewService returns a Service.
func NewService(o Options) *Service { return &Service{o} }

func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

// New is an assignment to be made.
type New struct {
	Role   string    `json:"role"`
	Whom   Whom      `json:"whom"`
	From   time.Time `json:"from,omitzero"`
	Until  time.Time `json:"until,omitzero"`
	Reason string    `json:"reason"`
}

// Check returns what Assign would make, or refuses it as Assign does.
func (s *Service) Check(ctx context.Context, app string, n New) (Assignment, error) {
	a, err := s.o.Apps.App(ctx, app)
	if err != nil {
		return Assignment{}, err
	}
	now := s.now()
	err = n.Whom.check()
	switch {
	case !slices.ContainsFunc(a.Manifest.Spec.Entitlements, func(e catalog.Entitlement) bool { return e.Name == n.Role }):
		err = ErrRole
	case err != nil:
	case !n.Until.IsZero() && (!n.Until.After(now) || !n.Until.After(n.From)):
		err = ErrUntil
	default:
		err = checkReason(n.Reason)
	}
	cut := func(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
	return Assignment{
		ID: identity.NewOrderedID(now), App: a.ID, Role: n.Role, Whom: n.Whom, From: cut(n.From), Until: cut(n.Until), Reason: n.Reason, Created: now,
	}, err
}

// Assign gives a role in the app of this name. It fails with catalog.ErrAppNotFound,
// directory.ErrPersonNotFound and the faults of assignments.
func (s *Service) Assign(ctx context.Context, app string, n New, by identity.Actor) (Assignment, error) {
	a, err := s.Check(ctx, app, n)
	if err != nil {
		return Assignment{}, err
	}
	a.By = by
	e := event.New(a.Created, "assignment.added", by, identity.App(a.App),
		"assignment", a.ID, "role", a.Role, "for", a.Whom.Kind(), "person", a.Whom.Person, "until", written(a.Until), "reason", a.Reason)
	a.Event = e.ID
	if err := s.o.Store.AddAssignment(ctx, a, []event.Event{e}); err != nil {
		return Assignment{}, err
	}
	s.o.Changed()
	return a, nil
}

// End takes the role away again, and ends what was issued to whoever loses it. An
// assignment that has ended is ErrAssignmentEnded.
func (s *Service) End(ctx context.Context, id string, by identity.Actor) (Assignment, error) {
	return s.update(ctx, id, func(a Assignment) (Assignment, []event.Event, error) {
		if !a.Ended.IsZero() {
			return a, nil, ErrAssignmentEnded
		}
		now := s.now()
		e := endedEvent(a, now, by, "")
		a.Ended, a.EndedBy, a.EndedEvent = now, by, e.ID
		return a, []event.Event{e}, nil
	})
}

// Move gives the assignment another end, or none if until is zero. It fails with
// ErrAssignmentEnded, also while the timer of one whose time is over has yet to come,
// ErrUntil and ErrMoved.
func (s *Service) Move(ctx context.Context, id string, until time.Time, by identity.Actor) (Assignment, error) {
	return s.update(ctx, id, func(a Assignment) (Assignment, []event.Event, error) {
		now := s.now()
		next, err := a.moved(until, now)
		if err != nil {
			return a, nil, err
		}
		e := event.New(now, "assignment.moved", by, identity.App(a.App), "assignment", a.ID, "role", a.Role, "for", a.Whom.Kind(), "person", a.Whom.Person,
			"until", written(next.Until), "before", written(a.Until))
		next.Moved = append(slices.Clip(a.Moved), Moved{Until: a.Until, At: now, By: by, Event: e.ID})
		return next, []event.Event{e}, nil
	})
}

// CheckMove refuses another end as Move does.
func (s *Service) CheckMove(a Assignment, until time.Time) error {
	_, err := a.moved(until, s.now())
	return err
}

func (a Assignment) moved(until, now time.Time) (Assignment, error) {
	until = until.UTC().Truncate(time.Microsecond)
	switch {
	case !a.Ended.IsZero() || !a.Until.IsZero() && !now.Before(a.Until):
		return a, ErrAssignmentEnded
	case !until.IsZero() && (!until.After(now) || !until.After(a.From)):
		return a, ErrUntil
	case until.Equal(a.Until):
		return a, ErrMoved
	}
	a.Until = until
	return a, nil
}

// written is a time in an event, empty for none.
func written(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}

func endedEvent(a Assignment, now time.Time, by identity.Actor, why string) event.Event {
	return event.New(now, "assignment.ended", by, identity.App(a.App), "assignment", a.ID, "role", a.Role, "for", a.Whom.Kind(), "person", a.Whom.Person, "why", why)
}

func (s *Service) update(ctx context.Context, id string, change func(Assignment) (Assignment, []event.Event, error)) (Assignment, error) {
	defer s.o.Changed()
	return s.o.Store.UpdateAssignment(ctx, id, change)
}

// Expire is the timer of an assignment: it ends it if its time is over, which is looked
// at again within the transaction. It handles EndQueue.
func (s *Service) Expire(ctx context.Context, j job.Job) error {
	by := identity.System("timer")
	_, err := s.update(ctx, string(j.Payload), func(a Assignment) (Assignment, []event.Event, error) {
		now := s.now()
		switch {
		case !a.Ended.IsZero() || a.Until.IsZero():
			return a, nil, nil
		case now.Before(a.Until) && j.Key != "" && j.Key != a.Timer():
			return a, nil, nil // the end was moved, and has a timer of its own
		case now.Before(a.Until):
			return a, nil, errEarly
		}
		e := endedEvent(a, now, by, "its time is over")
		a.Ended, a.EndedBy, a.EndedEvent = now, by, e.ID
		return a, []event.Event{e}, nil
	})
	if errors.Is(err, ErrAssignmentNotFound) {
		return nil
	}
	return err
}

// errEarly makes a timer wait that came before its time.
var errEarly = errors.New("the assignment's time is not over yet")

// Get returns an assignment of the app of this name, ended or not. It fails with
// catalog.ErrAppNotFound and ErrAssignmentNotFound.
func (s *Service) Get(ctx context.Context, app, id string) (Assignment, error) {
	found, err := s.o.Apps.App(ctx, app)
	if err != nil {
		return Assignment{}, err
	}
	a, err := s.o.Store.Assignment(ctx, id)
	if err == nil && a.App != found.ID {
		return Assignment{}, ErrAssignmentNotFound
	}
	return a, err
}

// Search returns a page of the assignments that q selects.
func (s *Service) Search(ctx context.Context, q Query) (page []Assignment, next string, err error) {
	return s.o.Store.SearchAssignments(ctx, q)
}

// OfApp returns a page of the assignments of the app of this name, newest first.
func (s *Service) OfApp(ctx context.Context, app string, q Query) (page []Assignment, next string, err error) {
	found, err := s.o.Apps.App(ctx, app)
	if err != nil {
		return nil, "", err
	}
	q.App = found.ID
	return s.o.Store.SearchAssignments(ctx, q)
}

// OfPerson returns a page of what the person was assigned by name, newest first.
func (s *Service) OfPerson(ctx context.Context, person string, q Query) (page []Assignment, next string, err error) {
	q.Person = person
	return s.o.Store.SearchAssignments(ctx, q)
}
