package ownership

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

const (
	// pageSize is how many apps are looked at at once.
	pageSize = 200
	// mostReason bounds a reason, in characters.
	mostReason = 500
)

// errUnchanged leaves a transaction in which nothing is to be changed.
var errUnchanged = errors.New("nothing to change")

// Options are what a Service needs. All are required.
type Options struct {
	Store  Store
	People People
	// Enabled reports whether people may sign in over a connection.
	Enabled func(ctx context.Context, connection string) (bool, error)
	Now     func() time.Time
	Log     *slog.Logger
}

// Service says and changes who answers for apps. It is safe for concurrent use.
type Service struct{ o Options }

// NewService returns a Service.
func NewService(o Options) *Service { return &Service{o} }

// View is an ownership with what is known of the owners.
type View struct {
	Ownership
	// PrimaryStanding and SecondaryStanding say whether they are there: empty without one.
	PrimaryStanding   Standing `json:"primary_standing,omitempty"`
	SecondaryStanding Standing `json:"secondary_standing,omitempty"`
}

// Of returns who answers for the app with this name, or catalog.ErrAppNotFound.
func (s *Service) Of(ctx context.Context, app string) (View, error) {
	o, err := s.o.Store.Ownership(ctx, app)
	if err != nil {
		return View{}, err
	}
	return s.view(ctx, o)
}

func (s *Service) view(ctx context.Context, o Ownership) (v View, err error) {
	v.Ownership = o
	if v.PrimaryStanding, err = s.standing(ctx, o.Primary, event.Event{}); err == nil {
		v.SecondaryStanding, err = s.standing(ctx, o.Secondary, event.Event{})
	}
	return v, err
}

// Each returns who answers for the named apps, by name.
func (s *Service) Each(ctx context.Context, apps []string) (map[string]Ownership, error) {
	all := make(map[string]Ownership, len(apps))
	if len(apps) == 0 {
		return all, nil
	}
	page, err := s.o.Store.Ownerships(ctx, Query{Apps: apps, Limit: len(apps)})
	for _, o := range page {
		all[o.Name] = o
	}
	return all, err
}

// CountOrphaned returns how many apps have no owner.
func (s *Service) CountOrphaned(ctx context.Context) (int64, error) {
	return s.o.Store.CountOrphaned(ctx)
}

// Naming is whom an administrator names, and why.
type Naming struct {
	Primary   string `json:"primary"`
	Secondary string `json:"secondary,omitempty"`
	// Reason stays in the audit log.
	Reason string `json:"reason,omitempty"`
}

func (n Naming) check() error {
	switch {
	case !catalog.IsAddress(n.Primary):
		return ErrAddress.At("primary")
	case n.Secondary != "" && !catalog.IsAddress(n.Secondary):
		return ErrAddress.At("secondary")
	case n.Secondary != "" && Key(n.Primary) == Key(n.Secondary):
		return ErrSame
	case utf8.RuneCountInString(n.Reason) > mostReason, !utf8.ValidString(n.Reason), strings.ContainsFunc(n.Reason, unicode.IsControl):
		return ErrReason
	}
	return nil
}

// Name gives an app the owners that are named. It fails with ErrGone for who is known to
// have left, and with catalog.ErrAppNotFound.
func (s *Service) Name(ctx context.Context, app string, n Naming, actor identity.Actor) (View, error) {
	if _, _, err := s.mayName(ctx, n); err != nil {
		return View{}, err
	}
	o, err := s.o.Store.UpdateOwnership(ctx, app, func(o Ownership) (Ownership, []event.Event, error) {
		now := s.now()
		e := event.New(now, "app.owner_named", actor, identity.App(o.App), "name", o.Name, "primary", n.Primary, "secondary", n.Secondary, "before", o.Primary, "reason", n.Reason)
		o.From, o.Primary, o.Secondary = o.Primary, n.Primary, n.Secondary
		o.State, o.Since, o.Cause, o.Of = Owned, now, e.ID, ""
		return o, []event.Event{e}, nil
	})
	if err != nil {
		return View{}, err
	}
	return s.view(ctx, o)
}

func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

// each does something with every ownership that q selects.
func (s *Service) each(ctx context.Context, q Query, do func(context.Context, Ownership) error) error {
	q.Limit = pageSize
	for {
		page, err := s.o.Store.Ownerships(ctx, q)
		if err != nil {
			return fmt.Errorf("read owners: %w", err)
		}
		for _, o := range page {
			if err := do(ctx, o); err != nil {
				return fmt.Errorf("owner of %s: %w", o.Name, err)
			}
			q.After = o.Name
		}
		if len(page) < pageSize {
			return nil
		}
	}
}
