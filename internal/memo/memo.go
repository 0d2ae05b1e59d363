// Package memo remembers what a store said a moment ago, for what every request asks.
//
// However many ask at once, one of them reads, and the others get what it got: a store
// that stands still keeps each of them waiting for one reading at most, and not for
// those of everybody before them. While it does not answer, what it said a short time
// ago still counts, and it is left in peace for as long as an answer would have been
// remembered.
package memo

import (
	"context"
	"sync"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// readTime bounds a reading.
const readTime = 10 * time.Second

// Options say what is remembered, and for how long.
type Options[T any] struct {
	// Read asks the store. What it returns is shared, and must not be changed.
	Read func(ctx context.Context) (T, error)
	// Life is how long an answer counts. Spare is how old it may be while the store is
	// fault.Unavailable.
	Life, Spare time.Duration
	Now         func() time.Time
}

// Memo remembers one answer. It is safe for concurrent use.
type Memo[T any] struct {
	o Options[T]

	mu    sync.Mutex
	value T
	read  time.Time // when value was asked for; zero for none
	tried time.Time // when the store last did not answer
	under *reading[T]
}

// reading is one question to the store, and what came of it.
type reading[T any] struct {
	done  chan struct{} // closed when the rest is set
	value T
	err   error
}

// New returns a Memo that remembers nothing yet.
func New[T any](o Options[T]) *Memo[T] { return &Memo[T]{o: o} }

// Get returns what the store says, or said less than Life ago. It fails with what Read
// fails with, or when ctx ends.
func (m *Memo[T]) Get(ctx context.Context) (T, error) {
	now := m.o.Now()
	m.mu.Lock()
	if m.counts(now) {
		defer m.mu.Unlock()
		return m.value, nil
	}
	under := m.under
	if under == nil {
		under = &reading[T]{done: make(chan struct{})}
		m.under = under
		m.mu.Unlock()
		m.ask(ctx, under, now)
		return under.value, under.err
	}
	m.mu.Unlock()
	select {
	case <-under.done:
		return under.value, under.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// Forget makes the next Get ask, also while another asks already.
func (m *Memo[T]) Forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.read, m.tried, m.under = time.Time{}, time.Time{}, nil
}

// counts reports whether the value still does.
func (m *Memo[T]) counts(now time.Time) bool {
	if m.read.IsZero() {
		return false
	}
	age := now.Sub(m.read)
	return age < m.o.Life || age < m.o.Spare && now.Sub(m.tried) < m.o.Life
}

// ask reads, at time now, for everybody who waits: the one who happens to ask may go.
func (m *Memo[T]) ask(ctx context.Context, r *reading[T], now time.Time) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTime)
	defer cancel()
	r.value, r.err = m.o.Read(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	defer close(r.done)
	current := m.under == r // or it was forgotten meanwhile
	if current {
		m.under = nil
	}
	switch {
	case r.err == nil && current:
		m.value, m.read = r.value, now
	case r.err == nil:
	case fault.KindOf(r.err) == fault.Unavailable && current && !m.read.IsZero() && m.o.Now().Sub(m.read) < m.o.Spare:
		m.tried = m.o.Now()
		r.value, r.err = m.value, nil
	}
}
