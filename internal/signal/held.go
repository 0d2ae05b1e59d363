package signal

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// The lease of a stream that is pushed to.
const (
	// pushLease is how long the streams of a replica that died wait for another one, and
	// holdEvery how often one that lives says so.
	pushLease = 20 * time.Second
	holdEvery = pushLease / 4
)

// held is the lease of a stream, which goes on for as long as the process lives, however
// slow the receiver is.
type held struct {
	p      *Pusher
	stream string
	stop   context.CancelFunc
	over   sync.WaitGroup
	until  time.Time // of nobody else but keep, until that is over
}

// hold holds a stream until release. The context ends when its lease is lost: somebody
// else may push then, and what two push has no order.
func (p *Pusher) hold(ctx context.Context, s Stream) (context.Context, *held) {
	h := &held{p: p, stream: s.ID, until: s.Leased}
	ctx, h.stop = context.WithCancel(ctx)
	h.over.Go(func() { h.keep(ctx) })
	return ctx, h
}

func (h *held) keep(ctx context.Context) {
	defer h.stop()
	tick := time.NewTicker(holdEvery)
	defer tick.Stop()
	send, still := h.p.o.Sender, true
	for still && send.o.Now().Before(h.until) {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		next := send.o.Now().Add(pushLease)
		var err error
		switch still, err = send.o.Store.HoldStream(ctx, h.stream, h.until, next); {
		case err != nil && ctx.Err() != nil:
			return
		case err != nil: // it may answer before the lease is over
			still = true
			h.p.o.Log.WarnContext(ctx, "stream not held", slog.String("stream", h.stream), slog.Any("error", err))
		case still:
			h.until = next
		}
	}
}

// release ends the hold, and returns when the lease that is left ends.
func (h *held) release() time.Time {
	h.stop()
	h.over.Wait()
	return h.until
}
