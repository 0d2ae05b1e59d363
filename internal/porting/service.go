package porting

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Service imports and exports.
type Service struct{ o Config }

// NewService returns a Service.
func NewService(o Config) *Service { return &Service{o} }

func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

// The sizes of batches, in lines, and how many lines are checked while whoever sent them
// waits.
const (
	stageBatch = 500
	checkBatch = 500
	applyBatch = 200
	// soon is how many lines are checked before Receive returns.
	soon = 2000
)

// soon goes on with an import of few lines until it is out of a state, beside Run.
func (s *Service) soon(ctx context.Context, i Import, state State, step func(context.Context, Import) (Import, error)) (Import, error) {
	for i.State == state && i.Lines <= soon {
		next, err := step(ctx, i)
		if errors.Is(err, ErrState) {
			next, err = s.o.Store.Import(ctx, i.ID)
		}
		if err != nil {
			return i, err
		}
		i = next
	}
	return i, nil
}

// Get returns an import, or ErrNotFound.
func (s *Service) Get(ctx context.Context, id string) (Import, error) {
	return s.o.Store.Import(ctx, id)
}

// List returns a page of the imports, the newest first, and the id to go on behind,
// empty at the end.
func (s *Service) List(ctx context.Context, after string, limit int) (page []Import, next string, err error) {
	page, err = s.o.Store.Imports(ctx, after, limit+1)
	if err == nil && len(page) > limit {
		page, next = page[:limit], page[limit-1].ID
	}
	return page, next, err
}

// Faults returns a page of the lines of an import that are refused, in the order of the
// file, and the Seq to go on behind, 0 at the end.
func (s *Service) Faults(ctx context.Context, id string, after, limit int) (page []Fault, next int, err error) {
	if _, err := s.o.Store.Import(ctx, id); err != nil {
		return nil, 0, err
	}
	page, err = s.o.Store.Faults(ctx, id, after, limit+1)
	if err == nil && len(page) > limit {
		page, next = page[:limit], page[limit-1].Seq
	}
	return page, next, err
}

// Order is that an import be applied.
type Order struct {
	// SkipRefused applies all lines but those that are refused.
	SkipRefused bool
	// Held are the kinds of change that whoever orders it may not make alone.
	Held []string
	By   identity.Actor
}

// Apply has an import applied that was checked: all its lines, or all but those that are
// refused. Run does it. It fails with ErrState, ErrExpired and ErrRefusedLines, and with
// ErrHeld where the file was checked for somebody who may do more alone.
func (s *Service) Apply(ctx context.Context, id string, o Order) (Import, error) {
	now := s.now()
	i, err := s.o.Store.UpdateImport(ctx, id, func(i Import) (Import, []event.Event, error) {
		if err := i.takes(o, now); err != nil {
			return i, nil, err
		}
		i.State, i.SkipRefused, i.AppliedBy, i.After, i.Looked = Applying, o.SkipRefused, o.By, nil, i.Lines-i.todo()
		return i, []event.Event{event.New(now, "import.applied", o.By, identity.Import(id), i.figures()...)}, nil
	})
	if err != nil {
		return i, err
	}
	return s.soon(context.WithoutCancel(ctx), i, Applying, s.apply)
}

// Applicable fails as Apply would now, and changes nothing.
func (s *Service) Applicable(ctx context.Context, id string, o Order) error {
	i, err := s.o.Store.Import(ctx, id)
	if err != nil {
		return err
	}
	return i.takes(o, s.now())
}

// takes refuses an order that the import cannot be applied by.
func (i *Import) takes(o Order, now time.Time) error {
	switch {
	case i.State != Checked:
		return ErrState
	case now.Sub(i.Checked) > ApplyWithin:
		return ErrExpired
	case slices.ContainsFunc(o.Held, func(held string) bool { return !i.holds(held) }):
		return ErrHeld
	case i.refused() > 0 && !o.SkipRefused:
		return ErrRefusedLines
	}
	return nil
}

// Discard forgets an import that is not being applied. What was applied of it stays.
func (s *Service) Discard(ctx context.Context, id string, by identity.Actor) error {
	// First of all nobody goes on with it: what is staged afterwards would stay.
	_, err := s.o.Store.UpdateImport(ctx, id, func(i Import) (Import, []event.Event, error) {
		if i.State == Applying {
			return i, nil, ErrState
		}
		if i.State == Reading || i.State == Checking {
			i.State, i.Finished = Stopped, s.now()
		}
		return i, nil, nil
	})
	if err != nil {
		return err
	}
	return s.o.Store.DropLines(ctx, id, true, []event.Event{event.New(s.now(), "import.discarded", by, identity.Import(id))})
}

// turn is how long Run works before it looks whether it is still the one to.
const turn = 3 * time.Second

// Run looks at the lines of the import that has waited longest, for a few seconds, and
// refuses files that nobody reads any more. It is periodic work of one replica.
func (s *Service) Run(ctx context.Context) error {
	if err := s.abandon(ctx); err != nil {
		return err
	}
	ends := s.o.Now().Add(turn)
	for s.o.Now().Before(ends) && ctx.Err() == nil {
		id, err := s.o.Store.Unfinished(ctx)
		if err != nil || id == "" {
			return err
		}
		i, err := s.o.Store.Import(ctx, id)
		if err != nil {
			return err
		}
		if i.State == Checking {
			_, err = s.check(ctx, i)
		} else {
			_, err = s.apply(ctx, i)
		}
		if errors.Is(err, ErrState) { // somebody else is at it
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}
