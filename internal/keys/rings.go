package keys

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Rings are several Rings, of different algorithms, that people look after as one.
type Rings []*Ring

// List returns every key that there was in any, as it is now: those of the first
// Ring, oldest first, then those of the next.
func (rs Rings) List(ctx context.Context) ([]Info, error) {
	var all []Info
	for _, r := range rs {
		list, err := r.List(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

// Rotate is Ring.Rotate at the one that has the algorithm.
func (rs Rings) Rotate(ctx context.Context, alg Algorithm, actor identity.Actor) error {
	for _, r := range rs {
		if slices.Contains(r.o.Algorithms, alg) {
			return r.Rotate(ctx, alg, actor)
		}
	}
	return errAlgorithm
}

// Kill is Ring.Kill at the one that has the key.
func (rs Rings) Kill(ctx context.Context, kid string, actor identity.Actor) error {
	for _, r := range rs {
		if err := r.Kill(ctx, kid, actor); !errors.Is(err, ErrKeyNotFound) {
			return err
		}
	}
	return ErrKeyNotFound
}

// Due is Ring.Due of the one whose rotation is nearest.
func (rs Rings) Due() time.Duration {
	nearest := rs[0].Due()
	for _, r := range rs[1:] {
		nearest = min(nearest, r.Due())
	}
	return nearest
}
