package porting

import (
	"context"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// apply does what was said of the next lines. Each is looked at again: what is not as it
// was when the file was checked is refused then, and what is done already stays as it is.
func (s *Service) apply(ctx context.Context, i Import) (Import, error) {
	lines, err := s.o.Store.NextLines(ctx, i.ID, i.After, applyBatch, Create, Change)
	if err != nil {
		return i, err
	}
	if len(lines) == 0 {
		return s.finish(ctx, i.ID)
	}
	lines = sameKind(lines)
	settled, err := s.do(ctx, &i, lines)
	if err != nil {
		return s.stop(ctx, i, err)
	}
	for n, l := range settled {
		i.retally(lines[n].Outcome, l)
	}
	i.After, i.Looked = lines[len(lines)-1].Place, i.Looked+len(lines)
	if err := s.o.Store.SettleLines(ctx, i, settled); err != nil {
		return i, err
	}
	i.Version++
	return i, nil
}

// do applies lines of one kind.
func (s *Service) do(ctx context.Context, i *Import, lines []Staged) ([]Staged, error) {
	switch lines[0].Kind {
	case KindPerson:
		settled, err := s.people(ctx, i, lines, false)
		for n := range settled {
			// What was done before the process ended in the middle is as it would be.
			switch settled[n].Outcome {
			case Create, Change, Unchanged:
				settled[n].Outcome = lines[n].Outcome
				if err := settled[n].settle(nil); err != nil {
					return nil, err
				}
			case Unlooked, Created, Changed, LineOut:
			}
		}
		return settled, err
	case KindUser:
		return s.byConnection(ctx, i, lines, s.applyUsers)
	case KindGroup:
		return s.byConnection(ctx, i, lines, s.applyGroups)
	case KindMembership:
		return s.byConnection(ctx, i, lines, s.applyMembers)
	case KindMapping:
		names, err := s.namesGiven(ctx, i)
		if err != nil {
			return nil, err
		}
		return names.apply(ctx, lines)
	case KindAssignment:
		return s.rolesGiven(i).apply(ctx, lines)
	case KindDirectory, KindEnd:
	}
	return nil, ErrKind
}

// finish ends an import of which every line was looked at.
func (s *Service) finish(ctx context.Context, id string) (Import, error) {
	i, err := s.o.Store.UpdateImport(ctx, id, func(now Import) (Import, []event.Event, error) {
		if now.State != Applying {
			return now, nil, ErrState
		}
		now.State, now.Finished, now.Looked = Done, s.now(), now.Lines
		return now, []event.Event{event.New(now.Finished, "import.done", now.AppliedBy, identity.Import(id), now.figures()...)}, nil
	})
	if err == nil {
		err = s.o.Store.DropLines(ctx, id, false, nil)
	}
	if fault.KindOf(err) == fault.NotFound {
		err = nil
	}
	return i, err
}
