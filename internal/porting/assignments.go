package porting

import (
	"context"
	"errors"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
)

// planAssignments says what would become of assignments.
func (s *Service) planAssignments(ctx context.Context, i *Import, lines []Staged) ([]Staged, error) {
	return s.each(lines, func(l *Staged) error {
		app, n, err := s.assignment(ctx, i, l.Line)
		if err != nil {
			return slashed(err)
		}
		a, err := s.o.Assignments.Check(ctx, app, n)
		if err != nil {
			return slashed(err)
		}
		there, err := s.o.Directory.Assigned(ctx, a)
		switch {
		case err != nil:
			return err
		case there:
			l.Outcome = Unchanged
		case i.holds(holdAssign):
			return ErrFourEyes
		default:
			l.Outcome = Create
		}
		return nil
	})
}

// assignment is the assignment of a line, for whom it is for as they are known here.
func (s *Service) assignment(ctx context.Context, i *Import, line Line) (app string, n entitlement.New, err error) {
	l, _ := line.(Assignment)
	n = entitlement.New{Role: l.Role, Whom: l.Whom, From: l.From, Until: l.Until, Reason: l.Reason}
	k, at := personKey(l.Whom.Person), "/whom/person"
	if l.Whom.Group.ID != "" {
		k, at = groupKey(l.Whom.Group.Connection, l.Whom.Group.ID), "/whom/group"
	}
	named, err := s.o.Store.NamedLines(ctx, i.ID, [][]byte{k})
	if err != nil {
		return l.App, n, err
	}
	found, inFile := named[string(k)]
	switch {
	case inFile && (found.Refused || found.Ref == ""):
		return l.App, n, ErrReference.At(at)
	case inFile && l.Whom.Group.ID != "":
		n.Whom.Group.ID = found.Ref
	case inFile:
		n.Whom.Person = found.Ref
	case l.Whom.Person != "":
		_, err = s.o.People.Person(ctx, l.Whom.Person)
		if errors.Is(err, directory.ErrPersonNotFound) {
			err = ErrReference.At(at)
		}
	}
	return l.App, n, err
}

// applyAssignments gives roles.
func (s *Service) applyAssignments(ctx context.Context, i *Import, lines []Staged) ([]Staged, error) {
	return s.each(lines, func(l *Staged) error {
		app, n, err := s.assignment(ctx, i, l.Line)
		if err == nil {
			_, err = s.o.Assignments.Assign(ctx, app, n, i.actor())
		}
		if errors.Is(err, entitlement.ErrAssignmentThere) { // an attempt before made it
			err = nil
		}
		return l.settle(err)
	})
}
