package porting

import (
	"context"
	"errors"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// The changes that four eyes may be asked for, by the names of the management API.
const (
	holdDisable = "disablePerson"
	holdMapping = "mapGroup"
	holdAssign  = "assignAppRole"
)

// Held lists the operations of the management API that an import could do: Options.Held
// has those of them that the importer may not do alone.
func Held() []string { return []string{holdDisable, holdMapping, holdAssign} }

// check looks at the next lines and says what would become of them.
func (s *Service) check(ctx context.Context, i Import) (Import, error) {
	lines, err := s.o.Store.NextLines(ctx, i.ID, i.After, checkBatch, Unlooked)
	if err != nil {
		return i, err
	}
	if len(lines) == 0 {
		return s.o.Store.UpdateImport(ctx, i.ID, func(now Import) (Import, []event.Event, error) {
			if now.State != Checking {
				return now, nil, ErrState
			}
			now.State, now.Checked, now.Looked, now.After = Checked, s.now(), now.Lines, nil
			return now, nil, nil
		})
	}
	lines = sameKind(lines)
	settled, err := s.plan(ctx, &i, lines)
	if err != nil {
		return s.stop(ctx, i, err)
	}
	for _, l := range settled {
		i.tally(l)
	}
	i.After, i.Looked = lines[len(lines)-1].Place, i.Looked+len(lines)
	if err := s.o.Store.SettleLines(ctx, i, settled); err != nil {
		return i, err
	}
	i.Version++
	return i, nil
}

// sameKind is the beginning of lines that is of one kind.
func sameKind(lines []Staged) []Staged {
	for n := range lines {
		if lines[n].Kind != lines[0].Kind {
			return lines[:n]
		}
	}
	return lines
}

// stop ends an import that cannot go on: what was applied stays. What only does not
// answer is tried again, but for a connection that is halted: its guard waits for somebody.
func (s *Service) stop(ctx context.Context, i Import, why error) (Import, error) {
	kind := fault.KindOf(why)
	if kind == fault.Unavailable && !errors.Is(why, record.ErrHalted) || ctx.Err() != nil {
		return i, why
	}
	stopped, err := s.o.Store.UpdateImport(ctx, i.ID, func(now Import) (Import, []event.Event, error) {
		now.State, now.Fault, now.Finished = Stopped, trouble(why), s.now()
		return now, []event.Event{event.New(now.Finished, "import.stopped", now.By, identity.Import(now.ID), append([]string{"code", now.Fault.Code}, now.figures()...)...)}, nil
	})
	if err == nil && kind == fault.Internal {
		err = why // somebody has to look into it
	}
	return stopped, err
}

// plan says what would become of lines of one kind.
func (s *Service) plan(ctx context.Context, i *Import, lines []Staged) ([]Staged, error) {
	switch lines[0].Kind {
	case KindPerson:
		return s.people(ctx, i, lines, true)
	case KindUser:
		return s.byConnection(ctx, i, lines, s.planUsers)
	case KindGroup:
		return s.byConnection(ctx, i, lines, s.planGroups)
	case KindMembership:
		return s.byConnection(ctx, i, lines, s.planMembers)
	case KindMapping:
		names, err := s.namesGiven(ctx, i)
		if err != nil {
			return nil, err
		}
		return names.plan(ctx, i, lines)
	case KindAssignment:
		return s.rolesGiven(i).plan(ctx, i, lines)
	case KindDirectory, KindEnd:
	}
	return nil, ErrKind
}

// actor is who an import changes something as.
func (i *Import) actor() identity.Actor {
	if !i.AppliedBy.IsZero() {
		return i.AppliedBy
	}
	return i.By
}

func (i *Import) holds(operation string) bool {
	return slices.Contains(i.Options.Held, operation)
}
