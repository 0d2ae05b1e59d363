package scimtest

import (
	"context"
	"reflect"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

func equal(a, b map[string]any) bool {
	return len(a) == 0 && len(b) == 0 || reflect.DeepEqual(a, b)
}

// CreateGroup implements record.GroupStore.
func (m *Memory) CreateGroup(_ context.Context, op record.Operation, g record.Group, members []record.Member) (record.Group, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.createGroup(op, g, members)
}

func (m *Memory) createGroup(op record.Operation, g record.Group, members []record.Member) (record.Group, bool, error) {
	if i, taken := m.groupTwin(g); taken != nil {
		if is := m.groups[i]; is.DisplayName == g.DisplayName && is.ExternalID == g.ExternalID && equal(is.Attributes, g.Attributes) {
			return is, true, nil
		}
		return g, false, taken
	}
	g.ID, g.Created, g.Updated, g.Version = identity.NewID(), op.Time, op.Time, 1
	if m.members == nil {
		m.members = map[string][]record.Member{}
	}
	m.groups = append(m.groups, g)
	m.set(g, record.Members{Add: members})
	return g, false, nil
}

// Group implements record.GroupStore.
func (m *Memory) Group(_ context.Context, connection, id string) (record.Group, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := m.group(connection, id); i >= 0 {
		return m.groups[i], nil
	}
	return record.Group{}, record.ErrGroupNotFound
}

// UpdateGroup implements record.GroupStore.
func (m *Memory) UpdateGroup(_ context.Context, op record.Operation, connection, id string, want record.Match, change record.GroupChange) (record.Group, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := m.group(connection, id)
	if i < 0 {
		return record.Group{}, record.ErrGroupNotFound
	}
	was := m.groups[i]
	if want != 0 && int64(want) != was.Version {
		return record.Group{}, record.ErrVersion
	}
	g := was
	if change.Change != nil {
		var err error
		if g, err = change.Change(was); err != nil {
			return record.Group{}, err
		}
	}
	if _, taken := m.groupTwin(g); taken != nil {
		return record.Group{}, taken
	}
	for _, a := range change.Members.Add {
		if a.Value == id || slices.Contains(m.below(connection, a.Value), id) {
			return record.Group{}, record.ErrNesting
		}
	}
	moved := m.set(g, change.Members)
	if !moved && g.DisplayName == was.DisplayName && g.ExternalID == was.ExternalID && equal(g.Attributes, was.Attributes) {
		return was, nil
	}
	g.Updated, g.Version = op.Time, was.Version+1
	m.groups[i] = g
	return g, nil
}

// below are the groups within a group.
func (m *Memory) below(connection, id string) (all []string) {
	for _, o := range m.members[id] {
		if m.group(connection, o.Value) >= 0 {
			all = append(append(all, o.Value), m.below(connection, o.Value)...)
		}
	}
	return all
}

// set changes the members of a group and reports whether anything changed.
func (m *Memory) set(g record.Group, s record.Members) bool {
	was := m.members[g.ID]
	now := slices.Clone(was)
	if s.Replace {
		now = nil
	}
	for _, r := range s.Remove {
		now = slices.DeleteFunc(now, func(o record.Member) bool { return m.same(g.Connection, o.Value, r.Value) })
	}
	has := map[string]bool{}
	for _, o := range now {
		has[m.find(g.Connection, o.Value).Value] = true
	}
	for _, a := range s.Add {
		if is := m.find(g.Connection, a.Value).Value; !has[is] {
			has[is], now = true, append(now, a)
		}
	}
	m.members[g.ID] = now
	return !slices.Equal(was, now)
}

// same reports whether two names mean one member.
func (m *Memory) same(connection, a, b string) bool {
	return m.find(connection, a).Value == m.find(connection, b).Value
}

// find is what a member's name means: a user or group with that id or external id.
func (m *Memory) find(connection, value string) record.Member {
	for _, u := range m.users {
		if u.Connection == connection && (u.ID == value || u.ExternalID != "" && u.ExternalID == value) {
			return record.Member{Value: u.ID, Kind: record.KindUser, Display: u.UserName}
		}
	}
	for _, g := range m.groups {
		if g.Connection == connection && (g.ID == value || g.ExternalID != "" && g.ExternalID == value) {
			return record.Member{Value: g.ID, Kind: record.KindGroup, Display: g.DisplayName}
		}
	}
	return record.Member{Value: value, Pending: true}
}

// DeleteGroup implements record.GroupStore.
func (m *Memory) DeleteGroup(_ context.Context, _ record.Operation, connection, id string, want record.Match) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := m.group(connection, id)
	switch {
	case i < 0:
		return record.ErrGroupNotFound
	case want != 0 && int64(want) != m.groups[i].Version:
		return record.ErrVersion
	}
	m.leave(connection, id, m.groups[i].ExternalID)
	delete(m.members, id)
	m.groups = slices.Delete(m.groups, i, i+1)
	return nil
}

// Groups implements record.GroupStore.
func (m *Memory) Groups(_ context.Context, connection string, q record.Query) (record.Page[record.Group], error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return list(m.groups, q, func(g record.Group) (map[string]any, bool) {
		r := whole(g.Attributes, g.ID, g.ExternalID, g.Created, g.Updated)
		r["displayName"] = g.DisplayName
		var has []any
		for _, o := range m.members[g.ID] {
			has = append(has, map[string]any{"value": m.find(connection, o.Value).Value})
		}
		r["members"] = has
		return r, g.Connection == connection
	})
}

// Members implements record.MemberStore.
func (m *Memory) Members(_ context.Context, connection string, groups ...string) (map[string][]record.Member, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := map[string][]record.Member{}
	for _, id := range groups {
		if m.group(connection, id) < 0 {
			continue
		}
		for _, o := range m.members[id] {
			all[id] = append(all[id], m.find(connection, o.Value))
		}
		slices.SortFunc(all[id], func(a, b record.Member) int { return strings.Compare(a.Value, b.Value) })
	}
	return all, nil
}

// GroupsOf implements record.MemberStore.
func (m *Memory) GroupsOf(_ context.Context, connection string, users ...string) (map[string][]record.In, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := map[string][]record.In{}
	for _, id := range users {
		all[id] = m.groupsOf(connection, id)
	}
	return all, nil
}

func (m *Memory) groupsOf(connection, id string) []record.In {
	var in []record.In
	for _, g := range m.groups {
		if g.Connection != connection {
			continue
		}
		if m.has(connection, g.ID, id) {
			in = append(in, record.In{ID: g.ID, Display: g.DisplayName, Direct: true})
		} else if slices.ContainsFunc(m.below(connection, g.ID), func(b string) bool { return m.has(connection, b, id) }) {
			in = append(in, record.In{ID: g.ID, Display: g.DisplayName})
		}
	}
	return in
}

// has reports whether a user is a direct member of a group.
func (m *Memory) has(connection, group, user string) bool {
	return slices.ContainsFunc(m.members[group], func(o record.Member) bool { return m.find(connection, o.Value).Value == user })
}
