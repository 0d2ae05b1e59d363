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
	// Window is how long a commit waits for those who are known to be on their way:
	// as many as there were in the one before it and while that ran. Who comes alone
	// never waits. 0 waits for nobody: a commit then takes whatever queued while the
	// one before it ran.
	Window time.Duration
	// Max is how many callers share one commit; 0 means 256.
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
	store       Appender
	o           LogOptions
	stop, ended chan struct{}

	mu     sync.Mutex
	next   *commit
	closed bool
}

// commit is what is written together, and what its callers wait for.
type commit struct {
	events  []event.Event
	callers int
	// wanted is how many callers are waited for; enough is closed when they are there.
	wanted int
	enough chan struct{}
	begun  chan struct{} // closed when there is a caller
	taken  chan struct{} // closed when no caller can be added
	done   chan struct{} // closed when err is set
	err    error
}

func newCommit() *commit {
	return &commit{enough: make(chan struct{}), begun: make(chan struct{}), taken: make(chan struct{}), done: make(chan struct{})}
}

// NewLog returns a Log that writes until it is closed.
func NewLog(store Appender, o LogOptions) *Log {
	if o.Max == 0 {
		o.Max = 256
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	l := &Log{store: store, o: o, next: newCommit(), stop: make(chan struct{}), ended: make(chan struct{})}
	go l.run()
	return l
}

// Record returns nil once the events are durable. When ctx ends first, the
// events may or may not have been written: the caller then answers nothing.
func (l *Log) Record(ctx context.Context, events ...event.Event) error {
	for {
		c, added, err := l.add(events)
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		until := c.done
		if !added {
			until = c.taken
		}
		select {
		case <-until:
			if added {
				return c.err
			}
		case <-ctx.Done():
			return fmt.Errorf("audit: %w", ctx.Err())
		}
	}
}

// add adds a caller's events to the next commit, unless that is full.
func (l *Log) add(events []event.Event) (c *commit, added bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c = l.next
	switch {
	case l.closed:
		return nil, false, errClosed
	case c.callers == l.o.Max:
		return c, false, nil
	}
	c.events, c.callers = append(c.events, events...), c.callers+1
	if c.callers == 1 {
		close(c.begun)
	}
	if c.callers == c.wanted {
		close(c.enough)
	}
	return c, true, nil
}

// Close writes what waits and ends the log.
func (l *Log) Close() {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.stop)
	}
	l.mu.Unlock()
	<-l.ended
}

func (l *Log) run() {
	defer close(l.ended)
	for c := l.next; ; {
		select {
		case <-c.begun:
			l.gather(c)
		case <-l.stop:
		}
		if l.take(c); c.callers == 0 {
			return
		}
		// No caller's context: one who gives up must not undo the others' entries.
		ctx, cancel := context.WithTimeout(context.Background(), l.o.Timeout)
		err := l.store.Append(ctx, c.events)
		cancel()
		if err != nil {
			c.err = fmt.Errorf("audit: %w", err)
		}
		next := l.expect(c.callers)
		close(c.done)
		c = next
	}
}

// take ends the time in which callers are added to c, and begins another commit.
func (l *Log) take(c *commit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next = newCommit()
	close(c.taken)
}

// expect has the next commit wait for those whom the one before it answers now,
// beside those who came while it ran.
func (l *Log) expect(answered int) *commit {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next.wanted = min(l.next.callers+answered, l.o.Max)
	return l.next
}

// gather waits for those who are expected, and lets callers that are ready to run
// join as soon as they may.
func (l *Log) gather(c *commit) {
	if c.wanted > 1 && l.callers(c) < c.wanted && l.o.Window > 0 {
		window := time.NewTimer(l.o.Window)
		defer window.Stop()
		select {
		case <-c.enough:
		case <-window.C:
		case <-l.stop:
		}
	}
	for before, now := 0, l.callers(c); now > before; before, now = now, l.callers(c) {
		runtime.Gosched()
	}
}

func (l *Log) callers(c *commit) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return c.callers
}
