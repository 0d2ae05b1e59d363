package signal

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/token"
)

// The pace of a Notebook.
const (
	// noteAgain is how old the note of a subject may be, noteMost how many are known
	// here to be fresh.
	noteAgain = 24 * time.Hour
	noteMost  = 50_000
	// readEvery is how often it is read who has streams.
	readEvery = time.Second
)

// Audiences is the part of registry.Registry that a Notebook asks.
type Audiences interface {
	Audience(ctx context.Context, name string) (*registry.Audience, error)
}

// NotebookOptions are what a Notebook needs. All are required.
type NotebookOptions struct {
	// Issuer is the audience that is no API.
	Issuer    string
	Store     Store
	Audiences Audiences
	Now       func() time.Time
}

// Notebook notes whom streams hear of, as tokens are issued. While nobody has a stream,
// that costs a look at a pointer; otherwise a row for the first token of a person, a
// session and a client, and again after a day.
type Notebook struct {
	o         NotebookOptions
	receivers atomic.Pointer[map[string]bool]

	mu    sync.Mutex
	noted map[Subject]time.Time // without Seen
}

// NewNotebook returns a Notebook that knows of no stream before its first Refresh.
func NewNotebook(o NotebookOptions) *Notebook {
	n := &Notebook{o: o, noted: map[Subject]time.Time{}}
	n.receivers.Store(&map[string]bool{})
	return n
}

// Refresh reads who has streams.
func (n *Notebook) Refresh(ctx context.Context) error {
	all, err := n.o.Store.Receivers(ctx)
	if err != nil {
		return fmt.Errorf("read who has streams: %w", err)
	}
	now := make(map[string]bool, len(all))
	for _, r := range all {
		now[r] = true
	}
	n.receivers.Store(&now)
	return nil
}

// Listened reports whether anybody has a stream, as far as is known here: see Refresh.
func (n *Notebook) Listened() bool { return len(*n.receivers.Load()) > 0 }

// Note notes a token before it is handed out.
func (n *Notebook) Note(ctx context.Context, a token.Access) error {
	receivers := *n.receivers.Load()
	if len(receivers) == 0 {
		return nil
	}
	var fresh []Subject
	now := n.o.Now()
	add := func(receiver, app, via string) {
		s := Subject{Receiver: receiver, App: app, Person: a.Person, Session: a.Session, Via: via, Connection: a.Connection}
		if receivers[receiver] && !n.fresh(s, now) {
			s.Seen = now
			fresh = append(fresh, s)
		}
	}
	if a.Person != "" {
		add(a.Client, a.App, a.Client)
	}
	if a.Audience != n.o.Issuer {
		api, err := n.o.Audiences.Audience(ctx, a.Audience)
		switch {
		case fault.KindOf(err) == fault.NotFound && err != nil:
		case err != nil:
			return fmt.Errorf("note a token: %w", err)
		default:
			add(api.Client, api.App, a.Client)
			for _, link := range a.Via {
				add(api.Client, api.App, link.Client)
			}
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	if err := n.o.Store.NoteSubjects(ctx, fresh); err != nil {
		return fmt.Errorf("note a token: %w", err)
	}
	n.remember(fresh)
	return nil
}

// fresh reports whether a subject was noted here not long ago.
func (n *Notebook) fresh(s Subject, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	at, ok := n.noted[s]
	return ok && now.Sub(at) < noteAgain
}

func (n *Notebook) remember(subjects []Subject) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.noted)+len(subjects) > noteMost {
		clear(n.noted) // each is noted once more, which changes nothing
	}
	for _, s := range subjects {
		at := s.Seen
		s.Seen = time.Time{}
		n.noted[s] = at
	}
}

// Run refreshes until ctx ends. A store that does not answer is asked again.
func (n *Notebook) Run(ctx context.Context) error {
	tick := time.NewTicker(readEvery)
	defer tick.Stop()
	for {
		// What is known stays known while the store does not answer: it says so elsewhere.
		_ = n.Refresh(ctx)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
