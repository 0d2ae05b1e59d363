package job

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Query selects jobs: all that every field which is set selects.
type Query struct {
	// ID selects one job, in whatever state it is.
	ID string
	// State selects by state; empty selects what is not settled: waiting, retrying
	// and buried.
	State event.State
	// Queue selects the jobs of one queue.
	Queue string
	// Client selects what a client was to be told: of logouts, and by streams of its own.
	Client string
	// Stream selects the signals that the receiver of a stream refused.
	Stream string
	// Cause selects what an event that revoked something led to: the logouts of apps and
	// the signals that were refused.
	Cause string
	// Limit is how many jobs a page has, 1 to 1000; 0 means 100.
	Limit int
	// After is the cursor of the page before, empty for the first.
	After string
}

// Queued is one job as a list shows it. Its payload is not shown.
type Queued struct {
	ID    string      `json:"id"`
	Queue string      `json:"queue"`
	Key   string      `json:"key"`
	State event.State `json:"state"`
	// Attempts is how often it was tried, Reason why the last try failed.
	Attempts int    `json:"attempts"`
	Reason   string `json:"reason,omitempty"`
	// Due is when it is tried next; zero for one that is not going to be.
	Due time.Time `json:"due,omitzero"`
	// Deadline is when trying ends.
	Deadline time.Time `json:"deadline"`
	// Created is zero for a job of an older broker.
	Created time.Time `json:"created,omitzero"`
}

// Queue is the jobs as people look after them.
type Queue interface {
	// SearchJobs returns a page of the jobs that q selects, oldest first, and the
	// cursor of the page after it, empty at the end. It fails with event.ErrCursor
	// and event.ErrState.
	SearchJobs(ctx context.Context, q Query) (page []Queued, next string, err error)
	// QueueBacklog counts what is not settled.
	QueueBacklog(ctx context.Context) (event.Backlog, error)
	// Again makes a job that waits or is buried due at now, to be tried until
	// deadline at least, and writes told. It fails with event.ErrQueuedNotFound and
	// event.ErrQueuedDone.
	Again(ctx context.Context, id string, now, deadline time.Time, told event.Event) error
	// Drop makes a job that waits or is buried discarded and writes told. It fails
	// like Again.
	Drop(ctx context.Context, id string, told event.Event) error
}

// secondLife is how long a job is tried, at least, that a person tries again.
const secondLife = time.Hour

// Desk is where people look after jobs: what they do ends in the audit log.
type Desk struct {
	Queue Queue
	Now   func() time.Time
}

// Search returns a page of the jobs: see Queue.SearchJobs.
func (d *Desk) Search(ctx context.Context, q Query) (page []Queued, next string, err error) {
	return d.Queue.SearchJobs(ctx, q)
}

// Find returns one job, or event.ErrQueuedNotFound.
func (d *Desk) Find(ctx context.Context, id string) (Queued, error) {
	page, _, err := d.Queue.SearchJobs(ctx, Query{ID: id, Limit: 1})
	if err == nil && len(page) == 0 {
		err = event.ErrQueuedNotFound
	}
	if err != nil {
		return Queued{}, fmt.Errorf("find job: %w", err)
	}
	return page[0], nil
}

// Backlog counts what is not settled.
func (d *Desk) Backlog(ctx context.Context) (event.Backlog, error) { return d.Queue.QueueBacklog(ctx) }

// Retry has a job tried again at once, and for an hour at least.
func (d *Desk) Retry(ctx context.Context, id string, actor identity.Actor) error {
	now := d.Now()
	if err := d.Queue.Again(ctx, id, now, now.Add(secondLife), event.New(now, "job.retried", actor, identity.Job(id))); err != nil {
		return fmt.Errorf("retry job %s: %w", id, err)
	}
	return nil
}

// RetryAll has every job tried again that q selects and that was given up, as Retry does,
// and returns how many those were. It goes on past those that somebody else settles
// meanwhile.
func (d *Desk) RetryAll(ctx context.Context, q Query, actor identity.Actor) (retried int, err error) {
	q.State, q.Limit = event.Buried, 0
	for {
		page, next, err := d.Queue.SearchJobs(ctx, q)
		if err != nil {
			return retried, fmt.Errorf("retry jobs: %w", err)
		}
		for _, one := range page {
			switch err := d.Retry(ctx, one.ID, actor); {
			case err == nil:
				retried++
			case !errors.Is(err, event.ErrQueuedDone) && !errors.Is(err, event.ErrQueuedNotFound):
				return retried, err
			}
		}
		if next == "" {
			return retried, nil
		}
		q.After = next
	}
}

// Discard gives a job up: it is not tried again.
func (d *Desk) Discard(ctx context.Context, id string, actor identity.Actor) error {
	if err := d.Queue.Drop(ctx, id, event.New(d.Now(), "job.discarded", actor, identity.Job(id))); err != nil {
		return fmt.Errorf("discard job %s: %w", id, err)
	}
	return nil
}
