package httpx

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// ErrTooMany refuses whoever did something too often. RetryAfter says for how long.
var ErrTooMany = fault.New(fault.TooMany, "rate_limited", "this was tried too often; try again in a minute")

// pause is how long whoever is over a limit has to wait.
type pause time.Duration

// Error implements error.
func (p pause) Error() string { return "good again in " + time.Duration(p).String() }

// Pause is how long that is.
func (p pause) Pause() time.Duration { return time.Duration(p) }

func tooMany(wait time.Duration) error {
	return fault.Wrap(pause(wait), ErrTooMany.Kind, ErrTooMany.Code, "%s", ErrTooMany.Detail)
}

// moment is what a client is told to wait when nobody knows better, in seconds.
const moment = "5"

// RetryAfter is a value for the header Retry-After (RFC 9110, section 10.2.3) of an
// answer with err: how long a limit lasts, in whole seconds, where an error in it knows
// by a method Pause; or a moment.
func RetryAfter(err error) string {
	var p interface {
		error
		Pause() time.Duration
	}
	if !errors.As(err, &p) {
		return moment
	}
	return strconv.Itoa(max(1, int(math.Ceil(p.Pause().Seconds()))))
}

// The bounds of asking the replicas' memory: a request does not hang because its
// count is not known, and a memory that is lost is left alone for a while.
const (
	paceTimeout = 250 * time.Millisecond
	paceLost    = 5 * time.Second
)

// sweepOver is after how many keys over a limit those that no longer are leave.
const sweepOver = 256

// LimiterOptions are what a Limiter needs. All but Shared, PerMinute and Refused are
// required.
type LimiterOptions struct {
	// Shared is where replicas count together; nil for one replica.
	Shared cache.Pacer
	// Local is where this replica counts alone, and while Shared does not answer.
	Local cache.Pacer
	// Purpose types the counts: one per limit.
	Purpose cache.Purpose
	// PerMinute is how many a key has at once, and then within every minute; 0
	// means any number.
	PerMinute int64
	Now       func() time.Time
	// Refused is called for every refusal; nil for nothing.
	Refused func()
}

// Limiter bounds how often something happens. Which keys are over is remembered
// here, so that a key which is not costs a look into a map. A limit keeps load away
// and decides on nobody's rights: what cannot be counted is let through.
type Limiter struct {
	o    LimiterOptions
	rate cache.Rate

	mu   sync.Mutex
	over map[string]time.Time // until when
	lost time.Time            // until when Shared is not asked
	seen int                  // keys over since the last sweep
}

// NewLimiter returns a Limiter.
func NewLimiter(o LimiterOptions) *Limiter {
	l := &Limiter{o: o, over: map[string]time.Time{}}
	if o.PerMinute > 0 {
		l.rate = cache.Rate{Burst: o.PerMinute, Every: time.Minute / time.Duration(o.PerMinute)}
	}
	return l
}

// Check fails with ErrTooMany while key is over the limit. It counts nothing.
func (l *Limiter) Check(key string) error {
	if l.o.PerMinute == 0 {
		return nil
	}
	l.mu.Lock()
	until, over := l.over[key]
	l.mu.Unlock()
	if !over {
		return nil
	}
	wait := until.Sub(l.o.Now())
	if wait <= 0 {
		return nil
	}
	return l.refuse(wait)
}

func (l *Limiter) refuse(wait time.Duration) error {
	if l.o.Refused != nil {
		l.o.Refused()
	}
	return tooMany(wait)
}

// Count counts once more for key and fails with ErrTooMany if that is too often.
func (l *Limiter) Count(ctx context.Context, key string) error {
	if l.o.PerMinute == 0 {
		return nil
	}
	wait := l.pace(ctx, key)
	if wait <= 0 {
		return nil
	}
	now := l.o.Now()
	l.mu.Lock()
	if l.seen++; l.seen%sweepOver == 0 {
		for k, until := range l.over {
			if !now.Before(until) {
				delete(l.over, k)
			}
		}
	}
	l.over[key] = now.Add(wait)
	l.mu.Unlock()
	return l.refuse(wait)
}

// pace asks the replicas' memory, or this replica's own.
func (l *Limiter) pace(ctx context.Context, key string) time.Duration {
	if l.shared() {
		bounded, cancel := context.WithTimeout(ctx, paceTimeout)
		wait, err := l.o.Shared.Pace(bounded, l.o.Purpose, key, l.rate)
		cancel()
		if err == nil {
			return wait
		}
		l.mu.Lock()
		l.lost = l.o.Now().Add(paceLost)
		l.mu.Unlock()
	}
	wait, err := l.o.Local.Pace(ctx, l.o.Purpose, key, l.rate)
	if err != nil {
		return 0 // see Limiter
	}
	return wait
}

func (l *Limiter) shared() bool {
	if l.o.Shared == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.o.Now().Before(l.lost)
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
