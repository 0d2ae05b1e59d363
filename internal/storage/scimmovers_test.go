package storage_test

import (
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Whatever way out of a group SCIM knows takes from whoever it is about what the group
// gave, in the transaction of the request, once, and from nobody else.
func TestWhatAMoverLosesIsWhatTheGroupGave(t *testing.T) {
	for engine, o := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			h := newHouse(t, o)
			app := h.publish(t, "crm", "")
			records := h.db.Records()
			group := func(name string, members ...string) string {
				t.Helper()
				g, _, err := records.CreateGroup(t.Context(), h.operation("acme"), record.Group{ID: identity.NewID(), DisplayName: name}, asMembers(members))
				if err != nil {
					t.Fatal(err)
				}
				return g.ID
			}
			change := func(group string, members record.Members) error {
				_, err := records.UpdateGroup(t.Context(), h.operation("acme"), "acme", group, 0, record.GroupChange{Members: members})
				return err
			}
			for how, move := range map[string]func(staff, inner, user, stays string) error{
				"removed": func(staff, _, user, _ string) error {
					return change(staff, record.Members{Remove: asMembers([]string{user})})
				},
				"replaced": func(staff, _, _, stays string) error {
					return change(staff, record.Members{Replace: true, Add: asMembers([]string{stays})})
				},
				"without the group": func(staff, _, _, _ string) error {
					return records.DeleteGroup(t.Context(), h.operation("acme"), "acme", staff, 0)
				},
				"of a group within that leaves": func(staff, inner, user, stays string) error {
					return change(staff, record.Members{Remove: asMembers([]string{user, inner})})
				},
				"of a group within that is removed": func(staff, inner, user, _ string) error {
					if err := change(staff, record.Members{Remove: asMembers([]string{user})}); err != nil {
						return err
					}
					return records.DeleteGroup(t.Context(), h.operation("acme"), "acme", inner, 0)
				},
			} {
				person, user := h.hire(t, "acme", "moves "+how)
				_, stays := h.hire(t, "acme", "stays "+how)
				inner := group("inner "+how, user)
				if how == "removed" || how == "replaced" || how == "without the group" {
					inner = group("empty " + how)
				}
				staff, other := group("staff "+how, user, stays, inner), group("other "+how, stays)
				for _, id := range []string{staff, other} {
					if err := h.people.Map(t.Context(), directory.Mapping{Group: identity.GroupRef{Connection: "acme", ID: id}, Name: "staff"}, by); err != nil {
						t.Fatal(err)
					}
				}
				_, loses := h.arrives(t, "moves "+how, app)
				_, keeps := h.arrives(t, "stays "+how, app)
				h.now = h.now.Add(time.Second)
				if n := h.ended(t, loses, keeps); n != 0 {
					t.Fatalf("%s, control: %d ended before", how, n)
				}
				if err := move(staff, inner, user, stays); err != nil {
					t.Fatal(err)
				}
				if h.ended(t, loses) != 1 || h.told(t, "access.lost", identity.Person(person)) != 1 {
					t.Errorf("%s: ended %d, told %d times", how, h.ended(t, loses), h.told(t, "access.lost", identity.Person(person)))
				}
				if h.ended(t, keeps) != 0 {
					t.Errorf("%s: who has it by another group lost it", how)
				}
			}
		})
	}
}

// Whoever is deleted leaves, and with them everything in their name: it is not said once
// more for each app that a group let them into.
func TestWhoIsDeletedLosesEverythingByLeaving(t *testing.T) {
	for engine, o := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			h := newHouse(t, o)
			app := h.publish(t, "crm", "")
			for _, active := range []bool{true, false} {
				name := map[bool]string{true: "active", false: "inactive"}[active]
				person, user := h.hire(t, "acme", name)
				g, _, err := h.db.Records().CreateGroup(t.Context(), h.operation("acme"), record.Group{ID: identity.NewID(), DisplayName: "staff of " + name}, asMembers([]string{user}))
				if err != nil {
					t.Fatal(err)
				}
				if err := h.people.Map(t.Context(), directory.Mapping{Group: identity.GroupRef{Connection: "acme", ID: g.ID}, Name: "staff"}, by); err != nil {
					t.Fatal(err)
				}
				_, family := h.arrives(t, name, app)
				if !active {
					h.active(t, "acme", user, false)
				}
				h.now = h.now.Add(time.Second)
				if err := h.db.Records().DeleteUser(t.Context(), h.operation("acme"), "acme", user, 0); err != nil {
					t.Fatal(err)
				}
				f, err := h.db.Family(t.Context(), family)
				if err != nil || f.Ended.IsZero() {
					t.Errorf("%s: %v, the family ended: %v", name, err, f.Ended)
				}
				who := identity.Person(person)
				if left := h.told(t, record.PersonLeft, who); left != 1 {
					t.Errorf("%s: left %d times", name, left)
				}
				if lost := h.told(t, "access.lost", who); active && lost != 0 {
					t.Errorf("%s: told %d times of what was lost by leaving", name, lost)
				}
			}
		})
	}
}
