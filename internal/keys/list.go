package keys

import (
	"context"
	"time"
)

// Stage is where a key is in its life.
type Stage string

// The stages of a key, in order; a killed key skips the rest.
const (
	Waiting Stage = "published" // in the JWKS, and has yet to sign
	Signing Stage = "signing"
	Retired Stage = "retired" // in the JWKS, while what it signed is alive
	Removed Stage = "removed"
	Killed  Stage = "killed"
)

// Info describes a key without its private half.
type Info struct {
	ID        string    `json:"id"` // kid
	Algorithm Algorithm `json:"algorithm"`
	Stage     Stage     `json:"stage"`
	Published time.Time `json:"published"`
	SignsFrom time.Time `json:"signs_from"`
	RetiredAt time.Time `json:"retired_at,omitzero"`
	RemoveAt  time.Time `json:"remove_at,omitzero"`
}

// List returns every key that there was, oldest first, as it is now.
func (r *Ring) List(ctx context.Context) ([]Info, error) {
	if err := r.Refresh(ctx); err != nil {
		return nil, err
	}
	r.mu.Lock()
	records := r.material.records
	r.mu.Unlock()
	now := r.o.Now()
	signing := current(records, now)
	all := make([]Info, len(records))
	for i, rec := range records {
		all[i] = Info{
			ID: rec.ID, Algorithm: rec.Algorithm, Stage: rec.stage(now, signing[rec.Algorithm].ID == rec.ID),
			Published: rec.Published, SignsFrom: rec.SignsFrom, RetiredAt: rec.RetiredAt, RemoveAt: rec.RemoveAt,
		}
	}
	return all, nil
}

// Due returns how long it is until a signing key has signed for as long as it
// should, of the one that is nearest to it; below zero, a rotation is late. It goes
// by what this replica read last.
func (r *Ring) Due() time.Duration {
	r.mu.Lock()
	records := r.material.records
	r.mu.Unlock()
	now := r.o.Now()
	nearest := r.o.Rotate
	for _, rec := range current(records, now) {
		nearest = min(nearest, rec.SignsFrom.Add(r.o.Rotate).Sub(now))
	}
	return nearest
}

func (rec *Record) stage(now time.Time, signs bool) Stage {
	switch {
	case rec.Killed:
		return Killed
	case rec.removed(now):
		return Removed
	case rec.waiting(now):
		return Waiting
	case signs:
		return Signing
	default:
		return Retired
	}
}
