package audit

import (
	"context"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// Entry is one line of the audit log: an event and the digest of it. It is
// written in the transaction of the change that it records.
type Entry struct {
	event.Event
	// Digest is Digest(Event), so that a changed entry shows even before it is
	// sealed.
	Digest []byte `json:"digest"`
	// Seal is the number of the seal that covers the entry; 0 while unsealed.
	Seal int64 `json:"seal,omitempty"`
}

// ErrEntryNotFound is returned for an id that no entry has.
var ErrEntryNotFound = fault.New(fault.NotFound, "audit_entry_not_found", "the audit log has no such entry")

// Leaf is an entry as a seal sees it.
type Leaf struct {
	ID     string
	Digest []byte
}

// Seal closes a batch of entries into the hash chain.
type Seal struct {
	// Number counts from 1 without a gap.
	Number int64 `json:"number"`
	// Time is when the batch was sealed.
	Time time.Time `json:"time"`
	// Count is how many entries the batch has; they are ordered by id.
	Count int `json:"count"`
	// Previous is the Head of the seal before, empty for the first.
	Previous []byte `json:"previous"`
	// Head is SHA-256 over the number, the time, Previous and the entries' digests.
	Head []byte `json:"head"`
	// KeyID and Signature are the broker's signature over Head.
	KeyID     string `json:"key_id"`
	Signature []byte `json:"signature"`
}

// Query selects entries. Zero fields select everything.
type Query struct {
	Type    string // exact, or a prefix ending in "."
	Subject string // Ref.String of the subject
	Actor   string // Ref.String of the actor
	// Text is words, each of which is a type or a prefix of one ending in ".", the
	// Ref.String or the id of an actor or subject.
	Text     string
	From, To time.Time // From inclusive, To exclusive
	After    string    // cursor: what Page returned as next
	Limit    int       // at most 1000; 0 means 100
}

// Store keeps entries and seals. It only ever appends and seals.
type Store interface {
	// Append writes entries that belong to no other change, durably, in one
	// transaction.
	Append(ctx context.Context, events []event.Event) error
	// Leaves returns what a seal needs of up to n unsealed entries, in id order.
	Leaves(ctx context.Context, n int) ([]Leaf, error)
	// Unsealed returns up to n unsealed entries after the id, in id order.
	Unsealed(ctx context.Context, after string, n int) ([]Entry, error)
	// Chain writes the seal and marks the entries with it, in one transaction; ids
	// are in order and were unsealed when seal.Number was the next. It fails with a
	// Conflict fault if seal.Number is taken or an id is sealed.
	Chain(ctx context.Context, seal Seal, ids []string) error
	// LastSeal returns the newest seal; ok is false when there is none.
	LastSeal(ctx context.Context) (seal Seal, ok bool, err error)
	// Sealed returns seal number n and its entries in id order, or NotFound.
	Sealed(ctx context.Context, n int64) (Seal, []Entry, error)
	// Page returns entries that match q, newest first, and a cursor for the
	// next page, empty at the end.
	Page(ctx context.Context, q Query) (entries []Entry, next string, err error)
}
