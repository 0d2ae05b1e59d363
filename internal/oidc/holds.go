package oidc

import (
	"sync"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// How many followers wait at once at this replica, of one client and of all. Each holds
// a connection for as long as it waits, which costs it nothing.
const (
	mostHeldOf = 100
	mostHeld   = 5000
)

// The refusals of who would wait beside too many others. Both are good again once one
// of these was answered, which takes maxWait at most.
var (
	errHeldOf = fault.New(fault.TooMany, "followers_too_many", "too many requests of this client wait for a revocation already")
	errHeld   = fault.New(fault.Unavailable, "followers_too_many_here", "too many requests wait for a revocation here already")
)

// holds counts requests that wait, by client.
type holds struct {
	mu  sync.Mutex
	of  map[string]int
	all int
}

// take makes room for one more, or fails with errHeldOf or errHeld. release gives the room
// back, once.
func (h *holds) take(client string) (release func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.of[client] >= mostHeldOf:
		return nil, errHeldOf
	case h.all >= mostHeld:
		return nil, errHeld
	case h.of == nil:
		h.of = map[string]int{}
	}
	h.of[client]++
	h.all++
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.all--
		if h.of[client]--; h.of[client] == 0 {
			delete(h.of, client)
		}
	}, nil
}
