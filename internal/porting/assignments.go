package porting

import (
	"context"
	"errors"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
)

// role is a role in the app of a name, as a line gives it.
type role struct {
	app string
	entitlement.New
}

// rolesGiven is how assignments are taken.
func (s *Service) rolesGiven(i *Import) given[role] {
	return given[role]{
		held: holdAssign,
		as:   func(ctx context.Context, line Line) (role, error) { return s.role(ctx, i, line) },
		there: func(ctx context.Context, r role) (bool, error) {
			a, err := s.o.Assignments.Check(ctx, r.app, r.New)
			if err != nil {
				return false, err
			}
			return s.o.Directory.Assigned(ctx, a)
		},
		give: func(ctx context.Context, r role) error {
			_, err := s.o.Assignments.Assign(ctx, r.app, r.New, i.actor())
			if errors.Is(err, entitlement.ErrAssignmentThere) { // an attempt before made it
				return nil
			}
			return err
		},
	}
}

// role is the role that a line gives, to whom it is for as they are known here.
func (s *Service) role(ctx context.Context, i *Import, line Line) (role, error) {
	l, _ := line.(Assignment)
	r := role{l.App, entitlement.New{Role: l.Role, Whom: l.Whom, From: l.From, Until: l.Until, Reason: l.Reason}}
	k, at := personKey(l.Whom.Person), "/whom/person"
	if l.Whom.Group.ID != "" {
		k, at = groupKey(l.Whom.Group.Connection, l.Whom.Group.ID), "/whom/group"
	}
	named, err := s.o.Store.NamedLines(ctx, i.ID, [][]byte{k})
	if err != nil {
		return r, err
	}
	found, inFile := named[string(k)]
	switch {
	case inFile && (found.Refused || found.Ref == ""):
		return r, ErrReference.At(at)
	case inFile && l.Whom.Group.ID != "":
		r.Whom.Group.ID = found.Ref
	case inFile:
		r.Whom.Person = found.Ref
	case l.Whom.Person != "":
		_, err = s.o.People.Person(ctx, l.Whom.Person)
		if errors.Is(err, directory.ErrPersonNotFound) {
			err = ErrReference.At(at)
		}
	}
	return r, err
}
