package memo_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/memo"
)

var errDown = fault.New(fault.Unavailable, "store_unavailable", "the store does not answer")

// store answers with how often it was asked, after a time.
type store struct {
	asked atomic.Int64
	takes time.Duration
	err   error
}

func (s *store) read(ctx context.Context) (int64, error) {
	n := s.asked.Add(1)
	select {
	case <-time.After(s.takes): // the bubble's clock
		return n, s.err
	case <-ctx.Done():
		return 0, errDown
	}
}

func of(s *store) *memo.Memo[int64] {
	return memo.New(memo.Options[int64]{Read: s.read, Life: time.Second, Spare: time.Minute, Now: time.Now})
}

func TestAnAnswerCountsForItsLifeAndNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{}
		m := of(s)
		for i, want := range []int64{1, 1, 2} {
			time.Sleep(time.Duration(i) * 600 * time.Millisecond)
			if n, err := m.Get(t.Context()); n != want || err != nil {
				t.Errorf("question %d: %d %v", i, n, err)
			}
		}
		m.Forget()
		if n, err := m.Get(t.Context()); n != 3 || err != nil {
			t.Errorf("after Forget: %d %v", n, err)
		}
	})
}

// A mutex held while the store is read would have the last of them wait for a hundred readings.
func TestAStoreThatStandsStillKeepsEverybodyWaitingOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{takes: time.Hour}
		m := of(s)
		began := time.Now()
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if _, err := m.Get(t.Context()); !errors.Is(err, errDown) {
					t.Errorf("%v", err)
				}
			})
		}
		all.Wait()
		if took := time.Since(began); took != 10*time.Second || s.asked.Load() != 1 {
			t.Errorf("%s, asked %d times", took, s.asked.Load())
		}
	})
}

func TestWhatWasSaidLatelyGoesOnWhileTheStoreDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{}
		m := of(s)
		if n, err := m.Get(t.Context()); n != 1 || err != nil {
			t.Fatalf("%d %v", n, err)
		}
		s.err = errDown
		time.Sleep(2 * time.Second)
		for range 10 { // it is asked once in a life
			if n, err := m.Get(t.Context()); n != 1 || err != nil {
				t.Errorf("while it is down: %d %v", n, err)
			}
		}
		if n := s.asked.Load(); n != 2 {
			t.Errorf("asked %d times", n)
		}
		time.Sleep(time.Minute)
		if _, err := m.Get(t.Context()); !errors.Is(err, errDown) {
			t.Errorf("after the spare time: %v", err)
		}
		s.err = nil
		if n, err := m.Get(t.Context()); n != 4 || err != nil {
			t.Errorf("when it is back: %d %v", n, err)
		}
		s.err = errors.New("no answer that could be read")
		time.Sleep(2 * time.Second)
		if _, err := m.Get(t.Context()); !errors.Is(err, s.err) {
			t.Errorf("an error of another kind: %v", err)
		}
	})
}

// What was read before a change is no answer to who asks after it.
func TestAReadingUnderWayIsForgottenToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{takes: time.Second / 2}
		m := of(s)
		before := make(chan int64)
		go func() {
			n, _ := m.Get(t.Context())
			before <- n
		}()
		synctest.Wait()
		m.Forget()
		if n, err := m.Get(t.Context()); n != 2 || err != nil {
			t.Errorf("after the change: %d %v", n, err)
		}
		if n := <-before; n != 1 {
			t.Errorf("before it: %d", n)
		}
		if n, err := m.Get(t.Context()); n != 2 || err != nil {
			t.Errorf("remembered: %d %v", n, err)
		}
	})
}

func TestWhoGivesUpLeavesTheReadingToTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := of(&store{takes: time.Second})
		hasty, cancel := context.WithCancel(t.Context())
		first := make(chan error, 1)
		go func() {
			_, err := m.Get(hasty)
			first <- err
		}()
		synctest.Wait()
		second, gaveUp := context.WithTimeout(t.Context(), time.Second/2)
		defer gaveUp()
		cancel()
		if _, err := m.Get(second); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who waits half a second: %v", err)
		}
		if n, err := m.Get(t.Context()); n != 1 || err != nil {
			t.Errorf("who waits: %d %v", n, err)
		}
		if err := <-first; err != nil {
			t.Errorf("who asked: %v", err)
		}
	})
}
