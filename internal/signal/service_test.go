package signal_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

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
