package signal_test

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/signal"
	"github.com/gatehouse-io/gatehouse/internal/token"
)

// shelf is a store in memory, for what the real one's suite does not show: how often
// and when it is asked. Methods that no test needs are missing.
type shelf struct {
	signal.Store
	mu       sync.Mutex
	streams  map[string]*signal.Stream
	leased   map[string]time.Time
	sets     []*signal.Set
	subjects []signal.Subject
	noted    int
	away     error // why no lease can be held
}

func newShelf(streams ...signal.Stream) *shelf {
	s := &shelf{streams: map[string]*signal.Stream{}, leased: map[string]time.Time{}}
	for _, one := range streams {
		s.streams[one.ID] = &one
	}
	return s
}

func (s *shelf) Receivers(context.Context) (all []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.streams {
		all = append(all, one.Client)
	}
	return all, nil
}

func (s *shelf) StreamsOf(_ context.Context, client string) (all []signal.Stream, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.streams {
		if one.Client == client {
			all = append(all, *one)
		}
	}
	return all, nil
}

func (s *shelf) RemoveStream(_ context.Context, id string, _ []event.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.streams, id)
	return nil
}

func (s *shelf) QueueSets(_ context.Context, sets []signal.Set, _ int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, set := range sets {
		if !slices.ContainsFunc(s.sets, func(there *signal.Set) bool { return there.Stream == set.Stream && there.ID == set.ID }) {
			s.sets = append(s.sets, &set)
		}
	}
	return nil
}

func (s *shelf) waiting(stream string) (sets []signal.Set) {
	for _, set := range s.sets {
		if set.Stream == stream && set.State == signal.SetWaiting {
			sets = append(sets, *set)
		}
	}
	return sets
}

func (s *shelf) ClaimStreams(_ context.Context, now time.Time, n, each int, lease time.Duration) (claimed []signal.Stream, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := map[string]int{}
	for id, until := range s.leased {
		if one := s.streams[id]; one != nil && now.Before(until) {
			taken[one.Client]++
		}
	}
	turns := slices.SortedFunc(maps.Keys(s.streams), func(a, b string) int { return cmp.Or(s.leased[a].Compare(s.leased[b]), cmp.Compare(a, b)) })
	for _, id := range turns {
		one := s.streams[id]
		if len(claimed) < n && taken[one.Client] < each && len(s.waiting(id)) > 0 && !now.Before(s.leased[id]) && !now.Before(one.Next) {
			s.leased[id] = now.Add(lease)
			taken[one.Client]++
			claim := *one
			claim.Leased = now.Add(lease)
			claimed = append(claimed, claim)
		}
	}
	return claimed, nil
}

func (s *shelf) HoldStream(_ context.Context, stream string, leased, until time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away != nil || !s.leased[stream].Equal(leased) {
		return false, s.away
	}
	s.leased[stream] = until
	return true, nil
}

func (s *shelf) Stream(_ context.Context, id string) (signal.Stream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.streams[id]; one != nil {
		return *one, nil
	}
	return signal.Stream{}, signal.ErrNotFound
}

func (s *shelf) NextSets(_ context.Context, stream string, n int) ([]signal.Set, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sets := s.waiting(stream)
	return sets[:min(n, len(sets))], nil
}

func (s *shelf) find(stream, id string) *signal.Set {
	for _, set := range s.sets {
		if set.Stream == stream && set.ID == id {
			return set
		}
	}
	return &signal.Set{}
}

// change changes a stream as its receiver would.
func (s *shelf) change(id string, change func(*signal.Stream)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.streams[id])
	s.streams[id].Version++
}

// fails has leases no longer held, or held again.
func (s *shelf) fails(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = err
}

// leasedUntil is when the lease of a stream ends.
func (s *shelf) leasedUntil(id string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leased[id]
}

// first is the set that was queued first, and stream a stream, as they are now.
func (s *shelf) first() signal.Set {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.sets[0]
}

func (s *shelf) stream(id string) signal.Stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.streams[id]
}

func (s *shelf) SettleSets(_ context.Context, stream string, ids []string, as signal.SetState, _ string, _ time.Time) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.streams[stream] == nil {
		return nil, nil
	}
	for _, id := range ids {
		s.find(stream, id).State = as
	}
	if as == signal.SetDelivered {
		s.streams[stream].Failures = 0
	}
	return ids, nil
}

func (s *shelf) RefuseSet(_ context.Context, stream, id, _ string) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	set := s.find(stream, id)
	set.Refusals++
	return set.Refusals, nil
}

func (s *shelf) RequeueSet(_ context.Context, stream, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	set := s.find(stream, id)
	if set.State != signal.SetRefused {
		return signal.ErrNotFound
	}
	set.State = signal.SetWaiting
	return nil
}

func (s *shelf) ReleaseStream(_ context.Context, stream string, leased, next time.Time, failure string, at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.streams[stream]
	if one == nil || !s.leased[stream].Equal(leased) {
		return nil
	}
	s.leased[stream] = at
	one.Next, one.Error = next, failure
	if one.Failures++; failure == "" {
		one.Failures = 0
	}
	return nil
}

func (s *shelf) NoteSubjects(_ context.Context, subjects []signal.Subject) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noted++
	s.subjects = append(s.subjects, subjects...)
	return nil
}

func (s *shelf) SubjectsWith(_ context.Context, about signal.Subject, after *signal.Subject, _ int) (with []signal.Subject, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if after != nil {
		return nil, nil
	}
	fits := func(asked, has string) bool { return asked == "" || asked == has }
	for _, one := range s.subjects {
		if fits(about.Receiver, one.Receiver) && fits(about.Person, one.Person) && fits(about.Session, one.Session) && fits(about.Via, one.Via) && fits(about.Connection, one.Connection) {
			with = append(with, one)
		}
	}
	return with, nil
}

// clients are found by their ids, which are also the ids of their apps, and
// audiences that are called like the client.
type clients map[string]*registry.Client

func (c clients) Client(_ context.Context, id string) (*registry.Client, error) {
	if one := c[id]; one != nil {
		return one, nil
	}
	return nil, registry.ErrClientNotFound
}

func (c clients) ClientOf(ctx context.Context, app string) (*registry.Client, error) {
	return c.Client(ctx, app)
}

func (c clients) Audience(_ context.Context, name string) (*registry.Audience, error) {
	if c[name] == nil {
		return nil, registry.ErrAudienceNotFound
	}
	return &registry.Audience{Name: name, Client: name, App: name}, nil
}

// scribe writes tokens that are their jti.
type scribe struct{}

func (scribe) SecurityEvent(_ keys.Algorithm, e token.SecurityEvent) (string, error) {
	return e.ID, nil
}

// tray takes jobs.
type tray struct {
	mu   sync.Mutex
	jobs []job.Job
}

func (q *tray) Enqueue(_ context.Context, jobs ...job.Job) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.jobs = append(q.jobs, jobs...)
	return nil
}
