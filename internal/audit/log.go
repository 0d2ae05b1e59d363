package audit

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
)

// Appender is the part of Store that Log writes through.
type Appender interface {
	Append(ctx context.Context, events []event.Event) error
}

// LogOptions tune a Log.
type LogOptions struct {
	// Window is how long a commit waits for company, if the one before it had
	// some: who comes alone never waits. 0 waits for nobody: a commit then takes
	// whatever queued while the one before it ran.
	Window time.Duration
	// Max is how many events one commit takes; 0 means 256.
	Max int
	// Timeout bounds one commit; 0 means 5 s.
	Timeout time.Duration
}

// errClosed is what Record returns after Close.
var errClosed = errors.New("the audit log is closed")

// Log records events that belong to no other change, such as an issued token,
// several at a time: what waits for one commit goes into the next together. An
// event is durable when Record returns nil.
type Log struct {
	store Appender
	o     LogOptions
	in    chan entry
	done  chan struct{}

	mu     sync.RWMutex // held for reading while sending, so that Close can wait
	closed bool
}

// entry is what one caller waits for.
type entry struct {
	events []event.Event
	result chan error
}

// NewLog returns a Log that writes until it is closed.
func NewLog(store Appender, o LogOptions) *Log {
	if o.Max == 0 {
		o.Max = 256
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	l := &Log{store: store, o: o, in: make(chan entry, o.Max), done: make(chan struct{})}
	go l.run()
	return l
}

// Record returns nil once the events are durable. When ctx ends first, the
// events may or may not have been written: the caller then answers nothing.
func (l *Log) Record(ctx context.Context, events ...event.Event) error {
	e := entry{events: events, result: make(chan error, 1)}
	if err := l.send(ctx, e); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	select {
	case err := <-e.result:
		return err
	case <-ctx.Done():
		return fmt.Errorf("audit: %w", ctx.Err())
	}
}

func (l *Log) send(ctx context.Context, e entry) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return errClosed
	}
	select {
	case l.in <- e:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close writes what waits and ends the log.
func (l *Log) Close() {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.in)
	}
	l.mu.Unlock()
	<-l.done
}

func (l *Log) run() {
	defer close(l.done)
	busy := false
	for first := range l.in {
		batch := l.gather(first, busy)
		busy = len(batch) > 1
		var events []event.Event
		for _, e := range batch {
			events = append(events, e.events...)
		}
		// No caller's context: one who gives up must not undo the others' entries.
		ctx, cancel := context.WithTimeout(context.Background(), l.o.Timeout)
		err := l.store.Append(ctx, events)
		cancel()
		if err != nil {
			err = fmt.Errorf("audit: %w", err)
		}
		for _, e := range batch {
			e.result <- err
		}
	}
}

// gather takes what waits, up to Max entries, and what comes within the window
// when the log is busy.
func (l *Log) gather(first entry, busy bool) []entry {
	batch := l.waiting(append(make([]entry, 0, 16), first))
	if !busy || l.o.Window == 0 {
		return batch
	}
	window := time.NewTimer(l.o.Window)
	defer window.Stop()
	for len(batch) < l.o.Max {
		select {
		case e, ok := <-l.in:
			if !ok {
				return batch
			}
			batch = append(batch, e)
		case <-window.C:
			return batch
		}
	}
	return batch
}

// waiting adds what is in the queue, and what callers that are ready to run put
// there as soon as they may.
func (l *Log) waiting(batch []entry) []entry {
	for yielded := false; len(batch) < l.o.Max; {
		select {
		case e, ok := <-l.in:
			if !ok {
				return batch
			}
			batch, yielded = append(batch, e), false
		default:
			if yielded {
				return batch
			}
			runtime.Gosched()
			yielded = true
		}
	}
	return batch
}
