// Package cachetest is what every cache.Engine must do, as tests that run on each.
package cachetest

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// Bench is an engine under test, born at Born.
type Bench struct {
	cache.Engine
	Now  func() time.Time
	Born time.Time
	// Pass lets time go by, as far as the engine's clock is in the test's hand.
	Pass func(time.Duration)
}

// limit is how long an engine with a clock of its own may take to forget.
const limit = 10 * time.Second

// Run runs the suite. open returns a new, empty engine.
func Run(t *testing.T, open func(t *testing.T) *Bench) {
	for name, test := range map[string]func(*testing.T, *Bench){
		"values": values, "purposes": purposes, "expiry": expiry, "take once": takeOnce, "swap": swap, "swap once": swapOnce,
		"first": first, "first once": firstOnce, "before birth": beforeBirth, "pace": pace, "bus": bus,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// awaits polls until condition holds: an engine may forget on a clock of its own.
func awaits(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(limit)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("it never came true that %s", what)
		case <-tick.C:
		}
	}
}

func (b *Bench) put(t *testing.T, p cache.Purpose, key, value string, ttl time.Duration) {
	t.Helper()
	if err := b.Put(t.Context(), p, key, []byte(value), ttl); err != nil {
		t.Fatal(err)
	}
}

// get returns the value, "" for none.
func (b *Bench) get(t *testing.T, p cache.Purpose, key string) string {
	t.Helper()
	value, ok, err := b.Get(t.Context(), p, key)
	if err != nil || ok != (value != nil) {
		t.Fatalf("%q %v %v", value, ok, err)
	}
	return string(value)
}

func values(t *testing.T, b *Bench) {
	binary := string([]byte{0, 255, '\r', '\n', 0})
	b.put(t, "login", "k", "old", time.Hour)
	b.put(t, "login", "k", binary, time.Hour)
	if got := b.get(t, "login", "k"); got != binary {
		t.Errorf("%q", got)
	}
	if err := b.Delete(t.Context(), "login", "k"); err != nil {
		t.Fatal(err)
	}
	if got := b.get(t, "login", "k"); got != "" {
		t.Errorf("deleted, and still %q", got)
	}
	if err := b.Delete(t.Context(), "login", "k"); err != nil {
		t.Errorf("delete what is not there: %v", err)
	}
}

// purposes are never mixed up, however their names and keys are joined.
func purposes(t *testing.T, b *Bench) {
	b.put(t, "login", "a:b", "value", time.Hour)
	for _, other := range []struct{ purpose, key string }{{"code", "a:b"}, {"login:a", "b"}, {"", "login:a:b"}, {"logi", "na:b"}} {
		if got := b.get(t, cache.Purpose(other.purpose), other.key); got != "" {
			t.Errorf("(%s, %s) reads %q", other.purpose, other.key, got)
		}
		if _, ok, err := b.Take(t.Context(), cache.Purpose(other.purpose), other.key); ok || err != nil {
			t.Errorf("(%s, %s) takes it: %v", other.purpose, other.key, err)
		}
	}
	if got := b.get(t, "login", "a:b"); got != "value" {
		t.Errorf("%q", got)
	}
}

func expiry(t *testing.T, b *Bench) {
	b.put(t, "login", "short", "value", 20*time.Millisecond)
	b.put(t, "login", "long", "value", time.Hour)
	b.Pass(20 * time.Millisecond)
	awaits(t, "what expired is gone", func() bool { return b.get(t, "login", "short") == "" })
	if got := b.get(t, "login", "long"); got != "value" {
		t.Errorf("%q", got)
	}
}

// race runs do at once from many goroutines and returns how many got true.
func race(t *testing.T, do func(i int) (bool, error)) int64 {
	t.Helper()
	var group sync.WaitGroup
	var won atomic.Int64
	for i := range 32 {
		group.Go(func() {
			ok, err := do(i)
			if err != nil {
				t.Error(err)
			}
			if ok {
				won.Add(1)
			}
		})
	}
	group.Wait()
	return won.Load()
}

func takeOnce(t *testing.T, b *Bench) {
	b.put(t, "login", "k", "value", time.Hour)
	won := race(t, func(int) (bool, error) {
		value, ok, err := b.Take(t.Context(), "login", "k")
		if ok && string(value) != "value" {
			return ok, fmt.Errorf("took %q", value)
		}
		return ok, err
	})
	if won != 1 {
		t.Errorf("%d took it", won)
	}
}

func swap(t *testing.T, b *Bench) {
	ctx := t.Context()
	if ok, err := b.Swap(ctx, "login", "k", []byte("old"), []byte("new"), time.Hour); ok || err != nil {
		t.Errorf("swapped what is not there: %v", err)
	}
	b.put(t, "login", "k", "old", 30*time.Millisecond)
	if ok, err := b.Swap(ctx, "login", "k", []byte("other"), []byte("new"), time.Hour); ok || err != nil {
		t.Errorf("swapped what is not old: %v", err)
	}
	// The comparison may come late on an engine with a clock of its own: put anew.
	b.put(t, "login", "k", "old", time.Hour)
	if ok, err := b.Swap(ctx, "login", "k", []byte("old"), []byte("new"), 20*time.Millisecond); !ok || err != nil {
		t.Fatalf("not swapped: %v", err)
	}
	b.Pass(20 * time.Millisecond)
	awaits(t, "the new life time counts", func() bool { return b.get(t, "login", "k") == "" })
}

