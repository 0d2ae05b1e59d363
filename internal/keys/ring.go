package keys

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// The faults of a Ring.
var (
	ErrKeyNotFound = fault.New(fault.NotFound, "key_not_found", "no such signing key")
	ErrRotating    = fault.New(fault.Conflict, "key_rotating", "the next key is already published and has yet to sign")
	ErrNoSigner    = fault.New(fault.Unavailable, "signing_key_unavailable", "no signing key is available now")
)

const (
	// unknownEvery bounds how often an unknown kid makes a replica read the keys.
	unknownEvery = time.Second
	// refreshTimeout bounds that read.
	refreshTimeout = 2 * time.Second
)

// RingOptions are what a Ring needs. Store, Vault, Now and Log are required.
type RingOptions struct {
	Store Store
	Vault *Vault
	Now   func() time.Time
	Log   *slog.Logger
	// Lead is how long a key is published before it signs: at least as long as
	// anybody caches the JWKS, and longer than RefreshEvery. 0 means 1 h.
	Lead time.Duration
	// Overlap is how long a retired key stays published: at least the longest
	// life of a token. 0 means 2 h.
	Overlap time.Duration
	// Rotate is how long a key signs. 0 means 90 days, below 0 for ever.
	Rotate time.Duration
	// RefreshEvery is how often Run reads the keys. 0 means 30 s, or a quarter of
	// Lead if that is less: see Ring.MaxAge.
	RefreshEvery time.Duration
	// Algorithms to keep a key for; the first one signs audit seals. None means
	// ES256, RS256 and EdDSA. Keys of an algorithm that is no longer named stay
	// as they are until they are killed.
	Algorithms []Algorithm
}

func (o *RingOptions) setDefaults() {
	for d, value := range map[*time.Duration]time.Duration{
		&o.Lead: time.Hour, &o.Overlap: 2 * time.Hour, &o.Rotate: 90 * 24 * time.Hour,
	} {
		if *d == 0 {
			*d = value
		}
	}
	if o.RefreshEvery == 0 {
		o.RefreshEvery = min(30*time.Second, o.Lead/4)
	}
	if len(o.Algorithms) == 0 {
		o.Algorithms = []Algorithm{ES256, RS256, EdDSA}
	}
}

// Ring is the replica's view of the signing keys. Load it before use; it is safe
// for concurrent use, and its reads take no lock.
type Ring struct {
	o     RingOptions
	state atomic.Pointer[state]

	// reading is held from the read of the store to its installation, so that an
	// older view never replaces a newer one. It is taken before mu.
	reading sync.Mutex

	mu       sync.Mutex // guards what follows and every change of state
	material *material
	dropped  map[string]bool
	asked    time.Time // when an unknown kid last caused a read
}

// NewRing returns an empty Ring.
func NewRing(o RingOptions) *Ring {
	o.setDefaults()
	r := &Ring{o: o, material: &material{}, dropped: map[string]bool{}}
	r.state.Store(&state{jwks: []byte(`{"keys":[]}`), etag: `"empty"`})
	return r
}

// Load reads the keys and creates those that are missing; a key created because
// there is no other signs at once. Replicas that start together share one.
func (r *Ring) Load(ctx context.Context) error { return r.Advance(ctx) }

