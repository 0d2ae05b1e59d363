package revoke

import (
	"context"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Entry is one raised revocation.
type Entry struct {
	// Number is gapless and in commit order, from 1.
	Number uint64
	Ref    identity.Ref
	// Raised is the time of the event that raised it.
	Raised time.Time
	// Event is that event's id.
	Event string
}

// Store reads the sequence. Raising is not here: the storage layer raises what
// an event Revokes, in the event's transaction.
type Store interface {
	// Head returns the highest committed number, 0 when nothing was ever raised.
	Head(ctx context.Context) (uint64, error)
	// Since returns up to limit entries with a number above after, in order.
	Since(ctx context.Context, after uint64, limit int) ([]Entry, error)
	// Recent returns the entries raised at or after t, in order, and the head.
	Recent(ctx context.Context, t time.Time) (entries []Entry, head uint64, err error)
}
