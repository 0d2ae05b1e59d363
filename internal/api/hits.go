package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/keys"
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
	exchanged, err := a.exchangedBy(ctx, ref, apps)
	if err != nil {
		return h, err
	}
	h.Exchanged = len(exchanged)
	in, err := a.sessionsOfHit(ctx, ref)
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

// sessionsLooked is how many sessions are looked at to name people and apps.
const sessionsLooked = 100

// sessionsOfHit returns sessions that end with a thing.
func (a *API) sessionsOfHit(ctx context.Context, ref identity.Ref) (in []session.Found, err error) {
	q := session.Query{Limit: sessionsLooked}
	switch ref.Kind {
	case identity.KindConnection:
		q.Connection = ref.ID
	case identity.KindPerson:
		q.Person = ref.ID
	case identity.KindSession:
		s, err := a.o.Sessions.Find(ctx, ref.ID)
		if err != nil {
			return nil, err
		}
		q.Person = s.Person
	default:
		return nil, nil
	}
	in, _, err = a.o.Sessions.Search(ctx, q)
	if ref.Kind == identity.KindSession {
		in = slices.DeleteFunc(in, func(s session.Found) bool { return s.ID != ref.ID })
	}
	return in, err
}

// exchangedBy returns the live exchanged tokens that end with a thing, as far as that
// can be looked up by it.
func (a *API) exchangedBy(ctx context.Context, ref identity.Ref, apps []catalog.App) (nodes []grant.Node, err error) {
	var q grant.NodeQuery
	var ends func(grant.Node) bool
	switch ref.Kind {
	case identity.KindPerson:
		q.Person = ref.ID
	case identity.KindConnection:
		q.Connection = ref.ID
	case identity.KindSession:
		s, err := a.o.Sessions.Find(ctx, ref.ID)
		if err != nil {
			return nil, err
		}
		q.Person, ends = s.Person, func(n grant.Node) bool { return n.Session == ref.ID }
	case identity.KindGrant:
		if q.Person, err = a.personOf(ctx, ref.ID); err != nil || q.Person == "" {
			return nil, err
		}
		ends = func(n grant.Node) bool { return n.Grant == ref.ID || n.ParentGrant == ref.ID }
	case identity.KindInstall:
		person, id, _ := identity.SplitInstall(ref)
		part := partOf(apps, func(app catalog.App) bool { return app.ID == id })
		q.Person, ends = person, part.Has
	case identity.KindApp, identity.KindClient:
		part := partOf(apps, func(app catalog.App) bool { return app.ID == ref.ID || app.ClientID() == ref.ID })
		part.Audience = "" // others hold the tokens for its API
		q.Of, ends = &part, part.Has
	default:
		return nil, nil
	}
	nodes, _, err = a.o.Exchanges.Hit(ctx, q, ends)
	return nodes, err
}

// partOf is the part of an app in the exchange tree; that of none has no node.
func partOf(apps []catalog.App, is func(catalog.App) bool) grant.AppNodes {
	if i := slices.IndexFunc(apps, is); i >= 0 {
		return nodesOf(apps[i])
	}
	return grant.AppNodes{App: "-"}
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

func (a *API) hitsApp(operation, note string) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		app, err := a.o.Apps.App(r.Context(), r.PathValue("name"))
		if err != nil {
			return nil, err
		}
		return a.hit(r.Context(), operation, identity.App(app.ID), note)
	}
}

func (a *API) hitsSecret(r *http.Request) (any, error) {
	app, err := a.o.Apps.App(r.Context(), r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	if client := app.Manifest.Spec.Identity.OIDC; client == nil || len(app.Secrets) == 0 {
		return nil, catalog.ErrNoSecret
	}
	h := rest.Hits{Operation: "rotateAppSecret", Names: []string{}, Apps: []string{app.Name}, Notes: []string{"The secret of now stays good until the next rotation; the one before it does not."}}
	return h, nil
}

func (a *API) hitsPerson(operation string, disables bool) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		p, err := a.o.Directory.Person(r.Context(), r.PathValue("id"))
		if err != nil {
			return nil, err
		}
		h, err := a.hit(r.Context(), operation, identity.Person(p.ID))
		h.People = 1
		if err != nil || !disables {
			return h, err
		}
		tokens, err := a.o.Admin.Tokens(r.Context())
		if err != nil {
			return h, err
		}
		if slices.ContainsFunc(tokens, func(t admin.Token) bool { return t.Owner == identity.Person(p.ID) }) {
			h.Notes = append(h.Notes, "The API tokens that the person made are dead.")
		}
		return h, a.o.Admin.CheckLast(r.Context(), func(h admin.Holder) bool { return h.Person.ID == p.ID })
	}
}

