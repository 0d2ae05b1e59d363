package httpx_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
)

// shaky is a memory that replicas share, while it answers.
type shaky struct {
	*cache.Memory
	lost  bool
	asked int
}

func (s *shaky) Pace(ctx context.Context, p cache.Purpose, key string, rate cache.Rate) (time.Duration, error) {
	s.asked++
	if s.lost {
		return 0, errors.New("lost")
	}
	return s.Memory.Pace(ctx, p, key, rate)
}

func TestALimitEndsWithItsMinuteAndIsNobodyElses(t *testing.T) {
	now := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	memory := cache.NewMemory(clock, time.Time{})
	t.Cleanup(func() { _ = memory.Close() })
	limit := func(purpose cache.Purpose, most int64) *httpx.Limiter {
		return httpx.NewLimiter(httpx.LimiterOptions{Shared: memory, Local: cache.NewMemory(clock, time.Time{}), Purpose: purpose, PerMinute: most, Now: clock})
	}
	one, replica, other := limit("one", 3), limit("one", 3), limit("other", 3)
	for range 3 {
		if err := one.Count(t.Context(), "eve"); err != nil {
			t.Fatalf("within the limit: %v", err)
		}
	}
	if err := one.Check("eve"); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if err := replica.Count(t.Context(), "eve"); !errors.Is(err, httpx.ErrTooMany) {
		t.Errorf("another replica does not know: %v", err)
	}
	if err := one.Count(t.Context(), "eve"); !errors.Is(err, httpx.ErrTooMany) {
		t.Errorf("over the limit: %v", err)
	}
	if err := one.Check("eve"); !errors.Is(err, httpx.ErrTooMany) {
		t.Errorf("after it: %v", err)
	}
	if err := errors.Join(one.Check("bob"), one.Count(t.Context(), "bob"), other.Count(t.Context(), "eve")); err != nil {
		t.Errorf("somebody else, and something else: %v", err)
	}
	now = now.Add(2 * time.Minute)
	if err := errors.Join(one.Check("eve"), one.Count(t.Context(), "eve")); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}

func TestALostMemoryLeavesEachReplicaToItsOwnCount(t *testing.T) {
	now := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	shared := &shaky{Memory: cache.NewMemory(clock, time.Time{}), lost: true}
	refused := 0
	l := httpx.NewLimiter(httpx.LimiterOptions{
		Shared: shared, Local: cache.NewMemory(clock, time.Time{}), Purpose: "p", PerMinute: 2, Now: clock, Refused: func() { refused++ },
	})
	if err := errors.Join(l.Count(t.Context(), "k"), l.Count(t.Context(), "k")); err != nil {
		t.Fatalf("within the limit: %v", err)
	}
	if err := l.Count(t.Context(), "k"); !errors.Is(err, httpx.ErrTooMany) || httpx.RetryAfter(err) != "30" {
		t.Errorf("over it: %v, again after %s", err, httpx.RetryAfter(err))
	}
	if shared.asked != 1 {
		t.Errorf("a memory that was lost was asked %d times", shared.asked)
	}
	now, shared.lost = now.Add(10*time.Second), false
	if err := errors.Join(l.Count(t.Context(), "other"), l.Count(t.Context(), "other")); err != nil || shared.asked != 3 {
		t.Errorf("when it is back: %v, asked %d times", err, shared.asked)
	}
	if err := l.Check("k"); !errors.Is(err, httpx.ErrTooMany) || httpx.RetryAfter(err) != "20" || refused != 2 {
		t.Errorf("what was over stays so for its time: %v, %d refusals told", err, refused)
	}
	now = now.Add(20 * time.Second)
	if err := l.Check("k"); err != nil {
		t.Errorf("when its time is over: %v", err)
	}
	free := httpx.NewLimiter(httpx.LimiterOptions{Shared: shared, Local: shared, Purpose: "p", Now: clock})
	for range 5 {
		if err := errors.Join(free.Count(t.Context(), "k"), free.Check("k")); err != nil {
			t.Errorf("no limit: %v", err)
		}
	}
	if httpx.RetryAfter(httpx.ErrTooLarge) != "5" {
		t.Error("what knows no better says a moment")
	}
}

func TestAnIPv6CustomerIsCountedAsOne(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.7:1":                    "192.0.2.7",
		"[2001:db8:1:2:3:4:5:6]:1":       "2001:db8:1:2::/64",
		"[2001:db8:1:2:ffff::1]:1":       "2001:db8:1:2::/64",
		"[::ffff:192.0.2.7]:1":           "192.0.2.7",
		"a-socket-without-an-address":    "",
		"[2001:db8:1:3:3:4:5:6%eth0]:99": "2001:db8:1:3::/64",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = remote
		if got := httpx.ClientNetwork(r); got != want {
			t.Errorf("%s: %q, want %q", remote, got, want)
		}
	}
}
