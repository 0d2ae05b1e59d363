package porting

import (
	"context"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
)

// group is the record that a line describes.
func (s *Service) group(ctx context.Context, l Group) (record.Group, error) {
	return s.o.Connections.ReadGroup(ctx, record.Group{Connection: l.Connection, ExternalID: l.ExternalID, DisplayName: l.DisplayName, Attributes: l.Attributes})
}

// planGroups says what would become of the groups of one connection.
func (s *Service) planGroups(ctx context.Context, _ *Import, p part) error {
	wanted, err := wantedOf(p, func(l Group) (record.Group, error) { return s.group(ctx, l) })
	if err != nil {
		return err
	}
	var ids, externals, names []string
	for _, line := range p.left() {
		l, _ := line.Line.(Group)
		ids, externals, names = append(ids, l.ID), append(externals, l.ExternalID), append(names, l.DisplayName)
	}
	found, taken, err := s.o.Found.FindGroups(ctx, p.connection, ids, externals, names)
	if err != nil {
		return err
	}
	var touched []string
	for _, line := range p.left() {
		planGroup(line, wanted[line], found, taken)
		touched = append(touched, line.Ref)
	}
	return s.spare(ctx, p, nil, touched, func(line *Staged) []string { return []string{line.Ref} })
}

// planGroup compares one group with those that are there. Names are unique among groups
// without an external id alone.
func planGroup(line *Staged, want record.Group, found []record.Group, taken []string) {
	l, _ := line.Line.(Group)
	var byID, byExternal, byName *record.Group
	for n := range found {
		g := &found[n]
		switch {
		case g.ID == l.ID:
			byID = g
		case l.ExternalID != "" && g.ExternalID == l.ExternalID:
			byExternal = g
		case g.ExternalID == "" && l.ExternalID == "" && strings.EqualFold(g.DisplayName, l.DisplayName):
			byName = g
		}
	}
	old := byID
	for _, other := range []*record.Group{byExternal, byName} {
		switch {
		case other == nil:
		case old == nil:
			old = other
		default:
			line.refuse(record.ErrTaken.At(map[bool]string{true: "/external_id", false: "/display_name"}[other == byExternal]))
			return
		}
	}
	if old == nil {
		line.Outcome, line.Ref = Create, freshID(l.ID, taken)
		return
	}
	line.Outcome, line.Ref = Change, old.ID
	next := mergeGroup(*old, want)
	if next.DisplayName == old.DisplayName && next.ExternalID == old.ExternalID && sameJSON(next.Attributes, old.Attributes) {
		line.Outcome = Unchanged
	}
}

func mergeGroup(old, want record.Group) record.Group {
	next := old
	next.DisplayName = want.DisplayName
	if want.ExternalID != "" {
		next.ExternalID = want.ExternalID
	}
	if len(want.Attributes) > 0 {
		next.Attributes = want.Attributes
	}
	return next
}

// applyGroups makes and changes groups.
func (s *Service) applyGroups(ctx context.Context, i *Import, p part) error {
	_, taken, err := s.o.Found.FindGroups(ctx, p.connection, p.refs(), nil, nil)
	if err != nil {
		return err
	}
	var news []record.New
	var at []*Staged
	for _, line := range p.lines {
		l, _ := line.Line.(Group)
		want, err := s.group(ctx, l)
		switch {
		case err != nil:
		case line.Outcome == Change:
			_, err = s.o.Records.UpdateGroup(ctx, s.operation(i, p.connection), p.connection, line.Ref, 0, record.GroupChange{
				Change: func(g record.Group) (record.Group, error) { return mergeGroup(g, want), nil },
			})
		default:
			want.ID = freshID(line.Ref, taken)
			news, at = append(news, record.New{Operation: s.operation(i, p.connection), Group: &want}), append(at, line)
			continue
		}
		if err := line.settle(err); err != nil {
			return err
		}
	}
	return s.make(ctx, p.connection, news, at)
}
