// Package cache is the shared short-term memory of the replicas: values with a
// life time, things that may happen once, leases and hints. It may be lost at
// any moment; nothing in it is the only copy of a decision that grants anything.
//
// Values are typed by purpose: what was stored for one purpose can never be read
// or consumed for another (CVE-2026-4282 is what happens otherwise).
package cache

import (
	"context"
	"time"
)

// Purpose is the kind of a value. Purposes are constants of the package that
// stores the value.
type Purpose string

// Cache keeps values for a time. All methods fail with an Unavailable fault when
// the cache does not answer.
type Cache interface {
	// Put stores value under (purpose, key) for ttl, replacing what was there.
	Put(ctx context.Context, purpose Purpose, key string, value []byte, ttl time.Duration) error
	// Get returns the value; ok is false when there is none.
	Get(ctx context.Context, purpose Purpose, key string) (value []byte, ok bool, err error)
	// Take returns the value and removes it: of concurrent callers one gets it.
	Take(ctx context.Context, purpose Purpose, key string) (value []byte, ok bool, err error)
	// Swap replaces the value only if it still is old (compare-and-swap) and
	// reports whether it did. The ttl starts anew.
	Swap(ctx context.Context, purpose Purpose, key string, old, value []byte, ttl time.Duration) (bool, error)
	// Delete removes the value, if there is one.
	Delete(ctx context.Context, purpose Purpose, key string) error
}

// Once remembers what must not be seen twice: token ids, assertion ids, proofs.
type Once interface {
	// First reports whether (purpose, key) is new, and remembers it until
	// expires. issued is when the thing was made; the zero time means unknown.
	// What has no issue time, or was issued before the memory was born (plus
	// clock skew), is refused with an Unauthenticated fault "replay_unknown":
	// after a loss nobody can tell whether it was seen. So is what was forgotten
	// while the clock was ahead of where it is now.
	First(ctx context.Context, purpose Purpose, key string, issued, expires time.Time) (bool, error)
}

// Bus carries hints between replicas. A hint may be lost: whoever waits for one
// also polls.
type Bus interface {
	Publish(ctx context.Context, topic string, message []byte) error
	// Subscribe calls receive for every message until ctx ends. It returns once
	// the subscription is in place.
	Subscribe(ctx context.Context, topic string, receive func(message []byte)) error
}

// Rate is how often something may happen: Burst times at once, and once more every
// Every.
type Rate struct {
	Burst int64
	Every time.Duration
}

// Pacer bounds rates by the generic cell rate algorithm (ITU-T I.371, annex A): one
// time per key is all that it keeps.
type Pacer interface {
	// Pace takes one of what the key's rate has left. wait is 0 if there was one,
	// and otherwise how long until there is; nothing is taken then.
	Pace(ctx context.Context, purpose Purpose, key string, rate Rate) (wait time.Duration, err error)
}

// Engine is a whole short-term memory: Memory or Redis.
type Engine interface {
	Cache
	Once
	Bus
	Pacer
	// Close ends it. Nothing may be asked of it any more.
	Close() error
}
