package catalog

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// The refusals of what concerns two sides: an app, and the API that it calls.
var (
	// ErrBrokersScope is returned for a manifest that newly asks for a scope of the broker
	// itself, by somebody who may not agree to that.
	ErrBrokersScope = fault.New(fault.Denied, "scope_of_the_broker", "a scope of the broker itself is given by an administrator")
	// ErrNotAsked is returned for an agreement to what the app's manifest does not ask for.
	ErrNotAsked = fault.New(fault.Conflict, "scope_not_asked", "the app's manifest does not ask for this scope of this API")
	// ErrNotAgreed is returned for the end of an agreement that there is not.
	ErrNotAgreed = fault.New(fault.Conflict, "scope_not_agreed", "nobody agreed that the app gets this scope of this API")
	// ErrNoAPI is returned for an app that serves no API.
	ErrNoAPI = fault.New(fault.NotFound, "app_without_api", "the app serves no API")
)

// Caller is an app that asks for scopes of an API.
type Caller struct {
	App    string `json:"app"`    // its name
	Client string `json:"client"` // its client_id
	Wishes []Wish `json:"scopes"`
}

// Waits reports whether the app asks for something that was not agreed to.
func (c Caller) Waits() bool {
	return slices.ContainsFunc(c.Wishes, func(w Wish) bool { return !w.Agreed })
}

// Wish is one scope that an app asks for, and whether that was agreed to.
type Wish struct {
	Scope  string `json:"scope"`
	Mode   Mode   `json:"mode"`
	Agreed bool   `json:"agreed"`
	// By and At are of the agreement.
	By string    `json:"by,omitempty"`
	At time.Time `json:"at,omitzero"`
}

// mayAsk refuses a manifest that newly asks for a scope of the broker, of whom nobody
// but an administrator speaks: it is not even kept.
func mayAsk(apps []App, m Manifest, v Voice) error {
	if v.speaksFor(nil) {
		return nil
	}
	var known []Ask
	if i := slices.IndexFunc(apps, func(a App) bool { return a.Name == m.Metadata.Name }); i >= 0 {
		known = apps[i].Manifest.asks()
	}
	for _, k := range m.asks() {
		if k.Audience == "" && !slices.ContainsFunc(known, func(was Ask) bool { return was.Right == k.Right }) {
			return fault.New(ErrBrokersScope.Kind, ErrBrokersScope.Code, "%s is a scope of the broker itself: an administrator applies a manifest that asks for it", k.Scope).At(k.Path)
		}
	}
	return nil
}

// with returns the apps as they are with these manifests.
func (s sides) with(manifests []Manifest) sides {
	all := slices.Clone(s)
	for _, m := range manifests {
		if i := slices.IndexFunc(all, func(a App) bool { return a.Name == m.Metadata.Name }); i >= 0 {
			all[i].Manifest = m
		} else {
			all = append(all, App{Name: m.Metadata.Name, Manifest: m})
		}
	}
	return all
}

// inWords is what is asked for, for the audit log.
func inWords(asks []Ask) string {
	words := make([]string, len(asks))
	for i, k := range asks {
		words[i] = k.Audience + " " + k.Scope + " " + string(k.Mode)
	}
	return strings.Join(words, ", ")
}

// Pending lists what each of the apps asks for, of APIs that there are, and was not
// agreed to, by their names.
func (s *Service) Pending(ctx context.Context, of ...App) (map[string][]Ask, error) {
	if !slices.ContainsFunc(of, func(a App) bool { return len(a.Manifest.asks()) > 0 }) {
		return nil, nil
	}
	apps, err := s.Apps(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string][]Ask{}
	for i := range of {
		all[of[i].Name] = sides(apps).pending(&of[i])
	}
	return all, nil
}

// Callers lists the apps that ask for scopes of the API that the app of this name serves,
// or of Broker, by name. It fails with ErrAppNotFound and ErrNoAPI.
func (s *Service) Callers(ctx context.Context, api string) ([]Caller, error) {
	apps, of, err := s.side(ctx, api)
	if err != nil {
		return nil, err
	}
	all := []Caller{}
	for i := range apps {
		if c := apps.caller(&apps[i], of); len(c.Wishes) > 0 {
			all = append(all, c)
		}
	}
	return all, nil
}

// side returns all apps, and the API that is meant.
func (s *Service) side(ctx context.Context, api string) (sides, target, error) {
	apps, err := s.Apps(ctx)
	if err != nil || api == Broker {
		return apps, target{}, err
	}
	i := slices.IndexFunc(apps, func(a App) bool { return a.Name == api })
	switch {
	case i < 0:
		return nil, target{}, ErrAppNotFound
	case apps[i].Audience() == "":
		return nil, target{}, ErrNoAPI
	}
	return apps, target{Right{Audience: apps[i].Audience()}, &apps[i]}, nil
}

