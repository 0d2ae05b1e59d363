package event_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// tray is an outbox in memory.
type tray struct {
	mu   sync.Mutex
	rows []*row
}

type row struct {
	event.Event
	state   string
	due     time.Time
	attempt int
	done    []string
}

func (b *tray) put(types ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, typ := range types {
		e := event.New(time.Now(), typ, identity.System("test"), identity.Person("alice"))
		b.rows = append(b.rows, &row{Event: e, state: "waiting", due: time.Now()})
	}
}

func (b *tray) Claim(_ context.Context, now time.Time, n int, lease time.Duration) (claimed []event.Delivery, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.rows {
		if r.state == "waiting" && !r.due.After(now) && len(claimed) < n {
			r.due = now.Add(lease)
			r.attempt++
			claimed = append(claimed, event.Delivery{Event: r.Event, Attempt: r.attempt, Done: r.done})
		}
	}
	return claimed, nil
}

func (b *tray) settle(id, state string, due time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.rows {
		if r.ID == id {
			r.state, r.due = state, due
		}
	}
	return nil
}

// did notes which handlers are done with an event.
func (b *tray) did(id string, done []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.rows {
		if r.ID == id {
			r.done = done
		}
	}
}

func (b *tray) Finish(_ context.Context, id string) error { return b.settle(id, "done", time.Time{}) }

func (b *tray) Retry(_ context.Context, id string, at time.Time, _ string, done []string) error {
	b.did(id, done)
	return b.settle(id, "waiting", at)
}

func (b *tray) Bury(_ context.Context, id, _ string, done []string) error {
	b.did(id, done)
	return b.settle(id, "buried", time.Time{})
}

func (b *tray) Hold(_ context.Context, ids []string, until time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.rows {
		if r.state == "waiting" && slices.Contains(ids, r.ID) {
			r.due = until
		}
	}
	return nil
}

func (b *tray) states() (all []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.rows {
		all = append(all, r.state)
	}
	return all
}

func TestAnEventIsHandledUntilEveryHandlerIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &tray{}
		d := event.NewDispatcher(event.Options{Outbox: b, Now: time.Now, Log: slog.New(slog.DiscardHandler), Attempts: 5})
		var first, second atomic.Int64
		d.Handle("session.ended", "first", func(context.Context, event.Event) error { first.Add(1); return nil })
		d.Handle("session.ended", "second", func(context.Context, event.Event) error {
			if second.Add(1) < 3 {
				return errors.New("not yet")
			}
			return nil
		})
		d.Handle("person.disabled", "broken", func(context.Context, event.Event) error { panic("a defect") })
		if got := d.Types(); !slices.Equal(got, []string{"person.disabled", "session.ended"}) {
			t.Errorf("%v", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx) }()
		synctest.Wait()
		b.put("person.disabled", "session.ended")
		d.Notify()
		synctest.Wait() // no time passes: the hint is enough
		if first.Load() != 1 || second.Load() != 1 {
			t.Errorf("%d %d", first.Load(), second.Load())
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := b.states(); !slices.Equal(got, []string{"buried", "done"}) || second.Load() != 3 {
			t.Errorf("%v, tried %d times", got, second.Load())
		}
		b.put(slices.Repeat([]string{"session.ended"}, 100)...)
		time.Sleep(time.Second) // without a hint, in several claims
		synctest.Wait()
		if got := b.states(); slices.Contains(got, "waiting") {
			t.Errorf("%v", got)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestAHandlerThatFailsHoldsUpNoOther(t *testing.T) {
	b := &tray{}
	now := time.Now()
	d := event.NewDispatcher(event.Options{Outbox: b, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler), Attempts: 3})
	var ran []string
	say := func(name string, fails int) {
		d.Handle("person.left", name, func(context.Context, event.Event) error {
			if ran = append(ran, name); fails > 0 {
				fails--
				return errors.New(name + " is not to be had")
			}
			return nil
		})
	}
	say("first", 0)
	say("second", 1)
	say("third", 0)
	say("fourth", 9)
	b.put("person.left")
	if got := d.Handlers(b.rows[0].Event); !slices.Equal(got, []string{"first", "second", "third", "fourth"}) {
		t.Errorf("%v", got)
	}
	for range 4 {
		if _, err := d.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Hour)
	}
	want := []string{"first", "second", "third", "fourth", "second", "fourth", "fourth"}
	if !slices.Equal(ran, want) || b.rows[0].state != "buried" || !slices.Equal(b.rows[0].done, []string{"first", "third", "second"}) {
		t.Errorf("%v; %s, done: %v", ran, b.rows[0].state, b.rows[0].done)
	}
}

func TestRetriesWaitLongerEachTimeWithinBounds(t *testing.T) {
	for attempt := 1; attempt < 100; attempt++ {
		most := 10 * time.Minute
		if attempt < 11 {
			most = time.Second << (attempt - 1)
		}
		if d := event.Backoff(attempt, time.Second, 10*time.Minute); d > most || d < most*3/4-1 {
			t.Errorf("attempt %d waits %s", attempt, d)
		}
	}
}
