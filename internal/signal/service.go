package signal

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/registry"
)

// sealedTable names the authorization of pushes to the vault.
const (
	sealedTable  = "signal_streams"
	sealedColumn = "authorization"
)

// Sealer is the part of keys.Vault that a Service needs.
type Sealer interface {
	Seal(plain []byte, table, column, id string) ([]byte, error)
	Open(sealed []byte, table, column, id string) ([]byte, error)
	NeedsReseal(sealed []byte) bool
}

// Options are what a Service needs. All are required.
type Options struct {
	Store  Store
	Sealer Sealer
	// Allowed fails for an address that must not be called: httpx.Guard.Check.
	Allowed func(netip.Addr) error
	Now     func() time.Time
	// Queued says that something may have to be delivered: Pusher.Notify.
	Queued func()
	// Created says that there is another stream: Notebook.Refresh.
	Created func(ctx context.Context) error
}

// Service is what receivers do with their streams, and operators with all.
type Service struct{ o Options }

// NewService returns a Service.
func NewService(o Options) *Service { return &Service{o} }

func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

// Create makes a stream of a client.
func (s *Service) Create(ctx context.Context, c *registry.Client, settings Settings, actor identity.Actor) (Stream, error) {
	if err := settings.check(s.o.Allowed); err != nil {
		return Stream{}, err
	}
	now := s.now()
	made := Stream{ID: identity.NewID(), Client: c.ID, App: c.App, Status: Enabled, Created: now, Updated: now, Version: 1}
	sealed, err := s.seal(made.ID, settings.Delivery.Authorization)
	if err != nil {
		return Stream{}, err
	}
	made = settings.into(made, sealed)
	told := event.New(now, "stream.created", actor, identity.Stream(made.ID), "client", made.Client, "app", made.App, "method", made.Method)
	if err := s.o.Store.CreateStream(ctx, made, MostStreams, []event.Event{told}); err != nil {
		return Stream{}, fmt.Errorf("create stream: %w", err)
	}
	if err := s.o.Created(ctx); err != nil {
		return Stream{}, fmt.Errorf("create stream: %w", err)
	}
	return made, nil
}

func (s *Service) seal(stream, authorization string) ([]byte, error) {
	if authorization == "" {
		return nil, nil
	}
	sealed, err := s.o.Sealer.Seal([]byte(authorization), sealedTable, sealedColumn, stream)
	if err != nil {
		return nil, fmt.Errorf("seal the authorization of a stream: %w", err)
	}
	return sealed, nil
}

// own reports whether a stream is the client's: that of the app that made it.
func own(c *registry.Client, s Stream) bool { return s.Client == c.ID && s.App == c.App }

// Get returns a client's stream. What is another's is ErrNotFound.
func (s *Service) Get(ctx context.Context, c *registry.Client, id string) (Stream, error) {
	found, err := s.o.Store.Stream(ctx, id)
	if err == nil && !own(c, found) {
		err = ErrNotFound
	}
	if err != nil {
		return Stream{}, err
	}
	return found, nil
}

// List returns a client's streams, oldest first.
func (s *Service) List(ctx context.Context, c *registry.Client) ([]Stream, error) {
	all, err := s.o.Store.StreamsOf(ctx, c.ID)
	mine := make([]Stream, 0, len(all))
	for _, one := range all {
		if own(c, one) {
			mine = append(mine, one)
		}
	}
	return mine, err
}

// Configure changes a client's stream: decide gets it as it is and returns what it is
// to be.
func (s *Service) Configure(ctx context.Context, c *registry.Client, id string, actor identity.Actor, decide func(Stream) (Settings, error)) (Stream, error) {
	changed, err := s.o.Store.UpdateStream(ctx, id, func(old Stream) (Change, error) {
		if !own(c, old) {
			return Change{}, ErrNotFound
		}
		settings, err := decide(old)
		if err != nil {
			return Change{}, err
		}
		if err := settings.check(s.o.Allowed); err != nil {
			return Change{}, err
		}
		sealed, err := s.seal(id, settings.Delivery.Authorization)
		if err != nil {
			return Change{}, err
		}
		next := settings.into(old, sealed)
		next.Updated = s.now()
		told := event.New(next.Updated, "stream.changed", actor, identity.Stream(id), "client", next.Client, "app", next.App, "method", next.Method)
		return Change{Stream: next, Events: []event.Event{told}}, nil
	})
	if err != nil {
		return Stream{}, fmt.Errorf("change stream: %w", err)
	}
	s.o.Queued()
	return changed, nil
}

