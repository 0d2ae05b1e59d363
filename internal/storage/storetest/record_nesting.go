package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// nest is a user in the first of a chain of groups, each of which is in the next, as deep
// as they may be.
type nest struct {
	*push

	user  record.User
	chain []record.Group
}

func groupsNest(t *testing.T, db *storage.DB) {
	p := pusher(t, db, "nest")
	n := nest{push: p, user: p.user("n", "", nil)}
	in := n.user.ID
	for i := range record.MaxDepth {
		n.chain = append(n.chain, p.group(fmt.Sprintf("level %d", i), "", in))
		in = n.chain[i].ID
	}
	n.noDeeper()
	n.inEveryGroup()
	n.neighbours()
	n.foundByTheTop()
}

func (n nest) top() record.Group { return n.chain[len(n.chain)-1] }

// noDeeper checks that the chain grows no further, and into no ring.
func (n nest) noDeeper() {
	n.Helper()
	_, _, err := n.CreateGroup(n.Context(), n.op(), record.Group{ID: identity.NewID(), DisplayName: "too deep"}, asMembers([]string{n.top().ID}))
	n.refused("too deep", err, record.ErrNesting)
	for what, within := range map[string]record.Group{"a loop": n.chain[3], "itself": n.chain[0]} {
		n.refused(what, n.patch(n.chain[0].ID, record.Members{Add: asMembers([]string{within.ID})}), record.ErrNesting)
	}
}

// inEveryGroup checks that the user is in each group of the chain, through those below it
// and since it was there.
func (n nest) inEveryGroup() {
	n.Helper()
	person, err := n.db.Person(n.Context(), n.user.Person)
	if err != nil || len(person.Groups) != record.MaxDepth {
		n.Fatalf("%d groups of %d: %+v, %v", len(person.Groups), record.MaxDepth, person.Groups, err)
	}
	for _, m := range person.Groups {
		through := slices.IndexFunc(n.chain, func(g record.Group) bool { return g.ID == m.Group.ID })
		if m.Source != directory.SourceSCIM || m.Origin == "" || len(m.Through) != through || through > 0 && m.Through[0].ID != n.chain[0].ID {
			n.Errorf("a membership: %+v", m)
		}
	}
	for at, want := range map[time.Time]int{now: 0, person.Groups[2].Since: 3, now.Add(time.Hour): record.MaxDepth} {
		if then, err := n.db.MembershipsOf(n.Context(), n.user.Person, at); err != nil || len(then) != want {
			n.Errorf("at %s: %d groups, want %d: %v", at, len(then), want, err)
		}
	}
	of, err := n.GroupsOf(n.Context(), n.connection, n.user.ID)
	if err != nil || len(of[n.user.ID]) != record.MaxDepth {
		n.Errorf("groups of the user: %v, %v", of, err)
	}
}

// neighbours checks which groups stand right below and right above one.
func (n nest) neighbours() {
	n.Helper()
	within, around, err := n.Nested(n.Context(), n.connection, n.chain[1].ID, 5)
	if err != nil || len(within) != 1 || within[0].ID != n.chain[0].ID || len(around) != 1 || around[0].Display != n.chain[2].DisplayName {
		n.Errorf("within it %+v, around it %+v, %v", within, around, err)
	}
	if within, around, err = n.Nested(n.Context(), "other", n.chain[1].ID, 5); err != nil || len(within)+len(around) != 0 {
		n.Errorf("of another connection: %+v, %+v, %v", within, around, err)
	}
}

// foundByTheTop checks that a search by the last group finds the user, who is in the first.
func (n nest) foundByTheTop() {
	n.Helper()
	top := identity.GroupRef{Connection: n.connection, ID: n.top().ID}
	if err := n.db.SetMapping(n.Context(), directory.Mapping{Group: top, Name: "nest-top"}, nil); err != nil {
		n.Fatal(err)
	}
	for what, q := range map[string]directory.Query{"upstream": {Upstream: top}, "mapped": {Group: "nest-top"}} {
		if found, _, err := n.db.Search(n.Context(), q); err != nil || len(found) != 1 || found[0].ID != n.user.Person {
			n.Errorf("found by the group, %s: %+v, %v", what, found, err)
		}
	}
}
