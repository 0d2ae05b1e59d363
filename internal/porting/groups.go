package porting

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/fault"
)

func (s *Service) group(ctx context.Context, l Group) (record.Group, error) {
	return s.o.Connections.ReadGroup(ctx, record.Group{Connection: l.Connection, ExternalID: l.ExternalID, DisplayName: l.DisplayName, Attributes: l.Attributes})
}

// planGroups says what would become of the groups of one connection.
func (s *Service) planGroups(ctx context.Context, _ *Import, p part) error {
	var ids, externals, names []string
	wanted := make([]record.Group, len(p.lines))
	for n, line := range p.lines {
		l, _ := line.Line.(Group)
		var err error
		if wanted[n], err = s.group(ctx, l); err != nil {
			if fault.KindOf(err) != fault.Invalid {
				return err
			}
			line.refuse(inAttributes(err))
			continue
		}
		ids, externals, names = append(ids, l.ID), append(externals, l.ExternalID), append(names, l.DisplayName)
	}
	found, taken, err := s.o.Found.FindGroups(ctx, p.connection, ids, externals, names)
	if err != nil {
		return err
	}
	var touched []string
	for n, line := range p.lines {
		if line.Outcome != LineOut {
			planGroup(line, wanted[n], found, taken)
			touched = append(touched, line.Ref)
		}
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

// ends are the ids here of a group and a member of it.
type ends struct{ group, member string }

// pairs tells which records the memberships of one connection are of. One whose group or
// member is nowhere is refused.
func (s *Service) pairs(ctx context.Context, i *Import, p part) (map[*Staged]ends, error) {
	var keys [][]byte
	var groups, users []string
	for _, line := range p.lines {
		l, _ := line.Line.(Membership)
		keys = append(keys, groupKey(p.connection, l.Group), userKey(p.connection, l.User), groupKey(p.connection, l.Subgroup))
		groups, users = append(groups, l.Group, l.Subgroup), append(users, l.User)
	}
	named, err := s.o.Store.NamedLines(ctx, i.ID, keys)
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	foundUsers, _, err := s.o.Found.FindUsers(ctx, p.connection, users, nil, nil)
	if err != nil {
		return nil, err
	}
	for _, u := range foundUsers {
		there["user "+u.ID] = true
	}
	foundGroups, _, err := s.o.Found.FindGroups(ctx, p.connection, groups, nil, nil)
	if err != nil {
		return nil, err
	}
	for _, g := range foundGroups {
		there["group "+g.ID] = true
	}
	ref := func(kind, id string, key []byte) string {
		n, inFile := named[string(key)]
		switch {
		case inFile && !n.Refused:
			return n.Ref
		case !inFile && there[kind+" "+id]:
			return id
		}
		return ""
	}
	all := map[*Staged]ends{}
	for _, line := range p.lines {
		l, _ := line.Line.(Membership)
		e := ends{group: ref("group", l.Group, groupKey(p.connection, l.Group))}
		at := "/user"
		if l.Subgroup != "" {
			at = "/subgroup"
			e.member = ref("group", l.Subgroup, groupKey(p.connection, l.Subgroup))
		} else {
			e.member = ref("user", l.User, userKey(p.connection, l.User))
		}
		switch {
		case e.group == "":
			line.refuse(ErrReference.At("/group"))
		case e.member == "":
			line.refuse(ErrReference.At(at))
		default:
			all[line] = e
		}
	}
	return all, nil
}

// planMembers says what would become of the memberships of one connection.
func (s *Service) planMembers(ctx context.Context, i *Import, p part) error {
	pairs, err := s.pairs(ctx, i, p)
	if err != nil {
		return err
	}
	var asked [][2]string
	var groups []string
	for _, e := range pairs {
		asked, groups = append(asked, [2]string{e.group, e.member}), append(groups, e.group)
	}
	there, err := s.o.Found.FindMembers(ctx, p.connection, asked)
	if err != nil {
		return err
	}
	for line, e := range pairs {
		line.Outcome = Create
		if slices.Contains(there, [2]string{e.group, e.member}) {
			line.Outcome = Unchanged
		}
	}
	return s.spare(ctx, p, nil, groups, func(line *Staged) []string { return []string{pairs[line].group} })
}

// applyMembers adds members, those of a group together.
func (s *Service) applyMembers(ctx context.Context, i *Import, p part) error {
	pairs, err := s.pairs(ctx, i, p)
	if err != nil {
		return err
	}
	of := map[string][]*Staged{}
	var order []string
	for _, line := range p.lines {
		e, ok := pairs[line]
		if !ok {
			continue
		}
		if of[e.group] == nil {
			order = append(order, e.group)
		}
		of[e.group] = append(of[e.group], line)
	}
	for _, group := range order {
		if err := s.addMembers(ctx, i, p.connection, group, of[group], pairs); err != nil {
			return err
		}
	}
	return nil
}

// addMembers adds members to one group. Where they cannot be added together, each is
// tried by itself, so that it is known which cannot.
func (s *Service) addMembers(ctx context.Context, i *Import, connection, group string, lines []*Staged, pairs map[*Staged]ends) error {
	var members []record.Member
	for _, line := range lines {
		m := record.Member{Value: pairs[line].member, Kind: record.KindUser}
		if l, _ := line.Line.(Membership); l.Subgroup != "" {
			m.Kind = record.KindGroup
		}
		members = append(members, m)
	}
	_, err := s.o.Records.UpdateGroup(ctx, s.operation(i, connection), connection, group, 0, record.GroupChange{Members: record.Members{Add: members}})
	if kind := fault.KindOf(err); err != nil && len(lines) > 1 && kind != fault.Internal && kind != fault.Unavailable {
		for _, line := range lines {
			if err := s.addMembers(ctx, i, connection, group, []*Staged{line}, pairs); err != nil {
				return err
			}
		}
		return nil
	}
	if errors.Is(err, record.ErrNesting) {
		err = ErrNesting
	}
	for _, line := range lines {
		if err := line.settle(err); err != nil {
			return err
		}
	}
	return nil
}

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

// each settles lines one by one. A fault of a line refuses it, any other ends the batch.
func (s *Service) each(lines []Staged, do func(*Staged) error) ([]Staged, error) {
	settled := make([]Staged, len(lines))
	for n := range lines {
		settled[n] = lines[n]
		err := do(&settled[n])
		switch kind := fault.KindOf(err); {
		case err == nil:
		case kind == fault.Internal, kind == fault.Unavailable:
			return nil, err
		default:
			settled[n].refuse(err)
		}
	}
	return settled, nil
}

// slashed makes a JSON pointer of where a fault points.
func slashed(err error) error {
	f := fault.As(err)
	if f.Pointer == "" || strings.HasPrefix(f.Pointer, "/") {
		return err
	}
	return f.At("/" + strings.ReplaceAll(f.Pointer, ".", "/"))
}
