package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// group returns one group of the connection.
func group(t *testing.T, db *storage.DB, connection, id string) directory.Group {
	t.Helper()
	g, err := db.Group(t.Context(), identity.GroupRef{Connection: connection, ID: id})
	if err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	return g
}

func membersFollowSignIns(t *testing.T, db *storage.DB) {
	const there = "members"
	at := now.Truncate(time.Hour)
	ann := func(at time.Time, groups ...string) {
		enroll(t, db, there, "ann", directory.Profile{Name: "Ann"}, at, groups...)
	}
	ann(at, "a", "b", "b")
	enroll(t, db, there, "bob", directory.Profile{Name: "Bob"}, at.Add(time.Minute), "b")
	check := func(when, id string, members int64, lastSeen time.Time) {
		t.Helper()
		g := group(t, db, there, id)
		if g.Members != members || !g.LastSeen.Equal(lastSeen) || !g.FirstSeen.Equal(at) {
			t.Errorf("%s %s has %d members, seen %s to %s", when, id, g.Members, g.FirstSeen, g.LastSeen)
		}
		q := directory.Query{Upstream: g.Ref, Limit: 1}
		if got := pages(t, find(t.Context(), db, q), nameOf, nil); int64(len(got)) != members {
			t.Errorf("%s %s lists %q", when, id, got)
		}
	}
	check("at first", "a", 1, at)
	check("at first", "b", 2, at)
	ann(at.Add(2*time.Minute), "a", "b")
	check("the same again", "a", 1, at)
	ann(at.Add(3*time.Hour), "b")
	check("after she left", "a", 0, at)
	check("after she left", "b", 2, at.Add(3*time.Hour))
	ann(at.Add(4*time.Hour), "a", "b")
	check("back again", "a", 1, at.Add(4*time.Hour))
	if _, err := db.Group(t.Context(), identity.GroupRef{Connection: there, ID: "c"}); !errors.Is(err, directory.ErrGroupNotFound) {
		t.Errorf("a group nobody told of: %v", err)
	}
}

func joinsAtOnce(t *testing.T, db *storage.DB) {
	const there, people = "rush", 16
	groups := []string{"g1", "g2", "g3", "g4"}
	var wg sync.WaitGroup
	for i := range people {
		wg.Go(func() {
			mine := slices.Clone(groups)
			if i%2 == 1 {
				slices.Reverse(mine)
			}
			enroll(t, db, there, fmt.Sprint(i), directory.Profile{Name: "Rush"}, now, mine...)
		})
	}
	wg.Wait()
	for _, id := range groups {
		if g := group(t, db, there, id); g.Members != people {
			t.Errorf("%s has %d members", id, g.Members)
		}
	}
}

func groupsFound(t *testing.T, db *storage.DB) {
	const there = "groups-found"
	for i := range 3 {
		enroll(t, db, there, fmt.Sprint(i), directory.Profile{Name: "One"}, now.Add(time.Duration(i)*time.Hour), []string{"Sales EMEA", "sales-apac", "Über"}[:i+1]...)
	}
	for id, name := range map[string]string{"Sales EMEA": "emea.sellers", "never-seen": "ghost_town"} {
		m := directory.Mapping{Group: identity.GroupRef{Connection: there, ID: id}, Name: name}
		if err := db.SetMapping(t.Context(), m, nil); err != nil {
			t.Fatal(err)
		}
	}
	yes, no := true, false
	for _, c := range []struct {
		q    directory.GroupQuery
		want []string
	}{
		{directory.GroupQuery{}, []string{"never-seen", "Sales EMEA", "sales-apac", "Über"}},
		{directory.GroupQuery{Sort: directory.ByNameDown}, []string{"Über", "sales-apac", "Sales EMEA", "never-seen"}},
		{directory.GroupQuery{Sort: directory.ByMembersDown}, []string{"Sales EMEA", "sales-apac", "Über", "never-seen"}},
		{directory.GroupQuery{Sort: directory.ByMembers}, []string{"never-seen", "Über", "sales-apac", "Sales EMEA"}},
		{directory.GroupQuery{Sort: directory.ByLastSeen, Mapped: &yes}, []string{"never-seen", "Sales EMEA"}},
		{directory.GroupQuery{Mapped: &no}, []string{"sales-apac", "Über"}},
		{directory.GroupQuery{Text: "SALES"}, []string{"Sales EMEA", "sales-apac"}},
		{directory.GroupQuery{Text: "sales ap"}, []string{"sales-apac"}},
		{directory.GroupQuery{Text: "über"}, []string{"Über"}},
		{directory.GroupQuery{Text: "sellers"}, []string{"Sales EMEA"}},
		{directory.GroupQuery{Text: "emea.sell"}, []string{"Sales EMEA"}},
		{directory.GroupQuery{Text: "town", Mapped: &yes}, []string{"never-seen"}},
		{directory.GroupQuery{Text: "own"}, nil},
		{directory.GroupQuery{Text: "_"}, nil},
	} {
		c.q.Connection = there
		for _, limit := range []int{1, 2, 100} {
			c.q.Limit = limit
			got := pages(t, func(after string) ([]directory.Group, string, error) {
				c.q.After = after
				return db.SearchGroups(t.Context(), c.q)
			}, func(g directory.Group) string { return g.Ref.ID }, nil)
			if !slices.Equal(got, c.want) {
				t.Errorf("%+v: %q, want %q", c.q, got, c.want)
			}
		}
	}
	if _, _, err := db.SearchGroups(t.Context(), directory.GroupQuery{Sort: "words"}); !errors.Is(err, directory.ErrSort) {
		t.Errorf("an order that is none: %v", err)
	}
	if _, _, err := db.SearchGroups(t.Context(), directory.GroupQuery{After: "x"}); !errors.Is(err, directory.ErrCursor) {
		t.Errorf("a cursor that is none: %v", err)
	}
}