// Authorization returns the header of the pushes of a stream, empty for none.
func (s *Service) Authorization(of Stream) (string, error) {
	if len(of.Authorization) == 0 {
		return "", nil
	}
	plain, err := s.o.Sealer.Open(of.Authorization, sealedTable, sealedColumn, of.ID)
	if err != nil {
		return "", fmt.Errorf("open the authorization of a stream: %w", err)
	}
	return string(plain), nil
}

// Delete removes a client's stream and all that waits in it.
func (s *Service) Delete(ctx context.Context, c *registry.Client, id string, actor identity.Actor) error {
	found, err := s.Get(ctx, c, id)
	if err != nil {
		return err
	}
	return s.o.Store.RemoveStream(ctx, id, []event.Event{removed(s.now(), found, actor, "")})
}

// removed tells that a stream is gone.
func removed(at time.Time, gone Stream, actor identity.Actor, why string) event.Event {
	return event.New(at, "stream.removed", actor, identity.Stream(gone.ID), "client", gone.Client, "app", gone.App, "reason", why)
}

// SetStatus is a receiver's own switch of its stream (SSF 1.0, section 8.1.2.2). It fails
// with ErrHeld for a status that an operator set.
func (s *Service) SetStatus(ctx context.Context, c *registry.Client, id string, status Status, reason string, actor identity.Actor) (Stream, error) {
	return s.switched(ctx, id, switching{status: status, reason: reason, actor: actor}, func(old Stream) error {
		switch {
		case !own(c, old):
			return ErrNotFound
		case old.Held && old.Status != status:
			return ErrHeld
		}
		return nil
	})
}

// switching is how a stream gets another status.
type switching struct {
	status Status
	reason string
	actor  identity.Actor
	// operator says that it was not the receiver who did.
	operator bool
}

func (w switching) check() error {
	if !slices.Contains(Statuses(), w.status) {
		return ErrState
	}
	if !plainText(w.reason) || utf8.RuneCountInString(w.reason) > mostText {
		return errSetting("/reason", "a reason has at most %d characters, and no control characters", mostText)
	}
	return nil
}

// change is what becomes of a stream. When it was not the receiver who switched it, the
// receiver is told before anything else is (SSF 1.0, section 8.1.5).
func (w switching) change(old Stream, now time.Time) Change {
	next := old
	next.Status, next.Reason, next.Updated = w.status, w.reason, now
	if w.operator || w.status != old.Status {
		next.Held = w.operator && w.status != Enabled
	}
	told := event.New(now, "stream.enabled", w.actor, identity.Stream(old.ID), "client", next.Client, "app", next.App, "reason", w.reason)
	switch w.status {
	case Paused:
		told.Type = "stream.paused"
	case Disabled:
		told.Type = "stream.disabled"
	case Enabled:
	}
	c := Change{Stream: next, Events: []event.Event{told}, Drop: w.status == Disabled}
	if w.operator && old.Status != w.status {
		c.Sets = []Set{about(next, StreamUpdated, told, struct {
			Status Status `json:"status"`
			Reason string `json:"reason,omitempty"`
		}{w.status, w.reason})}
	}
	return c
}

// switched switches a stream, if may does not fail.
func (s *Service) switched(ctx context.Context, id string, w switching, may func(Stream) error) (Stream, error) {
	if err := w.check(); err != nil {
		return Stream{}, err
	}
	changed, err := s.o.Store.UpdateStream(ctx, id, func(old Stream) (Change, error) {
		if err := may(old); err != nil {
			return Change{}, err
		}
		return w.change(old, s.now()), nil
	})
	if err != nil {
		return Stream{}, fmt.Errorf("switch stream: %w", err)
	}
	s.o.Queued()
	return changed, nil
}

// about makes a SET about the stream itself.
func about(s Stream, typ string, cause event.Event, claims any) Set {
	set := newSet(s, cause, typ, opaque(s.ID), claims, "")
	set.Control = typ == StreamUpdated
	return set
}

