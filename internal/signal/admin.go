package signal

import (
	"context"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Find returns a stream, whoever's it is.
func (s *Service) Find(ctx context.Context, id string) (Stream, error) {
	return s.o.Store.Stream(ctx, id)
}

// Search returns a page of streams: see Streams.SearchStreams.
func (s *Service) Search(ctx context.Context, q Query) (page []Stream, next string, err error) {
	return s.o.Store.SearchStreams(ctx, q)
}

// Recent returns the newest SETs of a stream, up to limit.
func (s *Service) Recent(ctx context.Context, stream string, limit int) ([]Set, error) {
	return s.o.Store.RecentSets(ctx, stream, limit)
}

// Switch is an operator's: the receiver is told by a stream-updated event.
func (s *Service) Switch(ctx context.Context, id string, status Status, reason string, actor identity.Actor) (Stream, error) {
	return s.switched(ctx, id, switching{status, reason, actor, true}, func(Stream) error { return nil })
}

// Remove removes a stream, whoever's it is, and all that waits in it.
func (s *Service) Remove(ctx context.Context, id string, actor identity.Actor) error {
	found, err := s.o.Store.Stream(ctx, id)
	if err != nil {
		return err
	}
	return s.o.Store.RemoveStream(ctx, id, []event.Event{removed(s.now(), found, actor, "")})
}

// Backlog counts what waits in all streams, and the streams whose last push failed.
func (s *Service) Backlog(ctx context.Context) (waiting, failing int64, err error) {
	return s.o.Store.SignalBacklog(ctx)
}
