package porting

import (
	"context"
	"errors"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
)

// pair is the ids here of a group and a member of it.
type pair struct{ group, member string }

// pairs tells which records the memberships of one connection are of. One whose group or
// member is nowhere is refused.
func (s *Service) pairs(ctx context.Context, i *Import, p part) (map[*Staged]pair, error) {
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
	haveUser, haveGroup, err := s.there(ctx, p.connection, users, groups)
	if err != nil {
		return nil, err
	}
	ref := func(id string, key []byte, there map[string]bool) string {
		n, inFile := named[string(key)]
		switch {
		case inFile && !n.Refused:
			return n.Ref
		case !inFile && there[id]:
			return id
		}
		return ""
	}
	all := map[*Staged]pair{}
	for _, line := range p.lines {
		l, _ := line.Line.(Membership)
		e, at := pair{group: ref(l.Group, groupKey(p.connection, l.Group), haveGroup)}, "/user"
		if l.Subgroup != "" {
			e.member, at = ref(l.Subgroup, groupKey(p.connection, l.Subgroup), haveGroup), "/subgroup"
		} else {
			e.member = ref(l.User, userKey(p.connection, l.User), haveUser)
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

// there tells which of the ids are those of users, and of groups, of a connection.
func (s *Service) there(ctx context.Context, connection string, users, groups []string) (haveUser, haveGroup map[string]bool, err error) {
	haveUser, haveGroup = map[string]bool{}, map[string]bool{}
	foundUsers, _, err := s.o.Found.FindUsers(ctx, connection, users, nil, nil)
	if err != nil {
		return nil, nil, err
	}
	for _, u := range foundUsers {
		haveUser[u.ID] = true
	}
	foundGroups, _, err := s.o.Found.FindGroups(ctx, connection, groups, nil, nil)
	if err != nil {
		return nil, nil, err
	}
	for _, g := range foundGroups {
		haveGroup[g.ID] = true
	}
	return haveUser, haveGroup, nil
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
func (s *Service) addMembers(ctx context.Context, i *Import, connection, group string, lines []*Staged, pairs map[*Staged]pair) error {
	var members []record.Member
	for _, line := range lines {
		m := record.Member{Value: pairs[line].member, Kind: record.KindUser}
		if l, _ := line.Line.(Membership); l.Subgroup != "" {
			m.Kind = record.KindGroup
		}
		members = append(members, m)
	}
	_, err := s.o.Records.UpdateGroup(ctx, s.operation(i, connection), connection, group, 0, record.GroupChange{Members: record.Members{Add: members}})
	if err != nil && len(lines) > 1 && !endsBatch(err) {
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
