package storetest

import (
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

func membersAreASet(t *testing.T, db *storage.DB) {
	p, other := pusher(t, db, "members"), pusher(t, db, "members-other")
	a, b, c := p.user("a", "x-a", nil), p.user("b", "x-b", nil), p.user("c", "", nil)
	foreign := other.user("f", "", nil)
	g := p.group("Team", "", a.ID, "x-b", "unknown", foreign.ID)
	p.same("made with", p.members(g.ID), a.ID, b.ID, "?unknown", "?"+foreign.ID)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(p.patch(g.ID, record.Members{Add: asMembers([]string{c.ID, a.ID}), Remove: asMembers([]string{"x-b", foreign.ID, "nobody"})}))
	p.same("patched", p.members(g.ID), a.ID, c.ID, "?unknown")
	late := p.user("late", "unknown", nil)
	p.same("who arrives", p.members(g.ID), a.ID, c.ID, late.ID)
	must(p.patch(g.ID, record.Members{Replace: true, Add: asMembers([]string{b.ID, c.ID})}))
	p.same("replaced", p.members(g.ID), b.ID, c.ID)
	must(p.DeleteUser(t.Context(), p.op(), "members", b.ID, 0))
	p.same("one was deleted", p.members(g.ID), c.ID)
	shown, err := db.Group(t.Context(), identity.GroupRef{Connection: "members", ID: g.ID})
	if err != nil || shown.Members != 1 || shown.DisplayName != "Team" {
		t.Errorf("the group in lists: %+v, %v", shown, err)
	}
	found, _, err := db.Search(t.Context(), directory.Query{Upstream: identity.GroupRef{Connection: "members", ID: g.ID}})
	if err != nil || len(found) != 1 || found[0].ID != c.Person || len(found[0].Groups) != 1 {
		t.Errorf("the people of the group: %+v, %v", found, err)
	}
	before, err := p.Group(t.Context(), "members", g.ID)
	must(err)
	must(p.patch(g.ID, record.Members{Add: asMembers([]string{c.ID})}))
	if after, err := p.Group(t.Context(), "members", g.ID); err != nil || after.Version != before.Version {
		t.Errorf("nothing was changed: version %d, then %d, %v", before.Version, after.Version, err)
	}
	must(p.DeleteGroup(t.Context(), p.op(), "members", g.ID, 0))
	if of, err := p.GroupsOf(t.Context(), "members", c.ID); err != nil || len(of) != 0 {
		t.Errorf("the group was deleted: %v, %v", of, err)
	}
}
