package cache_test

import (
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/cache/cachetest"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

func TestMemory(t *testing.T) {
	cachetest.Run(t, func(*testing.T) *cachetest.Bench {
		born := time.Now()
		var passed atomic.Int64
		now := func() time.Time { return born.Add(time.Duration(passed.Load())) }
		return &cachetest.Bench{
			Engine: cache.NewMemory(now, born), Now: now, Born: born, Pass: func(d time.Duration) { passed.Add(int64(d)) },
		}
	})
}

// openRedis opens an engine with keys of its own on a server.
func openRedis(t *testing.T, url, prefix string, born time.Time) (*cache.Redis, error) {
	t.Helper()
	r, err := cache.OpenRedis(t.Context(), cache.RedisOptions{
		URL: url, Prefix: prefix, Born: born, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err == nil {
		t.Cleanup(func() { _ = r.Close() })
	}
	return r, err
}

// While the clock is ahead, what was seen expires and is forgotten. When it is put
// right, the same proof would be good again.
func TestMemoryRefusesWhatItForgotWhileTheClockWasAhead(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	m := cache.NewMemory(func() time.Time { return now }, time.Time{})
	first := func(key string, expires time.Time) (bool, error) {
		return m.First(t.Context(), "proof", key, now, expires)
	}
	seen := now.Add(time.Minute)
	if ok, err := first("seen", seen); !ok || err != nil {
		t.Fatalf("control: %v %v", ok, err)
	}
	now = now.Add(10 * time.Minute)
	if ok, err := first("another", now.Add(time.Minute)); !ok || err != nil {
		t.Errorf("while the clock is ahead: %v %v", ok, err)
	}
	if _, ok, err := m.Get(t.Context(), "proof", "seen"); ok || err != nil {
		t.Fatalf("it is still known: %v", err)
	}
	now = now.Add(-10 * time.Minute)
	if ok, err := first("seen", seen); ok || !errors.Is(err, cache.ErrReplayUnknown) {
		t.Errorf("the clock is right again: %v %v", ok, err)
	}
	if ok, err := first("new", seen.Add(time.Second)); !ok || err != nil {
		t.Errorf("what ends later than all that was forgotten: %v %v", ok, err)
	}
}

func TestRedis(t *testing.T) {
	server := testkit.Redis(t)
	cachetest.Run(t, func(t *testing.T) *cachetest.Bench {
		born := time.Now().Add(-time.Minute)
		r, err := openRedis(t, server.URL, identity.NewID()+":", born)
		if err != nil {
			t.Fatal(err)
		}
		return &cachetest.Bench{Engine: r, Now: time.Now, Born: born, Pass: func(time.Duration) {}}
	})
}

func TestReplicasShareOneRedis(t *testing.T) {
	server := testkit.Redis(t)
	born := time.Now().Add(-time.Minute)
	one, err := openRedis(t, server.URL, "gatehouse:", born)
	if err != nil {
		t.Fatal(err)
	}
	// The second replica comes later: the memory was born before it.
	two, err := openRedis(t, server.URL, "gatehouse:", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ctx, issued, expires := t.Context(), born.Add(cache.Skew), time.Now().Add(time.Hour)
	if isNew, err := one.First(ctx, "jti", "k", issued, expires); !isNew || err != nil {
		t.Fatalf("%v %v", isNew, err)
	}
	if isNew, err := two.First(ctx, "jti", "k", issued, expires); isNew || err != nil {
		t.Errorf("seen at the other: %v %v", isNew, err)
	}
}

func TestRedisThatLostItsMemoryRefusesWhatItMayHaveSeen(t *testing.T) {
	server := testkit.Redis(t)
	r, err := openRedis(t, server.URL, "gatehouse:", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, expires := t.Context(), time.Now().Add(time.Hour)
	before := time.Now()
	if isNew, err := r.First(ctx, "jti", "k", before, expires); !isNew || err != nil {
		t.Fatalf("%v %v", isNew, err)
	}
	for name, loss := range map[string]func(){"restart": func() { server.Stop(); server.Start() }, "flush": server.Flush} {
		t.Run(name, func(t *testing.T) {
			loss()
			var refusal error
			for range 3 { // a pooled connection may find out first that the server has gone
				if _, refusal = r.First(ctx, "jti", "k", before, expires); fault.KindOf(refusal) != fault.Unavailable {
					break
				}
			}
			if fault.KindOf(refusal) != fault.Unauthenticated {
				t.Errorf("a proof from before the loss: %v", refusal)
			}
			if isNew, err := r.First(ctx, "jti", name, time.Now().Add(cache.Skew), expires); !isNew || err != nil {
				t.Errorf("a proof of now: %v %v", isNew, err)
			}
		})
	}
}

func TestRedisThatDoesNotAnswer(t *testing.T) {
	server := testkit.Redis(t)
	r, err := openRedis(t, server.URL, "gatehouse:", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	server.Stop()
	ctx := t.Context()
	_, _, getErr := r.Get(ctx, "login", "k")
	_, firstErr := r.First(ctx, "jti", "k", time.Now(), time.Now().Add(time.Hour))
	_, _, takeErr := r.Take(ctx, "login", "k")
	_, paceErr := r.Pace(ctx, "rate", "k", cache.Rate{Burst: 1, Every: time.Minute})
	_, swapErr := r.Swap(ctx, "login", "k", nil, nil, time.Minute)
	for what, err := range map[string]error{
		"get": getErr, "first": firstErr, "take": takeErr, "pace": paceErr, "swap": swapErr,
		"put": r.Put(ctx, "login", "k", nil, time.Minute), "delete": r.Delete(ctx, "login", "k"), "publish": r.Publish(ctx, "moved", nil),
		"subscribe": r.Subscribe(ctx, "moved", func([]byte) {}),
	} {
		if fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%s: %v", what, err)
		}
	}
	server.Start()
	if err := r.Put(ctx, "login", "k", nil, time.Minute); err != nil {
		t.Errorf("it is back: %v", err)
	}
}

func TestRedisThatMayForgetIsRefused(t *testing.T) {
	server := testkit.Redis(t, "--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru")
	if _, err := openRedis(t, server.URL, "gatehouse:", time.Time{}); err == nil || !strings.Contains(err.Error(), "noeviction") {
		t.Errorf("%v", err)
	}
	if _, err := openRedis(t, "redis://user:hunter2@%zz", "gatehouse:", time.Time{}); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
}
