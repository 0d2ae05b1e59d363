package api

import (
	"context"
	"errors"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/session"
)

// whose says whom what ends with a thing is about: a person, or who came over a
// connection. It is neither where that is many, or nobody knows.
func (a *API) whose(ctx context.Context, ref identity.Ref) (of session.Whose, err error) {
	switch ref.Kind {
	case identity.KindPerson:
		of.Person = ref.ID
	case identity.KindConnection:
		of.Connection = ref.ID
	case identity.KindSession:
		s, err := a.o.Sessions.Find(ctx, ref.ID)
		return session.Whose{Person: s.Person}, err
	case identity.KindGrant:
		of.Person, err = a.personOf(ctx, ref.ID)
	case identity.KindInstall:
		of.Person, _, _ = identity.SplitInstall(ref)
	default: // an app, a client and a key are about whoever uses them
	}
	return of, err
}

// personOf returns whom a grant is about, "" for one that nothing is known of.
func (a *API) personOf(ctx context.Context, id string) (string, error) {
	f, err := a.o.Grants.Family(ctx, id)
	if err == nil || !errors.Is(err, grant.ErrUnknown) {
		return f.Subject.Person, err
	}
	n, err := a.o.Exchanges.Node(ctx, id)
	if errors.Is(err, grant.ErrNodeNotFound) {
		return "", nil
	}
	return n.Person, err
}

// sessionsLooked is how many sessions are looked at to name people and apps.
const sessionsLooked = 100

// sessionsOfHit returns sessions that end with a thing.
func (a *API) sessionsOfHit(ctx context.Context, ref identity.Ref, whose session.Whose) ([]session.Found, error) {
	switch ref.Kind {
	case identity.KindPerson, identity.KindConnection, identity.KindSession:
	default: // sessions go on
		return nil, nil
	}
	in, _, err := a.o.Sessions.Search(ctx, session.Query{Person: whose.Person, Connection: whose.Connection, Limit: sessionsLooked})
	if ref.Kind == identity.KindSession {
		in = slices.DeleteFunc(in, func(s session.Found) bool { return s.ID != ref.ID })
	}
	return in, err
}

// exchangedBy returns the live exchanged tokens that end with a thing, as far as that
// can be looked up by it.
func (a *API) exchangedBy(ctx context.Context, ref identity.Ref, whose session.Whose, apps []catalog.App) ([]grant.Node, error) {
	q := grant.NodeQuery{Person: whose.Person, Connection: whose.Connection}
	var ends func(grant.Node) bool
	switch ref.Kind {
	case identity.KindSession:
		ends = func(n grant.Node) bool { return n.Session == ref.ID }
	case identity.KindGrant:
		ends = func(n grant.Node) bool { return n.Grant == ref.ID || n.ParentGrant == ref.ID }
	case identity.KindInstall:
		_, id, _ := identity.SplitInstall(ref)
		ends = partOf(apps, func(app catalog.App) bool { return app.ID == id }).Has
	case identity.KindApp, identity.KindClient:
		part := partOf(apps, func(app catalog.App) bool { return app.ID == ref.ID || app.ClientID() == ref.ID })
		part.Audience = "" // others hold the tokens for its API
		q.Of, ends = &part, part.Has
	default: // with a person, or a connection, all that is found ends
	}
	if q == (grant.NodeQuery{}) {
		return nil, nil
	}
	nodes, _, err := a.o.Exchanges.Hit(ctx, q, ends)
	return nodes, err
}

// partOf is the part of an app in the exchange tree; that of none has no node.
func partOf(apps []catalog.App, is func(catalog.App) bool) grant.AppNodes {
	if i := slices.IndexFunc(apps, is); i >= 0 {
		return nodesOf(apps[i])
	}
	return grant.AppNodes{App: "-"}
}
