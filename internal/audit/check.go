package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// checkEntries is after how many entries one Run of a Checker ends, so that a log
// that was never verified, or a busy hour, takes several.
const checkEntries = 20_000

// Check is how far the log was verified since it began, seal after seal as they
// came. What was verified is not looked at again: `broker audit verify` does that.
type Check struct {
	// Through is the number of the last seal that was found whole, Entries how many
	// entries the seals up to it cover, Head its head.
	Through int64  `json:"through"`
	Entries int64  `json:"entries"`
	Head    []byte `json:"head"`
	// At is when the last seal was verified, or found broken.
	At time.Time `json:"at"`
	// Broken says what is wrong with the seal after Through; empty while all is well.
	Broken string `json:"broken,omitempty"`
}

// CheckStore keeps the last Check.
type CheckStore interface {
	// LastCheck returns it; ok is false before the first.
	LastCheck(ctx context.Context) (c Check, ok bool, err error)
	// SaveCheck replaces it.
	SaveCheck(ctx context.Context, c Check) error
}

// Chain is the part of Store that a Checker reads.
type Chain interface {
	LastSeal(ctx context.Context) (seal Seal, ok bool, err error)
	// SealedBodies returns seal number n and what is stored of its entries, in id
	// order, or NotFound.
	SealedBodies(ctx context.Context, n int64) (Seal, []Body, error)
}

// Body is an entry as it is stored: Canonical of the event, and its digest.
type Body struct {
	ID           string
	Body, Digest []byte
}

// Checker verifies new seals and remembers what it found. Of several replicas one
// checks at a time, under a lease.
type Checker struct {
	Log   Chain
	Store CheckStore
	// Verify verifies a signature over a head by the key with this id.
	Verify func(keyID string, head, signature []byte) error
	Now    func() time.Time
}

// Run verifies what was sealed since the run before. That the log is broken is no
// error of Run but what it saves; it looks at the broken seal again each time, and
// goes on once the log was put right.
func (c *Checker) Run(ctx context.Context) error {
	check, _, err := c.Store.LastCheck(ctx)
	if err != nil {
		return fmt.Errorf("check the audit log: %w", err)
	}
	last, any, err := c.Log.LastSeal(ctx)
	if err != nil {
		return fmt.Errorf("check the audit log: %w", err)
	}
	was := check
	if any && last.Number < check.Through {
		check.Broken = fmt.Sprintf("the log ends at seal %d, and seal %d was verified before", last.Number, check.Through)
	}
	for any && check.Entries-was.Entries < checkEntries && check.Through < last.Number {
		if err := c.next(ctx, &check); errors.Is(err, ErrBroken) {
			check.Broken = err.Error()
			break
		} else if err != nil {
			return fmt.Errorf("check the audit log: %w", err)
		}
	}
	if check.Through == was.Through && check.Broken == was.Broken {
		return nil
	}
	check.At = c.Now().UTC().Truncate(time.Microsecond)
	if err := c.Store.SaveCheck(ctx, check); err != nil {
		return fmt.Errorf("check the audit log: %w", err)
	}
	return nil
}

// next verifies the seal after check.Through and moves check to it.
func (c *Checker) next(ctx context.Context, check *Check) error {
	seal, bodies, err := c.Log.SealedBodies(ctx, check.Through+1)
	if fault.KindOf(err) == fault.NotFound {
		return fmt.Errorf("%w: seal %d is missing", ErrBroken, check.Through+1)
	}
	if err != nil {
		return err
	}
	leaves := make([]Leaf, len(bodies))
	for i, b := range bodies {
		if !bytes.Equal(DigestOf(b.Body), b.Digest) {
			return fmt.Errorf("%w: entry %s does not match its digest", ErrBroken, b.ID)
		}
		leaves[i] = Leaf{ID: b.ID, Digest: b.Digest}
	}
	if err := verifyChain(seal, leaves, check.Head, c.Verify); err != nil {
		return err
	}
	check.Through, check.Head, check.Broken = seal.Number, seal.Head, ""
	check.Entries += int64(len(bodies))
	return nil
}

// State is what a person is told of the log: how far it is sealed and verified.
type State struct {
	// Seals is the number of the last seal and SealedAt its time; zero before the first.
	Seals    int64     `json:"seals"`
	SealedAt time.Time `json:"sealed_at,omitzero"`
	// Unsealed is how many entries no seal covers yet.
	Unsealed int64 `json:"unsealed"`
	Check    Check `json:"check"`
}

// StateStore is what ReadState reads.
type StateStore interface {
	LastSeal(ctx context.Context) (seal Seal, ok bool, err error)
	CountUnsealed(ctx context.Context) (int64, error)
	LastCheck(ctx context.Context) (c Check, ok bool, err error)
}

// ReadState returns how far the log is sealed and verified.
func ReadState(ctx context.Context, store StateStore) (s State, err error) {
	last, _, err := store.LastSeal(ctx)
	if err == nil {
		s.Seals, s.SealedAt = last.Number, last.Time
		s.Unsealed, err = store.CountUnsealed(ctx)
	}
	if err == nil {
		s.Check, _, err = store.LastCheck(ctx)
	}
	if err != nil {
		return State{}, fmt.Errorf("read the state of the audit log: %w", err)
	}
	return s, nil
}
