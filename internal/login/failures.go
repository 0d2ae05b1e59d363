package login

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/trace"
)

// Whoever can reach the broker can fail to sign in, as often as the limits allow.
// Of each connection and rule the first failures of a minute have an audit entry
// each; those after them share one, whose count says how many they were. Nothing
// is left uncounted, and nobody fills the log.
const (
	failureWindow = time.Minute
	failureBurst  = 60
	// tellEvery is how often it is looked for minutes that are over.
	tellEvery = 10 * time.Second
	// tellLimit bounds what is told when the broker stops.
	tellLimit = 5 * time.Second
)

// failures writes the entries of failed sign-ins.
type failures struct {
	record func(context.Context, []event.Event) error
	now    func() time.Time

	mu     sync.Mutex
	minute time.Time
	kinds  map[failureKind]*failureTally
	// shared are entries for many that are not written yet.
	shared []event.Event
}

type failureKind struct{ connection, rule string }

// failureTally is one kind of failure within a minute.
type failureTally struct {
	alone int // failures with an entry each
	more  int // failures that will share one
	last  event.Event
}

// tell records one failure, now or with others of its minute. One that has an entry
// of its own is completed by own.
func (f *failures) tell(ctx context.Context, kind failureKind, e event.Event, own func(event.Event) event.Event) error {
	if !f.take(kind, e) {
		return nil
	}
	return errors.Join(f.record(ctx, []event.Event{own(e)}), f.flush(ctx, f.now()))
}

// take counts a failure and reports whether it has an entry of its own.
func (f *failures) take(kind failureKind, e event.Event) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turn(f.now())
	t := f.kinds[kind]
	if t == nil {
		t = &failureTally{}
		f.kinds[kind] = t
	}
	if t.alone < failureBurst {
		t.alone++
		return true
	}
	t.more, t.last = t.more+1, e
	return false
}

// turn begins a minute, if another one was counted before. A minute does not cross
// an hour, so that each failure is counted in its own.
func (f *failures) turn(now time.Time) {
	minute := now.Truncate(failureWindow)
	if minute.Equal(f.minute) {
		return
	}
	for _, t := range f.kinds {
		if t.more > 0 {
			f.shared = append(f.shared, t.last.With("count", strconv.Itoa(t.more)))
		}
	}
	f.minute, f.kinds = minute, map[failureKind]*failureTally{}
}

// flush writes the shared entries of minutes that are over at the given time. What
// cannot be written waits for the next time.
func (f *failures) flush(ctx context.Context, at time.Time) error {
	f.mu.Lock()
	f.turn(at)
	shared := f.shared
	f.shared = nil
	f.mu.Unlock()
	if len(shared) == 0 {
		return nil
	}
	err := f.record(ctx, shared)
	if err != nil {
		f.mu.Lock()
		f.shared = append(f.shared, shared...)
		f.mu.Unlock()
	}
	return err
}

// Run writes what failed sign-ins share an entry for, until ctx ends, and then the rest.
func (l *Login) Run(ctx context.Context) error {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.flush(ctx, l.o.Now())
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellLimit)
			defer cancel()
			l.flush(last, l.o.Now().Add(failureWindow))
			return ctx.Err()
		}
	}
}

func (l *Login) flush(ctx context.Context, at time.Time) {
	if err := l.failures.flush(ctx, at); err != nil {
		l.o.Log.ErrorContext(ctx, "failed sign-ins not recorded", slog.Any("error", err))
	}
}

// Refused records a message of a connection's provider that was refused outside of a
// sign-in: one about signing out.
func (l *Login) Refused(r *http.Request, connection string, cause error) {
	kind := fault.As(cause)
	e := event.New(l.o.Now(), "signout.failed", l.o.Actor(r, identity.Connection(connection)), identity.Connection(connection), "rule", kind.Code, "detail", kind.Detail)
	var reference string // nobody is shown it: the audit entry has it
	if err := l.failures.tell(r.Context(), failureKind{connection, "signout " + kind.Code}, e, l.keepTrace(r, flow{Connection: connection}, trace.SignOut, cause, &reference)); err != nil {
		l.o.Log.ErrorContext(r.Context(), "refused sign-out not recorded", slog.Any("error", err))
	}
}
