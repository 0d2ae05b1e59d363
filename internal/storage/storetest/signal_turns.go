package storetest

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/signal"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

func streamsClaimed(t *testing.T, db *storage.DB) {
	s := newStream(t, db, "stream-claimed", "claimed")
	claim := func(at time.Time) (ids []string) {
		t.Helper()
		streams, err := db.ClaimStreams(t.Context(), at, 100, 1, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range streams {
			if one.ID == s.ID {
				ids = append(ids, one.ID)
				if !one.Leased.Equal(at.Add(time.Minute)) {
					t.Errorf("a lease that ends %s after its beginning", one.Leased.Sub(at))
				}
			}
		}
		return ids
	}
	if got := claim(now); got != nil {
		t.Errorf("nothing waits: %v", got)
	}
	queueSets(t, db, 10, set(s.ID, 1))
	var mu sync.Mutex
	var claimed []string
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			got := claim(now)
			mu.Lock()
			defer mu.Unlock()
			claimed = append(claimed, got...)
		})
	}
	group.Wait()
	if len(claimed) != 1 {
		t.Fatalf("one of four gets it: %v", claimed)
	}
	if got := claim(now.Add(time.Minute)); len(got) != 1 {
		t.Errorf("when the lease is over, another does")
	}
	leased := streamHeld(t, db, s.ID, claim)
	if err := db.ReleaseStream(t.Context(), s.ID, leased, now.Add(time.Hour), "does not answer", now); err != nil {
		t.Fatal(err)
	}
	if got := streamOf(t, db, s.ID); got.Failures != 1 || got.Error != "does not answer" || !got.FailedAt.Equal(now) || !got.Next.Equal(now.Add(time.Hour)) {
		t.Errorf("%+v", got.Progress)
	}
	if got := claim(now.Add(59 * time.Minute)); got != nil {
		t.Errorf("not before it is due: %v", got)
	}
	if got := claim(now.Add(time.Hour)); len(got) != 1 {
		t.Errorf("due: %v", got)
	}
	queueSets(t, db, 10, set(s.ID, 2))
	if settled, err := db.SettleSets(t.Context(), s.ID, []string{set(s.ID, 1).ID}, signal.SetDelivered, "", now); err != nil || len(settled) != 1 || streamOf(t, db, s.ID).Failures != 0 {
		t.Errorf("what delivers has not failed since: %v, %v", settled, err)
	}
	if err := db.ReleaseStream(t.Context(), s.ID, now.Add(time.Hour+time.Minute), time.Time{}, "", now); err != nil {
		t.Fatal(err)
	}
	if got := streamOf(t, db, s.ID); got.Failures != 0 || got.Error != "" || !got.Next.IsZero() {
		t.Errorf("%+v", got.Progress)
	}
	if got := claim(now); len(got) != 1 {
		t.Errorf("released: %v", got)
	}
}

// streamsTakeTurns gives each client some leases at once, and each of its streams a turn.
func streamsTakeTurns(t *testing.T, db *storage.DB) {
	at := now.Add(24 * time.Hour) // when no other test's are due before these
	first := newStream(t, db, "turn-1", "turns")
	queueSets(t, db, 10, set(first.ID, 1))
	for _, id := range []string{"turn-2", "turn-3", "turn-4"} {
		s := first
		s.ID = id
		if err := db.CreateStream(t.Context(), s, 4, nil); err != nil {
			t.Fatal(err)
		}
		queueSets(t, db, 10, set(s.ID, 1))
	}
	other := newStream(t, db, "turn-other", "turns-other")
	queueSets(t, db, 10, set(other.ID, 1))
	claim := func(n int) (ids []string) {
		t.Helper()
		streams, err := db.ClaimStreams(t.Context(), at, n, 2, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range streams {
			if strings.HasPrefix(one.ID, "turn-") {
				ids = append(ids, one.ID)
			}
		}
		slices.Sort(ids)
		return ids
	}
	release := func(id string) {
		t.Helper()
		at = at.Add(time.Second)
		if err := db.ReleaseStream(t.Context(), id, at.Add(time.Minute-time.Second), time.Time{}, "", at); err != nil {
			t.Fatal(err)
		}
	}
	if got := claim(100); !slices.Equal(got, []string{"turn-1", "turn-2", "turn-other"}) {
		t.Fatalf("two of a client at once: %v", got)
	}
	if got := claim(100); got != nil {
		t.Errorf("and no more of it: %v", got)
	}
	release("turn-1")
	if got := claim(1); !slices.Equal(got, []string{"turn-3"}) {
		t.Errorf("first whose last turn was longest ago: %v", got)
	}
	at = at.Add(time.Hour)
	if got := claim(100); !slices.Equal(got, []string{"turn-1", "turn-4", "turn-other"}) {
		t.Errorf("once all leases are over: %v", got)
	}
	for _, id := range []string{"turn-1", "turn-2", "turn-3", "turn-4", "turn-other"} {
		if err := db.RemoveStream(t.Context(), id, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// streamHeld holds a stream whose lease began after a minute and ends after two, and
// returns when it ends then.
func streamHeld(t *testing.T, db *storage.DB, id string, claim func(time.Time) []string) time.Time {
	t.Helper()
	ends := now.Add(2 * time.Minute)
	hold := func(leased, until time.Time) bool {
		t.Helper()
		held, err := db.HoldStream(t.Context(), id, leased, until)
		if err != nil {
			t.Fatal(err)
		}
		return held
	}
	if hold(now.Add(time.Minute), now.Add(time.Hour)) {
		t.Error("whose lease is over holds the stream of another")
	}
	if err := db.ReleaseStream(t.Context(), id, now.Add(time.Minute), now.Add(time.Hour), "does not answer", now); err != nil || streamOf(t, db, id).Failures != 0 {
		t.Errorf("whose lease is over releases the stream of another: %v", err)
	}
	later := now.Add(5*time.Minute + time.Microsecond)
	if !hold(ends, later) {
		t.Error("whose lease it is does not hold it")
	}
	if got := claim(ends); got != nil {
		t.Errorf("a stream that is held: %v", got)
	}
	if held, err := db.HoldStream(t.Context(), "none", ends, later); err != nil || held {
		t.Errorf("a stream that there is not: %v, %v", held, err)
	}
	return later
}
