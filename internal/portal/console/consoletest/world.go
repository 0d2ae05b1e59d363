package consoletest

import (
	"fmt"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/session"
)

// Person puts somebody into the directory, with what the identity provider says.
func (s *Stage) Person(id, name string, groups ...string) directory.Person {
	s.t.Helper()
	now := time.Now()
	p, err := s.DB.SignIn(s.t.Context(), directory.Key{Connection: "acme", Subject: id}, func(*directory.Person) (directory.Person, []event.Event, error) {
		p := directory.Person{
			ID: id, Created: now, Updated: now, Profile: directory.Profile{Name: name, Username: id, Email: id + "@acme.example"},
			Identities: []directory.Identity{{Connection: "acme", Subject: id, LastSignIn: now}},
		}
		for _, g := range groups {
			p.Groups = append(p.Groups, directory.Membership{Group: identity.GroupRef{Connection: "acme", ID: g}, Source: "sign-in", ValidUntil: now.Add(time.Hour)})
		}
		return p, nil, nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// As makes the browser one of somebody with these roles.
func (s *Stage) As(id string, roles ...admin.Role) {
	s.t.Helper()
	s.Person(id, id)
	for _, r := range roles {
		if err := s.Admin.Assign(s.t.Context(), id, r, identity.System("test")); err != nil {
			s.t.Fatal(err)
		}
	}
	s.Who = id
}

// Manifest is that of an app of a team.
func Manifest(name, title, team string) string {
	return `{apiVersion: marketplace/v1alpha1, kind: MicroApp, metadata: {name: ` + name + `, title: "` + title + `", description: The sample app ` + name + `.},
spec: {owner: {team: ` + team + `, primary: a@acme.example}, entitlements: [{name: user, description: Use, groups: [staff]}],
identity: {protocol: oidc, oidc: {clientId: ` + name + `-client, redirectUris: ["https://` + name + `.example/cb"], grantTypes: [authorization_code], tokenEndpointAuthMethod: client_secret_basic, scopes: [{name: openid}]}}}}`
}

// App adds an app of a team, or changes it.
func (s *Stage) App(name, title, team string) catalog.App {
	s.t.Helper()
	m, err := catalog.Parse("m.yaml", []byte(Manifest(name, title, team)))
	if err != nil {
		s.t.Fatal(err)
	}
	a, _, err := s.Apps.Apply(s.t.Context(), m, identity.System("test"))
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

// Session signs somebody in and returns its id.
func (s *Stage) Session(person string) string {
	s.t.Helper()
	now := time.Now().UTC()
	id := identity.NewID()
	one := session.Session{
		ID: id, SecretHash: []byte(id), Person: person, Authentication: identity.Authentication{Connection: "acme", Subject: person, Time: now},
		Created: now, LastSeen: now, IdleAfter: time.Hour, Expires: now.Add(time.Hour), Era: s.DB.Era(), UserAgent: "Firefox/128.0 Linux", Address: "192.0.2.7",
	}
	if err := s.DB.CreateSession(s.t.Context(), one, nil); err != nil {
		s.t.Fatal(err)
	}
	return id
}

// Disabled reports whether an app is switched off.
func (s *Stage) Disabled(app string) bool {
	s.t.Helper()
	a, err := s.Apps.App(s.t.Context(), app)
	if err != nil {
		s.t.Fatal(err)
	}
	return a.Disabled
}

// Mapped gives a group of acme a name.
func (s *Stage) Mapped(group, name string) {
	s.t.Helper()
	m := directory.Mapping{Group: identity.GroupRef{Connection: "acme", ID: group}, Name: name}
	if err := s.People.Map(s.t.Context(), m, identity.System("test")); err != nil {
		s.t.Fatal(err)
	}
}

// GroupNames are the names of the groups that somebody is in.
func (s *Stage) GroupNames(person string) []string {
	s.t.Helper()
	p, err := s.DB.Person(s.t.Context(), person)
	if err != nil {
		s.t.Fatal(err)
	}
	names, err := s.People.GroupNames(s.t.Context(), p)
	if err != nil {
		s.t.Fatal(err)
	}
	return names
}

// Crowd puts n people with names in order into the directory.
func (s *Stage) Crowd(n int) {
	for i := range n {
		s.Person(fmt.Sprintf("p%03d", i), fmt.Sprintf("Person %03d", i))
	}
}

// LastActor is who did the newest thing of a type.
func (s *Stage) LastActor(typ string) identity.Ref {
	s.t.Helper()
	page, _, err := s.DB.Page(s.t.Context(), audit.Query{Type: typ, Limit: 1})
	if err != nil || len(page) != 1 {
		s.t.Fatalf("%v %v", page, err)
	}
	return page[0].Actor.Ref
}

// Exchanged writes the entry of a token that an app got for a person.
func (s *Stage) Exchanged(person, app, audience, parent, parentClient, purpose string) string {
	s.t.Helper()
	now := time.Now()
	token := identity.Ref{Kind: identity.KindToken, ID: identity.NewOrderedID(now)}
	e := event.New(now, "token.issued", identity.Actor{Ref: identity.Client("client-of-it")}, token, "mode", "delegation", "person", person, "app", app, "audience", audience,
		"grant", token.ID, "life", "5m0s", "rev", "0", "session", "s", "connection", "acme", "scope", "read", "purpose", purpose, "parent", parent, "parent_client", parentClient)
	if err := s.DB.Append(s.t.Context(), []event.Event{e}); err != nil {
		s.t.Fatal(err)
	}
	return token.ID
}
