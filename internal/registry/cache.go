package registry

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/revoke"
)

// Store is what the registry reads of the catalog.
type Store interface {
	// Stamps returns the stamp of every app, by the apps' names, and the generation of
	// the set, which is not newer than they are: a number that grows with every change of
	// any app.
	Stamps(ctx context.Context) (all []catalog.Stamp, generation int64, err error)
	// AppsByID calls each with every app of these internal ids that there is.
	AppsByID(ctx context.Context, ids []string, each func(catalog.App)) error
	// Generation returns the current generation alone.
	Generation(ctx context.Context) (int64, error)
}

// The rhythm of Run, and for how long a snapshot answers that was not seen to be the
// catalog's.
const (
	poll   = 250 * time.Millisecond
	oldest = time.Minute
)

// Options are what a Registry needs.
type Options struct {
	Store Store
	// Applied is the highest revocation number that this replica has applied.
	Applied func() uint64
	// ThirdParty reports whether people must consent to the app of this name;
	// nil means none.
	ThirdParty func(name string) bool
	// Launch is where people open the app of this name that speaks SAML and has no
	// address of its own for that; nil means nowhere.
	Launch func(name string) string
	Now    func() time.Time
	Log    *slog.Logger
}

// Registry answers from a snapshot of the catalog, without a lock and without
// the store. The apps that changed are read again when the catalog's generation has moved
// (Run), and before it answers after an app or client was revoked (Invalidate). When
// nobody could tell for a minute whether it has moved, nothing is answered.
type Registry struct {
	o       Options
	current atomic.Pointer[snapshot]
	// wanted is the highest revocation that Invalidate knows of.
	wanted atomic.Uint64
	// loading holds the one place for who reads the store.
	loading chan struct{}
}

// New returns a Registry that reads the catalog when it is first asked.
func New(o Options) *Registry {
	if o.ThirdParty == nil {
		o.ThirdParty = func(string) bool { return false }
	}
	if o.Launch == nil {
		o.Launch = func(string) string { return "" }
	}
	return &Registry{o: o, loading: make(chan struct{}, 1)}
}

// Client returns the OAuth client with this client_id, or ErrClientNotFound. Disabled
// and incomplete clients are returned as such: the caller refuses them.
func (r *Registry) Client(ctx context.Context, id string) (*Client, error) {
	return r.find(ctx, func(s *snapshot) *Client { return s.clients[id] })
}

// ServiceProvider returns the app that speaks SAML and has this entity id, or
// ErrClientNotFound. Disabled and incomplete ones are returned as such.
func (r *Registry) ServiceProvider(ctx context.Context, entity string) (*Client, error) {
	return r.find(ctx, func(s *snapshot) *Client { return s.providers[entity] })
}

// Named returns the client, or service provider, of the app with this name, or
// ErrClientNotFound.
func (r *Registry) Named(ctx context.Context, app string) (*Client, error) {
	return r.find(ctx, func(s *snapshot) *Client { return s.byName[app] })
}

// ClientOf returns the client, or service provider, of the app with this internal id, or
// ErrClientNotFound.
func (r *Registry) ClientOf(ctx context.Context, app string) (*Client, error) {
	return r.find(ctx, func(s *snapshot) *Client { return s.apps[app].client })
}

func (r *Registry) find(ctx context.Context, lookup func(*snapshot) *Client) (*Client, error) {
	s, applied, err := r.fresh(ctx)
	if err != nil {
		return nil, err
	}
	c := lookup(s)
	if c == nil {
		return nil, ErrClientNotFound
	}
	return c.at(applied), nil
}

// Clients returns every client and service provider, by the name of its app.
func (r *Registry) Clients(ctx context.Context) ([]*Client, error) {
	s, applied, err := r.fresh(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]*Client, len(s.all))
	for i, c := range s.all {
		all[i] = c.at(applied)
	}
	return all, nil
}

// AppOrigin reports whether a public client has a redirect URI of this origin: its
// pages may then read our answers (CORS).
func (r *Registry) AppOrigin(ctx context.Context, origin string) (bool, error) {
	s, _, err := r.fresh(ctx)
	if err != nil {
		return false, err
	}
	return s.origins[origin], nil
}

// Audience returns the API with this name that an app serves, or
// ErrAudienceNotFound. An app that is disabled or incomplete serves none.
func (r *Registry) Audience(ctx context.Context, name string) (*Audience, error) {
	s, _, err := r.fresh(ctx)
	if err != nil {
		return nil, err
	}
	if a := s.audiences[name]; a != nil {
		return a, nil
	}
	return nil, ErrAudienceNotFound
}

