package api

import (
	"cmp"
	"context"
	"errors"

	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/session"
)

// hit counts what carries an id, with the names of its apps and of the first people.
func (a *API) hit(ctx context.Context, operation string, ref identity.Ref, notes ...string) (rest.Hits, error) {
	h := rest.Hits{Operation: operation, Names: []string{}, Apps: []string{}, Notes: append([]string{}, notes...)}
	people, sessions, grants, ids, err := a.o.Hit(ctx, ref, a.o.Now())
	if err != nil {
		return h, err
	}
	h.People, h.Sessions, h.Grants = people, sessions, grants
	apps, err := a.o.Apps.Apps(ctx)
	if err != nil {
		return h, err
	}
	whose, err := a.whose(ctx, ref)
	if err != nil {
		return h, err
	}
	exchanged, err := a.exchangedBy(ctx, ref, whose, apps)
	if err != nil {
		return h, err
	}
	h.Exchanged, h.People = len(exchanged), max(h.People, peopleOf(exchanged))
	in, err := a.sessionsOfHit(ctx, ref, whose)
	if err != nil {
		return h, err
	}
	h.Apps = appsHit(ref, apps, ids, in, exchanged)
	var held []grant.Held
	if ref.Kind == identity.KindApp {
		if held, _, err = a.o.Grants.SearchAccess(ctx, grant.Query{App: ref.ID, Limit: firstNames}, a.o.Now()); err != nil {
			return h, err
		}
	}
	h.Names, err = a.names(ctx, in, held, exchanged)
	return h, err
}

// peopleOf counts the people of tokens: those of another issuer's have no session here,
// and what was exchanged on has no grant of its own.
func peopleOf(exchanged []grant.Node) int {
	people := map[string]bool{}
	for _, n := range exchanged {
		people[n.Person] = true
	}
	return len(people)
}

// appsHit names the apps that lose something: those that hold a grant, or an exchanged
// token, or got tokens in a session; and the app itself, with what it has by client
// credentials, where that is what ends.
func appsHit(ref identity.Ref, apps []catalog.App, granted []string, in []session.Found, exchanged []grant.Node) []string {
	hit := map[string]bool{}
	for _, id := range granted {
		hit[id] = true
	}
	for _, s := range in {
		for _, id := range s.Apps {
			hit[id] = true
		}
	}
	for _, n := range exchanged {
		hit[n.App] = true
	}
	_, installed, _ := identity.SplitInstall(ref)
	names := []string{}
	for _, app := range apps {
		itself := ref == identity.App(app.ID) || ref == identity.Client(app.ClientID()) || installed == app.ID
		if hit[app.ID] || itself {
			names = append(names, app.Name)
		}
	}
	return names
}

// firstNames is how many people of those that are hit are named.
const firstNames = 10

// names are those of the first people with a session, a grant or an exchanged token that
// ends with a thing.
func (a *API) names(ctx context.Context, in []session.Found, held []grant.Held, exchanged []grant.Node) ([]string, error) {
	names, seen := []string{}, map[string]bool{}
	add := func(id, name string) {
		if !seen[id] && len(names) < firstNames && id != "" {
			seen[id], names = true, append(names, cmp.Or(name, id))
		}
	}
	for _, s := range in {
		add(s.Person, s.Name)
	}
	for _, h := range held {
		add(h.Person, h.Name)
	}
	for _, n := range exchanged {
		if seen[n.Person] || len(names) == firstNames {
			continue
		}
		p, err := a.o.Directory.Person(ctx, n.Person)
		if err != nil && !errors.Is(err, directory.ErrPersonNotFound) {
			return nil, err
		}
		add(n.Person, cmp.Or(p.Profile.Name, p.Profile.Username, p.Profile.Email))
	}
	return names, nil
}
