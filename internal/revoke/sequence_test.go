package revoke_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/revoke"
)

// ledger is the database's sequence.
type ledger struct {
	mu      sync.Mutex
	entries []revoke.Entry
	hidden  uint64 // a number that cannot be read, as after a damaged restore
	down    bool
	mute    bool // questions are never answered
}

var errDown = errors.New("no database")

func (l *ledger) raise(at time.Time, ref identity.Ref) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := uint64(len(l.entries) + 1)
	l.entries = append(l.entries, revoke.Entry{Number: n, Ref: ref, Raised: at})
	return n
}

func (l *ledger) set(change func()) { l.mu.Lock(); defer l.mu.Unlock(); change() }

func (l *ledger) read(match func(revoke.Entry) bool) ([]revoke.Entry, error) {
	if l.down {
		return nil, errDown
	}
	var all []revoke.Entry
	for _, e := range l.entries {
		if e.Number != l.hidden && match(e) {
			all = append(all, e)
		}
	}
	return all, nil
}

func (l *ledger) Head(context.Context) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.entries)), nil
}

func (l *ledger) Since(ctx context.Context, after uint64, limit int) ([]revoke.Entry, error) {
	l.mu.Lock()
	if l.mute {
		l.mu.Unlock()
		<-ctx.Done()
		return nil, ctx.Err()
	}
	defer l.mu.Unlock()
	all, err := l.read(func(e revoke.Entry) bool { return e.Number > after })
	return all[:min(len(all), limit)], err
}

func (l *ledger) Recent(_ context.Context, t time.Time) ([]revoke.Entry, uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// From the first on, as storage has it: an entry's time is its maker's clock.
	first := slices.IndexFunc(l.entries, func(e revoke.Entry) bool { return !e.Raised.Before(t) })
	all, err := l.read(func(e revoke.Entry) bool { return first >= 0 && e.Number > uint64(first) })
	return all, uint64(len(l.entries)), err
}

func follow(t testing.TB, l *ledger, bus cache.Bus) *revoke.Sequence {
	t.Helper()
	s := revoke.New(revoke.Options{Store: l, Bus: bus, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestATokenIsRefusedForWhatWasRaisedAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		l.raise(time.Now(), identity.Person("alice"))
		s := follow(t, l, nil)
		rev := s.Applied()
		alice, bob := identity.Person("alice"), identity.Person("bob")
		if err := s.Check(rev, alice, bob); rev != 1 || err != nil {
			t.Fatalf("raised before the token: %d %v", rev, err)
		}
		var watched []uint64
		s.Watch(func(e revoke.Entry) { watched = append(watched, e.Number, s.Applied()) })
		n := l.raise(time.Now(), bob)
		if err := s.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Check(rev, alice, bob); !errors.Is(err, revoke.ErrRevoked) {
			t.Errorf("raised after the token: %v", err)
		}
		if err := errors.Join(s.Check(rev, alice), s.Check(n, alice, bob), s.Check(rev, identity.Session("bob"))); err != nil {
			t.Errorf("others, later tokens, other kinds: %v", err)
		}
		if !slices.Equal(watched, []uint64{2, 1}) {
			t.Errorf("who watches is told before it counts as applied: %v", watched)
		}
	})
}

func TestAGapOrSilenceRefusesUntilItIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		s := follow(t, l, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		fine := func() bool { return s.Check(s.Applied(), identity.Person("alice")) == nil }
		stale := func() bool { return errors.Is(s.Check(s.Applied(), identity.Person("alice")), revoke.ErrStale) }
		time.Sleep(time.Minute) // the bubble's clock: nobody waits
		if !fine() {
			t.Error("control: nothing was raised for a minute")
		}
		l.set(func() { l.down = true })
		time.Sleep(4 * time.Second)
		if !fine() {
			t.Error("within the staleness bound")
		}
		time.Sleep(2 * time.Second)
		if !stale() {
			t.Error("past the staleness bound")
		}
		if err := s.CheckStored(0, identity.Person("alice")); !errors.Is(err, revoke.ErrStale) {
			t.Errorf("what is stored, past the bound: %v", err)
		}
		l.set(func() { l.down = false })
		time.Sleep(200 * time.Millisecond)
		if !fine() {
			t.Error("the database is back")
		}
		l.raise(time.Now(), identity.App("one"))
		l.raise(time.Now(), identity.App("two"))
		l.set(func() { l.hidden = 1 })
		time.Sleep(200 * time.Millisecond)
		if !stale() || s.Applied() != 0 {
			t.Errorf("a gap, applied %d", s.Applied())
		}
		l.set(func() { l.hidden = 0 })
		time.Sleep(200 * time.Millisecond)
		if !fine() || s.Applied() != 2 {
			t.Errorf("the gap is closed, applied %d", s.Applied())
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestAQuestionThatIsNeverAnsweredDoesNotStandBeforeTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		s := follow(t, l, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		check := func() error { return s.Check(s.Applied(), identity.Person("alice")) }
		l.set(func() { l.mute = true })
		time.Sleep(6 * time.Second)
		if err := check(); !errors.Is(err, revoke.ErrStale) {
			t.Errorf("past the staleness bound: %v", err)
		}
		l.set(func() { l.mute = false })
		time.Sleep(3 * time.Second)
		if err := check(); err != nil {
			t.Errorf("the database answers others again: %v", err)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// A clock that is set back must not make an old answer look new, nor a lost
// database like one that just answered.
func TestAClockThatIsSetBackMakesNoAnswerYounger(t *testing.T) {
	l, offset := &ledger{}, time.Duration(0)
	s := revoke.New(revoke.Options{Store: l, Now: func() time.Time { return time.Now().Round(0).Add(offset) }, Log: slog.New(slog.DiscardHandler)})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	alice := identity.Person("alice")
	if err := s.Check(0, alice); err != nil {
		t.Fatalf("control: %v", err)
	}
	offset = -10 * time.Minute
	if err := s.Check(0, alice); !errors.Is(err, revoke.ErrStale) {
		t.Errorf("an answer from the future: %v", err)
	}
	if err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(0, alice); err != nil {
		t.Errorf("answered by the new clock: %v", err)
	}
}

func TestAReplicaFollowsByHintAndWithoutOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		bus := cache.NewMemory(time.Now, time.Time{})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		here, there, alone := follow(t, l, bus), follow(t, l, bus), follow(t, l, nil)
		for _, s := range []*revoke.Sequence{here, there, alone} {
			go func() { _ = s.Run(ctx) }() // ends with ctx
		}
		synctest.Wait()
		l.raise(time.Now(), identity.Person("alice"))
		if err := here.Sync(ctx); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // no time passes
		if here.Applied() != 1 || there.Applied() != 1 {
			t.Errorf("by hint: %d, %d", here.Applied(), there.Applied())
		}
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if alone.Applied() != 1 {
			t.Errorf("by polling: %d", alone.Applied())
		}
		cancel()
		synctest.Wait()
	})
}

func TestWhatIsOlderThanMemoryIsRefusedUnlessItIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		s := follow(t, l, nil)
		before := s.Applied()
		l.raise(time.Now(), identity.Person("alice"))
		time.Sleep(21 * time.Minute)
		if err := s.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		bob := identity.Person("bob")
		if err := s.Check(before, bob); !errors.Is(err, revoke.ErrRevoked) {
			t.Errorf("a token from before memory: %v", err)
		}
		if err := errors.Join(s.Check(s.Applied(), bob), s.CheckStored(before, bob)); err != nil {
			t.Errorf("a later token, and a session that is stored: %v", err)
		}
		// A replica that starts now remembers no more.
		if late := follow(t, l, nil); late.Applied() != 1 || !errors.Is(late.Check(before, bob), revoke.ErrRevoked) {
			t.Errorf("applied %d, %v", late.Applied(), late.Check(before, bob))
		}
	})
}

// Any order of raising and following answers as a model that knows everything.
func TestCheckAgreesWithAModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := &ledger{}
		s := follow(t, l, nil)
		type held struct {
			ref identity.Ref
			rev uint64
		}
		var tokens []held
		known := map[identity.Ref]uint64{}
		var pending []held
		person := func() identity.Ref { return identity.Person(strconv.Itoa(rapid.IntRange(0, 3).Draw(rt, "person"))) }
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			switch rapid.IntRange(0, 2).Draw(rt, "step") {
			case 0:
				tokens = append(tokens, held{person(), s.Applied()})
			case 1:
				ref := person()
				pending = append(pending, held{ref, l.raise(time.Now(), ref)})
			case 2:
				if err := s.Sync(t.Context()); err != nil {
					rt.Fatal(err)
				}
				for _, p := range pending {
					known[p.ref] = p.rev
				}
				pending = nil
			}
			for _, held := range tokens {
				if got, want := s.Check(held.rev, held.ref) != nil, known[held.ref] > held.rev; got != want {
					rt.Fatalf("%v at %d: refused %v, want %v", held.ref, held.rev, got, want)
				}
			}
		}
	})
}
