package job

import (
	"context"
	"fmt"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// ErrLocked is returned when a lock stays with somebody else for too long.
var ErrLocked = fault.New(fault.Unavailable, "locked", "somebody else is changing this right now, try again")

// How a Lock behaves.
const (
	// lockLife is how long the lock of a process that ended stays.
	lockLife = 30 * time.Second
	// lockPoll is how often a lock is asked for that somebody else has, lockTries how
	// many times.
	lockPoll  = 20 * time.Millisecond
	lockTries = 250
)

// Lock takes a named lock that all replicas share, and waits for it a few seconds.
// It holds for 30 s at most: whoever takes it does something short. It fails with
// ErrLocked.
func Lock(ctx context.Context, store Store, name string, now func() time.Time) (unlock func(), err error) {
	holder := identity.NewID()
	for range lockTries {
		held, err := store.Lease(ctx, "lock:"+name, holder, now(), lockLife)
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", name, err)
		}
		if held {
			return func() {
				// A failure leaves the lock to its end.
				_, _ = store.Lease(context.WithoutCancel(ctx), "lock:"+name, holder, now(), 0)
			}, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("lock %s: %w", name, ctx.Err())
		case <-time.After(lockPoll):
		}
	}
	return nil, ErrLocked
}
