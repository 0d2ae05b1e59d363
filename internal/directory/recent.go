package directory

import (
	"context"
	"sync"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/revoke"
)

// How long and how many people are remembered who were asked for lately, and how long
// mappings go on while the store does not answer. What is taken from somebody is known
// at once, since it is revoked; only what is given may be known this much later, and
// whoever is about to refuse looks again.
const (
	recentLife = 5 * time.Second
	recentMost = 20_000
)

// recently remembers people.
type recently struct {
	mu     sync.RWMutex
	people map[string]recentPerson
	// gone counts what was forgotten: who read before and remembers after would bring
	// it back.
	gone uint64
}

// recentPerson is a person as read at a time, after a revocation had been applied.
type recentPerson struct {
	Person
	rev  uint64
	read time.Time
	over string // the connection that they may come over
}

// Recently is Usable from what was read lately, at most 5 seconds ago and never before
// something was taken from the person, with the revocation number that was applied before
// it was read. It is for questions that are asked of the same people all the time. Whoever
// refuses by the answer asks Usable first: something may have been given since.
func (s *Service) Recently(ctx context.Context, person, connection string) (Person, uint64, error) {
	if err := s.connectionUsable(ctx, connection); err != nil {
		return Person{}, 0, err
	}
	now := s.o.Now()
	s.recent.mu.RLock()
	known, ok := s.recent.people[person]
	gone := s.recent.gone
	s.recent.mu.RUnlock()
	if ok && now.Sub(known.read) < recentLife && !now.Before(known.read) && known.over == connection {
		return known.Person, known.rev, nil
	}
	fresh := recentPerson{read: now, over: connection}
	if s.o.Applied != nil {
		fresh.rev = s.o.Applied()
	}
	var err error
	if fresh.Person, err = s.o.People.Person(ctx, person); err != nil {
		return Person{}, 0, err
	}
	if fresh.Disabled {
		return Person{}, 0, ErrPersonDisabled
	}
	by, err := s.provisioning(ctx, connection)
	if err == nil {
		err = fresh.Over(connection, by)
	}
	if err != nil {
		return Person{}, 0, err
	}
	if s.o.Applied != nil {
		s.recent.remember(person, fresh, gone)
	}
	return fresh.Person, fresh.rev, nil
}

func (r *recently) remember(person string, p recentPerson, gone uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone != gone {
		return
	}
	if r.people == nil {
		r.people = map[string]recentPerson{}
	}
	for id := range r.people { // any: all are read again soon
		if len(r.people) < recentMost {
			break
		}
		delete(r.people, id)
	}
	r.people[person] = p
}

func (r *recently) forget(person string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.people, person)
	r.gone++
}

// Invalidate forgets who lost something. It is for revoke.Sequence.Watch, which calls it
// before the revocation counts as applied.
func (s *Service) Invalidate(e revoke.Entry) {
	if e.Ref.Kind == identity.KindPerson {
		s.recent.forget(e.Ref.ID)
	} else if person, _, ok := identity.SplitInstall(e.Ref); ok {
		s.recent.forget(person)
	}
}
