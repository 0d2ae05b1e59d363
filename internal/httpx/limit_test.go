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

// lost is a counter that does not answer.
type lost struct{}

func (lost) Add(context.Context, cache.Purpose, string, int64, time.Duration) (int64, error) {
	return 0, errors.New("lost")
}

func TestALimitEndsWithItsMinuteAndIsNobodyElses(t *testing.T) {
	now := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	memory := cache.NewMemory(clock, time.Time{})
	t.Cleanup(func() { _ = memory.Close() })
	limit := func(purpose cache.Purpose, most int64) *httpx.Limiter {
		return httpx.NewLimiter(httpx.LimiterOptions{Counter: memory, Purpose: purpose, Max: most, Now: clock})
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

func TestWithoutALimitOrACounterNobodyIsRefused(t *testing.T) {
	memory := cache.NewMemory(time.Now, time.Time{})
	t.Cleanup(func() { _ = memory.Close() })
	for name, o := range map[string]httpx.LimiterOptions{
		"no limit":   {Counter: memory, Purpose: "p", Now: time.Now},
		"no counter": {Counter: lost{}, Purpose: "p", Max: 1, Now: time.Now},
	} {
		l := httpx.NewLimiter(o)
		for range 5 {
			if err := errors.Join(l.Count(t.Context(), "k"), l.Check("k")); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
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
