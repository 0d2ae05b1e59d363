package storage_test

import (
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Whoever is in a group by one within it loses what it gives when that one leaves it, and
// whoever is in it by another one, too, does not.
func TestWhoIsInAGroupByAnotherLosesItWithThatOne(t *testing.T) {
	for engine, o := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			h := newHouse(t, o)
			app := h.publish(t, "crm", "")
			_, one := h.hire(t, "acme", "one")
			_, both := h.hire(t, "acme", "both")
			group := func(name string, members ...string) string {
				t.Helper()
				g, _, err := h.db.Records().CreateGroup(t.Context(), h.operation("acme"), record.Group{ID: identity.NewID(), DisplayName: name}, asMembers(members))
				if err != nil {
					t.Fatal(err)
				}
				h.now = h.now.Add(time.Second)
				return g.ID
			}
			inner, other := group("inner", one, both), group("other", both)
			middle := group("middle", inner)
			outer := group("outer", middle, other)
			if err := h.people.Map(t.Context(), directory.Mapping{Group: identity.GroupRef{Connection: "acme", ID: outer}, Name: "staff"}, by); err != nil {
				t.Fatal(err)
			}
			_, loses := h.arrives(t, "one", app)
			_, keeps := h.arrives(t, "both", app)
			member := func(change record.Members) {
				t.Helper()
				h.now = h.now.Add(time.Second)
				if _, err := h.db.Records().UpdateGroup(t.Context(), h.operation("acme"), "acme", middle, 0, record.GroupChange{Members: change}); err != nil {
					t.Fatal(err)
				}
			}
			member(record.Members{Add: asMembers([]string{one})})
			member(record.Members{Remove: asMembers([]string{one})})
			if h.ended(t, loses, keeps) != 0 {
				t.Fatal("control: who is in it by another way as well loses nothing")
			}
			member(record.Members{Remove: asMembers([]string{inner})})
			if h.ended(t, loses) != 1 || h.ended(t, keeps) != 0 {
				t.Errorf("an inner group leaves: who was in it by that one: %d, by another, too: %d", h.ended(t, loses), h.ended(t, keeps))
			}
		})
	}
}

func asMembers(ids []string) (all []record.Member) {
	for _, id := range ids {
		all = append(all, record.Member{Value: id})
	}
	return all
}
