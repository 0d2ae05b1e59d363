package event

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"
)

// Handler does what an event asks for outside of the database. It runs at least
// once for an event, so it deduplicates by the event's id.
type Handler func(ctx context.Context, e Event) error

// Options are what a Dispatcher needs. Outbox, Now and Log are required.
type Options struct {
	Outbox Outbox
	Now    func() time.Time
	Log    *slog.Logger
	// Poll is how often the outbox is looked at without a hint (500 ms).
	Poll time.Duration
	// Attempts is how often an event is tried before it is set aside (20).
	Attempts int
}

// The pace of the dispatcher.
const (
	claimSize = 32
	// claimLease is how long what a replica claimed that died waits for another one, and
	// holdEvery how often one that lives says so.
	claimLease = 20 * time.Second
	holdEvery  = claimLease / 4
	firstRetry = time.Second
	longest    = 10 * time.Minute
)

// Dispatcher hands events from the outbox to handlers.
type Dispatcher struct {
	o        Options
	handlers map[string][]named
	revoking []named
	hint     chan struct{}
}

type named struct {
	name string
	do   Handler
}

// NewDispatcher returns a Dispatcher without handlers.
func NewDispatcher(o Options) *Dispatcher {
	if o.Poll == 0 {
		o.Poll = 500 * time.Millisecond
	}
	if o.Attempts == 0 {
		o.Attempts = 20
	}
	return &Dispatcher{o: o, handlers: map[string][]named{}, hint: make(chan struct{}, 1)}
}

// Handle adds a handler for events of a type. Its name is unique among those of the type,
// and is what people see of it. Call it before Run.
func (d *Dispatcher) Handle(typ, name string, h Handler) {
	d.handlers[typ] = append(d.handlers[typ], named{name, h})
}

// HandleRevoking adds a handler for every event that revokes something, which the
// outbox must then keep whatever their type. Call it before Run.
func (d *Dispatcher) HandleRevoking(name string, h Handler) {
	d.revoking = append(d.revoking, named{name, h})
}

// Types returns the types that have a handler of their own: what the outbox must keep.
func (d *Dispatcher) Types() []string {
	types := make([]string, 0, len(d.handlers))
	for t := range d.handlers {
		types = append(types, t)
	}
	slices.Sort(types)
	return types
}

// Notify says that there may be something new.
func (d *Dispatcher) Notify() {
	select {
	case d.hint <- struct{}{}:
	default: // a hint is pending already
	}
}

// Run dispatches until ctx ends.
func (d *Dispatcher) Run(ctx context.Context) error {
	tick := time.NewTicker(d.o.Poll)
	defer tick.Stop()
	for {
		if _, err := d.Drain(ctx); err != nil && ctx.Err() == nil {
			d.o.Log.ErrorContext(ctx, "outbox not dispatched", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		case <-d.hint:
		}
	}
}

// Drain dispatches what is due and returns how many events were handled.
func (d *Dispatcher) Drain(ctx context.Context) (handled int, err error) {
	for {
		claimed, err := d.o.Outbox.Claim(ctx, d.o.Now(), claimSize, claimLease)
		if err != nil {
			return handled, fmt.Errorf("claim events: %w", err)
		}
		n, err := d.deliverAll(ctx, claimed)
		if handled += n; err != nil || len(claimed) < claimSize {
			return handled, err
		}
	}
}

// deliverAll delivers what was claimed, and holds what has yet to wait for that.
func (d *Dispatcher) deliverAll(ctx context.Context, claimed []Delivery) (handled int, err error) {
	h := d.hold(ctx, claimed)
	defer h.release()
	for _, delivery := range claimed {
		ok, err := d.deliver(ctx, delivery, h)
		if err != nil {
			return handled, err
		}
		if ok {
			handled++
		}
	}
	return handled, nil
}

func (d *Dispatcher) deliver(ctx context.Context, delivery Delivery, h *held) (ok bool, err error) {
	e := delivery.Event
	done, failed := d.handle(ctx, delivery)
	h.settled()
	switch {
	case failed == nil:
		err = d.o.Outbox.Finish(ctx, e.ID)
	case delivery.Attempt >= d.o.Attempts:
		d.o.Log.ErrorContext(ctx, "event set aside", slog.String("event", e.ID), slog.String("type", e.Type), slog.Any("error", failed))
		err = d.o.Outbox.Bury(ctx, e.ID, failed.Error(), done)
	default:
		err = d.o.Outbox.Retry(ctx, e.ID, d.o.Now().Add(Backoff(delivery.Attempt, firstRetry, longest)), failed.Error(), done)
	}
	if err != nil {
		return false, fmt.Errorf("settle event %s: %w", e.ID, err)
	}
	return failed == nil, nil
}

// handle runs every handler that is not done yet: none waits for another one that fails.
// A panic counts as a failure of that handler alone.
func (d *Dispatcher) handle(ctx context.Context, delivery Delivery) (done []string, err error) {
	done = delivery.Done
	var failed []error
	for _, h := range d.of(delivery.Event) {
		if slices.Contains(done, h.name) {
			continue
		}
		if err := contain(func() error { return h.do(ctx, delivery.Event) }); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", h.name, err))
			continue
		}
		done = append(slices.Clip(done), h.name)
	}
	return done, errors.Join(failed...)
}

// of returns the handlers of an event.
func (d *Dispatcher) of(e Event) []named {
	if len(e.Revokes) > 0 {
		return slices.Concat(d.handlers[e.Type], d.revoking)
	}
	return d.handlers[e.Type]
}

// Handlers names what is done in consequence of an event, in order.
func (d *Dispatcher) Handlers(e Event) []string {
	of := d.of(e)
	names := make([]string, len(of))
	for i, h := range of {
		names[i] = h.name
	}
	return names
}

func contain(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return do()
}

// Backoff returns how long to wait after the given attempt (from 1): first,
// doubled each time up to most, and up to a quarter less at random so that
// retries spread.
func Backoff(attempt int, first, most time.Duration) time.Duration {
	d := most
	if attempt < 30 {
		d = min(first<<(attempt-1), most)
	}
	return d - time.Duration(rand.Int64N(int64(d)/4+1))
}
