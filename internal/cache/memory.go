package cache

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// Skew is how far a proof's issue time may lie in the future: what was issued
// less than this after the memory was born may have been seen before.
const Skew = 2 * time.Second

// maxItems bounds a Memory. When it is full, new values are refused rather than
// old ones forgotten: a forgotten jti could be replayed.
const maxItems = 1 << 20

// sweepEvery is how many writes pass between two sweeps of what expired.
const sweepEvery = 4096

// ErrUnavailable is what every method fails with when the cache does not answer.
var ErrUnavailable = fault.New(fault.Unavailable, "cache_unavailable", "short-term memory does not answer, try again")

// ErrReplayUnknown refuses a proof of which nobody can tell whether it was seen.
var ErrReplayUnknown = fault.New(fault.Unauthenticated, "replay_unknown", "issued before this memory began")

type place struct {
	purpose Purpose
	key     string
}

type item struct {
	value   []byte
	expires time.Time
	once    bool // what First remembers
}

// Memory is a cache in this process: right for one replica.
type Memory struct {
	now  func() time.Time
	born time.Time

	mu    sync.Mutex
	items map[place]item
	// forgot is the latest expiry of what First remembered and has forgotten: had
	// the clock been ahead then, it would now be good again.
	forgot time.Time
	writes int
	topics map[string][]*subscriber
}

type subscriber struct{ receive func([]byte) }

// NewMemory returns an empty Memory that was born at the given time: the zero
// time when nothing can have been seen before, as on a new database.
func NewMemory(now func() time.Time, born time.Time) *Memory {
	return &Memory{now: now, born: born, items: map[place]item{}, topics: map[string][]*subscriber{}}
}

// Close implements Engine: what was remembered goes with the process.
func (m *Memory) Close() error { return nil }

// Put implements Cache.
func (m *Memory) Put(_ context.Context, p Purpose, key string, value []byte, ttl time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.set(place{p, key}, item{value: bytes.Clone(value), expires: m.now().Add(ttl)})
}

// Get implements Cache.
func (m *Memory) Get(_ context.Context, p Purpose, key string) ([]byte, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	it, ok := m.get(place{p, key})
	return bytes.Clone(it.value), ok, nil
}

// Take implements Cache.
func (m *Memory) Take(_ context.Context, p Purpose, key string) ([]byte, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	it, ok := m.get(place{p, key})
	delete(m.items, place{p, key})
	return it.value, ok, nil
}

// Swap implements Cache.
func (m *Memory) Swap(_ context.Context, p Purpose, key string, old, value []byte, ttl time.Duration) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	it, ok := m.get(place{p, key})
	if !ok || !bytes.Equal(it.value, old) {
		return false, nil
	}
	return true, m.set(place{p, key}, item{value: bytes.Clone(value), expires: m.now().Add(ttl)})
}

// Delete implements Cache.
func (m *Memory) Delete(_ context.Context, p Purpose, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.items, place{p, key})
	return nil
}

// First implements Once.
func (m *Memory) First(_ context.Context, p Purpose, key string, issued, expires time.Time) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if issued.Before(m.born.Add(Skew)) || !m.forgot.IsZero() && !expires.After(m.forgot) {
		return false, ErrReplayUnknown
	}
	if _, seen := m.get(place{p, key}); seen {
		return false, nil
	}
	return true, m.set(place{p, key}, item{expires: expires, once: true})
}

// Pace implements Pacer.
func (m *Memory) Pace(_ context.Context, p Purpose, key string, rate Rate) (time.Duration, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	free := now // when all that was taken is earned again
	if it, ok := m.get(place{p, key}); ok && it.expires.After(now) {
		free = it.expires
	}
	free = free.Add(rate.Every)
	if wait := free.Sub(now) - time.Duration(rate.Burst)*rate.Every; wait > 0 {
		return wait, nil
	}
	return 0, m.set(place{p, key}, item{expires: free})
}

// Publish implements Bus: subscribers are called before it returns.
func (m *Memory) Publish(_ context.Context, topic string, message []byte) error {
	m.mu.Lock()
	to := m.topics[topic]
	m.mu.Unlock()
	for _, s := range to {
		s.receive(message)
	}
	return nil
}

// Subscribe implements Bus.
func (m *Memory) Subscribe(ctx context.Context, topic string, receive func([]byte)) error {
	s := &subscriber{receive}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.topics[topic] = append(m.topics[topic][:len(m.topics[topic]):len(m.topics[topic])], s)
	context.AfterFunc(ctx, func() { m.unsubscribe(topic, s) })
	return nil
}

func (m *Memory) unsubscribe(topic string, s *subscriber) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var rest []*subscriber
	for _, other := range m.topics[topic] {
		if other != s {
			rest = append(rest, other)
		}
	}
	m.topics[topic] = rest
}

func (m *Memory) get(at place) (item, bool) {
	it, ok := m.items[at]
	if ok && !m.now().Before(it.expires) {
		m.forget(at, it)
		return item{}, false
	}
	return it, ok
}

func (m *Memory) set(at place, it item) error {
	if m.writes++; m.writes%sweepEvery == 0 || len(m.items) >= maxItems {
		m.sweep()
	}
	if _, there := m.items[at]; !there && len(m.items) >= maxItems {
		return ErrUnavailable
	}
	m.items[at] = it
	return nil
}

func (m *Memory) sweep() {
	now := m.now()
	for at, it := range m.items {
		if !now.Before(it.expires) {
			m.forget(at, it)
		}
	}
}

func (m *Memory) forget(at place, it item) {
	delete(m.items, at)
	if it.once && it.expires.After(m.forgot) {
		m.forgot = it.expires
	}
}
