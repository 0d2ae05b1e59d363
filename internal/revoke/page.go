package revoke

import (
	"context"
	"slices"
	"sort"
	"time"
)

// MaxPage is how many entries a Page has at most.
const MaxPage = 5000

// Page is a part of the sequence, for those who follow it from outside.
type Page struct {
	// Entries are all those above After, up to and with Head, in order.
	Entries     []Entry
	After, Head uint64
	// Floor is the number up to which entries are forgotten: what rests on a lower one
	// is refused.
	Floor uint64
	// More says that there are entries above Head already.
	More bool
	// Age is how long ago the store answered last. Without More, nothing that was
	// committed before then is missing.
	Age time.Duration
}

// Page returns what was raised above a number. If that is nothing, it waits for the
// first entry, for as long as told at most, or until Release. It asks memory
// alone. What is asked for from below the floor begins at the floor.
//
// It fails with ErrStale when this replica cannot tell, as it does when asked from
// above what it knows itself.
func (s *Sequence) Page(ctx context.Context, after uint64, wait time.Duration) (Page, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for waited := wait <= 0; ; {
		p, moved := s.page(after)
		switch {
		case s.stale():
			return Page{}, ErrStale
		case waited || len(p.Entries) > 0 || p.After > after:
			if p.Head < after {
				return Page{}, ErrStale
			}
			return p, nil
		}
		select {
		case <-ctx.Done():
			return Page{}, ctx.Err()
		case <-s.over:
			waited = true
		case <-timer.C:
			waited = true
		case <-moved:
		}
	}
}

// Release ends the waiting of every Page, now and from now on: the replica is to stop.
func (s *Sequence) Release() { s.released.Do(func() { close(s.over) }) }

// page reads memory once; moved is closed when there is more.
func (s *Sequence) page(after uint64) (p Page, moved <-chan struct{}) {
	p.Age = s.Age() // before the rest: it may be older than it, never younger
	s.raisedMu.RLock()
	defer s.raisedMu.RUnlock()
	p.Floor = s.floor.Load()
	p.After = max(after, p.Floor)
	from := sort.Search(len(s.entries), func(i int) bool { return s.entries[i].Number > p.After })
	found := s.entries[from:]
	p.More = len(found) > MaxPage
	p.Entries = slices.Clone(found[:min(len(found), MaxPage)])
	p.Head = p.Floor
	if n := len(s.entries); n > 0 {
		p.Head = s.entries[n-1].Number
	}
	if p.More {
		p.Head = p.Entries[MaxPage-1].Number
	}
	return p, s.moved
}
