package event

import (
	"context"
	"time"
)

// Delivery is one event on its way to its handlers.
type Delivery struct {
	Event Event
	// Attempt counts from 1.
	Attempt int
	// Done names the handlers that are done with it since an attempt before.
	Done []string
}

// Outbox is where events wait for the dispatcher. Rows are claimed by state,
// never by "id greater than the last", so that a late commit is not passed over.
type Outbox interface {
	// Claim takes up to n due events for lease; each goes to one caller only,
	// until it is finished, retried, or its lease ends.
	Claim(ctx context.Context, now time.Time, n int, lease time.Duration) ([]Delivery, error)
	// Finish marks an event as handled.
	Finish(ctx context.Context, id string) error
	// Retry makes an event due again at the given time and records why, and which
	// handlers are done with it.
	Retry(ctx context.Context, id string, at time.Time, reason string, done []string) error
	// Bury sets an event aside after its last attempt, for a person to look at.
	Bury(ctx context.Context, id, reason string, done []string) error
	// Hold makes the leases of events end at until that are not settled yet.
	Hold(ctx context.Context, ids []string, until time.Time) error
}
