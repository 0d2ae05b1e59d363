package event

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// held are claimed events whose leases go on for as long as the process lives, however
// long one of them takes.
type held struct {
	d    *Dispatcher
	stop context.CancelFunc
	over sync.WaitGroup

	mu  sync.Mutex
	ids []string // of what is not settled
}

// hold holds events until release.
func (d *Dispatcher) hold(ctx context.Context, claimed []Delivery) *held {
	h := &held{d: d, ids: make([]string, len(claimed))}
	for i, c := range claimed {
		h.ids[i] = c.Event.ID
	}
	if len(claimed) == 0 {
		h.stop = func() {}
		return h
	}
	ctx, h.stop = context.WithCancel(ctx)
	h.over.Go(func() {
		tick := time.NewTicker(holdEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				h.renew(ctx)
			}
		}
	})
	return h
}

func (h *held) renew(ctx context.Context) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.ids) == 0 {
		return
	}
	if err := h.d.o.Outbox.Hold(ctx, h.ids, h.d.o.Now().Add(claimLease)); err != nil && ctx.Err() == nil {
		// Another replica may do it, too: every handler can be repeated.
		h.d.o.Log.WarnContext(ctx, "events not held", slog.Any("error", err))
	}
}

// settled says that the first of them is about to be: it is due when that says so.
func (h *held) settled() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ids = h.ids[1:]
}

// release returns once none is held any more.
func (h *held) release() {
	h.stop()
	h.over.Wait()
}
