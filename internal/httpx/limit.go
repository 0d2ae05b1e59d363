package httpx

import (
	"context"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// ErrTooMany refuses whoever did something too often.
var ErrTooMany = fault.New(fault.TooMany, "rate_limited", "this was tried too often; try again in a minute")

// limitWindow is the time that limits count in.
const limitWindow = time.Minute

// LimitRetryAfter is when whoever is over a limit may try again, in seconds: a
// value for the header Retry-After.
const LimitRetryAfter = "60"

// Counter is the part of cache.Counter that a Limiter needs.
type Counter interface {
	Add(ctx context.Context, purpose cache.Purpose, key string, n int64, window time.Duration) (int64, error)
}

// LimiterOptions are what a Limiter needs. All but Max are required.
type LimiterOptions struct {
	Counter Counter
	// Purpose types the counters: one per limit.
	Purpose cache.Purpose
	// Max is how many a key has within a minute; 0 means any number.
	Max int64
	Now func() time.Time
}

// Limiter bounds how often something happens within a minute. Replicas count
// together; which keys are over is remembered here, so that a key which is not
// costs a look into a map. Without the counter nothing is limited: a limit keeps
// load away and decides on nobody's rights.
type Limiter struct {
	o LimiterOptions

	mu   sync.Mutex
	over map[string]time.Time // until when
}

// NewLimiter returns a Limiter.
func NewLimiter(o LimiterOptions) *Limiter {
	return &Limiter{o: o, over: map[string]time.Time{}}
}

// Check fails with ErrTooMany while key is over the limit. It counts nothing.
func (l *Limiter) Check(key string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if until, over := l.over[key]; over && l.o.Now().Before(until) {
		return ErrTooMany
	}
	return nil
}

// Count counts once more for key and fails with ErrTooMany if that is too often.
func (l *Limiter) Count(ctx context.Context, key string) error {
	if l.o.Max == 0 {
		return nil
	}
	n, err := l.o.Counter.Add(ctx, l.o.Purpose, key, 1, limitWindow)
	if err != nil || n <= l.o.Max {
		return nil // a lost counter limits nobody, see Limiter
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.o.Now()
	for k, until := range l.over {
		if !now.Before(until) {
			delete(l.over, k)
		}
	}
	if _, over := l.over[key]; !over {
		l.over[key] = now.Add(limitWindow)
	}
	return ErrTooMany
}

// ClientNetwork is ClientAddress for counting: of an IPv6 address the /64, which
// is what one customer has at least.
func ClientNetwork(r *http.Request) string {
	a, err := netip.ParseAddr(ClientAddress(r))
	if err != nil || a.Is4() {
		return ClientAddress(r)
	}
	network, _ := a.Prefix(64) // an IPv6 address has 128 bits
	return network.String()
}
