package porting

import (
	"context"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/directory"
)

// planMappings says what would become of names.
func (s *Service) planMappings(ctx context.Context, i *Import, lines []Staged) ([]Staged, error) {
	have, err := s.o.Directory.Mappings(ctx)
	if err != nil {
		return nil, err
	}
	return s.each(lines, func(l *Staged) error {
		m, err := s.mapping(ctx, i, l.Line)
		if err == nil {
			_, err = s.o.Groups.Mapping(m, i.actor())
		}
		if err != nil {
			return slashed(err)
		}
		there, err := s.named(m, have)
		switch {
		case err != nil:
			return err
		case there:
			l.Outcome = Unchanged
		case i.holds(holdMapping):
			return ErrFourEyes
		default:
			l.Outcome = Create
		}
		return nil
	})
}

// named reports whether a group has its name already, and refuses to take one away, or to
// give one that makes a role.
func (s *Service) named(m directory.Mapping, have []directory.Mapping) (bool, error) {
	at := slices.IndexFunc(have, func(h directory.Mapping) bool { return h.Group == m.Group })
	switch {
	case at >= 0 && have[at].Name == m.Name:
		return true, nil
	case at >= 0:
		return false, ErrMappingName
	case slices.Contains(s.o.Roles(), m.Name):
		return false, ErrProtected.At("/name")
	}
	return false, nil
}

// mapping is the mapping of a line, of the group as it is known here.
func (s *Service) mapping(ctx context.Context, i *Import, line Line) (directory.Mapping, error) {
	l, _ := line.(Mapping)
	known, err := s.o.Connections.Known(ctx, l.Connection)
	if err == nil && !known {
		err = ErrConnection.At("/connection")
	}
	if err != nil {
		return directory.Mapping{}, err
	}
	k := groupKey(l.Connection, l.Group)
	named, err := s.o.Store.NamedLines(ctx, i.ID, [][]byte{k})
	m := directory.Mapping{Group: l.ref(), Name: l.Name}
	if n, ok := named[string(k)]; ok {
		if n.Refused || n.Ref == "" {
			return m, ErrReference.At("/group")
		}
		m.Group.ID = n.Ref
	}
	return m, err
}

// applyMappings gives groups their names. Others may have given them names since.
func (s *Service) applyMappings(ctx context.Context, i *Import, lines []Staged) ([]Staged, error) {
	have, err := s.o.Directory.Mappings(ctx)
	if err != nil {
		return nil, err
	}
	return s.each(lines, func(l *Staged) error {
		m, err := s.mapping(ctx, i, l.Line)
		there := false
		if err == nil {
			there, err = s.named(m, have)
		}
		if err == nil && !there {
			have, err = append(have, m), s.o.Groups.Map(ctx, m, i.actor())
		}
		return l.settle(err)
	})
}