// Refresh reads the keys as other replicas left them. If that fails the Ring goes
// on with what it has.
func (r *Ring) Refresh(ctx context.Context) error {
	r.reading.Lock()
	defer r.reading.Unlock()
	records, err := r.o.Store.Keys(ctx)
	if err != nil {
		return fmt.Errorf("read signing keys: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	m := &material{records: records, public: map[string]PublicKey{}, signers: map[string]*Signer{}, certificates: map[string]*x509.Certificate{}}
	now := r.o.Now()
	for i, rec := range m.records {
		if r.dropped[rec.ID] {
			rec.Killed = true
			m.records[i] = rec
		}
		if m.public[rec.ID], err = rec.public(); err != nil {
			return err
		}
		if rec.Algorithm == SAML {
			if m.certificates[rec.ID], err = rec.certificate(); err != nil {
				return err
			}
		}
		if rec.idle(now) || len(rec.Private) == 0 {
			continue
		}
		signer, opened := r.material.signers[rec.ID]
		if !opened {
			if signer, err = r.open(rec, m.public[rec.ID]); err != nil {
				return err
			}
		}
		m.add(signer)
	}
	return r.install(m)
}

// install makes m what the Ring answers from. The caller holds mu.
func (r *Ring) install(m *material) error {
	next, err := m.at(r.o.Now())
	if err != nil {
		return err
	}
	r.material = m
	r.state.Store(next)
	return nil
}

// Run keeps the Ring up to date until ctx ends. Every replica runs it; Advance
// is for one of them at a time.
func (r *Ring) Run(ctx context.Context) error {
	tick := time.NewTicker(r.o.RefreshEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			if err := r.Refresh(ctx); err != nil && ctx.Err() == nil {
				r.o.Log.WarnContext(ctx, "signing keys could not be read", "error", err)
			}
		}
	}
}

// now returns the state of this moment: times pass without a read.
func (r *Ring) now() *state {
	s, now := r.state.Load(), r.o.Now()
	if s.until.IsZero() || now.Before(s.until) {
		return s
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if next, err := r.material.at(now); err == nil { // it encoded before: it does again
		r.state.Store(next)
		return next
	}
	return s
}

// JWKS returns the published keys as a JWK set (RFC 7517) and its strong entity
// tag. The bytes are shared and must not be changed.
func (r *Ring) JWKS() (body []byte, etag string) {
	s := r.now()
	return s.jwks, s.etag
}

// MaxAge is how long anybody may keep what JWKS returned and still know every key
// that signs: at most 5 min. A replica learns of a key up to RefreshEvery after it
// was published, and half of Lead is left for whoever asked just before.
func (r *Ring) MaxAge() time.Duration { return min(5*time.Minute, r.o.Lead/2) }

// Public returns the published key with this kid. A kid that is not known here
// makes the Ring read the keys, at most once a second: another replica may have
// made the key in an emergency.
func (r *Ring) Public(kid string) (PublicKey, bool) {
	key, ok := r.now().public[kid]
	if !ok && r.maybeRefresh(kid) {
		key, ok = r.now().public[kid]
	}
	return key, ok
}

// Former returns a key that left the JWKS in good standing, or that is still in
// it: enough to recognise what we once said, never to let anybody in.
func (r *Ring) Former(kid string) (PublicKey, bool) {
	s := r.now()
	if key, ok := s.public[kid]; ok {
		return key, true
	}
	key, ok := s.former[kid]
	return key, ok
}

// Signer returns the key that signs now with the algorithm, or fails with
// ErrNoSigner.
func (r *Ring) Signer(alg Algorithm) (*Signer, error) {
	if s, ok := r.now().signers[alg]; ok {
		return s, nil
	}
	if r.maybeRefresh("") {
		if s, ok := r.now().signers[alg]; ok {
			return s, nil
		}
	}
	return nil, ErrNoSigner
}

// maybeRefresh reads the keys unless the kid is one that we know to be gone, or
// somebody just asked. It reports whether it is worth looking again.
func (r *Ring) maybeRefresh(kid string) bool {
	r.mu.Lock()
	now := r.o.Now()
	_, known := r.material.public[kid]
	due := !known && (r.asked.IsZero() || now.Sub(r.asked) >= unknownEvery)
	if due {
		r.asked = now
	}
	r.mu.Unlock()
	if !due {
		// Another caller's read may have ended between our look and the lock.
		return !known
	}
	ctx, cancel := context.WithTimeout(context.Background(), refreshTimeout)
	defer cancel()
	if err := r.Refresh(ctx); err != nil {
		r.o.Log.WarnContext(ctx, "signing keys could not be read", "error", err)
		return false
	}
	return true
}

// Revoked takes a killed key out of this replica at once, before the store is
// asked. It is for revoke.Sequence.Watch: when the revocation number of the kill
// counts as applied here, no token is signed with the key any more.
func (r *Ring) Revoked(ref identity.Ref) {
	if ref.Kind != identity.KindKey {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropped[ref.ID] = true
	r.asked = time.Time{} // whoever misses the key next may look for its successor
	m := *r.material
	m.records = append([]Record(nil), m.records...)
	for i := range m.records {
		if m.records[i].ID == ref.ID {
			m.records[i].Killed = true
		}
	}
	if err := r.install(&m); err != nil {
		r.o.Log.Error("a killed key could not be taken out", "kid", ref.ID, "error", err)
	}
}
