package upstream

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/keys"
)

// How long keys are believed, and how often an unknown one may ask again: a
// withdrawn key stops being trusted, and a flood of unknown kids asks once.
const (
	keysLife     = 10 * time.Minute
	unknownEvery = 10 * time.Second
	fetchTimeout = 10 * time.Second
)

// keySet remembers a provider's keys.
type keySet struct {
	fetch func(context.Context) (keys.KeySet, error)
	now   func() time.Time

	mu      sync.Mutex
	set     keys.KeySet
	read    time.Time // when set was read
	asked   time.Time // when reading was last tried
	lastErr error
}

// find returns the key for a signature by kid and algorithm.
func (k *keySet) find(ctx context.Context, kid, alg string) (any, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	fresh := !k.read.IsZero() && now.Sub(k.read) < keysLife
	found := k.set.Select(kid, keys.Algorithm(alg))
	if (!fresh || len(found) == 0) && (k.asked.IsZero() || now.Sub(k.asked) >= unknownEvery || (!fresh && k.lastErr != nil && now.Sub(k.asked) >= time.Second)) {
		k.asked = now
		// Not the caller's context: one who leaves must not fail the others.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		set, err := k.fetch(ctx)
		if k.lastErr = err; err == nil {
			k.set, k.read, fresh = set, now, true
			found = set.Select(kid, keys.Algorithm(alg))
		}
	}
	switch {
	case !fresh && k.lastErr != nil:
		return nil, k.lastErr
	case !fresh, len(found) != 1:
		return nil, untrusted("the id_token is signed with a key that the provider does not publish")
	}
	return found[0].Key, nil
}

// fetchKeys reads the provider's JWK set.
func (c *Connection) fetchKeys(ctx context.Context) (keys.KeySet, error) {
	meta, err := c.discover(ctx)
	if err != nil {
		return keys.KeySet{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, meta.JwksURI, nil)
	if err != nil {
		return keys.KeySet{}, untrusted("the metadata names a broken jwks_uri")
	}
	var raw json.RawMessage
	status, err := c.send(req, &raw)
	if err != nil {
		return keys.KeySet{}, err
	}
	if status != http.StatusOK {
		return keys.KeySet{}, ErrUnreachable
	}
	set, err := keys.ParseJWKS(raw)
	if err != nil {
		return keys.KeySet{}, fault.Wrap(err, ErrUntrusted.Kind, ErrUntrusted.Code, "the identity provider publishes keys that must not be used")
	}
	return set, nil
}
