package event

import (
	"context"
	"fmt"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// State is where an event in the outbox stands.
type State string

// The states. An event that waits and has failed before is Retrying.
const (
	Waiting   State = "waiting"
	Retrying  State = "retrying"
	Buried    State = "buried" // set aside after its last attempt
	Done      State = "done"
	Discarded State = "discarded" // by a person
)

// The faults of looking after the outbox.
var (
	ErrQueuedNotFound = fault.New(fault.NotFound, "queued_not_found", "nothing with this id is in the queue")
	ErrQueuedDone     = fault.New(fault.Conflict, "queued_done", "this is done or discarded already")
	ErrState          = fault.New(fault.Invalid, "state_unknown", "the states are waiting, retrying, buried, done and discarded").At("state")
	ErrCursor         = fault.New(fault.Invalid, "cursor_invalid", "this is no cursor that a page of this list gave: begin without one").At("after")
)

// QueueQuery selects events of the outbox: all that every field which is set
// selects.
type QueueQuery struct {
	// ID selects one event, in whatever state it is.
	ID string
	// State selects by state; empty selects what is not settled: waiting, retrying
	// and buried.
	State State
	// Limit is how many entries a page has, 1 to 1000; 0 means 100.
	Limit int
	// After is the cursor of the page before, empty for the first.
	After string
}

// Queued is one event in the outbox.
type Queued struct {
	Event Event `json:"event"`
	State State `json:"state"`
	// Attempts is how often it was tried, Reason why the last try failed.
	Attempts int    `json:"attempts"`
	Reason   string `json:"reason,omitempty"`
	// Done names the consequences that are done while others are not.
	Done []string `json:"done,omitempty"`
	// Due is when it is tried next; zero for one that is not going to be.
	Due     time.Time `json:"due,omitzero"`
	Created time.Time `json:"created"`
}

// Backlog is what a queue holds that is not settled.
type Backlog struct {
	Waiting  int64 `json:"waiting"`
	Retrying int64 `json:"retrying"`
	Buried   int64 `json:"buried"`
	// Oldest is when the oldest that waits was created, zero when nothing waits.
	Oldest time.Time `json:"oldest,omitzero"`
}

// Queue is the outbox as people look after it.
type Queue interface {
	// SearchQueue returns a page of the events that q selects, oldest first, and the
	// cursor of the page after it, empty at the end. It fails with ErrCursor and
	// ErrState.
	SearchQueue(ctx context.Context, q QueueQuery) (page []Queued, next string, err error)
	// QueueBacklog counts what is not settled.
	QueueBacklog(ctx context.Context) (Backlog, error)
	// Again makes an event that waits or is buried due at now, with all attempts
	// before it, and writes told. It fails with ErrQueuedNotFound and ErrQueuedDone.
	Again(ctx context.Context, id string, now time.Time, told Event) error
	// Drop makes an event that waits or is buried discarded and writes told. It fails
	// like Again.
	Drop(ctx context.Context, id string, told Event) error
}

// Desk is where people look after a queue: what they do ends in the audit log.
type Desk struct {
	Queue Queue
	Now   func() time.Time
	// Hint, if set, says that something became due: Dispatcher.Notify.
	Hint func()
}

// Search returns a page of the outbox: see Queue.SearchQueue.
func (d *Desk) Search(ctx context.Context, q QueueQuery) (page []Queued, next string, err error) {
	return d.Queue.SearchQueue(ctx, q)
}

// Find returns one event of the outbox, or ErrQueuedNotFound.
func (d *Desk) Find(ctx context.Context, id string) (Queued, error) {
	page, _, err := d.Queue.SearchQueue(ctx, QueueQuery{ID: id, Limit: 1})
	if err == nil && len(page) == 0 {
		err = ErrQueuedNotFound
	}
	if err != nil {
		return Queued{}, fmt.Errorf("find event: %w", err)
	}
	return page[0], nil
}

// Backlog counts what is not settled.
func (d *Desk) Backlog(ctx context.Context) (Backlog, error) { return d.Queue.QueueBacklog(ctx) }

// Retry has an event tried again at once.
func (d *Desk) Retry(ctx context.Context, id string, actor identity.Actor) error {
	now := d.Now()
	if err := d.Queue.Again(ctx, id, now, New(now, "event.retried", actor, identity.Event(id))); err != nil {
		return fmt.Errorf("retry event %s: %w", id, err)
	}
	if d.Hint != nil {
		d.Hint()
	}
	return nil
}

// Discard gives an event up: its consequences do not happen.
func (d *Desk) Discard(ctx context.Context, id string, actor identity.Actor) error {
	if err := d.Queue.Drop(ctx, id, New(d.Now(), "event.discarded", actor, identity.Event(id))); err != nil {
		return fmt.Errorf("discard event %s: %w", id, err)
	}
	return nil
}
