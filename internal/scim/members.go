package scim

import (
	"slices"
	"strings"
	"sync"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/scim/filter"
	"github.com/gatehouse-io/gatehouse/internal/scim/patch"
	"github.com/gatehouse-io/gatehouse/internal/scim/resource"
)

// maxMemberID bounds what a client calls a member, in bytes.
const maxMemberID = 255

// membersOf takes the steps about members out and makes one change of the set of them,
// which comes to what the steps do one after the other. current returns the members as
// they are; it is only asked where a path selects them by anything but their value, and
// once for all of these, each of which looks at all that there are.
func membersOf(steps []patch.Step, looks *patch.Looks, current func() ([]record.Member, error)) ([]patch.Step, record.Members, error) {
	var rest []patch.Step
	set := memberSet{looks: looks, current: sync.OnceValues(func() ([]record.Member, error) {
		if err := looks.Take(0); err != nil { // before they are read
			return nil, err
		}
		all, err := current()
		if err == nil {
			err = looks.Take(patch.ReadValue * len(all))
		}
		return all, err
	})}
	for _, s := range steps {
		if s.Path.Path != hasMembers {
			rest = append(rest, s)
			continue
		}
		if err := set.step(s); err != nil {
			return nil, record.Members{}, err
		}
	}
	out := set.members()
	if len(out.Add) > record.MaxMembers {
		return nil, record.Members{}, resource.Bad(resource.ErrValues, "a request adds %d members at most: send the rest with another one", record.MaxMembers)
	}
	return rest, out, nil
}

// none is for a group whose members are not asked for.
func none() ([]record.Member, error) { return nil, nil }

// memberSet collects what happens to members.
type memberSet struct {
	replace bool
	// named are those that were added or removed, as they first came, and at is where each
	// value is among them.
	named []namedMember
	at    map[string]int
	looks *patch.Looks
	// current are the members as they are.
	current func() ([]record.Member, error)
}

type namedMember struct {
	record.Member

	goes bool
}

func (m *memberSet) step(s patch.Step) error {
	if s.Path.Where != nil {
		return m.selected(s)
	}
	named, err := memberList(s.Value)
	if err != nil {
		return err
	}
	switch {
	case s.Op == patch.Replace, s.Op == patch.Remove && !s.Given:
		m.replace, m.named, m.at = true, nil, nil
	case s.Op == patch.Remove:
		for _, n := range named {
			m.takes(n.Value)
		}
		return nil
	}
	m.expect(len(named))
	for _, n := range named {
		m.set(namedMember{n, false})
	}
	return nil
}

// expect makes room for so many.
func (m *memberSet) expect(n int) {
	if m.at == nil {
		m.at, m.named = make(map[string]int, n), make([]namedMember, 0, n)
	}
}

func (m *memberSet) set(n namedMember) {
	if i, ok := m.at[n.Value]; ok {
		m.named[i] = n
		return
	}
	m.expect(1)
	m.at[n.Value] = len(m.named)
	m.named = append(m.named, n)
}

func (m *memberSet) takes(value string) { m.set(namedMember{record.Member{Value: value}, true}) }

// selected is a step with a value filter: "members[value eq "…"]".
func (m *memberSet) selected(s patch.Step) error {
	if s.Op != patch.Remove {
		return resource.Bad(resource.ErrMutability, "a member is added or removed, never changed")
	}
	if values, ok := memberValues(s.Path.Where); ok {
		for _, v := range values {
			m.takes(v)
		}
		return nil
	}
	all, err := m.current()
	if err != nil {
		return err
	}
	if all = slices.Clip(all); m.replace {
		all = nil
	}
	for _, n := range m.named {
		if !n.goes {
			all = append(all, n.Member)
		}
	}
	if err := m.looks.Take(len(all)); err != nil {
		return err
	}
	for _, n := range all {
		if filter.MatchElement(s.Path.Where, s.Path.Path, map[string]any{"value": n.Value, "type": typeOf(n.Kind)}) {
			m.takes(n.Value)
		}
	}
	return nil
}

func typeOf(k record.Kind) string {
	if k == record.KindGroup {
		return "Group"
	}
	return "User"
}

// memberValues returns the values that a filter asks for, if it asks for nothing else.
func memberValues(x filter.Expr) ([]string, bool) {
	switch x := x.(type) {
	case filter.Compare:
		ok := x.Op == filter.Eq && x.Path.Sub == "value" && x.Value.Kind == filter.Text
		return []string{x.Value.Text}, ok
	case filter.Or:
		l, fine := memberValues(x.L)
		r, ok := memberValues(x.R)
		return append(l, r...), fine && ok
	}
	return nil, false
}

// members is the change, in the order that the request had.
func (m *memberSet) members() record.Members {
	out := record.Members{Replace: m.replace, Add: make([]record.Member, 0, len(m.named))}
	for _, n := range m.named {
		switch {
		case !n.goes:
			out.Add = append(out.Add, n.Member)
		case !m.replace:
			out.Remove = append(out.Remove, n.Member)
		}
	}
	return out
}

// memberList reads members as they come in.
func memberList(v any) ([]record.Member, error) {
	list, _ := v.(resource.Members)
	all := make([]record.Member, len(list))
	for i, e := range list {
		if e.Value == "" || len(e.Value) > maxMemberID {
			return nil, resource.Bad(resource.ErrValue, "a member has a value of 1 to %d bytes, the id of a user or group", maxMemberID)
		}
		m := record.Member{Value: e.Value}
		switch kind := e.Type; {
		case strings.EqualFold(kind, "User"):
			m.Kind = record.KindUser
		case strings.EqualFold(kind, "Group"):
			m.Kind = record.KindGroup
		case kind != "":
			return nil, resource.Bad(resource.ErrValue, "a member is of type User or Group, not %q", kind)
		}
		all[i] = m
	}
	return all, nil
}
