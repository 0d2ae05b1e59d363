package signal

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/claims"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// regrouped tells of the groups of everybody in an upstream group whose name changed.
func (t *Teller) regrouped(ctx context.Context, e event.Event) error {
	connection, id, _ := strings.Cut(e.Subject.ID, "/")
	q := directory.Query{Upstream: identity.GroupRef{Connection: connection, ID: id}, Limit: subjectPage}
	for {
		people, next, err := t.o.People.Search(ctx, q)
		if err != nil {
			return err
		}
		for _, p := range people {
			if err := t.changed(ctx, e, p.ID, []string{"groups"}); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		q.After = next
	}
}

// moved tells of the groups of those whom a connection put into a group, or took out.
func (t *Teller) moved(ctx context.Context, e event.Event) error {
	_, group, _ := strings.Cut(e.Subject.ID, "/")
	members, all := record.Moved(e)
	if !all {
		members = nil
	}
	for after := ""; ; {
		people, err := t.o.People.Moved(ctx, group, e.Data["operation"], members, after, subjectPage)
		if err != nil {
			return err
		}
		for _, id := range people {
			if err := t.changed(ctx, e, id, []string{"groups"}); err != nil {
				return err
			}
			after = id
		}
		if len(people) < subjectPage {
			return nil
		}
	}
}

// claimsOf are the claims that a field of a person shows in.
var claimsOf = map[string][]string{
	"groups": {"groups", "roles"}, "username": {"preferred_username"}, "name": {"name"}, "given_name": {"given_name"}, "family_name": {"family_name"},
	"picture": {"picture"}, "locale": {"locale"}, "email": {"email", "email_verified"},
}

// changed tells the apps that a person is signed in to of new values of their claims,
// and of no claim that the app does not get.
func (t *Teller) changed(ctx context.Context, e event.Event, person string, fields []string) error {
	var names []string
	for _, f := range fields {
		names = append(names, claimsOf[f]...)
	}
	if len(names) == 0 {
		return nil
	}
	p, err := t.o.People.Person(ctx, person)
	if err != nil {
		return unlessGone(err)
	}
	return t.spread(ctx, Subject{Person: person}, func(ctx context.Context, to Stream, of Subject) (*Set, error) {
		if !to.wants(TokenClaimsChange) || of.Via != to.Client {
			return nil, nil // tokens for an API have no such claims
		}
		values, err := t.claims(ctx, to, p, names)
		if err != nil || len(values) == 0 {
			return nil, err
		}
		set := newSet(to, e, TokenClaimsChange, issSub(t.o.Issuer, person), struct {
			Claims map[string]any `json:"claims"`
			common
		}{values, because(e)}, person)
		return &set, nil
	})
}

// claims are those of the named claims that the app of a stream gets of the person.
func (t *Teller) claims(ctx context.Context, to Stream, p directory.Person, names []string) (map[string]any, error) {
	c, err := t.o.Clients.Client(ctx, to.Client)
	if err != nil {
		return nil, unlessGone(err)
	}
	scopes := c.Scopes
	if c.ThirdParty {
		consent, _, err := t.o.Grants.Consent(ctx, p.ID, c.App)
		if err != nil {
			return nil, err
		}
		scopes = slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return !slices.Contains(consent.Scopes, s) })
	}
	d, err := t.o.Entitlements.Check(ctx, p, c)
	if err != nil || !d.Allowed { // who may not use the app any more has no token with claims
		return nil, err
	}
	// A claim without a value is left out of tokens, and told of as empty.
	values := map[string]any{}
	full := claims.ForScopes(shown(p), d, scopes)
	now := claims.ForScopes(p, d, scopes)
	for _, name := range names {
		if _, gets := full[name]; gets {
			values[name] = cmp.Or[any](now[name], "")
		}
	}
	return values, nil
}

// shown is a person who has every claim.
func shown(p directory.Person) directory.Person {
	p.Profile = directory.Profile{Username: "x", Name: "x", GivenName: "x", FamilyName: "x", Email: "x", Locale: "x", Picture: "x"}
	return p
}
