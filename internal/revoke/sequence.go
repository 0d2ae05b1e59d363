// Package revoke follows the revocation sequence.
//
// Raising a revocation takes the next number of one counter in the transaction
// of the change: numbers are gapless and in commit order, so no clock decides. A
// token carries the ids that may be revoked and rev, the highest number that its
// replica had applied before it read the facts the token is made from. A token is
// refused if any of its ids was raised above its rev.
//
// A replica that meets a gap, or has not heard from the store for the staleness
// bound, refuses everything until it has caught up. Entries older than the
// longest life of a token leave memory; a rev from before them is refused.
package revoke

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// The refusals of Check.
var (
	ErrRevoked = fault.New(fault.Denied, "revoked", "this was revoked")
	ErrStale   = fault.New(fault.Unavailable, "revocation_stale", "whether this was revoked cannot be told at the moment")
)

// topic is where replicas hint that the head has moved.
const topic = "revocations"

// batch is how many entries are read at a time.
const batch = 1000

// backlash is how far a clock may be put right backwards without any notice.
const backlash = time.Second

// Options are what a Sequence needs. Store, Now and Log are required.
type Options struct {
	Store Store
	// Bus hastens what polling finds anyway; nil means polling alone.
	Bus cache.Bus
	Now func() time.Time
	Log *slog.Logger
	// Poll is how often the head is read (100 ms by default); Staleness how long
	// the last answer of the store counts (5 s); Keep how long entries stay in
	// memory (20 min): the longest life of a token, and as far as a clock may be ahead
	// without a good token being refused for it.
	Poll, Staleness, Keep time.Duration
}

// Sequence is one replica's view of what was revoked. It is safe for concurrent use.
type Sequence struct {
	o       Options
	applied atomic.Uint64
	heard   atomic.Int64 // when the store answered last, as UnixNano of Now
	floor   atomic.Uint64
	broken  atomic.Bool // a gap was met and is not closed yet
	hint    chan struct{}

	mu    sync.Mutex // held while catching up
	watch []func(Entry)

	// raisedMu guards what is known. It is written with mu held as well.
	raisedMu sync.RWMutex
	raised   map[identity.Ref]uint64
	entries  []Entry       // in order: for forgetting, and for those who follow from outside
	moved    chan struct{} // closed, and made anew, with every entry

	released sync.Once
	over     chan struct{} // closed when nobody is to wait for entries any more
}

// New returns a Sequence. Call Start before anything is asked of it.
func New(o Options) *Sequence {
	if o.Poll == 0 {
		o.Poll = 100 * time.Millisecond
	}
	if o.Staleness == 0 {
		o.Staleness = 5 * time.Second
	}
	if o.Keep == 0 {
		o.Keep = 20 * time.Minute
	}
	return &Sequence{
		o: o, raised: map[identity.Ref]uint64{}, hint: make(chan struct{}, 1), moved: make(chan struct{}), over: make(chan struct{}),
	}
}

// Watch registers a function that is called for every entry in order, before
// Applied reports it. Register before Start.
func (s *Sequence) Watch(f func(Entry)) { s.watch = append(s.watch, f) }

// Start reads what was raised lately. Nothing may be accepted before it succeeds.
func (s *Sequence) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.o.Now()
	entries, head, err := s.o.Store.Recent(ctx, now.Add(-s.o.Keep))
	if err != nil {
		return fmt.Errorf("read the revocation sequence: %w", err)
	}
	first := head - uint64(len(entries))
	s.floor.Store(first)
	s.applied.Store(first)
	if err := s.apply(entries); err != nil {
		return err
	}
	s.heard.Store(now.UnixNano())
	return nil
}

// Applied returns the highest number that this replica knows of. Read it before
// the facts that a token or session is made from.
func (s *Sequence) Applied() uint64 { return s.applied.Load() }

// Check fails with ErrRevoked if any ref was raised above rev, or if rev is older
// than what is remembered, and with ErrStale when this replica cannot tell.
func (s *Sequence) Check(rev uint64, refs ...identity.Ref) error {
	if rev < s.floor.Load() && !s.stale() {
		return ErrRevoked
	}
	return s.CheckStored(rev, refs...)
}