// caller is what the app asks of an API.
func (s sides) caller(a *App, of target) Caller {
	c := Caller{App: a.Name, Client: a.ClientID()}
	for _, k := range a.Manifest.asks() {
		for _, t := range s.targets(a.Name, k.Right) {
			if t.Audience != of.Audience || slices.ContainsFunc(c.Wishes, func(w Wish) bool { return w.Scope == t.Scope && w.Mode == t.Mode }) {
				continue
			}
			w := Wish{Scope: t.Scope, Mode: t.Mode}
			for _, g := range a.Agreements {
				if (Agreements{g}).To(t.Right, of.id()) {
					w.Agreed, w.By, w.At = true, g.By, g.At
				}
			}
			c.Wishes = append(c.Wishes, w)
		}
	}
	return c
}

// Rights are scopes of an API. Without modes, each is meant in every mode.
type Rights struct {
	Scopes []string `json:"scopes"`
	Modes  []Mode   `json:"modes,omitempty"`
}

// Has reports whether a right is among them.
func (r Rights) Has(scope string, m Mode) bool {
	return slices.Contains(r.Scopes, scope) && (len(r.Modes) == 0 || slices.Contains(r.Modes, m))
}

// Agree has a caller get scopes of an API that it asks for; again is no change. It fails
// with ErrAppNotFound, ErrNoAPI and ErrNotAsked.
func (s *Service) Agree(ctx context.Context, api, caller string, rights Rights, actor identity.Actor) (Caller, error) {
	return s.settle(ctx, api, caller, actor, func(apps sides, of target, a *App) (string, error) {
		var asks []Ask
		for _, w := range apps.caller(a, of).Wishes {
			if rights.Has(w.Scope, w.Mode) {
				asks = append(asks, Ask{Right: Right{of.Audience, w.Scope, w.Mode}})
			}
		}
		for _, scope := range rights.Scopes {
			if !slices.ContainsFunc(asks, func(k Ask) bool { return k.Scope == scope }) {
				return "", notAsked(a, scope)
			}
		}
		asks = slices.DeleteFunc(asks, func(k Ask) bool { return a.Agreements.To(k.Right, of.id()) })
		for _, k := range asks {
			a.Agreements = append(a.Agreements, Agreement{Right: k.Right, API: of.id(), By: actor.String(), At: s.now()})
		}
		return inWords(asks), nil
	})
}

// notAsked names the scope, and whose manifest would have to.
func notAsked(a *App, scope string) error {
	return fault.New(ErrNotAsked.Kind, ErrNotAsked.Code, "the manifest of %s does not ask for %s of this API, or not in this mode: its owner adds it", a.Name, scope).At("scopes")
}

// Withdraw ends agreements that a caller gets scopes of an API, all of them when no
// scope is named, and revokes what it got. It fails with ErrAppNotFound, ErrNoAPI and
// ErrNotAgreed.
func (s *Service) Withdraw(ctx context.Context, api, caller string, rights Rights, actor identity.Actor) (Caller, error) {
	return s.settle(ctx, api, caller, actor, func(_ sides, of target, a *App) (string, error) {
		var ended []Ask
		a.Agreements = slices.DeleteFunc(a.Agreements, func(g Agreement) bool {
			is := g.Audience == of.Audience && (g.API == "" || g.API == of.id()) && (len(rights.Scopes) == 0 || rights.Has(g.Scope, g.Mode))
			if is {
				ended = append(ended, Ask{Right: g.Right})
			}
			return is
		})
		if len(ended) == 0 {
			return "", ErrNotAgreed.At("scopes")
		}
		return inWords(ended), nil
	})
}

// settle changes what was agreed for a caller of an API. change gets the caller with its
// agreements by name, and returns what it changed in words, "" for nothing.
func (s *Service) settle(ctx context.Context, api, caller string, actor identity.Actor, change func(sides, target, *App) (string, error)) (Caller, error) {
	apps, of, err := s.side(ctx, api)
	if err != nil {
		return Caller{}, err
	}
	a, err := s.update(ctx, caller, func(a App) (App, []event.Event, error) {
		next := a
		next.Agreements = apps.settled(&a)
		what, err := change(apps, of, &next)
		switch {
		case err != nil:
			return a, nil, err
		case what == "":
			return a, nil, errUnchanged
		}
		next.Updated = s.now()
		e := event.New(next.Updated, "app.agreed", actor, identity.App(a.ID), "name", a.Name, "client", a.ClientID(), "api", api, "rights", what)
		if lost := apps.lost(&a, &next); len(lost) > 0 {
			e.Type = "app.withdrawn"
			e = e.Revoking(lost...)
		}
		return next, []event.Event{e}, nil
	})
	if err != nil {
		return Caller{}, err
	}
	return apps.caller(&a, of), nil
}
