package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// load is clients at work on a broker.
type load struct {
	s *stage
	c *client
	l *ledger
	r *report
	// trouble judges an answer that is not the good one: whether the worker goes on.
	trouble func(*answered) bool
	// fresh reports whether the broker's memory has only just begun.
	fresh func() bool
	// lag is how far a replica may be behind the one that acknowledged; 0 for one.
	lag time.Duration
	// moves says that the clock does: the newest entry is then not the last.
	moves bool
	// people are the ids of those who signed in, by user name.
	people map[string]string
	cookie atomic.Pointer[string] // of alice's session
	served sync.Map               // kind of work → *atomic.Int64, when it last succeeded
}

// answered is an answer that is not the one that was asked for.
type answered struct {
	what  string
	reply reply
}

func (a *answered) Error() string { return a.what + ": " + a.reply.String() }

// step is one piece of a worker's work. It fails with *answered.
type step func(context.Context) error

// workers makes n workers, of every kind at least one.
func (w *load) workers(n int) []worker {
	all := []worker{
		{"sign-in", w.sessions("ada")},
		{"sign-in", w.disabling("bob")},
		{"administration", w.switching()},
		{"administration", w.apiTokens()},
	}
	for i := len(all); i < n; i++ {
		switch i % 3 {
		case 0:
			all = append(all, worker{"client token", w.clientTokens()})
		case 1:
			all = append(all, worker{"assertion", w.assertions()})
		case 2:
			all = append(all, worker{"code and refresh", w.families()})
		}
	}
	return all
}

// worker is a step to be done over and over.
type worker struct {
	kind string
	do   step
}

// run lets workers work until ctx ends or trouble says so, and returns when the
// last one has stopped.
func (w *load) run(ctx context.Context, workers []worker) {
	var group sync.WaitGroup
	for _, one := range workers {
		group.Go(func() {
			for ctx.Err() == nil {
				err := one.do(w.s.Context()) // what is under way at the end is answered
				var a *answered
				switch {
				case err == nil:
					w.succeeded(one.kind)
				case errors.As(err, &a):
					if !w.trouble(a) {
						return
					}
				case ctx.Err() == nil:
					w.r.violation("%s: %v", one.kind, err)
					time.Sleep(100 * time.Millisecond)
				}
			}
		})
	}
	group.Wait()
}

func (w *load) succeeded(kind string) {
	at, _ := w.served.LoadOrStore(kind, new(atomic.Int64))
	at.(*atomic.Int64).Store(time.Now().UnixNano())
}

// lately tells apart the kinds of work that succeeded after the given moment.
func (w *load) lately(since time.Time) (did, didNot []string) {
	w.served.Range(func(kind, at any) bool {
		if at.(*atomic.Int64).Load() > since.UnixNano() {
			did = append(did, kind.(string))
		} else {
			didNot = append(didNot, kind.(string))
		}
		return true
	})
	slices.Sort(did)
	slices.Sort(didNot)
	return did, didNot
}

// recovered reports whether every kind of work succeeded after the given moment.
func (w *load) recovered(since time.Time) bool {
	_, not := w.lately(since)
	return len(not) == 0
}
