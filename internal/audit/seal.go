// Package audit keeps the log of what happened so that nobody can change it
// unseen.
//
// An entry is an event with its digest, written in the transaction of the change
// it records. Within a second a sealer chains the new entries in a batch: the
// seal's head covers the head before it and every entry's digest, and is signed.
// Verify names the first entry or seal that was changed, removed or added, and
// reports the tail that is not sealed yet.
package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// sealBatch is how many entries one seal covers at most. Whoever records something
// while a seal is written waits for it, where there is one writer: see Sealer.Rest.
const sealBatch = 250

// Signer signs the head of the chain.
type Signer interface {
	// SignHead returns the key's id and its signature over head (JWS ES256: r and
	// s, 32 bytes each, of SHA-256 over head).
	SignHead(ctx context.Context, head []byte) (keyID string, signature []byte, err error)
}

// Sealer chains entries. Of several replicas one seals at a time, under a lease;
// if two do, the store refuses one of them.
type Sealer struct {
	Store  Store
	Signer Signer
	Now    func() time.Time
	// Rest is called between two seals with how long the first took, so that others can
	// write; an error ends the sealing. Nil is for no rest.
	Rest func(ctx context.Context, took time.Duration) error
}

// Seal chains everything that is not sealed and returns how many entries it was.
func (s *Sealer) Seal(ctx context.Context) (sealed int, err error) {
	for {
		began := time.Now() // not s.Now, which can be set: a rest would be as long as the step
		n, err := s.one(ctx)
		if err != nil {
			return sealed, err
		}
		sealed += n
		if n < sealBatch {
			return sealed, nil
		}
		if s.Rest != nil {
			if err := s.Rest(ctx, time.Since(began)); err != nil {
				return sealed, fmt.Errorf("seal: %w", err)
			}
		}
	}
}

func (s *Sealer) one(ctx context.Context) (int, error) {
	// The last seal is read first: who seals the same entries meanwhile takes the
	// number that this seal would have.
	last, _, err := s.Store.LastSeal(ctx)
	if err != nil {
		return 0, fmt.Errorf("seal: %w", err)
	}
	leaves, err := s.Store.Leaves(ctx, sealBatch)
	if err != nil || len(leaves) == 0 {
		return 0, err
	}
	seal := Seal{Number: last.Number + 1, Time: s.Now().UTC().Truncate(time.Microsecond), Count: len(leaves), Previous: last.Head}
	seal.Head = head(seal, leaves)
	if seal.KeyID, seal.Signature, err = s.Signer.SignHead(ctx, seal.Head); err != nil {
		return 0, fmt.Errorf("seal: %w", err)
	}
	ids := make([]string, len(leaves))
	for i, l := range leaves {
		ids[i] = l.ID
	}
	if err := s.Store.Chain(ctx, seal, ids); err != nil {
		return 0, fmt.Errorf("seal: %w", err)
	}
	return len(leaves), nil
}

// head is SHA-256 over the seal's number, time, count and previous head, and each
// entry's digest in id order.
func head(s Seal, leaves []Leaf) []byte {
	h := sha256.New()
	var fixed [24]byte
	binary.BigEndian.PutUint64(fixed[0:], uint64(s.Number))
	binary.BigEndian.PutUint64(fixed[8:], uint64(s.Time.UnixMicro()))
	binary.BigEndian.PutUint64(fixed[16:], uint64(s.Count))
	h.Write(fixed[:])
	h.Write(s.Previous)
	for _, l := range leaves {
		h.Write(l.Digest)
	}
	return h.Sum(nil)
}

// ErrBroken is what Verify wraps when the log is not what was sealed.
var ErrBroken = fault.New(fault.Conflict, "audit_broken", "the audit log was changed")

// Report is what Verify found in a whole log.
type Report struct {
	Seals, Entries int
	// Unsealed is how many entries no seal covers yet.
	Unsealed int
}

// Verify checks the whole log. check verifies a signature over a head by the key
// with this id. The error names the first entry or seal that is broken.
func Verify(ctx context.Context, store Store, check func(keyID string, head, signature []byte) error) (Report, error) {
	var r Report
	last, any, err := store.LastSeal(ctx)
	if err != nil {
		return r, fmt.Errorf("verify the audit log: %w", err)
	}
	var previous []byte
	for n := int64(1); any && n <= last.Number; n++ {
		seal, entries, err := store.Sealed(ctx, n)
		if err != nil {
			if fault.KindOf(err) == fault.NotFound {
				return r, fmt.Errorf("%w: seal %d is missing", ErrBroken, n)
			}
			return r, fmt.Errorf("verify the audit log: %w", err)
		}
		if err := verifySeal(seal, entries, previous, check); err != nil {
			return r, err
		}
		r.Seals, r.Entries, previous = r.Seals+1, r.Entries+len(entries), seal.Head
	}
	return r, verifyTail(ctx, store, &r)
}

func verifySeal(s Seal, entries []Entry, previous []byte, check func(string, []byte, []byte) error) error {
	leaves := make([]Leaf, len(entries))
	for i, e := range entries {
		if err := verifyEntry(e); err != nil {
			return err
		}
		leaves[i] = Leaf{ID: e.ID, Digest: e.Digest}
	}
	return verifyChain(s, leaves, previous, check)
}

// verifyChain checks that a seal covers the leaves and follows the one before it.
func verifyChain(s Seal, leaves []Leaf, previous []byte, check func(string, []byte, []byte) error) error {
	switch {
	case len(leaves) != s.Count:
		return fmt.Errorf("%w: seal %d covers %d entries, %d are there", ErrBroken, s.Number, s.Count, len(leaves))
	case !bytes.Equal(s.Previous, previous):
		return fmt.Errorf("%w: seal %d does not follow the one before it", ErrBroken, s.Number)
	case !bytes.Equal(head(s, leaves), s.Head):
		return fmt.Errorf("%w: seal %d covers other entries", ErrBroken, s.Number)
	}
	if err := check(s.KeyID, s.Head, s.Signature); err != nil {
		return fmt.Errorf("%w: the signature of seal %d: %w", ErrBroken, s.Number, err)
	}
	return nil
}

func verifyEntry(e Entry) error {
	if !bytes.Equal(Digest(e.Event), e.Digest) {
		return fmt.Errorf("%w: entry %s does not match its digest", ErrBroken, e.ID)
	}
	return nil
}

func verifyTail(ctx context.Context, store Store, r *Report) error {
	for after := ""; ; {
		entries, err := store.Unsealed(ctx, after, sealBatch)
		if err != nil {
			return fmt.Errorf("verify the audit log: %w", err)
		}
		for _, e := range entries {
			if err := verifyEntry(e); err != nil {
				return err
			}
			after = e.ID
		}
		if r.Unsealed += len(entries); len(entries) < sealBatch {
			return nil
		}
	}
}
