package scim

import (
	"context"
	"time"

	"golang.org/x/sync/semaphore"
)

// What is sent takes memory from when it is read until it is answered. Two things bound
// it, whoever sends how much: the room of a connection, for the text of all bodies that it
// has under way, and the gate of the server, for those of all connections that are worked
// on at once, where each byte comes to many.
//
// What clients send all day, one user or some members, has a room and a gate of its own:
// it waits for nothing that is large.
const (
	// normal is up to how many bytes a body is one of those.
	normal = 64 << 10
	// normalRoom is how many bytes of them a connection has under way, and normalGate how
	// many are worked on.
	normalRoom = 1 << 20
	normalGate = 1 << 20
	// largeGate is how many bytes of larger bodies are worked on; one that has more is
	// alone.
	largeGate = 2 << 20
	// turn is how long a body waits until others are done with.
	turn = 10 * time.Second
)

// lanes are the bytes that may still come, of normal and of larger bodies.
type lanes struct {
	normal, large *semaphore.Weighted
	most          int64 // of larger ones
}

func newLanes(small, large int64) lanes {
	return lanes{semaphore.NewWeighted(small), semaphore.NewWeighted(large), large}
}

// enter waits until a body of so many bytes may go on, less than none for one that does
// not say, and returns what lets the next one. It fails with errCrowded.
func (l lanes) enter(ctx context.Context, length int64) (leave func(), err error) {
	lane := l.normal
	if length < 0 || length > normal {
		lane = l.large
		if length < 0 || length > l.most {
			length = l.most
		}
	}
	ctx, cancel := context.WithTimeout(ctx, turn)
	defer cancel()
	if err := lane.Acquire(ctx, length); err != nil {
		return nil, errCrowded
	}
	return func() { lane.Release(length) }, nil
}
