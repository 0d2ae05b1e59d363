package signal

import (
	"context"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
)

// Query selects streams: all that every field which is set selects.
type Query struct {
	// Client selects those of one client.
	Client string
	Status Status
	// Failing selects those whose last push failed.
	Failing *bool
	// Limit is how many streams a page has, 1 to 1000; 0 means 100.
	Limit int
	// After is the cursor of the page before, empty for the first.
	After string
}

// Change is what becomes of a stream in one transaction.
type Change struct {
	Stream Stream
	// Drop gives up everything that waits, before Sets are queued.
	Drop   bool
	Sets   []Set
	Events []event.Event
}

// Streams keeps streams.
type Streams interface {
	// CreateStream stores a new stream; when the app has most already as this client, it
	// fails with ErrTooMany. The people who are signed in to the client become its subjects.
	CreateStream(ctx context.Context, s Stream, most int, events []event.Event) error
	// Stream returns the stream with this id, or ErrNotFound.
	Stream(ctx context.Context, id string) (Stream, error)
	// StreamsOf returns the streams of a client, oldest first.
	StreamsOf(ctx context.Context, client string) ([]Stream, error)
	// UpdateStream changes a stream in one transaction. It fails with ErrNotFound.
	UpdateStream(ctx context.Context, id string, change func(Stream) (Change, error)) (Stream, error)
	// RemoveStream removes a stream and its SETs, or fails with ErrNotFound. Whom it heard
	// of stays noted for the app's other streams, and for the next.
	RemoveStream(ctx context.Context, id string, events []event.Event) error
	// SearchStreams returns a page of the streams that q selects, newest first, and the
	// cursor of the page after it, empty at the end. It fails with ErrCursor.
	SearchStreams(ctx context.Context, q Query) (page []Stream, next string, err error)
	// Receivers returns the clients that have a stream.
	Receivers(ctx context.Context) ([]string, error)
}

// Backlog keeps the SETs of streams.
type Backlog interface {
	// QueueSets adds SETs to their streams, in this order, but for those whose ID the
	// stream has had and those of a stream that is gone or disabled. Above most that
	// wait, the oldest are dropped.
	QueueSets(ctx context.Context, sets []Set, most int) error
	// ClaimStreams takes up to n streams of Push that have something to deliver, for
	// lease: each goes to one caller only until it is released or its lease ends, which
	// its Leased says. Those come first whose last turn was longest ago, and at most each
	// of a client are leased at once.
	ClaimStreams(ctx context.Context, now time.Time, n, each int, lease time.Duration) ([]Stream, error)
	// HoldStream makes the lease that ends at leased end at until. It reports whether that
	// was still the stream's: if not, its lease was over and somebody else may have it.
	HoldStream(ctx context.Context, stream string, leased, until time.Time) (held bool, err error)
	// NextSets returns the first n SETs that are to be delivered, oldest first: of a
	// stream that is not enabled the Control ones alone.
	NextSets(ctx context.Context, stream string, n int) ([]Set, error)
	// SettleSets says that SETs that wait were delivered or refused, and ignores others. It
	// returns those that it settled. A stream that delivers has not failed since.
	SettleSets(ctx context.Context, stream string, ids []string, as SetState, reason string, at time.Time) (settled []string, err error)
	// ReleaseStream ends the lease that ends at leased, and does nothing if the stream has
	// another: the stream is due at next, zero for as soon as there is something. failure is
	// why its push failed; with "" it did not.
	ReleaseStream(ctx context.Context, stream string, leased, next time.Time, failure string, at time.Time) error
	// RefuseSet counts a refusal of a SET that waits, and returns how many there were.
	RefuseSet(ctx context.Context, stream, id, reason string) (refusals int, err error)
	// RequeueSet lets a SET that was refused wait again, behind all others. It fails with
	// ErrNotFound, and with ErrDisabled while the stream is disabled.
	RequeueSet(ctx context.Context, stream, id string) error
	// DropSets drops up to limit SETs that were issued before and still wait, and
	// returns how many it dropped.
	DropSets(ctx context.Context, before, now time.Time, limit int) (int, error)
	// SignalBacklog counts the SETs that wait, and the streams whose last push failed.
	SignalBacklog(ctx context.Context) (waiting, failing int64, err error)
	// RecentSets returns the newest SETs of a stream, up to limit.
	RecentSets(ctx context.Context, stream string, limit int) ([]Set, error)
}

// Subjects keeps whom streams hear of.
type Subjects interface {
	// NoteSubjects adds subjects, or has them seen anew.
	NoteSubjects(ctx context.Context, subjects []Subject) error
	// SubjectsWith returns up to limit subjects that have every field that about has,
	// from the one after after on, in one order.
	SubjectsWith(ctx context.Context, about Subject, after *Subject, limit int) ([]Subject, error)
}

// Store keeps everything about streams.
type Store interface {
	Streams
	Backlog
	Subjects
}
