package keys

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// verb is one thing that can become due for a key.
type verb int

const (
	create  verb = iota // a key that signs at once, as there is no other
	publish             // a key that signs after Lead
	retire              // a newer key signs
	remove              // nothing that it signed is alive
	reseal              // its private half is sealed under a previous encryption key
)

// step is a verb and the key, or the algorithm, that it is about.
type step struct {
	do  verb
	kid string
	alg Algorithm
}

// plan lists what is due at time now. It decides by the records alone.
func (r *Ring) plan(records []Record, now time.Time) []step {
	var due []step
	signing := current(records, now)
	for _, alg := range r.o.Algorithms {
		switch signs, ok := signing[alg]; {
		case !ok:
			due = append(due, step{do: create, alg: alg})
		case r.o.Rotate > 0 && !now.Before(signs.SignsFrom.Add(r.o.Rotate-r.o.Lead)) && !hasWaiting(records, alg, now):
			due = append(due, step{do: publish, alg: alg})
		}
	}
	for _, rec := range records {
		signs, ok := signing[rec.Algorithm]
		switch {
		case len(rec.Private) == 0:
		case rec.removed(now):
			due = append(due, step{do: remove, kid: rec.ID})
		case ok && rec.maySign(now) && rec.ID != signs.ID && rec.RetiredAt.IsZero():
			due = append(due, step{do: retire, kid: rec.ID})
		case r.o.Vault.NeedsReseal(rec.Private):
			due = append(due, step{do: reseal, kid: rec.ID})
		}
	}
	return due
}

func hasWaiting(records []Record, alg Algorithm, now time.Time) bool {
	return slices.ContainsFunc(records, func(rec Record) bool { return rec.Algorithm == alg && rec.waiting(now) })
}

// Advance writes down what time made due: it creates missing keys, publishes the
// next one when the signing one nears its end, retires, removes, and seals again
// what an older encryption key sealed. Run it often, at one replica at a time.
func (r *Ring) Advance(ctx context.Context) error {
	if err := r.Refresh(ctx); err != nil {
		return err
	}
	return r.change(ctx, identity.System("keys"), func(records []Record, now time.Time) ([]step, error) {
		return r.plan(records, now), nil
	})
}

// Rotate publishes a key that will sign after Lead, ahead of the timer. It fails
// with ErrRotating when one is on its way.
func (r *Ring) Rotate(ctx context.Context, alg Algorithm, actor identity.Actor) error {
	if !slices.Contains(r.o.Algorithms, alg) {
		return errAlgorithm
	}
	return r.change(ctx, actor, func(records []Record, now time.Time) ([]step, error) {
		if hasWaiting(records, alg, now) {
			return nil, ErrRotating
		}
		return []step{{do: publish, alg: alg}}, nil
	})
}

// change takes the steps that decide finds, all in one transaction of the store,
// and reads the result. Key pairs are made before it, as they take time; decide
// is asked again inside, as another replica may have been faster.
func (r *Ring) change(ctx context.Context, actor identity.Actor, decide func([]Record, time.Time) ([]step, error)) error {
	r.mu.Lock()
	known := r.material.records
	r.mu.Unlock()
	steps, err := decide(known, r.o.Now())
	if err != nil || len(steps) == 0 {
		return err
	}
	fresh := map[Algorithm]Record{}
	for _, s := range steps {
		if s.do != create && s.do != publish {
			continue
		}
		if fresh[s.alg], err = r.generate(s.alg); err != nil {
			return err
		}
	}
	err = r.o.Store.Rotate(ctx, func(records []Record) ([]Record, []event.Event, error) {
		w := work{ring: r, records: slices.Clone(records), now: r.time(), actor: actor, fresh: fresh}
		steps, err := decide(w.records, w.now)
		if err != nil {
			return nil, nil, err
		}
		for _, s := range steps {
			if err := w.take(s); err != nil {
				return nil, nil, err
			}
		}
		return w.records, w.events, nil
	})
	if err != nil {
		return fmt.Errorf("change signing keys: %w", err)
	}
	return r.Refresh(ctx)
}

// time is now as it is stored.
func (r *Ring) time() time.Time { return r.o.Now().UTC().Truncate(time.Microsecond) }

// work is a change of the records under way.
type work struct {
	ring    *Ring
	records []Record
	events  []event.Event
	now     time.Time
	actor   identity.Actor
	fresh   map[Algorithm]Record
}

func (w *work) tell(typ string, rec Record, pairs ...string) {
	w.events = append(w.events, event.New(w.now, typ, w.actor, identity.Key(rec.ID), append(pairs, "algorithm", string(rec.Algorithm))...))
}

func (w *work) take(s step) error {
	switch s.do {
	case create:
		return w.add(s.alg, w.now)
	case publish:
		return w.add(s.alg, w.now.Add(w.ring.o.Lead))
	case retire, remove, reseal:
	}
	i := slices.IndexFunc(w.records, func(rec Record) bool { return rec.ID == s.kid })
	rec := &w.records[i]
	switch s.do {
	case retire:
		rec.RetiredAt, rec.RemoveAt = w.now, w.now.Add(w.ring.o.Overlap)
		w.tell("key.retired", *rec, "remove_at", rec.RemoveAt.Format(time.RFC3339))
		w.tell("key.activated", current(w.records, w.now)[rec.Algorithm])
	case remove:
		rec.Private = []byte{}
		w.tell("key.removed", *rec)
	case reseal:
		return w.reseal(rec)
	case create, publish:
	}
	return nil
}

// add appends a key that signs from the time given.
func (w *work) add(alg Algorithm, signsFrom time.Time) error {
	rec, ok := w.fresh[alg]
	if !ok {
		var err error
		if rec, err = w.ring.generate(alg); err != nil {
			return err
		}
	}
	rec.Published, rec.SignsFrom = w.now, signsFrom
	w.records = append(w.records, rec)
	w.tell("key.published", rec, "signs_from", signsFrom.Format(time.RFC3339))
	if signsFrom.Equal(w.now) {
		w.tell("key.activated", rec)
	}
	return nil
}

func (w *work) reseal(rec *Record) error {
	vault := w.ring.o.Vault
	plain, err := vault.Open(rec.Private, keyTable, keyColumn, rec.ID)
	if err != nil {
		return fmt.Errorf("signing key %s: %w", rec.ID, err)
	}
	if rec.Private, err = vault.Seal(plain, keyTable, keyColumn, rec.ID); err != nil {
		return fmt.Errorf("signing key %s: %w", rec.ID, err)
	}
	return nil
}
