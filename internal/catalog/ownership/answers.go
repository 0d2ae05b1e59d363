package ownership

import (
	"context"
	"errors"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/event"
)

// Answers returns whom people turn to about the app with this name: the team and the
// contacts that its release names, and the owners of now. Of an app that is orphaned, only
// the team and its contacts are left; of one that is not there any more, what was released.
func (s *Service) Answers(ctx context.Context, app string, released catalog.Owner) (catalog.Owner, error) {
	o, err := s.o.Store.Ownership(ctx, app)
	switch {
	case errors.Is(err, catalog.ErrAppNotFound):
		return released, nil
	case err != nil:
		return catalog.Owner{}, err
	}
	released.Primary, released.Secondary = o.Primary, o.Secondary
	if o.State == Orphaned {
		released.Primary, released.Secondary = "", ""
	}
	return released, nil
}

// Named returns what would come of a naming of owners for the app with this name, which is
// not changed. It fails as Name does.
func (s *Service) Named(ctx context.Context, app string, n Naming) (View, error) {
	o, err := s.o.Store.Ownership(ctx, app)
	if err != nil {
		return View{}, err
	}
	v := View{Ownership: o}
	v.Primary, v.Secondary, v.State = n.Primary, n.Secondary, Owned
	v.PrimaryStanding, v.SecondaryStanding, err = s.mayName(ctx, n)
	return v, err
}

// mayName refuses whom nobody may name, and says whether the others are there.
func (s *Service) mayName(ctx context.Context, n Naming) (primary, secondary Standing, err error) {
	if err := n.check(); err != nil {
		return "", "", err
	}
	for _, owner := range []struct {
		at, address string
		is          *Standing
	}{{"primary", n.Primary, &primary}, {"secondary", n.Secondary, &secondary}} {
		if *owner.is, err = s.standing(ctx, owner.address, event.Event{}); err != nil {
			return "", "", err
		}
		if *owner.is == Gone {
			return "", "", ErrGone.At(owner.at)
		}
	}
	return primary, secondary, nil
}