// Age returns how long ago the store answered last: beyond the staleness bound
// everything is refused.
func (s *Sequence) Age() time.Duration { return s.o.Now().Sub(time.Unix(0, s.heard.Load())) }

// stale tells that nobody knows. An answer from the future is one from before the
// clock was set back: how old it is cannot be told either.
func (s *Sequence) stale() bool {
	age := s.Age()
	return s.broken.Load() || age < -backlash || age > s.o.Staleness
}

// CheckStored is Check for what is kept in the database and ends there with every
// revocation that concerns it, such as a session: it may be older than what is
// remembered here.
func (s *Sequence) CheckStored(rev uint64, refs ...identity.Ref) error {
	if s.stale() {
		return ErrStale
	}
	s.raisedMu.RLock()
	defer s.raisedMu.RUnlock()
	for _, ref := range refs {
		if s.raised[ref] > rev {
			return fmt.Errorf("%w: %s", ErrRevoked, ref.Kind)
		}
	}
	return nil
}

// Sync catches up with the head and tells the other replicas that it moved. It
// is called after every commit that raised something.
func (s *Sequence) Sync(ctx context.Context) error {
	if err := s.catchUp(ctx); err != nil {
		return err
	}
	if s.o.Bus != nil {
		if err := s.o.Bus.Publish(ctx, topic, nil); err != nil {
			s.o.Log.WarnContext(ctx, "revocation hint not sent, others will poll", slog.Any("error", err))
		}
	}
	return nil
}

// Run follows the sequence until ctx ends.
func (s *Sequence) Run(ctx context.Context) error {
	if s.o.Bus != nil {
		if err := s.o.Bus.Subscribe(ctx, topic, func([]byte) { s.wake() }); err != nil {
			s.o.Log.WarnContext(ctx, "no revocation hints, polling only", slog.Any("error", err))
		}
	}
	tick := time.NewTicker(s.o.Poll)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		case <-s.hint:
		}
		err := s.catchUp(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			s.o.Log.ErrorContext(ctx, "the revocation sequence cannot be followed", slog.Any("error", err))
		}
		failing = err != nil
	}
}

func (s *Sequence) wake() {
	select {
	case s.hint <- struct{}{}:
	default: // a wake-up is pending already
	}
}

func (s *Sequence) catchUp(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	// A question that is never answered must not stand before the next one.
	ctx, cancel := context.WithTimeout(ctx, s.o.Staleness/2)
	defer cancel()
	asked := s.o.Now()
	for {
		entries, err := s.o.Store.Since(ctx, s.applied.Load(), batch)
		if err != nil {
			return fmt.Errorf("follow the revocation sequence: %w", err)
		}
		if err := s.apply(entries); err != nil {
			return err
		}
		if len(entries) < batch {
			break
		}
	}
	s.broken.Store(false)
	s.heard.Store(asked.UnixNano())
	s.forget(asked.Add(-s.o.Keep))
	return nil
}

// apply takes entries over in order. It stops at a gap, which is refused until
// it is closed: what is missing may be what the next token carries.
func (s *Sequence) apply(entries []Entry) error {
	for _, e := range entries {
		if want := s.applied.Load() + 1; e.Number != want {
			s.broken.Store(true)
			return fault.New(fault.Unavailable, "revocation_gap", "the revocation sequence has a gap: %d follows %d", e.Number, want-1)
		}
		s.raisedMu.Lock()
		s.raised[e.Ref] = e.Number
		s.entries = append(s.entries, e)
		close(s.moved)
		s.moved = make(chan struct{})
		s.raisedMu.Unlock()
		for _, f := range s.watch {
			f(e)
		}
		s.applied.Store(e.Number)
	}
	return nil
}

// forget drops entries that were raised before the given time.
func (s *Sequence) forget(before time.Time) {
	n := 0
	for n < len(s.entries) && s.entries[n].Raised.Before(before) {
		n++
	}
	if n == 0 {
		return
	}
	s.raisedMu.Lock()
	defer s.raisedMu.Unlock()
	s.floor.Store(s.entries[n-1].Number)
	for _, e := range s.entries[:n] {
		if s.raised[e.Ref] == e.Number {
			delete(s.raised, e.Ref)
		}
	}
	s.entries = append(s.entries[:0], s.entries[n:]...)
}
