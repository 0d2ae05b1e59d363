package ssf

import (
	"slices"
	"sync"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// errCrowded refuses a poll that would wait. What it acknowledged is acknowledged.
var errCrowded = fault.New(fault.TooMany, "polls_too_many", "too many polls wait already: let one of them end first, or set returnImmediately")

// places are where polls wait: so many at this replica, and so many of one client. When
// all are taken, whoever has fewer than another gets the place that the other has had for
// longest: no number of clients, and none that is greedy, keeps out one that is not.
type places struct {
	all, each int // how many there are, and for one client

	mu    sync.Mutex
	taken int
	of    map[string][]*place // by client, the longest held first
}

// place is where one poll waits. over is closed when somebody else needs it more.
type place struct {
	client string
	over   chan struct{}
}

func newPlaces(all, each int) *places {
	return &places{all: all, each: each, of: map[string][]*place{}}
}

// take gives a poll of a client a place, or fails with errCrowded. Leave it at the end.
func (p *places) take(client string) (*place, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	has := len(p.of[client])
	if has >= p.each {
		return nil, errCrowded
	}
	if p.taken >= p.all {
		most := p.greediest()
		if len(p.of[most]) <= has+1 { // it would then be the one to complain
			return nil, errCrowded
		}
		longest := p.of[most][0]
		close(longest.over)
		p.remove(longest)
	}
	got := &place{client: client, over: make(chan struct{})}
	p.of[client] = append(p.of[client], got)
	p.taken++
	return got, nil
}

// greediest is the client that has most places: it is looked for only when all are taken.
func (p *places) greediest() (client string) {
	most := 0
	for c, held := range p.of {
		if len(held) > most {
			client, most = c, len(held)
		}
	}
	return client
}

// leave gives a place back; one that was taken away is nobody's to give.
func (p *places) leave(left *place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remove(left)
}

func (p *places) remove(gone *place) {
	held := p.of[gone.client]
	i := slices.Index(held, gone)
	if i < 0 {
		return
	}
	p.taken--
	if len(held) == 1 {
		delete(p.of, gone.client)
		return
	}
	p.of[gone.client] = slices.Delete(held, i, i+1)
}