// Verify queues a verification event (SSF 1.0, section 8.1.4). state is echoed.
func (s *Service) Verify(ctx context.Context, c *registry.Client, id, state string, actor identity.Actor) error {
	if len(state) > mostText || !utf8.ValidString(state) {
		return errSetting("/state", "a state has at most %d bytes", mostText)
	}
	now := s.now()
	_, err := s.o.Store.UpdateStream(ctx, id, func(old Stream) (Change, error) {
		switch {
		case !own(c, old):
			return Change{}, ErrNotFound
		case old.Status == Disabled:
			return Change{}, ErrDisabled
		case now.Sub(old.Verified) < VerifyEvery && !now.Before(old.Verified):
			return Change{}, fault.Wrap(soon(VerifyEvery-now.Sub(old.Verified)), ErrVerified.Kind, ErrVerified.Code, "%s", ErrVerified.Detail)
		}
		old.Verified = now
		told := event.New(now, "stream.verified", actor, identity.Stream(id), "client", old.Client, "app", old.App)
		set := about(old, Verification, told, struct {
			State string `json:"state,omitempty"`
		}{state})
		return Change{Stream: old, Sets: []Set{set}, Events: []event.Event{told}}, nil
	})
	if err != nil {
		return fmt.Errorf("verify stream: %w", err)
	}
	s.o.Queued()
	return nil
}

// soon is how long it is until a stream may be verified again.
type soon time.Duration

// Error implements error.
func (s soon) Error() string { return "may be verified again in " + time.Duration(s).String() }

// Pause is how long a client is told to wait.
func (s soon) Pause() time.Duration { return time.Duration(s) }

// Polled is what a receiver says when it polls (RFC 8936, section 2.2): what it took,
// and what it could not, by jti.
type Polled struct {
	// Most is how many SETs it wants, up to MostPolled.
	Most   int
	Acked  []string
	Failed map[string]string
}

// MostPolled is how many SETs one answer to a poll has.
const MostPolled = 100

// Settle takes the receiver's word for SETs of its stream. What it could not take is
// set aside; refused is called for each.
func (s *Service) Settle(ctx context.Context, of Stream, p Polled, refused func(id, reason string) error) error {
	now := s.now()
	if len(p.Acked) > 0 {
		if _, err := s.o.Store.SettleSets(ctx, of.ID, p.Acked, SetDelivered, "", now); err != nil {
			return err
		}
	}
	for id, reason := range p.Failed {
		settled, err := s.o.Store.SettleSets(ctx, of.ID, []string{id}, SetRefused, reason, now)
		if err != nil {
			return err
		}
		if len(settled) > 0 {
			if err := refused(id, reason); err != nil {
				return err
			}
		}
	}
	return nil
}

// Next returns up to n SETs that a receiver is to poll, and whether there are more.
func (s *Service) Next(ctx context.Context, of Stream, n int) (sets []Set, more bool, err error) {
	if sets, err = s.o.Store.NextSets(ctx, of.ID, n+1); err != nil {
		return nil, false, err
	}
	if len(sets) > n {
		return sets[:n], true, nil
	}
	return sets, false, nil
}

// Expire drops what waited for Keep, in all streams.
func (s *Service) Expire(ctx context.Context) error {
	const batch = 1000
	for {
		now := s.now()
		n, err := s.o.Store.DropSets(ctx, now.Add(-Keep), now, batch)
		if err != nil {
			return fmt.Errorf("drop old events: %w", err)
		}
		if n < batch {
			return nil
		}
	}
}

// Reseal encrypts the authorizations of streams anew that a previous encryption key
// encrypted, so that it can be left out of the configuration.
func (s *Service) Reseal(ctx context.Context) error {
	for q := (Query{}); ; {
		page, next, err := s.o.Store.SearchStreams(ctx, q)
		if err != nil {
			return fmt.Errorf("encrypt the authorizations of streams anew: %w", err)
		}
		for _, one := range page {
			if len(one.Authorization) == 0 || !s.o.Sealer.NeedsReseal(one.Authorization) {
				continue
			}
			if err := s.reseal(ctx, one.ID); err != nil {
				return fmt.Errorf("encrypt the authorizations of streams anew: %w", err)
			}
		}
		if next == "" {
			return nil
		}
		q.After = next
	}
}

func (s *Service) reseal(ctx context.Context, id string) error {
	_, err := s.o.Store.UpdateStream(ctx, id, func(now Stream) (Change, error) {
		plain, err := s.Authorization(now)
		if err != nil {
			return Change{}, err
		}
		now.Authorization, err = s.seal(id, plain)
		return Change{Stream: now}, err
	})
	return unlessGone(err)
}
