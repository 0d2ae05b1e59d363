package porting

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
)

// How often whoever reads a file tells that it still comes, and how long after that it is
// taken for broken off. A read of the body takes less than the difference.
const (
	tellEvery = 30 * time.Second
	silent    = 3 * time.Minute
)

// bounded reads up to so many bytes, and fails with ErrTooBig beyond. It tells that the
// file still comes.
type bounded struct {
	in   io.Reader
	left int64
	told time.Time
	// tell may be nil, where nobody waits for the file yet.
	tell func() error
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, ErrTooBig
	}
	if b.tell != nil {
		if err := b.tell(); err != nil {
			return 0, err
		}
	}
	n, err := b.in.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// stillReading keeps, now and then, that a file still comes. It fails when it was
// discarded meanwhile.
func (s *Service) stillReading(ctx context.Context, id string, file *bounded) error {
	now := s.now()
	if now.Sub(file.told) < tellEvery {
		return nil
	}
	file.told = now
	_, err := s.o.Store.UpdateImport(ctx, id, func(i Import) (Import, []event.Event, error) {
		if i.State != Reading {
			return i, nil, ErrState
		}
		i.Read = now
		return i, nil, nil
	})
	return err
}

// abandon refuses the files whose reader has ended in the middle, as when the broker was
// killed: nothing was done of them, and nobody else has the rest.
func (s *Service) abandon(ctx context.Context) error {
	all, err := s.o.Store.Readings(ctx)
	if err != nil {
		return err
	}
	for _, i := range all {
		last := i.Created
		if i.Read.After(last) {
			last = i.Read
		}
		if s.now().Sub(last) < silent {
			continue
		}
		if _, err := s.refuse(ctx, i.ID, ErrBrokenOff); err != nil && !errors.Is(err, ErrState) && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}
