package storage_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// TestClientsOfTwoConnectionsLeaveEachOtherAlone has four clients, two of each of two
// connections, change at once what is theirs, and try to change what is the other's: by its
// ids as paths and as members. Whatever the order, each connection ends where its own
// operations put it, and the groups that decide who may do what are those that the rows say.
func TestClientsOfTwoConnectionsLeaveEachOtherAlone(t *testing.T) {
	const users = 3
	for engine, o := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			db := open(t, o)
			run := 0
			rapid.Check(t, func(rt *rapid.T) {
				run++
				var sides [2]*side
				for i := range sides {
					sides[i] = newSide(t, rt, db, fmt.Sprintf("apart-%d-%d", run, i), users)
				}
				plans := make([][]step, 4)
				for c := range plans {
					plans[c] = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
						return step{
							group: rapid.IntRange(0, 1).Draw(t, "group"), add: rapid.Bool().Draw(t, "add"), toggles: rapid.IntRange(0, 4).Draw(t, "switch") == 0,
							users: rapid.SliceOfNDistinct(rapid.IntRange(0, users-1), 1, users, rapid.ID[int]).Draw(t, "users"),
						}
					}), 1, 4).Draw(rt, "plan")
				}
				failed := make([]error, len(plans))
				var group sync.WaitGroup
				for c, plan := range plans {
					group.Go(func() {
						own, other := sides[c%2], sides[1-c%2]
						for _, s := range plan {
							// Two clients of a connection have each their own users.
							failed[c] = errors.Join(failed[c], own.do(t, c/2, s), other.attacked(t, own.connection, s))
						}
					})
				}
				group.Wait()
				if err := errors.Join(failed...); err != nil {
					rt.Fatal(err)
				}
				for _, s := range sides {
					s.agrees(t, rt)
				}
			})
		})
	}
}

// side is one of the connections, and where its own operations left it.
type side struct {
	client
	all   *storage.DB
	mu    sync.Mutex
	users [2][]record.User
}

func newSide(t *testing.T, rt *rapid.T, all *storage.DB, connection string, users int) *side {
	db := all.Records()
	s := &side{all: all, client: client{db: db, connection: connection, want: &want{in: [2]map[string]bool{{}, {}}, active: map[string]bool{}}}}
	for i := range s.groups {
		var err error
		if s.groups[i], _, err = db.CreateGroup(t.Context(), operation(connection), record.Group{ID: identity.NewID(), DisplayName: fmt.Sprint("g", i)}, nil); err != nil {
			rt.Fatal(err)
		}
	}
	for c := range s.users {
		for i := range users {
			u, _, err := db.CreateUser(t.Context(), operation(connection), record.User{ID: identity.NewID(), UserName: fmt.Sprint("u", c, "-", i), Active: true})
			if err != nil {
				rt.Fatal(err)
			}
			s.users[c], s.want.active[u.ID] = append(s.users[c], u), true
		}
	}
	return s
}

// do does a step of a client and notes what it leaves.
func (s *side) do(t *testing.T, c int, of step) error {
	w := want{in: [2]map[string]bool{{}, {}}, active: map[string]bool{}}
	ids := make([]string, len(s.users[c]))
	for i, u := range s.users[c] {
		ids[i] = u.ID
	}
	err := client{s.db, s.connection, s.groups, &w}.do(t.Context(), of, ids)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range w.in {
		for id, in := range w.in[i] {
			s.want.in[i][id] = in
		}
	}
	for id, active := range w.active {
		s.want.active[id] = active
	}
	return err
}

// attacked tries to do a step to this side with what another connection may do: nothing
// there is to be found, and a member that is somebody else's is nobody.
func (s *side) attacked(t *testing.T, from string, of step) error {
	u, g := s.users[0][of.users[0]], s.groups[of.group]
	_, byUser := s.db.UpdateUser(t.Context(), operation(from), from, u.ID, 0, func(u record.User) (record.User, error) {
		u.Active = false
		return u, nil
	})
	_, byGroup := s.db.UpdateGroup(t.Context(), operation(from), from, g.ID, 0, record.GroupChange{Members: record.Members{Replace: true}})
	gone := s.db.DeleteUser(t.Context(), operation(from), from, u.ID, 0)
	if !errors.Is(byUser, record.ErrUserNotFound) || !errors.Is(byGroup, record.ErrGroupNotFound) || !errors.Is(gone, record.ErrUserNotFound) {
		return fmt.Errorf("another connection may change what is not its own: %w, %w, %w", byUser, byGroup, gone)
	}
	return nil
}

// agrees compares the side with where its operations left it: its rows, and the groups
// that each person is in, which decisions are made of.
func (s *side) agrees(t *testing.T, rt *rapid.T) {
	for i, g := range s.groups {
		got, err := s.db.Members(t.Context(), s.connection, g.ID)
		if err != nil {
			rt.Fatal(err)
		}
		var is, should []string
		for _, m := range got[g.ID] {
			is = append(is, m.Value)
		}
		for id, in := range s.want.in[i] {
			if in {
				should = append(should, id)
			}
		}
		slices.Sort(should)
		if !slices.Equal(is, should) {
			rt.Fatalf("%s: group %d has %v, want %v", s.connection, i, is, should)
		}
	}
	for _, u := range slices.Concat(s.users[0], s.users[1]) {
		now, err := s.db.User(t.Context(), s.connection, u.ID)
		if err != nil || now.Active != s.want.active[u.ID] {
			rt.Fatalf("%s: %s is active: %v, %v", s.connection, u.UserName, now.Active, err)
		}
		p, err := s.all.Person(t.Context(), u.Person)
		if err != nil {
			rt.Fatal(err)
		}
		var should []string
		for i, g := range s.groups {
			if s.want.active[u.ID] && s.want.in[i][u.ID] {
				should = append(should, g.ID)
			}
		}
		slices.Sort(should)
		// What is walked now, and what is worked out of the history of memberships.
		past, err := s.all.MembershipsOf(t.Context(), u.Person, time.Now())
		if err != nil || !slices.Equal(idsOf(p.Groups), should) || !slices.Equal(idsOf(past), should) {
			rt.Fatalf("%s: %s is in %v, by the history in %v, want %v: %v", s.connection, u.UserName, idsOf(p.Groups), idsOf(past), should, err)
		}
	}
}

func idsOf(all []directory.Membership) (ids []string) {
	for _, m := range all {
		ids = append(ids, m.Group.ID)
	}
	slices.Sort(ids)
	return ids
}
