// Package activity counts what happened, by the hour: sign-ins by connection,
// outcome and reason, and issued tokens by app, client and grant type.
//
// The figures are exact, over replicas and restarts. They are made of the sealed
// audit log, one seal at a time: the transaction that adds the entries of a seal
// also notes the seal's number, so that none is counted twice and none is left
// out. Nothing is counted while a request waits; a figure is a few seconds behind.
// Hours are kept for 90 days.
package activity

import (
	"context"
	"fmt"
	"time"
)

// Keep is how long an hour's figures are kept.
const Keep = 90 * 24 * time.Hour

// late is how long after a day its figures may come: a broker of an older version,
// which may count beside this one, adds nothing to the sum of a day.
const late = 2 * time.Hour

// The outcomes of sign-ins.
const (
	Success = "success"
	Failed  = "failed"  // the identity provider, the directory or the rules refused
	Refused = "refused" // signed in, and not entitled to the app
)

// SignIns is how many sign-ins of a kind there were.
type SignIns struct {
	// Hour is the beginning of the hour in UTC; zero in totals.
	Hour       time.Time `json:"hour,omitzero"`
	Connection string    `json:"connection,omitempty"`
	Outcome    string    `json:"outcome"`
	// Reason is the code of the rule that failed, empty for Success.
	Reason string `json:"reason,omitempty"`
	Count  int64  `json:"count"`
}

// Tokens is how many tokens of a kind were issued.
type Tokens struct {
	// Hour is the beginning of the hour in UTC; zero in totals.
	Hour time.Time `json:"hour,omitzero"`
	// App is the internal id of the app, empty for what an older broker issued.
	App       string `json:"app,omitempty"`
	Client    string `json:"client,omitempty"`
	GrantType string `json:"grant_type,omitempty"`
	Count     int64  `json:"count"`
}

// Batch is what the entries of one seal add.
type Batch struct {
	Seal    int64
	SignIns []SignIns
	Tokens  []Tokens
	// Issued are the moments in which tokens were issued, each once, by actor: the log
	// is searched by them.
	Issued []Issued
	// Exchanged is what the exchange tree is searched by.
	Exchanged Exchanged
}

// Issued says that an actor was issued tokens in a moment.
type Issued struct{ Actor, Moment string }

// Exchanged says what the tokens that came out of exchanges have to do with.
type Exchanged struct {
	// Facts are the hashes of their facts (grant.NodeFacts), sorted, each once.
	Facts []uint64
	// Newest is the greatest id of their entries, empty when there are none.
	Newest string
}

// Store keeps figures.
type Store interface {
	// CountedSeal returns the number of the last seal that was counted, 0 for none.
	CountedSeal(ctx context.Context) (int64, error)
	// Facts calls each with the entries of seal n that are counted, in any order; ok is
	// false when there is no such seal.
	Facts(ctx context.Context, n int64, each func(Fact)) (ok bool, err error)
	// AddFigures adds a batch whose seal is the one after CountedSeal, in one
	// transaction; any other is refused with a Conflict fault.
	AddFigures(ctx context.Context, b Batch) error
	// CloseDay sums the tokens of the first day that is over at until and not summed, so
	// that totals need not add up its hours, and reports whether there was one. What is
	// added to such a day later is added to its sum.
	CloseDay(ctx context.Context, until time.Time) (closed bool, err error)
	// ForgetFigures removes a bounded part of the hours before t and reports whether
	// that was all.
	ForgetFigures(ctx context.Context, t time.Time) (all bool, err error)
}

// Figures answers questions, about whole hours: from that of from until that in
// which to is, which is left out if to is its beginning.
type Figures interface {
	// SignInHours returns sign-ins by hour and outcome, in the order of time.
	SignInHours(ctx context.Context, from, to time.Time) ([]SignIns, error)
	// SignInTotals returns sign-ins by connection, outcome and reason, most first.
	SignInTotals(ctx context.Context, from, to time.Time) ([]SignIns, error)
	// TokenHours returns issued tokens by hour and grant type, in the order of time.
	TokenHours(ctx context.Context, from, to time.Time) ([]Tokens, error)
	// TokenTotals returns issued tokens by app, client and grant type, most first.
	TokenTotals(ctx context.Context, from, to time.Time) ([]Tokens, error)
}

// Fact is what is counted of one audit entry.
type Fact struct {
	ID    string
	Type  string
	Time  time.Time
	Actor string // Ref.String
	// Body is audit.Canonical of the event. It is good until each returns.
	Body []byte
}

// Counter brings figures up to date. Of several replicas one counts at a time,
// under a lease; if two do, the store refuses one of them.
type Counter struct {
	Store Store
	Now   func() time.Time
	// Rest is called between two seals with how long the first took, so that others can
	// write; an error ends the run. Nil is for no rest.
	Rest func(ctx context.Context, took time.Duration) error
}

// Run counts what was sealed since the run before, and forgets what is too old.
func (c *Counter) Run(ctx context.Context) error {
	last, err := c.Store.CountedSeal(ctx)
	if err != nil {
		return fmt.Errorf("count activity: %w", err)
	}
	oldest := c.Now().Add(-Keep)
	for n, more := last+1, true; more; n++ {
		if more, err = c.count(ctx, n, oldest); err != nil {
			return fmt.Errorf("count activity: %w", err)
		}
	}
	for closed := true; closed; {
		if closed, err = c.Store.CloseDay(ctx, c.Now().Add(-late)); err != nil {
			return fmt.Errorf("close a day of figures: %w", err)
		}
	}
	for {
		if all, err := c.Store.ForgetFigures(ctx, oldest); err != nil || all {
			return err
		}
	}
}

// count counts a seal, and what is not older, if there is that seal.
func (c *Counter) count(ctx context.Context, seal int64, oldest time.Time) (ok bool, err error) {
	began, s := time.Now(), newSum(oldest) // not c.Now, which can be set: a rest would be as long as the step
	if ok, err = c.Store.Facts(ctx, seal, s.add); err != nil || !ok {
		return false, err
	}
	if err := c.Store.AddFigures(ctx, s.batch(seal)); err != nil || c.Rest == nil {
		return true, err
	}
	return true, c.Rest(ctx, time.Since(began))
}
