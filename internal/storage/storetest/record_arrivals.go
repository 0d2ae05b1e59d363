package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// meetings is how often a user and who waits for them come at one moment.
const meetings = 150

// arrivalsMeet has users and groups arrive while others are told to have them as members:
// whoever is last finds the other, so that nobody waits for who is there.
func arrivalsMeet(t *testing.T, db *storage.DB) {
	p := pusher(t, db, "meet")
	patched := p.group("patched", "")
	for i := range meetings {
		value := fmt.Sprint("meet-", i)
		id, made := identity.NewID(), record.Group{ID: identity.NewID(), DisplayName: value}
		var arrives record.New
		if i%3 == 2 {
			arrives = record.New{Operation: p.op(), Group: &record.Group{ID: id, ExternalID: value, DisplayName: "arrives " + value}}
		} else {
			arrives = record.New{Operation: p.op(), User: &record.User{ID: id, ExternalID: value, UserName: value, Active: true}}
		}
		posted, changed := record.New{Operation: p.op(), Group: &made, Members: asMembers([]string{value})}, p.op()
		p.together(
			func() error { return p.make(arrives) },
			func() error { return p.make(posted) },
			func() error {
				_, err := p.UpdateGroup(t.Context(), changed, "meet", patched.ID, 0, record.GroupChange{Members: record.Members{Replace: true, Add: asMembers([]string{value})}})
				return err
			},
		)
		p.same("of a group made then, "+value, p.members(made.ID), id)
		p.same("of a group changed then, "+value, p.members(patched.ID), id)
	}
}

// renamesMeet has a user take the external id that a group waits for.
func renamesMeet(t *testing.T, db *storage.DB) {
	p := pusher(t, db, "rename-meet")
	u, g := p.user("one", "before", nil), p.group("waits", "", "after")
	_, err := p.UpdateUser(t.Context(), p.op(), "rename-meet", u.ID, 0, func(u record.User) (record.User, error) { u.ExternalID = "after"; return u, nil })
	if err != nil {
		t.Fatal(err)
	}
	p.same("who is called so now", p.members(g.ID), u.ID)

	inner, outer := p.group("inner", "its own"), p.group("waits for a group", "", "another")
	for _, external := range []string{"", "another"} { // control: no other name, no member
		_, err := p.UpdateGroup(t.Context(), p.op(), "rename-meet", inner.ID, 0, record.GroupChange{Change: func(g record.Group) (record.Group, error) {
			if g.ExternalID = external; external == "" {
				g.ExternalID, g.DisplayName = "its own", "renamed"
			}
			return g, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"": "?another", "another": inner.ID}[external]
		p.same("of a group that is to be called "+external, p.members(outer.ID), want)
	}
	p.refused("a group that would be within itself", p.renameGroup(outer.ID, "loop", inner.ID), record.ErrNesting)
}

// renameGroup has a group take the external id that another one waits for, which is told
// so first.
func (p *push) renameGroup(id, external, waits string) error {
	p.Helper()
	_, err := p.UpdateGroup(p.Context(), p.op(), p.connection, waits, 0, record.GroupChange{Members: record.Members{Add: asMembers([]string{external})}})
	if err != nil {
		p.Fatal(err)
	}
	_, err = p.UpdateGroup(p.Context(), p.op(), p.connection, id, 0, record.GroupChange{Change: func(g record.Group) (record.Group, error) { g.ExternalID = external; return g, nil }})
	return err
}

func (p *push) make(n record.New) error {
	made, err := p.Create(p.Context(), p.connection, []record.New{n})
	if err == nil {
		err = made[0].Err
	}
	return err
}

// together does all at one moment.
func (p *push) together(all ...func() error) {
	p.Helper()
	var wg sync.WaitGroup
	begin, errs := make(chan struct{}), make([]error, len(all))
	for i, do := range all {
		wg.Go(func() {
			<-begin
			errs[i] = do()
		})
	}
	close(begin)
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		p.Fatal(err)
	}
}

// replacementsHold has a group's members replaced by the same ones while one of them is
// removed: who was last is who counts.
func replacementsHold(t *testing.T, db *storage.DB) {
	p := pusher(t, db, "replace-hold")
	a, b, c := p.user("a", "", nil), p.user("b", "", nil), p.user("c", "", nil)
	all := asMembers([]string{a.ID, b.ID, c.ID})
	g := p.group("held", "", a.ID, b.ID, c.ID)
	for i := range meetings {
		var replaced, removed record.Group
		first, second := p.op(), p.op()
		p.together(func() (err error) {
			replaced, err = p.UpdateGroup(t.Context(), first, "replace-hold", g.ID, 0, record.GroupChange{Members: record.Members{Replace: true, Add: all}})
			return err
		}, func() (err error) {
			removed, err = p.UpdateGroup(t.Context(), second, "replace-hold", g.ID, 0, record.GroupChange{Members: record.Members{Remove: all[1:2]}})
			return err
		})
		want := []string{a.ID, c.ID}
		if replaced.Version > removed.Version {
			want = append(want, b.ID)
		}
		p.same(fmt.Sprint("of meeting ", i), p.members(g.ID), want...)
		if err := p.patch(g.ID, record.Members{Add: all}); err != nil {
			t.Fatal(err)
		}
	}
}