func (a *API) hitsGrant(r *http.Request) (any, error) {
	p, err := a.o.Directory.Person(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	families, err := a.o.Grants.Families(r.Context(), p.ID)
	if err != nil {
		return nil, err
	}
	h := rest.Hits{Operation: "withdrawGrant", People: 1, Names: []string{}, Apps: []string{}, Notes: []string{"The person is asked again where the app needs consent."}}
	for _, f := range families {
		if f.Subject.App == r.PathValue("app") && a.o.Now().Before(f.Expires) {
			h.Grants++
		}
	}
	apps, err := a.o.Apps.Apps(r.Context())
	for _, app := range apps {
		if app.ID == r.PathValue("app") {
			h.Apps = []string{app.Name}
		}
	}
	return h, err
}

func (a *API) hitsSession(r *http.Request) (any, error) {
	s, err := a.o.Sessions.Find(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return a.hit(r.Context(), "endSession", identity.Session(s.ID), "Grants with offline access go on.")
}

func (a *API) hitsConnection(r *http.Request) (any, error) {
	c, err := a.connection(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return a.hit(r.Context(), "disableConnection", identity.Connection(c.ID), "Nobody can sign in over it until it is enabled; what was revoked stays so.")
}

func (a *API) hitsRemoval(r *http.Request) (any, error) {
	c, err := a.connection(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if c.Source == connection.Configured {
		return nil, connection.ErrConfigured
	}
	return a.hit(r.Context(), "removeConnection", identity.Connection(c.ID), "Nobody can sign in over it any more. Its id stays that of its people: only a connection of the same issuer may have it again.")
}

// hitsMapping tells of the people in a group, and of the apps and roles that its
// name grants.
func (a *API) hitsMapping(r *http.Request) (any, error) {
	found, err := a.mapping(r)
	if err != nil {
		return nil, err
	}
	m, _ := found.(directory.Mapping)
	h := rest.Hits{Operation: "unmapGroup", Names: []string{}, Apps: []string{}, Notes: []string{}}
	members, err := a.o.Directory.Group(r.Context(), m.Group)
	if err != nil {
		return nil, err
	}
	h.People = int(members.Members)
	apps, err := a.o.Apps.Apps(r.Context())
	if err != nil {
		return nil, err
	}
	for _, app := range apps {
		if slices.ContainsFunc(app.Manifest.Spec.Entitlements, func(e catalog.Entitlement) bool { return slices.Contains(e.Groups, m.Name) }) {
			h.Apps = append(h.Apps, app.Name)
		}
	}
	for _, role := range admin.Roles() {
		if slices.Contains(a.o.Admin.GroupsOf(role), m.Name) {
			h.Notes = append(h.Notes, "Who has the role "+string(role)+" by this group loses it.")
		}
	}
	return h, a.o.Admin.CheckLast(r.Context(), func(h admin.Holder) bool { return h.Group == m.Group })
}

// hitsKey tells of the apps whose tokens a key signs.
func (a *API) hitsKey(r *http.Request) (any, error) {
	k, err := a.keyOf(r)
	if err != nil {
		return nil, err
	}
	note := "Every token that the key signed is refused at once, everywhere. Sessions and refresh tokens go on: apps get new tokens with the next key."
	if k.Algorithm == keys.SAML {
		note = "Apps that speak SAML let nobody in until they have the next certificate: from the metadata, or from whoever set them up."
	}
	h := rest.Hits{Operation: "killKey", Names: []string{}, Apps: []string{}, Notes: []string{note}}
	apps, err := a.o.Apps.Apps(r.Context())
	for _, app := range apps {
		if !app.SignedBy(k.Algorithm) {
			continue
		}
		h.Apps = append(h.Apps, app.Name)
		people, _, grants, _, err := a.o.Hit(r.Context(), identity.App(app.ID), a.o.Now())
		if err != nil {
			return nil, err
		}
		h.People, h.Grants = h.People+people, h.Grants+grants
	}
	return h, err
}

func (a *API) hitsRole(r *http.Request) (any, error) {
	p, err := a.o.Directory.Person(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	has, err := a.o.Admin.RolesOf(r.Context(), p)
	if err != nil {
		return nil, err
	}
	wanted := admin.Role(r.PathValue("role"))
	lost := func(h admin.Holder) bool {
		return h.Person.ID == p.ID && h.Role == wanted && h.Source == admin.Assigned
	}
	if !slices.ContainsFunc(has, lost) {
		return nil, admin.ErrNotAssigned
	}
	h := rest.Hits{Operation: "unassignRole", People: 1, Names: []string{}, Apps: []string{}, Notes: []string{}}
	if slices.ContainsFunc(has, func(h admin.Holder) bool { return h.Role == wanted && !lost(h) }) {
		h.Notes = append(h.Notes, "The person keeps the role by a group.")
	}
	if wanted != admin.Admin {
		return h, nil
	}
	return h, a.o.Admin.CheckLast(r.Context(), lost)
}

func (a *API) hitsToken(r *http.Request) (any, error) {
	t, err := a.o.Admin.Token(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	note := "The token was never used."
	if !t.LastUsed.IsZero() {
		note = "The token was used last at " + t.LastUsed.Format("2006-01-02 15:04 MST") + "."
	}
	return rest.Hits{Operation: "revokeToken", Names: []string{}, Apps: append([]string{}, t.Apps...), Notes: []string{note}}, nil
}
