package keys

import (
	"context"
	"fmt"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Kill takes a key out of the JWKS at once, erases its private half and revokes
// every token that it signed (event key.killed). Where no other key of its
// algorithm may sign, a fresh one does at once. It fails with ErrKeyNotFound.
func (r *Ring) Kill(ctx context.Context, kid string, actor identity.Actor) error {
	if err := r.Refresh(ctx); err != nil {
		return err
	}
	fresh, err := r.replacement(kid)
	if err != nil {
		return err
	}
	err = r.o.Store.Rotate(ctx, func(records []Record) ([]Record, []event.Event, error) {
		w := work{ring: r, records: slices.Clone(records), now: r.time(), actor: actor, fresh: fresh}
		if err := w.kill(kid); err != nil {
			return nil, nil, err
		}
		return w.records, w.events, nil
	})
	if err != nil {
		return fmt.Errorf("kill signing key %s: %w", kid, err)
	}
	return r.Refresh(ctx)
}

// replacement makes a key pair of the kid's algorithm ahead of the transaction.
func (r *Ring) replacement(kid string) (map[Algorithm]Record, error) {
	r.mu.Lock()
	key, ok := r.material.public[kid]
	r.mu.Unlock()
	if !ok {
		return nil, ErrKeyNotFound
	}
	rec, err := r.generate(key.Algorithm)
	if err != nil {
		return nil, err
	}
	return map[Algorithm]Record{key.Algorithm: rec}, nil
}

func (w *work) kill(kid string) error {
	i := slices.IndexFunc(w.records, func(rec Record) bool { return rec.ID == kid })
	if i < 0 {
		return ErrKeyNotFound
	}
	rec := &w.records[i]
	if rec.Killed {
		return nil
	}
	rec.Killed, rec.Private, rec.RemoveAt = true, []byte{}, w.now
	if rec.RetiredAt.IsZero() {
		rec.RetiredAt = w.now
	}
	alg := rec.Algorithm
	w.tell("key.killed", *rec)
	last := len(w.events) - 1
	w.events[last] = w.events[last].Revoking(identity.Key(kid))
	if _, ok := current(w.records, w.now)[alg]; ok || !slices.Contains(w.ring.o.Algorithms, alg) {
		return nil
	}
	return w.add(alg, w.now)
}
