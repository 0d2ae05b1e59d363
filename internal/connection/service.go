package connection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/revoke"
)

// oldest is the age at which a snapshot answers no more.
const oldest = time.Minute

// Options are what a Service needs. All are required.
type Options struct {
	Store  Store
	Sealer Sealer
	// Configured are the connections of the configuration.
	Configured []Connection
	// Read reads a connection from YAML or JSON, with defaults filled in, and checks it
	// beside others by the rules of the configuration. Its error is strictyaml.Faults.
	Read func(text []byte, others []Settings) (s Settings, secret string, err error)
	Now  func() time.Time
}

// Service answers which connections there are, and changes those that are stored.
type Service struct {
	o       Options
	current atomic.Pointer[snapshot]
	wanted  atomic.Uint64 // the highest revocation of settings that is known
	loading sync.Mutex
}

// snapshot is what was read at one time.
type snapshot struct {
	all     []Connection
	records []Record
	covers  uint64
	read    time.Time
}

// New returns a Service.
func New(o Options) *Service { return &Service{o: o} }

// Invalidate notes that a connection was changed: see revoke.Sequence.Watch.
func (s *Service) Invalidate(e revoke.Entry) {
	if e.Ref.Kind != identity.KindSettings {
		return
	}
	for {
		known := s.wanted.Load()
		if known >= e.Number || s.wanted.CompareAndSwap(known, e.Number) {
			return
		}
	}
}

// All returns the connections, those of the configuration first, as they stand
// there, then by id. The slice is shared and must not be changed.
func (s *Service) All(ctx context.Context) ([]Connection, error) {
	now, err := s.fresh(ctx)
	if err != nil {
		return nil, err
	}
	return now.all, nil
}

// Get returns one connection, or ErrNotFound.
func (s *Service) Get(ctx context.Context, id string) (Connection, error) {
	all, err := s.All(ctx)
	if err != nil {
		return Connection{}, err
	}
	i := slices.IndexFunc(all, func(c Connection) bool { return c.Settings.ID == id })
	if i < 0 {
		return Connection{}, ErrNotFound
	}
	return all[i], nil
}

// Known reports whether there is such a connection.
func (s *Service) Known(ctx context.Context, id string) (bool, error) {
	_, err := s.Get(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// good reports whether a snapshot may answer.
func (s *Service) good(now *snapshot) bool {
	return now != nil && now.covers >= s.wanted.Load() && s.o.Now().Sub(now.read) < oldest
}

// fresh returns a good snapshot, and reads one where there is none.
func (s *Service) fresh(ctx context.Context) (*snapshot, error) {
	if now := s.current.Load(); s.good(now) {
		return now, nil
	}
	s.loading.Lock()
	defer s.loading.Unlock()
	if now := s.current.Load(); s.good(now) {
		return now, nil
	}
	// Read before the facts, so that those are not older than it says.
	next := &snapshot{covers: s.wanted.Load(), read: s.o.Now(), all: slices.Clone(s.o.Configured)}
	var err error
	if next.records, err = s.o.Store.Connections(ctx); err != nil {
		return nil, fmt.Errorf("read the connections: %w", err)
	}
	for _, r := range next.records {
		if r.live() && !s.configured(r.Settings.ID) {
			next.all = append(next.all, r.Connection)
		}
	}
	s.current.Store(next)
	return next, nil
}

func (s *Service) configured(id string) bool {
	return slices.ContainsFunc(s.o.Configured, func(c Connection) bool { return c.Settings.ID == id })
}

// Reserve notes of every connection of the configuration whose people they are, so
// that its id is nobody else's when it is in the configuration no more.
func (s *Service) Reserve(ctx context.Context) error {
	for _, c := range s.o.Configured {
		whose := Settings{ID: c.Settings.ID, Type: c.Settings.Type, Issuer: c.Settings.Issuer}
		err := s.o.Store.ChangeConnections(ctx, func(all []Record) (Change, error) {
			r := find(all, whose.ID)
			if r != nil && (r.live() || r.Settings.Issuer == whose.Issuer && r.Settings.Type == whose.Type) {
				return Change{}, nil
			}
			noted := Record{Connection: Connection{Settings: whose, Source: Configured}, Removed: s.o.Now().UTC().Truncate(time.Microsecond)}
			return Change{Record: noted, Keep: true}, nil
		})
		if err != nil {
			return fmt.Errorf("reserve the id of the connection %s: %w", whose.ID, err)
		}
	}
	return nil
}
