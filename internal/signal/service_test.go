package signal_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/signal"
)

// UpdateStream implements signal.Streams.
func (s *shelf) UpdateStream(_ context.Context, id string, change func(signal.Stream) (signal.Change, error)) (signal.Stream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := change(*s.streams[id])
	if err == nil {
		s.streams[id] = &c.Stream
	}
	return c.Stream, err
}

func TestAReceiverDoesNotUndoWhatAnOperatorSwitchedOff(t *testing.T) {
	for _, off := range []signal.Status{signal.Paused, signal.Disabled} {
		store := newShelf(streamTo("a"))
		service := signal.NewService(signal.Options{Store: store, Allowed: func(netip.Addr) error { return nil }, Now: time.Now, Queued: func() {}})
		client := &registry.Client{ID: "a", App: "a"}
		receiver := func(to signal.Status, want error) {
			t.Helper()
			before := store.stream("a").Status
			s, err := service.SetStatus(t.Context(), client, "a", to, "as I like", identity.Actor{})
			if !errors.Is(err, want) {
				t.Errorf("the receiver wants it %s: %v", to, err)
			}
			if now := store.stream("a").Status; err != nil && now != before || err == nil && (now != to || s.Status != to) {
				t.Errorf("the receiver wants it %s: it is %s", to, now)
			}
		}
		operator := func(to signal.Status) {
			t.Helper()
			if _, err := service.Switch(t.Context(), "a", to, "", identity.Actor{}); err != nil || store.stream("a").Held != (to != signal.Enabled) {
				t.Errorf("an operator's %s: %v, held %t", to, err, store.stream("a").Held)
			}
		}
		receiver(off, nil) // the control: what it switched off itself it switches on
		receiver(signal.Enabled, nil)
		operator(off)
		for _, to := range signal.Statuses() {
			if to == off {
				receiver(to, nil)
			} else {
				receiver(to, signal.ErrHeld)
			}
		}
		receiver(signal.Enabled, signal.ErrHeld) // also after it asked for what is
		operator(signal.Enabled)
		receiver(off, nil)
		receiver(signal.Enabled, nil)
	}
}

func TestWhoVerifiesTooSoonIsToldWhenToTryAgain(t *testing.T) {
	now := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	service := signal.NewService(signal.Options{
		Store: newShelf(streamTo("a")), Allowed: func(netip.Addr) error { return nil }, Now: func() time.Time { return now }, Queued: func() {},
	})
	client := &registry.Client{ID: "a", App: "a"}
	verify := func() error { return service.Verify(t.Context(), client, "a", "state", identity.Actor{}) }
	if err := verify(); err != nil {
		t.Fatal(err)
	}
	now = now.Add(signal.VerifyEvery / 3)
	if err := verify(); !errors.Is(err, signal.ErrVerified) || httpx.RetryAfter(err) != "20" {
		t.Errorf("%v, again after %s s", err, httpx.RetryAfter(err))
	}
	now = now.Add(20 * time.Second)
	if err := verify(); err != nil {
		t.Errorf("control: %v", err)
	}
}
