package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// signer signs heads for a test: the signature is the head itself.
type signer struct{}

// SignHead signs.
func (signer) SignHead(_ context.Context, head []byte) (string, []byte, error) { return "k", head, nil }

func auditWhole(t *testing.T, db *storage.DB) {
	sealer := &audit.Sealer{Store: db, Signer: signer{}, Now: func() time.Time { return now }}
	n, err := sealer.Seal(t.Context())
	if err != nil || n == 0 {
		t.Fatalf("sealed %d, %v", n, err)
	}
	check := func(_ string, head, signature []byte) error {
		if !slices.Equal(head, signature) {
			return errors.New("wrong signature")
		}
		return nil
	}
	if r, err := audit.Verify(t.Context(), db, check); err != nil || r.Entries != n || r.Unsealed != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	seen := map[string]bool{}
	for q := (audit.Query{Limit: 7}); ; {
		page, next, err := db.Page(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page {
			seen[e.ID] = true
		}
		if q.After = next; next == "" {
			break
		}
	}
	if len(seen) != n {
		t.Errorf("the pages have %d of %d entries", len(seen), n)
	}
	if _, err := audit.Verify(t.Context(), tampered{db}, check); !errors.Is(err, audit.ErrBroken) {
		t.Errorf("a changed entry: %v", err)
	}
}

// tampered changes the actor of every sealed entry that it returns.
type tampered struct{ *storage.DB }

// Sealed returns entries by another actor than wrote them.
func (c tampered) Sealed(ctx context.Context, n int64) (audit.Seal, []audit.Entry, error) {
	s, entries, err := c.DB.Sealed(ctx, n)
	for i := range entries {
		entries[i].Actor.ID = "somebody else"
	}
	return s, entries, err
}
