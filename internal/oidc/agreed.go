package oidc

import (
	"context"
	"errors"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/registry"
)

// notAgreed tells a client what its owner has to see to.
const notAgreed = "the API does not name a scope that is asked for, or its side has not agreed that this app gets it: the API's owner or an administrator can"

// api returns the API that a client wants a token of. One that names no scopes is for
// the app that serves it: there is nothing that could be agreed to.
func (p *Provider) api(ctx context.Context, c *registry.Client, name string) (*registry.Audience, error) {
	a, err := p.o.Clients.Audience(ctx, name)
	switch {
	case fault.KindOf(err) == fault.NotFound && err != nil:
		return nil, oauthFault(fault.Invalid, "invalid_target", "resource names no API")
	case err != nil:
		return nil, err
	case len(a.Scopes) == 0 && a.App != c.App:
		return nil, oauthFault(fault.Invalid, "invalid_target", "the API names no scopes: its tokens are for the app alone that serves it")
	}
	return a, nil
}

// agreedNow cuts the scopes of a token for an API down to those that speak of the person
// whom it is for, and those of the API that its side agrees to at this moment.
func agreedNow(c *registry.Client, a *registry.Audience, mode catalog.Mode, scopes []string) []string {
	agreed := c.Agreed(a, mode)
	return slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return !catalog.IdentityScope(s) && !slices.Contains(agreed, s) })
}

// reaches refuses a token for an API in the name of a person who may not use that one: an
// app that asks for it when they sign in gets no further than one that exchanges their
// token. An empty name is the broker itself, which everybody may use.
func (p *Provider) reaches(ctx context.Context, person directory.Person, name string) error {
	if name == "" {
		return nil
	}
	api, err := p.o.Clients.Audience(ctx, name)
	if err != nil {
		if fault.KindOf(err) == fault.NotFound {
			err = oauthFault(fault.Invalid, "invalid_target", "the API is no longer there")
		}
		return err
	}
	err = p.allowed(ctx, person, serving(api))
	if errors.Is(err, errNotAllowed) {
		return fault.Wrap(err, fault.Invalid, "invalid_target", "the person may not use this API")
	}
	return err
}

// serving is the app that serves an API, as far as it decides in whose name that is called.
func serving(api *registry.Audience) *registry.Client {
	return &registry.Client{ID: api.Client, App: api.App, Entitlements: api.Entitlements}
}
