package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// ErrFollowed refuses to move a follower's position that another replica moved.
var ErrFollowed = fault.New(fault.Conflict, "audit_followed", "another replica exports the audit log")

// Target is where sealed entries are copied to.
type Target interface {
	// Copy returns nil when the entries of a seal, and then the seal, are kept there.
	Copy(ctx context.Context, seal Seal, entries []Entry) error
}

// Followed is the part of a Store that a Follower reads, with where it got to.
type Followed interface {
	LastSeal(ctx context.Context) (seal Seal, ok bool, err error)
	Sealed(ctx context.Context, n int64) (Seal, []Entry, error)
	// Exported is the last seal that a target has, 0 for none.
	Exported(ctx context.Context, target string) (seal int64, err error)
	// SetExported moves on from one seal to the next. It fails with ErrFollowed if
	// the position is another.
	SetExported(ctx context.Context, target string, from, to int64) error
}

// The pace of a Follower: how many seals it copies before its lease is looked at
// again, and how long it leaves a target alone that does not take them.
const (
	followSeals = 20
	followFirst = time.Second
	followMost  = time.Minute
)

// Follower copies the audit log to a target: every sealed entry, in the order of the
// chain, at least once. Where it got to is in the database, and moves after the
// target has what came before. One replica at a time follows, under a lease; if two
// do, one of them stops.
type Follower struct {
	Store Followed
	// Name is the target's, which must stay the same.
	Name   string
	Target Target
	Now    func() time.Time

	pause time.Duration // after a failure
	until time.Time
}

// Follow copies what is new, up to a number of seals, and returns. While the target
// takes nothing it is tried ever more rarely, up to once a minute; the log itself
// goes on.
func (f *Follower) Follow(ctx context.Context) error {
	if f.Now().Before(f.until) {
		return nil
	}
	err := f.follow(ctx)
	if err == nil {
		f.pause = 0
		return nil
	}
	f.pause = min(max(2*f.pause, followFirst), followMost)
	f.until = f.Now().Add(f.pause)
	return fmt.Errorf("export the audit log to %s: %w", f.Name, err)
}

func (f *Follower) follow(ctx context.Context) error {
	at, err := f.Store.Exported(ctx, f.Name)
	if err != nil {
		return err
	}
	last, any, err := f.Store.LastSeal(ctx)
	if err != nil || !any {
		return err
	}
	for n := 0; at < last.Number && n < followSeals; n++ {
		seal, entries, err := f.Store.Sealed(ctx, at+1)
		if err != nil {
			return err
		}
		if err := f.Target.Copy(ctx, seal, entries); err != nil {
			return err
		}
		if err := f.Store.SetExported(ctx, f.Name, at, seal.Number); err != nil {
			return err
		}
		at = seal.Number
	}
	return nil
}

// Waiting is how many seals the target does not have yet.
func (f *Follower) Waiting(ctx context.Context) (int64, error) {
	at, err := f.Store.Exported(ctx, f.Name)
	if err != nil {
		return 0, err
	}
	last, _, err := f.Store.LastSeal(ctx)
	return max(0, last.Number-at), err
}

// sealLine is a seal among entries: with it, who has the lines can verify them
// without the broker.
type sealLine struct {
	Type string `json:"type"` // "audit.seal", which is no event's
	Seal
}

// Line is an entry or a seal as one line of JSON, without its end.
type Line struct {
	Type string
	Time time.Time
	Text []byte
}

// Lines writes the entries as `broker audit export` does, and after them the seal.
func Lines(seal Seal, entries []Entry) ([]Line, error) {
	lines := make([]Line, 0, len(entries)+1)
	for _, e := range entries {
		text, err := line(e)
		if err != nil {
			return nil, err
		}
		lines = append(lines, Line{Type: e.Type, Time: e.Time, Text: text})
	}
	text, err := line(sealLine{"audit.seal", seal})
	if err != nil {
		return nil, err
	}
	return append(lines, Line{Type: "audit.seal", Time: seal.Time, Text: text}), nil
}

func line(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("export the audit log: %w", err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
