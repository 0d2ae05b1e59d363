package record

import (
	"context"
	"log/slog"
	"time"
)

// Outcomes wait to be kept together, at most so many and for so long.
const (
	mostNoted = 4096
	noteEvery = 500 * time.Millisecond
	keepTime  = 10 * time.Second // to keep what waits when the broker ends
)

// Note notes an outcome for the list of the latest operations. It does not wait: what
// changed something is kept with the change, and of the others some may be left out when
// there are more than can be kept.
func (s *Service) Note(_ context.Context, o Outcome) {
	if o.Changed && o.Status < 300 {
		return // kept with the change
	}
	s.mu.Lock()
	if len(s.noted) < mostNoted {
		s.noted = append(s.noted, o)
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run keeps what is noted until ctx ends, and then what is left.
func (s *Service) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTime)
			defer cancel()
			return s.keep(last)
		case <-s.wake:
		}
		if err := s.keep(ctx); err != nil {
			s.o.Log.WarnContext(ctx, "what SCIM clients did is not listed", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
		case <-time.After(noteEvery):
		}
	}
}

func (s *Service) keep(ctx context.Context) error {
	s.mu.Lock()
	all := s.noted
	s.noted = nil
	s.mu.Unlock()
	if len(all) == 0 {
		return nil
	}
	return s.o.Store.SaveOutcomes(ctx, all)
}
