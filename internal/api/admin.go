package api

import (
	"net/http"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// newToken is a token with its secret, which is shown this once.
type newToken struct {
	admin.Token
	Secret string `json:"secret"`
}

// Location is where the token is found.
func (t newToken) Location() string { return "/tokens/" + t.ID }

// role is a role with what it may do.
type role struct {
	Name admin.Role `json:"name"`
	// Rights hold everywhere; an app's owner has more for the apps of their teams.
	Rights []admin.Right `json:"rights"`
	// Groups give the role, by their names.
	Groups []string `json:"groups"`
}

// self is who asks.
type self struct {
	Ref    identity.Ref  `json:"ref"`
	Owner  identity.Ref  `json:"owner"`
	Roles  []admin.Role  `json:"roles"`
	Rights []admin.Right `json:"rights"`
	Apps   []string      `json:"apps,omitempty"`
	Teams  []string      `json:"teams,omitempty"`
}

var holderColumns = []string{"role", "person.id", "person.profile.name", "person.profile.email", "person.disabled", "source", "group.connection", "group.id"}

func (a *API) adminRoutes() []rest.Route {
	const assignment = "/roles/{role}/people/{id}"
	return []rest.Route{
		{ID: "whoAmI", Method: "GET", Path: "/me", Summary: "Say who asks, with which roles and rights.", Right: rest.Anybody, Answer: exampleSelf, Do: a.me},
		{
			ID: "listRoles", Method: "GET", Path: "/roles", Summary: "List the roles, what they may do, and the groups that give them.", Right: admin.ReadAdmin,
			List: rest.ListOf(exampleRole, []string{"name", "rights", "groups"}, nil, a.listRoles),
		},
		{
			ID: "listHolders", Method: "GET", Path: "/holders", Summary: "List who has which role, and by what.", Right: admin.ReadAdmin,
			Query: []rest.Param{rest.Choice("role", "Only holders of this role.", roleNames()...)},
			List:  rest.ListOf(exampleHolder, holderColumns, nil, a.listHolders),
		},
		{ID: "assignRole", Method: "PUT", Path: assignment, Summary: "Give a person a role.", Right: admin.WriteAdmin, Do: a.assignRole},
		{
			ID: "unassignRole", Method: "DELETE", Path: assignment, Summary: "Take a role away that was given so.", About: "A role by a group is taken away at the group. The last admin is refused.",
			Right: admin.WriteAdmin, Do: a.unassignRole, Hits: a.hitsRole,
		},
		{
			ID: "listTokens", Method: "GET", Path: "/tokens", Summary: "List the API tokens that are good.", Right: admin.ReadAdmin,
			List: rest.ListOf(exampleToken, []string{"id", "name", "roles", "apps", "owner.kind", "owner.id", "created", "expires", "last_used"},
				[]string{"-created", "created", "name", "-name", "expires", "-expires"}, a.listTokens),
		},
		{
			ID: "createToken", Method: "POST", Path: "/tokens", Summary: "Make an API token, shown once.",
			About: "Nobody gives a token a role that they do not have. It has its roles only while who made it has them, and is dead with them.",
			Right: admin.WriteAdmin, Body: exampleNewToken, Answer: newToken{exampleToken, "gha_…"}, Status: http.StatusCreated, Secret: true, Do: a.createToken,
		},
		{
			ID: "getToken", Method: "GET", Path: "/tokens/{id}", Summary: "Show an API token.", Right: admin.ReadAdmin, Answer: exampleToken,
			Do: func(r *http.Request) (any, error) { return a.o.Admin.Token(r.Context(), r.PathValue("id")) },
		},
		{
			ID: "revokeToken", Method: "DELETE", Path: "/tokens/{id}", Summary: "Revoke an API token.", Right: admin.WriteAdmin, Hits: a.hitsToken,
			Do: func(r *http.Request) (any, error) {
				return nothing(a.o.Admin.RevokeToken(r.Context(), r.PathValue("id"), by(r)))
			},
		},
	}
}

func roleNames() []string {
	names := []string{}
	for _, r := range admin.Roles() {
		names = append(names, string(r))
	}
	return names
}

func (a *API) me(r *http.Request) (any, error) {
	p := rest.CallerOf(r).Principal
	return self{
		Ref: p.Ref, Owner: p.Owner, Roles: append([]admin.Role{}, p.Roles...), Rights: p.Rights(), Apps: p.Apps, Teams: p.Teams,
	}, nil
}

func (a *API) listRoles(_ *http.Request, q rest.Query) ([]role, string, error) {
	all := []role{}
	for _, r := range admin.Roles() {
		all = append(all, role{Name: r, Rights: r.Rights(), Groups: append([]string{}, a.o.Admin.GroupsOf(r)...)})
	}
	return rest.Slice(q, all, func(r role) string { return string(r.Name) }, nil)
}

func holderID(h admin.Holder) string {
	return string(h.Role) + "/" + h.Person.ID + "/" + h.Source + "/" + h.Group.Connection + "/" + h.Group.ID
}

func (a *API) listHolders(r *http.Request, q rest.Query) ([]admin.Holder, string, error) {
	return a.o.Admin.SearchHolders(r.Context(), admin.HolderQuery{Role: admin.Role(q.Get("role")), Limit: q.Limit, After: q.After})
}

func (a *API) assignRole(r *http.Request) (any, error) {
	return nothing(a.o.Admin.Assign(r.Context(), r.PathValue("id"), admin.Role(r.PathValue("role")), by(r)))
}

func (a *API) unassignRole(r *http.Request) (any, error) {
	return nothing(a.o.Admin.Unassign(r.Context(), r.PathValue("id"), admin.Role(r.PathValue("role")), by(r)))
}

func (a *API) listTokens(r *http.Request, q rest.Query) ([]admin.Token, string, error) {
	all, err := a.o.Admin.Tokens(r.Context())
	if err != nil {
		return nil, "", err
	}
	return rest.Slice(q, all, func(t admin.Token) string { return t.ID }, map[string]func(admin.Token) string{
		"created": func(t admin.Token) string { return rest.TimeKey(t.Created) },
		"expires": func(t admin.Token) string { return rest.TimeKey(t.Expires) },
		"name":    func(t admin.Token) string { return t.Name },
	})
}

func (a *API) createToken(r *http.Request) (any, error) {
	var wanted admin.NewToken
	if err := httpx.UnmarshalJSON(rest.BodyOf(r), &wanted); err != nil {
		return nil, err
	}
	wanted.Roles, wanted.Apps = unique(wanted.Roles), unique(wanted.Apps)
	t, secret, err := a.o.Admin.CreateToken(r.Context(), wanted, rest.CallerOf(r).Principal, by(r))
	return newToken{t, secret}, err
}

// unique is a list without what it has twice.
func unique[T ~string](list []T) []T {
	slices.Sort(list)
	return slices.Compact(list)
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
