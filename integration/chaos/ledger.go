package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// ledger is what brokers acknowledged, kept where no kill reaches it. It is safe
// for concurrent use.
type ledger struct {
	mu     sync.Mutex
	n      int
	looked time.Time        // when the page was turned last
	jtis   []string         // of every token, for the audit log
	since  map[string]bool  // those of them since the last look
	used   []used           // codes, good once, and used: a replay ends their grant
	proofs []used           // client assertions that were used
	ended  []ended          // taken back
	lines  []*family        // refresh tokens
	codes  []uncertain      // codes whose redemption was not answered
	facts  map[string]*fact // what an operator switches
}

// used is something that was good once. again uses it anew, and must be refused.
type used struct {
	what  string
	again func(context.Context) reply
}

// ended is something that was taken back. try uses it, and must be refused.
type ended struct {
	what string
	try  func(context.Context) reply
}

// uncertain is a code whose redemption was under way.
type uncertain struct{ again func(context.Context) reply }

// fact is a state that an operator set. observe asks the broker for it.
type fact struct {
	name    string
	observe func(context.Context) (string, error)
	// subject and types tell the audit entries that set it: the type of each state.
	subject func() string
	types   map[string]string
	want    string
	flight  string // asked for and not answered; empty for nothing
}

func newLedger() *ledger {
	return &ledger{looked: time.Now(), since: map[string]bool{}, facts: map[string]*fact{}}
}

// acknowledged counts a write that was answered.
func (l *ledger) acknowledged() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
}

// count is how many writes were acknowledged.
func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n
}

// token writes an acknowledged token down.
func (l *ledger) token(t tokens) error {
	id, _, err := t.jti()
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	l.jtis = append(l.jtis, id)
	l.since[id] = true
	return nil
}

func (l *ledger) proof(u used) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.proofs = append(l.proofs, u)
}

func (l *ledger) end(e ended) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = append(l.ended, e)
}

func (l *ledger) doubt(u uncertain) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.codes = append(l.codes, u)
}

func (l *ledger) line(f *family) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, f)
	l.used = append(l.used, f.code)
}

// state returns the named fact, as given when it is new.
func (l *ledger) state(f fact) *fact {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known, ok := l.facts[f.name]; ok {
		return known
	}
	l.facts[f.name] = &f
	return &f
}

// aim writes down that a fact is about to change; reached, that it did.
func (l *ledger) aim(f *fact, state string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f.flight = state
}

func (l *ledger) reached(f *fact) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f.want, f.flight, l.n = f.flight, "", l.n+1
}

// forbidden returns something that must be refused, chosen at random; ok is false
// when there is nothing yet. Trying it harms nothing that still has to hold.
func (l *ledger) forbidden() (what string, try func(context.Context) reply, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.proofs) + len(l.ended)
	if n == 0 {
		return "", nil, false
	}
	i := rand.IntN(n)
	if i < len(l.proofs) {
		return l.proofs[i].what, l.proofs[i].again, true
	}
	e := l.ended[i-len(l.proofs)]
	return e.what, e.try, true
}

// page is what happened since the last look.
type page struct {
	since  time.Time
	tokens map[string]bool
	used   []used
	ended  []ended
	lines  []*family
	codes  []uncertain
	facts  []*fact
}

// turn returns what happened since the last look and begins a new page. The
// newest of what must stay refused is kept for the rounds that follow.
func (l *ledger) turn() page {
	const kept = 200
	l.mu.Lock()
	defer l.mu.Unlock()
	p := page{since: l.looked.Add(-time.Second), tokens: l.since, used: append(l.used, l.proofs...), ended: l.ended, lines: l.lines, codes: l.codes}
	for _, f := range l.facts {
		p.facts = append(p.facts, f)
	}
	l.looked = time.Now()
	l.since, l.lines, l.codes = map[string]bool{}, nil, nil
	l.used = nil
	l.proofs = append([]used(nil), l.proofs[max(0, len(l.proofs)-kept):]...)
	l.ended = append([]ended(nil), l.ended[max(0, len(l.ended)-kept):]...)
	return p
}
