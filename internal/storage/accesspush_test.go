package storage_test

import (
	"fmt"
	"maps"
	"slices"

	"pgregory.net/rapid"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// pushed is what a connection pushed over SCIM: who is a member of which group, and which
// group is within which. Its maps are replaced, never changed.
type pushed struct {
	members map[string]map[string]bool // by group and person
	within  map[string]string          // the group that a group is a member of
	left    map[string]bool            // people
	called  map[string]string          // the name that a group was given
}

func (p pushed) clone() pushed {
	c := pushed{members: map[string]map[string]bool{}, within: maps.Clone(p.within), left: maps.Clone(p.left), called: maps.Clone(p.called)}
	for g, in := range p.members {
		c.members[g] = maps.Clone(in)
	}
	return c
}

// groups are those that a person is in, also by groups within groups; who left is in none.
func (p pushed) groups(person string) (all []string) {
	if p.left[person] {
		return nil
	}
	for g, in := range p.members {
		if !in[person] {
			continue
		}
		for ; g != "" && !slices.Contains(all, g); g = p.within[g] {
			all = append(all, g)
		}
	}
	return all
}

// operate is an operation of the lane's client at the lane's time.
func (l *lane) operate() record.Operation {
	return record.Operation{ID: identity.NewOrderedID(l.now), Connection: "acme", Kind: "a test's", Actor: by, Time: l.now}
}

// push gives everybody a record, and makes three groups that are empty.
func (l *lane) push() {
	l.model.scim = pushed{members: map[string]map[string]bool{}, within: map[string]string{}, left: map[string]bool{}, called: map[string]string{}}
	for i, p := range l.persons {
		u, _, err := l.db.Records().CreateUser(l.ctx, l.operate(), record.User{ID: identity.NewID(), UserName: l.prefix + fmt.Sprint(i), ExternalID: l.prefix + fmt.Sprint(i), Active: true})
		l.must(err)
		l.records = append(l.records, u.ID)
		stored, err := l.db.Person(l.ctx, p)
		l.must(err)
		if len(stored.Records) != 1 || stored.Records[0].ID != u.ID {
			l.t.Fatalf("the record is not that of who signed in: %+v", stored)
		}
	}
	for i := range 3 {
		g, _, err := l.db.Records().CreateGroup(l.ctx, l.operate(), record.Group{ID: identity.NewID(), DisplayName: fmt.Sprint(l.prefix, "pushed", i)}, nil)
		l.must(err)
		l.pushedTo = append(l.pushedTo, g.ID)
		l.model.scim.members[g.ID] = map[string]bool{}
	}
}

// provision does one SCIM operation.
func (l *lane) provision(person int) {
	group := rapid.IntRange(0, len(l.pushedTo)-1).Draw(l.t, "pushed group")
	id, m := l.pushedTo[group], &l.model.scim
	who, in := l.persons[person], rapid.Bool().Draw(l.t, "in")
	switch rapid.IntRange(0, 5).Draw(l.t, "operation") {
	case 0, 1, 2:
		l.members(id, record.Member{Value: l.records[person]}, in)
		m.members[id][who] = in
	case 3: // the next group, which never leads back
		if group+1 == len(l.pushedTo) {
			return
		}
		l.members(l.pushedTo[group+1], record.Member{Value: id, Kind: record.KindGroup}, in)
		if delete(m.within, id); in {
			m.within[id] = l.pushedTo[group+1]
		}
	case 4:
		_, err := l.db.Records().UpdateUser(l.ctx, l.operate(), "acme", l.records[person], 0, func(u record.User) (record.User, error) {
			u.Active = in
			return u, nil
		})
		l.must(err)
		m.left[who] = !in
	case 5:
		l.members(id, record.Member{Value: l.records[person]}, false)
		delete(m.members[id], who)
		name := l.prefix + rapid.SampledFrom(groupNames).Draw(l.t, "name")
		_, err := l.db.Records().UpdateGroup(l.ctx, l.operate(), "acme", id, 0, record.GroupChange{Change: func(g record.Group) (record.Group, error) {
			g.DisplayName = name // is called as a name of apps, which gives nothing
			return g, nil
		}})
		for other, taken := range m.called {
			if taken == name && other != id { // each name is one group's
				if err == nil {
					l.t.Fatalf("two groups are called %s", name)
				}
				return
			}
		}
		l.must(err)
		m.called[id] = name
	}
}

func (l *lane) members(group string, m record.Member, in bool) {
	change := record.Members{Remove: []record.Member{m}}
	if in {
		change = record.Members{Add: []record.Member{m}}
	}
	_, err := l.db.Records().UpdateGroup(l.ctx, l.operate(), "acme", group, 0, record.GroupChange{Members: change})
	l.must(err)
}

// provenance holds a reason to begin with the operation, or the sign-in, that told of the
// group: what is pushed is told of by an operation, and by nothing else.
func (l *lane) provenance(r entitlement.Reason) {
	first := r.Steps[0]
	if len(r.Steps) < 2 || r.Steps[1].Kind != entitlement.StepGroup {
		return
	}
	byOperation := slices.Contains(l.pushedTo, r.Steps[1].Name)
	if byOperation != (first.Kind == entitlement.StepOperation) || byOperation && first.Detail != "a test's" {
		l.t.Fatalf("a way that begins with the wrong thing: %+v", r)
	}
}