// at returns the client as it is known to be at revocation number rev. The
// snapshot covers every revocation of an app or client up to it, and no other
// concerns a client's facts: an older Rev would only refuse tokens without need,
// such as those of a person who was disabled and is enabled again.
func (c *Client) at(rev uint64) *Client {
	if rev <= c.Rev {
		return c
	}
	later := *c
	later.Rev = rev
	return &later
}

// Invalidate notes that an app or a client was revoked, or what a client gets of an API:
// whoever asks from now on gets facts that were read after it. It is for
// revoke.Sequence.Watch, which calls it before the revocation counts as applied.
func (r *Registry) Invalidate(e revoke.Entry) {
	switch e.Ref.Kind {
	case identity.KindApp, identity.KindClient, identity.KindCall:
	default:
		return
	}
	for {
		known := r.wanted.Load()
		if known >= e.Number || r.wanted.CompareAndSwap(known, e.Number) {
			return
		}
	}
}

// fresh returns a snapshot that may answer, and the revocation number that it is
// good for.
func (r *Registry) fresh(ctx context.Context) (*snapshot, uint64, error) {
	applied := r.o.Applied() // before the look at wanted: see Client.at
	if s := r.current.Load(); r.good(s) {
		return s, applied, nil
	}
	if err := r.load(ctx, r.good); err != nil {
		return nil, 0, err
	}
	return r.current.Load(), applied, nil
}

// good reports whether a snapshot may answer now.
func (r *Registry) good(s *snapshot) bool {
	return s != nil && s.covers >= r.wanted.Load() && r.o.Now().Sub(time.Unix(0, s.seen.Load())) < oldest
}

// load reads the catalog, unless enough says that the snapshot which another
// caller has just read will do: callers that wait share one reading.
func (r *Registry) load(ctx context.Context, enough func(*snapshot) bool) error {
	select {
	case r.loading <- struct{}{}:
		defer func() { <-r.loading }()
	case <-ctx.Done():
		return unavailable(ctx.Err())
	}
	if enough(r.current.Load()) {
		return nil
	}
	// Both are read before the facts, so that the facts are not older than they say.
	rev, covers, now := r.o.Applied(), r.wanted.Load(), r.o.Now()
	s, err := r.read(ctx, r.current.Load(), rev)
	if err != nil {
		return unavailable(err)
	}
	s.covers = covers
	s.seen.Store(now.UnixNano())
	r.current.Store(s)
	return nil
}

// read makes the snapshot that follows before. Of the apps that did not change it has what
// that one derived, and rev was applied before the others are read.
func (r *Registry) read(ctx context.Context, before *snapshot, rev uint64) (*snapshot, error) {
	stamps, generation, err := r.o.Store.Stamps(ctx)
	if err != nil {
		return nil, err
	}
	known := map[string]derived{}
	if before != nil && before.generation <= generation { // or the database is an older one, whose versions are others
		known = before.apps
	}
	apps, changed := make(map[string]derived, len(stamps)), []string(nil)
	for _, s := range stamps {
		if d, ok := known[s.ID]; ok && d.version == s.Version {
			apps[s.ID] = d
		} else {
			changed = append(changed, s.ID)
		}
	}
	same := newSharer()
	if err := r.o.Store.AppsByID(ctx, changed, func(a catalog.App) { apps[a.ID] = derive(&a, rev, r.o, same) }); err != nil {
		return nil, err
	}
	s := newSnapshot(apps)
	s.generation = generation
	for _, stamp := range stamps {
		s.add(apps[stamp.ID])
	}
	return s, nil
}

func unavailable(cause error) error {
	return fault.Wrap(cause, fault.Unavailable, "registry_unavailable", "the apps cannot be read at the moment")
}

// Refresh reads the catalog if it has moved since the snapshot, so that a change
// which was just made is in force here when it returns.
func (r *Registry) Refresh(ctx context.Context) error {
	asked := r.o.Now()
	generation, err := r.o.Store.Generation(ctx)
	if err != nil {
		return unavailable(err)
	}
	if s := r.current.Load(); s != nil && s.generation == generation {
		s.seen.Store(asked.UnixNano())
	}
	return r.load(ctx, func(s *snapshot) bool { return r.good(s) && s.generation >= generation })
}

// Run refreshes until ctx ends, four times a second. A store that does not answer
// is told of once, and again when it does.
func (r *Registry) Run(ctx context.Context) error {
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	failing := false
	for {
		err := r.Refresh(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !failing:
			r.o.Log.WarnContext(ctx, "the catalog cannot be read", "error", err)
		case err == nil && failing:
			r.o.Log.InfoContext(ctx, "the catalog can be read again")
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
