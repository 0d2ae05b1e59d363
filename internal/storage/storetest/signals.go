package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/session"
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

func subjectsNoted(t *testing.T, db *storage.DB) {
	note := func(subjects ...signal.Subject) {
		t.Helper()
		if err := db.NoteSubjects(t.Context(), subjects); err != nil {
			t.Fatal(err)
		}
	}
	one := signal.Subject{Receiver: "noted", App: "noted-app", Person: "p1", Session: "noted-s1", Via: "app", Connection: "noted-c", Seen: now}
	again, own := one, signal.Subject{Receiver: "noted", Via: "nightly", Seen: now}
	again.Seen = now.Add(time.Hour)
	two := signal.Subject{Receiver: "noted", Person: "p2", Session: "noted-s2", Via: "app", Connection: "noted-c", Seen: now}
	note(one, two, own)
	note(again)
	with := func(about signal.Subject) (people []string) {
		t.Helper()
		for after := (*signal.Subject)(nil); ; {
			page, err := db.SubjectsWith(t.Context(), about, after, 1)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				return people
			}
			after = &page[0]
			people = append(people, page[0].Person)
		}
	}
	for _, c := range []struct {
		about signal.Subject
		want  []string
	}{
		{signal.Subject{Session: "noted-s1"}, []string{"p1"}},
		{signal.Subject{Connection: "noted-c"}, []string{"p1", "p2"}},
		{signal.Subject{Receiver: "noted", Person: "p2"}, []string{"p2"}},
		{signal.Subject{Via: "nightly"}, []string{""}},
		{signal.Subject{Receiver: "another", Session: "noted-s1"}, nil},
	} {
		if got := with(c.about); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q", c.about, got)
		}
	}
	page, err := db.SubjectsWith(t.Context(), signal.Subject{Session: "noted-s1"}, nil, 10)
	if err != nil || len(page) != 1 || page[0] != again {
		t.Errorf("seen anew: %+v %v", page, err)
	}
	heir := one
	heir.App = "noted-heir"
	note(heir)
	if page, err = db.SubjectsWith(t.Context(), signal.Subject{Session: "noted-s1"}, nil, 10); err != nil || len(page) != 1 || page[0] != heir {
		t.Errorf("by who has the client_id since: %+v %v", page, err)
	}
}

func signedInAreSubjects(t *testing.T, db *storage.DB) {
	s := subject(t, db)
	for _, p := range []session.Participant{{Session: s.Session, Client: "seeded", App: "seeded-app", First: now}, {Session: s.Session, Client: "seeded-not", App: "another", First: now}} {
		if err := db.Join(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	newStream(t, db, "stream-seeded", "seeded")
	got, err := db.SubjectsWith(t.Context(), signal.Subject{Session: s.Session}, nil, 10)
	want := signal.Subject{Receiver: "seeded", App: "seeded-app", Person: s.Person, Session: s.Session, Via: "seeded", Connection: s.Connection, Seen: now}
	if err != nil || len(got) != 1 || got[0] != want {
		t.Errorf("%+v %v, want %+v", got, err, want)
	}
}
