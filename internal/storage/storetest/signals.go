package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/signal"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

func newStream(t *testing.T, db *storage.DB, id, client string) signal.Stream {
	t.Helper()
	s := signal.Stream{
		ID: id, Client: client, App: client + "-app", Requested: []string{signal.SessionRevoked, "urn:unknown"}, Method: signal.Push,
		Endpoint: "https://receiver.example/" + id, Authorization: []byte{0, 1, 2}, Status: signal.Enabled, Created: now, Updated: now, Version: 1,
	}
	told := event.New(now, "stream.created", actor, identity.Stream(id))
	if err := db.CreateStream(t.Context(), s, 2, []event.Event{told}); err != nil {
		t.Fatal(err)
	}
	return s
}

func streamOf(t *testing.T, db *storage.DB, id string) signal.Stream {
	t.Helper()
	s, err := db.Stream(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func streamsKept(t *testing.T, db *storage.DB) {
	s := newStream(t, db, "stream-kept", "kept")
	got := streamOf(t, db, s.ID)
	if got.Client != "kept" || got.App != "kept-app" || got.Endpoint != s.Endpoint || !slices.Equal(got.Authorization, s.Authorization) ||
		!slices.Equal(got.Requested, s.Requested) || got.Status != signal.Enabled || !got.Created.Equal(now) || got.Version != 1 || got.Waiting != 0 || !got.Oldest.IsZero() {
		t.Errorf("%+v", got)
	}
	if _, err := db.Stream(t.Context(), "none"); !errors.Is(err, signal.ErrNotFound) {
		t.Errorf("another id: %v", err)
	}
	other := s
	other.ID = "stream-second"
	if err := db.CreateStream(t.Context(), other, 2, nil); err != nil {
		t.Fatal(err)
	}
	other.ID = "stream-third"
	if err := db.CreateStream(t.Context(), other, 2, nil); !errors.Is(err, signal.ErrTooMany) {
		t.Errorf("one more than a client may have: %v", err)
	}
	all, err := db.StreamsOf(t.Context(), "kept")
	if err != nil || len(all) != 2 || all[0].ID != s.ID {
		t.Errorf("%v %v", all, err)
	}
	receivers, err := db.Receivers(t.Context())
	if err != nil || !slices.Contains(receivers, "kept") {
		t.Errorf("%v %v", receivers, err)
	}
	streamChanged(t, db, s)
	streamsFound(t, db)
	if err := db.RemoveStream(t.Context(), s.ID, nil); err != nil {
		t.Fatal(err)
	}
	if err := db.RemoveStream(t.Context(), s.ID, nil); !errors.Is(err, signal.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	if sets, err := db.RecentSets(t.Context(), s.ID, 10); err != nil || len(sets) != 0 {
		t.Errorf("of a stream that is gone: %v %v", sets, err)
	}
}

func streamChanged(t *testing.T, db *storage.DB, s signal.Stream) {
	t.Helper()
	changed, err := db.UpdateStream(t.Context(), s.ID, func(old signal.Stream) (signal.Change, error) {
		old.Status, old.Description, old.Verified = signal.Paused, "hold it", now.Add(time.Minute)
		return signal.Change{Stream: old, Sets: []signal.Set{set(s.ID, 1)}}, nil
	})
	if err != nil || changed.Status != signal.Paused || changed.Description != "hold it" || changed.Version != 2 || changed.Waiting != 1 || !changed.Verified.Equal(now.Add(time.Minute)) {
		t.Errorf("%+v %v", changed, err)
	}
	refused := errors.New("no")
	if _, err := db.UpdateStream(t.Context(), s.ID, func(signal.Stream) (signal.Change, error) { return signal.Change{}, refused }); !errors.Is(err, refused) {
		t.Errorf("a change that is refused: %v", err)
	}
}

func streamsFound(t *testing.T, db *storage.DB) {
	t.Helper()
	yes, no := true, false
	for _, c := range []struct {
		q    signal.Query
		want int
	}{{signal.Query{}, 2}, {signal.Query{Status: signal.Paused}, 1}, {signal.Query{Failing: &no}, 2}, {signal.Query{Failing: &yes}, 0}} {
		c.q.Client = "kept"
		for _, limit := range []int{1, 100} {
			c.q.Limit = limit
			found := pages(t, func(after string) ([]signal.Stream, string, error) {
				c.q.After = after
				return db.SearchStreams(t.Context(), c.q)
			}, func(s signal.Stream) string { return s.ID }, nil)
			if len(found) != c.want {
				t.Errorf("%+v: %v", c.q, found)
			}
		}
	}
	if _, _, err := db.SearchStreams(t.Context(), signal.Query{After: "nonsense"}); !errors.Is(err, signal.ErrCursor) {
		t.Errorf("a cursor of nobody: %v", err)
	}
}

func streamsSwitched(t *testing.T, db *storage.DB) {
	s := newStream(t, db, "stream-switched", "switched")
	queueSets(t, db, 10, set(s.ID, 1))
	to := func(status signal.Status, drop bool, n int) {
		t.Helper()
		control := set(s.ID, n)
		control.Control = true
		_, err := db.UpdateStream(t.Context(), s.ID, func(old signal.Stream) (signal.Change, error) {
			old.Status = status
			return signal.Change{Stream: old, Drop: drop, Sets: []signal.Set{control}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	to(signal.Paused, false, 2)
	queueSets(t, db, 10, set(s.ID, 3))
	if got := nextOf(t, db, s.ID); !slices.Equal(got, []string{"02"}) {
		t.Errorf("paused, only what is about the stream: %v", got)
	}
	to(signal.Enabled, false, 4)
	if got := nextOf(t, db, s.ID); !slices.Equal(got, []string{"01", "02", "03", "04"}) {
		t.Errorf("what was held goes on in order: %v", got)
	}
	to(signal.Disabled, true, 5)
	queueSets(t, db, 10, set(s.ID, 6))
	if got := nextOf(t, db, s.ID); !slices.Equal(got, []string{"02", "04", "05"}) {
		t.Errorf("disabled, nothing is held: %v", got)
	}
	if got := streamOf(t, db, s.ID); got.Waiting != 3 || got.Dropped != 2 {
		t.Errorf("%+v", got.Progress)
	}
}

// streamsCounted makes many at once.
func streamsCounted(t *testing.T, db *storage.DB) {
	a := listed("stream-counted", "Counted", "counters", "counted", false, now)
	putApp(t, db, a)
	defer func() {
		if err := db.RemoveApp(t.Context(), a.Name, func(catalog.App) []event.Event { return nil }); err != nil {
			t.Error(err)
		}
	}()
	var group sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for i := range 12 {
		group.Go(func() {
			err := db.CreateStream(t.Context(), signal.Stream{
				ID: fmt.Sprint("stream-counted-", i), Client: "counted", App: a.ID, Method: signal.Poll, Status: signal.Enabled, Created: now, Updated: now, Version: 1,
			}, 3, nil)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				made++
			} else if !errors.Is(err, signal.ErrTooMany) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if all, err := db.StreamsOf(t.Context(), "counted"); err != nil || made != 3 || len(all) != 3 {
		t.Errorf("of three that a client may have, %d were made and there are %d, %v", made, len(all), err)
	}
	heir := signal.Stream{ID: "stream-counted-heir", Client: "counted", App: "counted-heir", Method: signal.Poll, Status: signal.Enabled, Created: now, Updated: now, Version: 1}
	if err := db.CreateStream(t.Context(), heir, 3, nil); err != nil {
		t.Errorf("the streams of an app that had the client_id before count for who has it now: %v", err)
	}
}
