package audit_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// slow takes a second for each commit.
type slow struct {
	mu      sync.Mutex
	commits [][]event.Event
	broken  error
}

func (s *slow) Append(_ context.Context, events []event.Event) error {
	time.Sleep(time.Second) // the bubble's clock
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return s.broken
	}
	s.commits = append(s.commits, events)
	return nil
}

func happened(n int) event.Event {
	return event.New(time.Now(), "token.issued", identity.System("test"), identity.Ref{Kind: identity.KindToken, ID: strconv.Itoa(n)})
}

func TestEntriesThatWaitShareACommitAndAreDurableWhenTheCallerKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		l := audit.NewLog(s, audit.LogOptions{Max: 4})
		began := time.Now()
		var group sync.WaitGroup
		for i := range 9 {
			group.Go(func() {
				if err := l.Record(t.Context(), happened(i)); err != nil {
					t.Error(err)
				}
				s.mu.Lock()
				defer s.mu.Unlock()
				for _, commit := range s.commits {
					for _, e := range commit {
						if e.Subject.ID == strconv.Itoa(i) {
							return
						}
					}
				}
				t.Errorf("entry %d is not durable, and its caller goes on", i)
			})
		}
		group.Wait()
		total := 0
		for _, commit := range s.commits {
			total += len(commit)
			if len(commit) > 4 {
				t.Errorf("%d in one commit", len(commit))
			}
		}
		if total != 9 || len(s.commits) > 4 || time.Since(began) > 4*time.Second {
			t.Errorf("%d entries in %d commits, %s", total, len(s.commits), time.Since(began))
		}
		l.Close()
	})
}

func TestWhoComesAloneDoesNotWaitForCompany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		l := audit.NewLog(s, audit.LogOptions{Window: time.Hour})
		began := time.Now()
		if err := l.Record(t.Context(), happened(1)); err != nil || time.Since(began) != time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		l.Close()
	})
}

// Under load those who were answered come again, each in its own time. A commit that
// took whoever was there first would be two: one for the first of them, one for the
// rest.
func TestACommitWaitsForThoseWhoAreOnTheirWay(t *testing.T) {
	const callers, rounds = 16, 10
	commits := func(t *testing.T, window time.Duration) int {
		s := &slow{}
		l := audit.NewLog(s, audit.LogOptions{Window: window})
		var group sync.WaitGroup
		for i := range callers {
			group.Go(func() {
				for range rounds {
					time.Sleep(time.Duration(i) * time.Millisecond) // the bubble's clock
					if err := l.Record(t.Context(), happened(i)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		l.Close()
		return len(s.commits)
	}
	synctest.Test(t, func(t *testing.T) {
		// The first finds nobody on the way, and is alone.
		if n := commits(t, time.Minute); n > rounds+1 {
			t.Errorf("%d commits for %d rounds of %d callers", n, rounds, callers)
		}
		if n := commits(t, 0); n < 2*rounds-1 {
			t.Errorf("control: without waiting there are %d commits", n)
		}
	})
}

func TestTheWindowEndsTheWaitForThoseWhoDoNotCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		l := audit.NewLog(s, audit.LogOptions{Window: 100 * time.Millisecond})
		var group sync.WaitGroup
		for i := range 3 {
			group.Go(func() {
				time.Sleep(time.Duration(min(i, 1)) * 500 * time.Millisecond) // two come while the first is written
				_ = l.Record(t.Context(), happened(i))
			})
		}
		group.Wait()
		began := time.Now()
		if err := l.Record(t.Context(), happened(4)); err != nil || time.Since(began) != 1100*time.Millisecond {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		l.Close()
	})
}

func TestAFailedCommitFailsEverybodyInItAndNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{broken: errors.New("disk full")}
		l := audit.NewLog(s, audit.LogOptions{})
		results := make(chan error, 3)
		for i := range 3 {
			go func() { results <- l.Record(t.Context(), happened(i)) }()
		}
		for range 3 {
			if err := <-results; !errors.Is(err, s.broken) {
				t.Errorf("%v", err)
			}
		}
		s.mu.Lock()
		s.broken = nil
		s.mu.Unlock()
		if err := l.Record(t.Context(), happened(4)); err != nil {
			t.Errorf("the next commit: %v", err)
		}
		l.Close()
	})
}

func TestWhoGivesUpUndoesNobodysEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		l := audit.NewLog(s, audit.LogOptions{})
		hasty, cancel := context.WithCancel(t.Context())
		gaveUp, waited := make(chan error, 1), make(chan error, 1)
		go func() { gaveUp <- l.Record(hasty, happened(1)) }()
		go func() { waited <- l.Record(t.Context(), happened(2)) }()
		time.Sleep(time.Millisecond)
		cancel()
		if err := <-gaveUp; !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		if err := <-waited; err != nil {
			t.Errorf("%v", err)
		}
		l.Close()
		total := 0
		for _, commit := range s.commits {
			total += len(commit)
		}
		if total != 2 {
			t.Errorf("%d entries", total)
		}
		if err := l.Record(t.Context(), happened(3)); err == nil {
			t.Error("recorded after the end")
		}
	})
}
