package revoke_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/revoke"
)

// running is a sequence that is followed until the test's bubble ends.
func running(t *testing.T, l *ledger) *revoke.Sequence {
	t.Helper()
	s := follow(t, l, nil)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { _ = s.Run(ctx) }() // ends with ctx
	t.Cleanup(func() { cancel(); synctest.Wait() })
	return s
}

func TestAPageHasWhatWasRaisedAboveANumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		for i := range 3 {
			l.raise(time.Now(), identity.Person(strconv.Itoa(i)))
		}
		s := running(t, l)
		p, err := s.Page(t.Context(), 1, 0)
		if err != nil || p.After != 1 || p.Head != 3 || p.More || len(p.Entries) != 2 || p.Entries[0].Number != 2 || p.Entries[1].Ref != identity.Person("2") {
			t.Errorf("%v %+v", err, p)
		}
		if p, err = s.Page(t.Context(), 3, 0); err != nil || p.Head != 3 || len(p.Entries) != 0 {
			t.Errorf("nothing is new: %v %+v", err, p)
		}
		if _, err = s.Page(t.Context(), 4, 0); !errors.Is(err, revoke.ErrStale) {
			t.Errorf("a replica that is behind who asks: %v", err)
		}
	})
}

func TestAPageWaitsForTheNextEntryAndNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		s := running(t, l)
		began := time.Now()
		if p, err := s.Page(t.Context(), 0, 2*time.Second); err != nil || len(p.Entries) != 0 || time.Since(began) != 2*time.Second || p.Age > 100*time.Millisecond {
			t.Errorf("nothing happens: %v %+v after %s", err, p, time.Since(began))
		}
		go func() {
			time.Sleep(500 * time.Millisecond)
			l.raise(time.Now(), identity.Person("alice"))
		}()
		began = time.Now()
		if p, err := s.Page(t.Context(), 0, 2*time.Second); err != nil || len(p.Entries) != 1 || time.Since(began) > 600*time.Millisecond {
			t.Errorf("one entry: %v %+v after %s", err, p, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Page(ctx, 1, 2*time.Second); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who asks has left: %v", err)
		}
		go func() {
			time.Sleep(time.Second)
			s.Release()
		}()
		for range 2 {
			began = time.Now()
			if p, err := s.Page(t.Context(), 1, time.Minute); err != nil || p.Head != 1 || time.Since(began) > time.Second {
				t.Errorf("released: %v %+v after %s", err, p, time.Since(began))
			}
		}
	})
}

func TestThereIsNoPageWhenNobodyCanTell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		s := running(t, l)
		if _, err := s.Page(t.Context(), 0, 0); err != nil {
			t.Fatalf("control: %v", err)
		}
		l.set(func() { l.down = true })
		if _, err := s.Page(t.Context(), 0, 6*time.Second); !errors.Is(err, revoke.ErrStale) {
			t.Errorf("past the staleness bound: %v", err)
		}
		l.set(func() { l.down = false })
		time.Sleep(time.Second)
		l.raise(time.Now(), identity.Person("alice"))
		l.raise(time.Now(), identity.Person("bob"))
		l.set(func() { l.hidden = 1 })
		time.Sleep(time.Second)
		if _, err := s.Page(t.Context(), 0, 0); !errors.Is(err, revoke.ErrStale) {
			t.Errorf("a gap: %v", err)
		}
		l.set(func() { l.hidden = 0 })
		time.Sleep(time.Second)
		if p, err := s.Page(t.Context(), 0, 0); err != nil || p.Head != 2 {
			t.Errorf("the gap is closed: %v %+v", err, p)
		}
	})
}

func TestAPageBeginsAtTheFloorAndIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		s := running(t, l)
		l.raise(time.Now(), identity.Person("old"))
		time.Sleep(21 * time.Minute)
		n := revoke.MaxPage + 7
		for i := range n {
			l.raise(time.Now(), identity.Person(strconv.Itoa(i)))
		}
		time.Sleep(time.Second)
		p, err := s.Page(t.Context(), 0, time.Minute)
		if err != nil || p.After != 1 || p.Floor != 1 || !p.More || len(p.Entries) != revoke.MaxPage || p.Head != revoke.MaxPage+1 {
			t.Fatalf("%v after %d floor %d head %d more %v with %d entries", err, p.After, p.Floor, p.Head, p.More, len(p.Entries))
		}
		p, err = s.Page(t.Context(), p.Head, time.Minute)
		if err != nil || p.More || len(p.Entries) != 7 || p.Head != uint64(n+1) {
			t.Errorf("the rest: %v head %d more %v with %d entries", err, p.Head, p.More, len(p.Entries))
		}
		time.Sleep(21 * time.Minute)
		if p, err = s.Page(t.Context(), 0, time.Minute); err != nil || p.Floor != uint64(n+1) || p.Head != p.Floor || len(p.Entries) != 0 {
			t.Errorf("all is forgotten: %v %+v", err, p)
		}
	})
}

// Package verify has the same.
func TestBlindTellsAPIsDifferentThings(t *testing.T) {
	alice := identity.Person("alice")
	if got := revoke.Blind("payroll-api", alice); got != "DZuY8Et6SiVysywaInE95g" {
		t.Error(got)
	}
	for _, other := range []string{revoke.Blind("ledger-api", alice), revoke.Blind("payroll-api", identity.Session("alice")), revoke.Blind("payroll-api", identity.Person("bob"))} {
		if other == revoke.Blind("payroll-api", alice) {
			t.Errorf("%s stands for two", other)
		}
	}
}
