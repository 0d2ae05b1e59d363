package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/signal"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

func set(stream string, n int) signal.Set {
	return signal.Set{
		ID: fmt.Sprintf("set-%02d", n), Stream: stream, Event: "event", Transaction: "txn", Type: signal.SessionRevoked, Subject: []byte(`{"format":"opaque"}`),
		Claims: []byte(`{}`), Issued: now.Add(time.Duration(n) * time.Second), State: signal.SetWaiting,
	}
}

func queueSets(t *testing.T, db *storage.DB, most int, sets ...signal.Set) {
	t.Helper()
	if err := db.QueueSets(t.Context(), sets, most); err != nil {
		t.Fatal(err)
	}
}

// nextOf returns the numbers of the SETs that are to be delivered.
func nextOf(t *testing.T, db *storage.DB, stream string) (numbers []string) {
	t.Helper()
	sets, err := db.NextSets(t.Context(), stream, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sets {
		numbers = append(numbers, s.ID[len("set-"):])
	}
	return numbers
}

func setsDelivered(t *testing.T, db *storage.DB) {
	s := newStream(t, db, "stream-sets", "sets")
	queueSets(t, db, 3, set(s.ID, 1), set(s.ID, 2), set("gone", 1))
	queueSets(t, db, 3, set(s.ID, 1), set(s.ID, 3), set(s.ID, 4)) // the first again
	if got := nextOf(t, db, s.ID); !slices.Equal(got, []string{"02", "03", "04"}) {
		t.Fatalf("of four, three are kept and each once: %v", got)
	}
	if got := streamOf(t, db, s.ID); got.Waiting != 3 || got.Dropped != 1 || !got.Oldest.Equal(now.Add(2*time.Second)) {
		t.Errorf("%+v", got.Progress)
	}
	setsSettled(t, db, s)
	setsGoOn(t, db, s)
}

func setsSettled(t *testing.T, db *storage.DB, s signal.Stream) {
	t.Helper()
	settle := func(as signal.SetState, ids ...string) []string {
		t.Helper()
		settled, err := db.SettleSets(t.Context(), s.ID, ids, as, "because", now.Add(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		return settled
	}
	if got := settle(signal.SetDelivered, "set-02", "set-99"); !slices.Equal(got, []string{"set-02"}) {
		t.Errorf("only what is there is settled: %v", got)
	}
	if got := settle(signal.SetDelivered, "set-02"); got != nil {
		t.Errorf("and once: %v", got)
	}
	for want := 1; want < 3; want++ {
		if n, err := db.RefuseSet(t.Context(), s.ID, "set-03", "no"); err != nil || n != want {
			t.Errorf("%d %v", n, err)
		}
	}
	settle(signal.SetRefused, "set-03")
	if _, err := db.RefuseSet(t.Context(), s.ID, "set-03", "no"); !errors.Is(err, signal.ErrNotFound) {
		t.Errorf("what is settled is not refused: %v", err)
	}
	queueSets(t, db, 3, set(s.ID, 2)) // delivered before
	if got := streamOf(t, db, s.ID); got.Waiting != 1 || got.Delivered != 1 || got.Refused != 1 || !got.DeliveredAt.Equal(now.Add(time.Minute)) {
		t.Errorf("%+v", got.Progress)
	}
}

func setsGoOn(t *testing.T, db *storage.DB, s signal.Stream) {
	t.Helper()
	if err := db.RequeueSet(t.Context(), s.ID, "set-03"); err != nil {
		t.Fatal(err)
	}
	if err := db.RequeueSet(t.Context(), s.ID, "set-03"); !errors.Is(err, signal.ErrNotFound) {
		t.Errorf("what waits is not queued again: %v", err)
	}
	if got := nextOf(t, db, s.ID); !slices.Equal(got, []string{"04", "03"}) {
		t.Errorf("behind all others: %v", got)
	}
	if n, err := db.DropSets(t.Context(), now.Add(4*time.Second), now, 100); err != nil || n != 1 {
		t.Errorf("one is that old: %d %v", n, err)
	}
	if got := nextOf(t, db, s.ID); !slices.Equal(got, []string{"04"}) {
		t.Errorf("%v", got)
	}
	recent, err := db.RecentSets(t.Context(), s.ID, 2)
	if err != nil || len(recent) != 2 || recent[0].ID != "set-03" || recent[0].State != signal.SetDropped || string(recent[0].Subject) != `{"format":"opaque"}` {
		t.Errorf("%+v %v", recent, err)
	}
}
