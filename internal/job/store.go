package job

import (
	"context"
	"time"
)

// Job is one durable piece of work that is tried until it is done or its time
// is over.
type Job struct {
	ID string
	// Queue names the handler.
	Queue string
	// Key makes enqueueing idempotent: a second job with the same queue and key
	// is not added, also after the first is done.
	Key     string
	Payload []byte
	RunAt   time.Time
	// Deadline is when trying ends.
	Deadline time.Time
	// Attempt counts the tries so far.
	Attempt int
	// LastError is the reason of the last failed try.
	LastError string
}

// Needless is what a handler returns for a job that is over because there is nothing to
// do, and says why: the job counts as done, and keeps that.
type Needless string

func (n Needless) Error() string { return string(n) }

// Store keeps jobs and leases.
type Store interface {
	// Enqueue adds jobs whose (Queue, Key) is new and ignores the others.
	Enqueue(ctx context.Context, jobs []Job) error
	// Claim takes up to n due jobs for lease.
	Claim(ctx context.Context, now time.Time, n int, lease time.Duration) ([]Job, error)
	// Hold makes the leases of jobs end at until that are not settled yet.
	Hold(ctx context.Context, ids []string, until time.Time) error
	// Finish marks a job done. needless says why there was nothing to do, and is empty
	// where it was done.
	Finish(ctx context.Context, id, needless string) error
	// Retry makes a job due again at the given time and records why.
	Retry(ctx context.Context, id string, at time.Time, reason string) error
	// Bury sets a job aside for a person to look at.
	Bury(ctx context.Context, id, reason string) error
	// Lease takes or renews the named lease for holder until now+ttl; it reports
	// false while another holder's lease lasts.
	Lease(ctx context.Context, name, holder string, now time.Time, ttl time.Duration) (bool, error)
}
