package storetest

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// decidedOnce: of several decisions on one change, one counts.
func decidedOnce(t *testing.T, db *storage.DB) {
	c := admin.Change{ID: identity.NewOrderedID(now), State: admin.Waiting, Created: now, Expires: now.Add(time.Hour), Operation: admin.Operation{Name: "killKey"}}
	if err := db.CreateChange(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	var won atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			_, err := db.UpdateChange(t.Context(), c.ID, func(c admin.Change) (admin.Change, []event.Event, error) {
				if c.State != admin.Waiting {
					return c, nil, admin.ErrChangeDecided
				}
				c.State = admin.Approved
				return c, []event.Event{event.New(now, "change.approved", actor, identity.Ref{Kind: identity.KindChange, ID: c.ID})}, nil
			})
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, admin.ErrChangeDecided):
				t.Error(err)
			}
		})
	}
	all.Wait()
	got, err := db.Change(t.Context(), c.ID)
	if won.Load() != 1 || err != nil || got.State != admin.Approved || got.Operation.Name != "killKey" || !got.Expires.Equal(c.Expires) {
		t.Errorf("%d decided: %+v %v", won.Load(), got, err)
	}
	if _, err := db.Change(t.Context(), "none"); !errors.Is(err, admin.ErrChangeNotFound) {
		t.Error(err)
	}
}

// waitingChanges: those that wait are listed newest first, in pages.
func waitingChanges(t *testing.T, db *storage.DB) {
	var ids []string
	for i := range 3 {
		c := admin.Change{ID: identity.NewOrderedID(now.Add(time.Duration(i+1) * time.Minute)), State: admin.Waiting, Expires: now.Add(time.Duration(i) * time.Hour)}
		ids = append(ids, c.ID)
		if err := db.CreateChange(t.Context(), c, nil); err != nil {
			t.Fatal(err)
		}
	}
	list := func(q admin.ChangeQuery) (got []string) {
		t.Helper()
		all, err := db.Changes(t.Context(), q, now)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			got = append(got, c.ID)
		}
		return got
	}
	if got := list(admin.ChangeQuery{Limit: 2}); len(got) != 2 || got[0] != ids[2] || got[1] != ids[1] {
		t.Errorf("%v of %v", got, ids)
	}
	if got := list(admin.ChangeQuery{Limit: 1, After: ids[1]}); len(got) != 1 || got[0] != ids[0] {
		t.Errorf("%v of %v", got, ids)
	}
	if got := list(admin.ChangeQuery{Limit: 9, Waiting: true}); len(got) != 2 {
		t.Errorf("the time of the first is over: %v", got)
	}
}

// claimedOnce: a key is one caller's until it expires, and its answer stays.
func claimedOnce(t *testing.T, db *storage.DB) {
	claim := func(ctx context.Context, print string, at time.Time) (bool, []byte, []byte) {
		t.Helper()
		claimed, first, sealed, err := db.ClaimAnswer(ctx, "token:a", "key", []byte(print), at, at.Add(time.Hour))
		if err != nil {
			t.Error(err)
		}
		return claimed, first, sealed
	}
	var won atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if claimed, _, _ := claim(t.Context(), "one", now); claimed {
				won.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d claimed it", won.Load())
	}
	if claimed, first, sealed := claim(t.Context(), "two", now); claimed || string(first) != "one" || sealed != nil {
		t.Errorf("%v %q %q", claimed, first, sealed)
	}
	if err := db.KeepAnswer(t.Context(), "token:a", "key", []byte("sealed")); err != nil {
		t.Fatal(err)
	}
	if err := db.ReleaseAnswer(t.Context(), "token:a", "key"); err != nil {
		t.Fatal(err)
	}
	if claimed, _, sealed := claim(t.Context(), "one", now); claimed || !bytes.Equal(sealed, []byte("sealed")) {
		t.Errorf("an answer that is kept was released: %v %q", claimed, sealed)
	}
	if claimed, _, _, err := db.ClaimAnswer(t.Context(), "token:b", "key", []byte("one"), now, now.Add(time.Hour)); !claimed || err != nil {
		t.Errorf("somebody else's key is in the way: %v %v", claimed, err)
	}
	if claimed, _, _ := claim(t.Context(), "three", now.Add(time.Hour)); !claimed {
		t.Error("an hour later the key is free")
	}
}

// hits: what carries an id and is in use is counted.
func hits(t *testing.T, db *storage.DB) {
	s := subject(t, db)
	redeem(t, db, s, false)
	redeem(t, db, s, true)
	for ref, want := range map[identity.Ref][3]int{
		identity.Person(s.Person): {1, 1, 2}, identity.Session(s.Session): {1, 1, 1}, identity.Person("nobody"): {0, 0, 0},
		identity.Install(s.Person, s.App): {1, 0, 2}, identity.Install(s.Person, "none"): {0, 0, 0},
	} {
		people, sessions, grants, apps, err := db.Hit(t.Context(), ref, now)
		if err != nil || [3]int{people, sessions, grants} != want || len(apps) != min(grants, 1) {
			t.Errorf("%s: %d %d %d %v %v, want %v", ref, people, sessions, grants, apps, err, want)
		}
	}
	if _, sessions, grants, _, err := db.Hit(t.Context(), identity.Person(s.Person), now.Add(365*24*time.Hour)); err != nil || sessions+grants > 0 {
		t.Errorf("a year later: %d %d %v", sessions, grants, err)
	}
	if _, _, _, _, err := db.Hit(t.Context(), identity.Key("k"), now); err == nil {
		t.Error("nothing carries a key")
	}
}

// lockShared: a lock is one holder's until it is given back.
func lockShared(t *testing.T, db *storage.DB) {
	at := func() time.Time { return now }
	var holding, most, done atomic.Int64
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			unlock, err := job.Lock(t.Context(), db.Jobs(), "test", at)
			if err != nil {
				t.Error(err)
				return
			}
			most.Store(max(most.Load(), holding.Add(1)))
			holding.Add(-1)
			done.Add(1)
			unlock()
		})
	}
	all.Wait()
	if most.Load() != 1 || done.Load() != 4 {
		t.Errorf("%d at once, %d in all", most.Load(), done.Load())
	}
}
