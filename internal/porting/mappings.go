package porting

import (
	"context"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/directory"
)

// namesGiven is how mappings are taken. The names that groups have here are read once.
func (s *Service) namesGiven(ctx context.Context, i *Import) (given[directory.Mapping], error) {
	have, err := s.o.Directory.Mappings(ctx)
	if err != nil {
		return given[directory.Mapping]{}, err
	}
	return given[directory.Mapping]{
		held: holdMapping,
		as:   func(ctx context.Context, line Line) (directory.Mapping, error) { return s.mapping(ctx, i, line) },
		there: func(_ context.Context, m directory.Mapping) (bool, error) {
			if _, err := s.o.Groups.Mapping(m, i.actor()); err != nil {
				return false, err
			}
			return s.named(m, have)
		},
		// Others may have given it a name since the file was checked.
		give: func(ctx context.Context, m directory.Mapping) error {
			there, err := s.named(m, have)
			if err != nil || there {
				return err
			}
			have = append(have, m)
			return s.o.Groups.Map(ctx, m, i.actor())
		},
	}, nil
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
