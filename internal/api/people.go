package api

import (
	"net/http"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/session"
)

func (a *API) peopleRoutes() []rest.Route {
	const one = "/people/{id}"
	person := []string{
		"id", "profile.name", "profile.username", "profile.email", "profile.email_verified", "profile.department", "disabled", "created", "updated",
	}
	return []rest.Route{
		{
			ID: "listPeople", Method: "GET", Path: "/people", Summary: "Search people.", Right: admin.ReadPeople,
			Query: []rest.Param{
				rest.Text("q", "Words that begin a word of the name, user name or e-mail address."), rest.Truth("disabled", "Only people who are, or are not."),
				rest.Text("connection", "Only people with an account at this connection."), rest.Text("group", "Only members of the groups that have this name."),
			},
			List: rest.ListOf(examplePerson, person, []string{"name", "-name", "updated", "-updated"}, a.listPeople),
		},
		{ID: "getPerson", Method: "GET", Path: one, Summary: "Show a person.", Right: admin.ReadPeople, Answer: shownPerson{Person: examplePerson, Protected: true}, Do: a.person},
		{
			ID: "disablePerson", Method: "POST", Path: one + "/disable", Of: one, Summary: "Sign the person out everywhere and let them in no more.",
			About: "Everything that carries the person is revoked, their API tokens are dead. The last admin is refused.",
			Right: admin.WritePeople, Do: a.disablePerson, Hits: a.hitsPerson("disablePerson", true),
		},
		{
			ID: "enablePerson", Method: "POST", Path: one + "/enable", Of: one, Summary: "Let the person sign in again.", About: "What was revoked stays so.",
			Right: admin.WritePeople, Do: a.enablePerson,
		},
		{
			ID: "listPersonGroups", Method: "GET", Path: one + "/groups", Summary: "List the groups that a person is in, with the names that they have here.", Right: admin.ReadPeople,
			List: rest.ListOf(exampleMembership, []string{"group.connection", "group.id", "name", "source", "since", "valid_until", "origin"}, nil, a.groupsOf),
		},
		{
			ID: "listPersonRoles", Method: "GET", Path: one + "/roles", Summary: "List the roles that a person has, and what gives them.", Right: admin.ReadAdmin,
			List: rest.ListOf(exampleHolder, holderColumns, nil, a.rolesOf),
		},
		{
			ID: "listPersonSessions", Method: "GET", Path: one + "/sessions", Summary: "List where the person is signed in.", Right: admin.ReadSessions,
			List: rest.ListOf(exampleSession, sessionColumns, nil, a.sessionsOf),
		},
		{
			ID: "endPersonSessions", Method: "DELETE", Path: one + "/sessions", Summary: "Sign the person out everywhere.", Right: admin.EndSessions,
			Do: a.endSessionsOf, Hits: a.hitsPerson("endPersonSessions", false),
		},
		{
			ID: "listPersonGrants", Method: "GET", Path: one + "/grants", Summary: "List what apps hold in the person's name.", Right: admin.ReadSessions,
			List: rest.ListOf(exampleAccess, []string{"app", "scopes", "offline", "since", "last_use"}, nil, a.grantsOf),
		},
		{
			ID: "withdrawGrant", Method: "DELETE", Path: one + "/grants/{app}", Summary: "Take from an app what it holds in the person's name.",
			Right: admin.EndSessions, Do: a.withdrawGrant, Hits: a.hitsGrant,
		},
	}
}

func (a *API) listPeople(r *http.Request, q rest.Query) ([]directory.Person, string, error) {
	return a.o.Directory.Search(r.Context(), directory.Query{
		Text: q.Get("q"), Disabled: q.Bool("disabled"), Connection: q.Get("connection"), Group: q.Get("group"), Sort: order(q), Limit: q.Limit, After: q.After,
	})
}

// order is the order of a list that the directory sorts.
func order(q rest.Query) directory.Sort {
	if q.Descending {
		return directory.Sort("-" + q.Sort)
	}
	return directory.Sort(q.Sort)
}

// shownPerson is a person, and whether connections may change them.
type shownPerson struct {
	directory.Person
	// Protected says that no connection changes the person which may not touch what is
	// protected. Who has a role is protected, too.
	Protected bool `json:"protected"`
}

// person answers with one person.
func (a *API) person(r *http.Request) (any, error) {
	p, err := a.o.Directory.Person(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	protected, err := a.o.SCIM.Protected(r.Context(), identity.Person(p.ID))
	return shownPerson{p, protected}, err
}

func (a *API) disablePerson(r *http.Request) (any, error) {
	return nothing(a.o.Admin.DisablePerson(r.Context(), r.PathValue("id"), by(r)))
}

func (a *API) enablePerson(r *http.Request) (any, error) {
	return nothing(a.o.People.SetPersonDisabled(r.Context(), r.PathValue("id"), false, by(r)))
}

// membership is a person's place in a group, with the name that the group has here.
type membership struct {
	directory.Membership
	Name string `json:"name,omitempty"`
}

func (a *API) groupsOf(r *http.Request, q rest.Query) ([]membership, string, error) {
	p, err := a.o.Directory.Person(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, "", err
	}
	mappings, err := a.o.Directory.Mappings(r.Context())
	if err != nil {
		return nil, "", err
	}
	names := map[identity.GroupRef]string{}
	for _, m := range mappings {
		names[m.Group] = m.Name
	}
	all := make([]membership, len(p.Groups))
	for i, m := range p.Groups {
		all[i] = membership{m, names[m.Group]}
	}
	return rest.Slice(q, all, func(m membership) string { return m.Group.Connection + "/" + m.Group.ID }, nil)
}

func (a *API) rolesOf(r *http.Request, q rest.Query) ([]admin.Holder, string, error) {
	p, err := a.o.Directory.Person(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, "", err
	}
	all, err := a.o.Admin.RolesOf(r.Context(), p)
	if err != nil {
		return nil, "", err
	}
	return rest.Slice(q, all, holderID, nil)
}

func (a *API) sessionsOf(r *http.Request, q rest.Query) ([]session.Session, string, error) {
	p, err := a.o.Directory.Person(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, "", err
	}
	all, err := a.o.Sessions.Of(r.Context(), p.ID)
	if err != nil {
		return nil, "", err
	}
	return rest.Slice(q, all, func(s session.Session) string { return rest.TimeKey(s.Created) + s.ID }, nil)
}

func (a *API) endSessionsOf(r *http.Request) (any, error) {
	p, err := a.o.Directory.Person(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return nothing(a.o.Sessions.EndAll(r.Context(), p.ID, by(r), "ended by an operator"))
}

func (a *API) grantsOf(r *http.Request, q rest.Query) ([]grant.Access, string, error) {
	p, err := a.o.Directory.Person(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, "", err
	}
	all, err := grant.AccessOf(r.Context(), a.o.Grants, p.ID, a.o.Now())
	if err != nil {
		return nil, "", err
	}
	return rest.Slice(q, all, func(g grant.Access) string { return g.App }, nil)
}

func (a *API) withdrawGrant(r *http.Request) (any, error) {
	if _, err := a.person(r); err != nil {
		return nil, err
	}
	return nothing(a.o.Grants.Withdraw(r.Context(), r.PathValue("id"), r.PathValue("app"), by(r), a.o.Now()))
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
