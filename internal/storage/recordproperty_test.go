package storage_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// step is one operation of a client: it adds or removes some of its own users.
type step struct {
	group   int
	add     bool
	users   []int
	toggles bool // switches the first of them off or on instead
}

// TestFourClientsEndInTheStateOfASimpleModel has four clients of one connection change
// two groups at once, each with users of its own: whatever the order, everybody is where
// the last operation about them put them, and another connection's are where they were.
func TestFourClientsEndInTheStateOfASimpleModel(t *testing.T) {
	const clients, users = 4, 5
	for engine, o := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			db := open(t, o)
			run := 0
			rapid.Check(t, func(t *rapid.T) {
				run++
				connection := fmt.Sprintf("c%d", run)
				plans := make([][]step, clients)
				for c := range plans {
					plans[c] = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
						return step{
							group: rapid.IntRange(0, 1).Draw(t, "group"), add: rapid.Bool().Draw(t, "add"), toggles: rapid.IntRange(0, 4).Draw(t, "switch") == 0,
							users: rapid.SliceOfNDistinct(rapid.IntRange(0, users-1), 1, users, rapid.ID[int]).Draw(t, "users"),
						}
					}), 1, 6).Draw(t, "plan")
				}
				check(t, db, connection, plans, users)
			})
		})
	}
}

func operation(connection string) record.Operation {
	now := time.Now()
	return record.Operation{ID: identity.NewOrderedID(now), Connection: connection, Kind: "test", Actor: identity.System("test"), Time: now}
}

// want is where the last operation about each user leaves it.
type want struct {
	in     [2]map[string]bool
	active map[string]bool
}

func check(t *rapid.T, all *storage.DB, connection string, plans [][]step, users int) {
	ctx, db := context.Background(), all.Records()
	var groups [2]record.Group
	var err error
	for i := range groups {
		if groups[i], _, err = db.CreateGroup(ctx, operation(connection), record.Group{ID: identity.NewID(), DisplayName: fmt.Sprint("g", i)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	wants := make([]want, len(plans))
	failed := make([]error, len(plans))
	var group sync.WaitGroup
	for c, plan := range plans {
		group.Go(func() {
			client := client{db, connection, groups, &wants[c]}
			failed[c] = client.run(ctx, fmt.Sprint("u", c, "-"), users, plan)
		})
	}
	group.Wait()
	if err := errors.Join(failed...); err != nil {
		t.Fatal(err)
	}
	for i, g := range groups {
		got, err := db.Members(ctx, connection, g.ID)
		if err != nil {
			t.Fatal(err)
		}
		var is, should []string
		for _, m := range got[g.ID] {
			is = append(is, m.Value)
		}
		for _, w := range wants {
			for id, in := range w.in[i] {
				if in {
					should = append(should, id)
				}
			}
		}
		slices.Sort(should)
		if !slices.Equal(is, should) {
			t.Fatalf("group %d has %v, want %v", i, is, should)
		}
		shown, err := all.Group(ctx, identity.GroupRef{Connection: connection, ID: g.ID})
		if err != nil || int(shown.Members) != len(should) {
			t.Fatalf("lists show %d members of %d: %v", shown.Members, len(should), err)
		}
	}
	for _, w := range wants {
		for id, active := range w.active {
			if u, err := db.User(ctx, connection, id); err != nil || u.Active != active {
				t.Fatalf("%s is active: %v, want %v: %v", id, u.Active, active, err)
			}
		}
	}
}

// client does a plan over its own users and notes what it leaves.
type client struct {
	db         record.Store
	connection string
	groups     [2]record.Group
	want       *want
}

func (c client) run(ctx context.Context, prefix string, users int, plan []step) error {
	c.want.in, c.want.active = [2]map[string]bool{{}, {}}, map[string]bool{}
	ids := make([]string, users)
	for i := range ids {
		u, _, err := c.db.CreateUser(ctx, operation(c.connection), record.User{ID: identity.NewID(), UserName: fmt.Sprint(prefix, i), Active: true})
		if err != nil {
			return err
		}
		ids[i], c.want.active[u.ID] = u.ID, true
	}
	for _, s := range plan {
		if err := c.do(ctx, s, ids); err != nil {
			return err
		}
	}
	return nil
}

func (c client) do(ctx context.Context, s step, ids []string) error {
	if s.toggles {
		id := ids[s.users[0]]
		u, err := c.db.UpdateUser(ctx, operation(c.connection), c.connection, id, 0, func(u record.User) (record.User, error) {
			u.Active = !u.Active
			return u, nil
		})
		c.want.active[id] = u.Active
		return err
	}
	var members []record.Member
	for _, i := range s.users {
		members = append(members, record.Member{Value: ids[i]})
		c.want.in[s.group][ids[i]] = s.add
	}
	change := record.Members{Remove: members}
	if s.add {
		change = record.Members{Add: members}
	}
	_, err := c.db.UpdateGroup(ctx, operation(c.connection), c.connection, c.groups[s.group].ID, 0, record.GroupChange{Members: change})
	return err
}
