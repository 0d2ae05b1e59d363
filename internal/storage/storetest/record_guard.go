package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// off makes a user inactive.
func (p *push) off(u record.User) error {
	_, err := p.UpdateUser(p.Context(), p.op(), p.connection, u.ID, 0, func(u record.User) (record.User, error) { u.Active = false; return u, nil })
	return err
}

// guarded is a connection of twenty users, of whom a fifth may leave within an hour.
type guarded struct {
	*push

	users []record.User
	team  record.Group
}

func guardHalts(t *testing.T, db *storage.DB) {
	g := guarded{push: pusher(t, db, "guarded")}
	g.policy.Guard = record.Guard{Share: 0.2, Minimum: 2, Window: time.Hour}
	for i := range 20 {
		g.users = append(g.users, g.user(fmt.Sprint("g", i), "", nil))
	}
	g.team = g.group("g", "", g.users[0].ID, g.users[19].ID, g.users[18].ID)
	g.leave(4)
	g.noFifth()
	halt := g.halt()
	g.undo(halt)
	g.resume()
}

// leave lets the first n users leave.
func (g guarded) leave(n int) {
	g.Helper()
	for i := range n {
		if err := g.off(g.users[i]); err != nil {
			g.Fatalf("leaver %d of %d: %v", i, n, err)
		}
	}
}

// noFifth checks that the next one may not leave, whichever way.
func (g guarded) noFifth() {
	g.Helper()
	fifth := g.users[4]
	g.refused("the fifth", g.off(fifth), record.ErrHalted)
	g.refused("the fifth by DELETE", g.DeleteUser(g.Context(), g.op(), g.connection, fifth.ID, 0), record.ErrHalted)
	if u, err := g.User(g.Context(), g.connection, fifth.ID); err != nil || !u.Active {
		g.Errorf("half of it is done: %+v, %v", u, err)
	}
}

// halt checks that a halted connection writes nothing and says who is gone.
func (g guarded) halt() record.State {
	g.Helper()
	halted := g.op().Halted()
	if err := g.Halt(g.Context(), g.connection, halted.Time, []event.Event{halted}); err != nil {
		g.Fatal(err)
	}
	_, _, err := g.CreateUser(g.Context(), g.op(), record.User{ID: identity.NewID(), UserName: "new", Active: true})
	g.refused("a user while it is halted", err, record.ErrHalted)
	g.refused("a member while it is halted", g.patch(g.team.ID, record.Members{Add: asMembers([]string{g.users[7].ID})}), record.ErrHalted)
	all, err := g.Halted(g.Context())
	if err != nil || len(all) != 1 {
		g.Fatalf("halted: %+v, %v", all, err)
	}
	if h := all[0]; h.Connection != g.connection || h.PeopleGone != 4 || h.People != 20 || h.By != halted.Data["operation"] {
		g.Errorf("halted: %+v", h)
	}
	return all[0]
}

// undo checks that an undo brings back who left, with their groups.
func (g guarded) undo(halt record.State) {
	g.Helper()
	if some, n, err := g.Gone(g.Context(), g.connection, halt.Began, 3); err != nil || n != 4 || len(some) != 3 || !strings.HasPrefix(some[0].UserName, "g") {
		g.Errorf("whom an undo brings back: %d, %+v, %v", n, some, err)
	}
	undo := g.op()
	undo.Policy = record.Policy{Touch: true}
	if n, err := g.Undo(g.Context(), undo, g.connection, halt.Began, 100); err != nil || n != 4 {
		g.Errorf("brought back %d, %v", n, err)
	}
	if some, n, err := g.Gone(g.Context(), g.connection, halt.Began, 3); err != nil || n != 0 || len(some) != 0 {
		g.Errorf("and when they are back: %d, %+v, %v", n, some, err)
	}
	person, err := g.db.Person(g.Context(), g.users[0].Person)
	if err != nil || person.Over(g.connection, directory.SCIM) != nil || len(person.Groups) != 1 {
		g.Errorf("who is back: %+v, %v", person, err)
	}
}

// resume checks that a connection that was resumed may take away as many as are asked for,
// and is resumed once.
func (g guarded) resume() {
	g.Helper()
	at := g.op().Time
	if err := g.Resume(g.Context(), g.connection, at.Add(time.Hour), nil); err != nil {
		g.Fatal(err)
	}
	g.refused("resuming again", g.Resume(g.Context(), g.connection, at, nil), record.ErrNotHalted)
	g.leave(10)
}

func groupsGuarded(t *testing.T, db *storage.DB) {
	p := pusher(t, db, "guarded-members")
	p.policy.Guard = record.Guard{Share: 0.5, Minimum: 1, Window: time.Hour}
	var in []string
	for i := range 10 {
		in = append(in, p.user(fmt.Sprint("m", i), "", nil).ID)
	}
	team := p.group("team", "", in...)
	p.refused("emptying a group", p.patch(team.ID, record.Members{Replace: true}), record.ErrHalted)
	p.same("of which nothing is done", p.members(team.ID), in...)
	if err := p.patch(team.ID, record.Members{Remove: asMembers(in[:5])}); err != nil {
		t.Errorf("control: half of it: %v", err)
	}
}

func protectedStay(t *testing.T, db *storage.DB) {
	p := pusher(t, db, "protected")
	p.policy.Roles = []string{"protected-admins"}
	boss, child, plain := p.user("boss", "", nil), p.user("child", "", nil), p.user("plain", "", nil)
	inner := p.group("inner", "", boss.ID)
	outer := p.group("outer", "", inner.ID)
	if err := db.SetMapping(t.Context(), directory.Mapping{Group: identity.GroupRef{Connection: "protected", ID: outer.ID}, Name: "protected-admins"}, nil); err != nil {
		t.Fatal(err)
	}
	if err := p.Protect(t.Context(), identity.Person(child.Person), true, now, nil); err != nil {
		t.Fatal(err)
	}
	for person, want := range map[string]bool{child.Person: true, boss.Person: false} {
		if is, err := p.Protected(t.Context(), identity.Person(person)); err != nil || is != want {
			t.Errorf("protected by name: %v, %v", is, err)
		}
	}
	for _, u := range []record.User{boss, child} {
		p.refused("switching off "+u.UserName, p.off(u), record.ErrProtected)
		p.refused("deleting "+u.UserName, p.DeleteUser(t.Context(), p.op(), "protected", u.ID, 0), record.ErrProtected)
	}
	for _, g := range []record.Group{inner, outer} {
		p.refused("a member of "+g.DisplayName, p.patch(g.ID, record.Members{Add: asMembers([]string{plain.ID})}), record.ErrProtected)
		p.refused("deleting "+g.DisplayName, p.DeleteGroup(t.Context(), p.op(), "protected", g.ID, 0), record.ErrProtected)
	}
	if err := p.off(plain); err != nil {
		t.Errorf("control: %v", err)
	}
	p.policy.Touch = true
	if err := p.off(boss); err != nil {
		t.Errorf("control: a connection that may: %v", err)
	}
}