func swapOnce(t *testing.T, b *Bench) {
	b.put(t, "login", "k", "old", time.Hour)
	won := race(t, func(i int) (bool, error) {
		return b.Swap(t.Context(), "login", "k", []byte("old"), []byte{'n', byte(i)}, time.Hour)
	})
	if won != 1 {
		t.Errorf("%d swapped it", won)
	}
}

// issued is a time that every engine has lived through.
func (b *Bench) issued() time.Time { return b.Born.Add(cache.Skew) }

func first(t *testing.T, b *Bench) {
	ctx, issued := t.Context(), b.issued()
	see := func(p cache.Purpose, key string, life time.Duration) bool {
		t.Helper()
		isNew, err := b.First(ctx, p, key, issued, b.Now().Add(life))
		if err != nil {
			t.Fatal(err)
		}
		return isNew
	}
	if !see("jti", "a", time.Hour) || see("jti", "a", time.Hour) {
		t.Error("a jti must be new once")
	}
	if !see("assertion", "a", time.Hour) || !see("jti", "b", time.Hour) {
		t.Error("another purpose, another key")
	}
	if !see("jti", "short", 20*time.Millisecond) {
		t.Error("short is new")
	}
	b.Pass(20 * time.Millisecond)
	awaits(t, "what has expired is forgotten", func() bool { return see("jti", "short", time.Millisecond) })
	if see("jti", "a", time.Hour) {
		t.Error("forgotten before its time")
	}
}

func firstOnce(t *testing.T, b *Bench) {
	won := race(t, func(int) (bool, error) {
		return b.First(t.Context(), "jti", "k", b.issued(), b.Now().Add(time.Hour))
	})
	if won != 1 {
		t.Errorf("%d were first", won)
	}
}

func beforeBirth(t *testing.T, b *Bench) {
	for what, issued := range map[string]time.Time{
		"unknown": {}, "before the birth": b.Born.Add(-time.Minute), "within the skew": b.Born.Add(cache.Skew - time.Millisecond),
	} {
		if isNew, err := b.First(t.Context(), "jti", what, issued, b.Now().Add(time.Hour)); isNew || fault.KindOf(err) != fault.Unauthenticated {
			t.Errorf("%s: %v %v", what, isNew, err)
		}
	}
	if isNew, err := b.First(t.Context(), "jti", "k", b.issued(), b.Now().Add(time.Hour)); !isNew || err != nil {
		t.Errorf("issued in our time: %v %v", isNew, err)
	}
}

func pace(t *testing.T, b *Bench) {
	ctx := t.Context()
	take := func(key string, rate cache.Rate) time.Duration {
		t.Helper()
		wait, err := b.Pace(ctx, "rate", key, rate)
		if err != nil {
			t.Fatal(err)
		}
		return wait
	}
	slow := cache.Rate{Burst: 3, Every: time.Hour}
	for i := range 3 {
		if wait := take("k", slow); wait != 0 {
			t.Errorf("%d of 3 waits %s", i+1, wait)
		}
	}
	for range 3 { // what is refused takes nothing
		if wait := take("k", slow); wait <= 50*time.Minute || wait > time.Hour {
			t.Errorf("the fourth waits %s of an hour", wait)
		}
	}
	if wait := take("l", slow); wait != 0 {
		t.Errorf("another key waits %s", wait)
	}
	if wait, err := b.Pace(ctx, "other", "k", slow); wait != 0 || err != nil {
		t.Errorf("another purpose waits %s, %v", wait, err)
	}
	quick := cache.Rate{Burst: 1, Every: 20 * time.Millisecond}
	take("short", quick)
	b.Pass(20 * time.Millisecond)
	awaits(t, "what was taken is earned again", func() bool { return take("short", quick) == 0 })
	if won := race(t, func(int) (bool, error) { wait, err := b.Pace(ctx, "rate", "m", slow); return wait == 0, err }); won != 3 {
		t.Errorf("%d of 3 at once", won)
	}
}

func bus(t *testing.T, b *Bench) {
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	var got [][]byte
	receive := func(m []byte) { mu.Lock(); defer mu.Unlock(); got = append(got, m) }
	for _, topic := range []string{"moved", "moved", "other"} {
		if err := b.Subscribe(ctx, topic, receive); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Publish(t.Context(), "moved", []byte{0, 1}); err != nil {
		t.Fatal(err)
	}
	count := func() int { mu.Lock(); defer mu.Unlock(); return len(got) }
	awaits(t, "both hear it", func() bool { return count() == 2 })
	cancel()
	mu.Lock()
	defer mu.Unlock()
	if len(got) != 2 || !bytes.Equal(got[0], []byte{0, 1}) || !bytes.Equal(got[1], []byte{0, 1}) {
		t.Errorf("%q", got)
	}
}
