package api

import (
	"net/http"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// named is what a group gets.
type named struct {
	Name string `json:"name"`
}

func (a *API) groupRoutes() []rest.Route {
	const one, upstream = "/mappings/{connection}/{group}", "/groups/{connection}/{group}"
	return []rest.Route{
		{
			ID: "listGroups", Method: "GET", Path: "/groups", Summary: "List the groups that identity providers told of, or that have a name here.", Right: admin.ReadGroups,
			Query: []rest.Param{
				rest.Text("q", "Words that begin a word of the id or a name."), rest.Text("connection", "Only groups of this connection."),
				rest.Truth("mapped", "Only groups that have a name here, or have none."),
			},
			List: rest.ListOf(exampleUpstream, []string{"group.connection", "group.id", "display_name", "name", "members", "first_seen", "last_seen"},
				[]string{"name", "-name", "members", "-members", "last_seen", "-last_seen"}, a.listGroups),
		},
		{ID: "getGroup", Method: "GET", Path: upstream, Summary: "Show a group.", Right: admin.ReadGroups, Answer: shownGroup{Group: exampleUpstream, Protected: true}, Do: a.group},
		{
			ID: "listGroupMembers", Method: "GET", Path: upstream + "/members", Summary: "List whom the identity provider last named as members.", Right: admin.ReadPeople,
			List: rest.ListOf(examplePerson, []string{"id", "profile.name", "profile.email", "disabled"}, []string{"name", "-name"}, a.listMembers),
		},
		{
			ID: "listMappings", Method: "GET", Path: "/mappings", Summary: "List the names that upstream groups have here.", Right: admin.ReadGroups,
			Query: []rest.Param{rest.Text("connection", "Only groups of this connection."), rest.Text("name", "Only groups of this name.")},
			List:  rest.ListOf(exampleMapping, []string{"group.connection", "group.id", "name"}, []string{"group", "-group", "name", "-name"}, a.listMappings),
		},
		{ID: "getMapping", Method: "GET", Path: one, Summary: "Show the name of an upstream group.", Right: admin.ReadGroups, Answer: exampleMapping, Do: a.mapping},
		{
			ID: "mapGroup", Method: "PUT", Path: one, Summary: "Give an upstream group the name that manifests use.",
			About: "The group has had another name? Then it loses what that one granted. The last admin's group is refused.",
			Right: admin.WriteGroups, Body: named{"all-employees"}, Answer: mapped{exampleMapping, []string{"nobody was seen in the group …"}}, Do: a.mapGroup,
		},
		{
			ID: "unmapGroup", Method: "DELETE", Path: one, Summary: "Take the name away: the group then grants nothing.",
			Right: admin.WriteGroups, Do: a.unmapGroup, Hits: a.hitsMapping,
		},
	}
}

func group(r *http.Request) identity.GroupRef {
	return identity.GroupRef{Connection: r.PathValue("connection"), ID: r.PathValue("group")}
}

// shownGroup is a group, and whether connections may change it.
type shownGroup struct {
	directory.Group
	// Protected says that no connection changes the group or its members which may not
	// touch what is protected. A group that makes a role is protected, too.
	Protected bool `json:"protected"`
}

// group answers with one group.
func (a *API) group(r *http.Request) (any, error) {
	g, err := a.o.Directory.Group(r.Context(), group(r))
	if err != nil {
		return nil, err
	}
	protected, err := a.o.SCIM.Protected(r.Context(), record.Group{Connection: g.Ref.Connection, ID: g.Ref.ID}.Ref())
	return shownGroup{g, protected}, err
}

func (a *API) listGroups(r *http.Request, q rest.Query) ([]directory.Group, string, error) {
	return a.o.Directory.SearchGroups(r.Context(), directory.GroupQuery{
		Text: q.Get("q"), Connection: q.Get("connection"), Mapped: q.Bool("mapped"), Sort: order(q), Limit: q.Limit, After: q.After,
	})
}

func (a *API) listMembers(r *http.Request, q rest.Query) ([]directory.Person, string, error) {
	if _, err := a.o.Directory.Group(r.Context(), group(r)); err != nil {
		return nil, "", err
	}
	return a.o.Directory.Search(r.Context(), directory.Query{Upstream: group(r), Sort: order(q), Limit: q.Limit, After: q.After})
}

func (a *API) listMappings(r *http.Request, q rest.Query) ([]directory.Mapping, string, error) {
	all, err := a.o.Directory.Mappings(r.Context())
	if err != nil {
		return nil, "", err
	}
	all = slices.DeleteFunc(all, func(m directory.Mapping) bool {
		return q.Has("connection") && m.Group.Connection != q.Get("connection") || q.Has("name") && m.Name != q.Get("name")
	})
	return rest.Slice(q, all, func(m directory.Mapping) string { return m.Group.Connection + "/" + m.Group.ID }, map[string]func(directory.Mapping) string{
		"name": func(m directory.Mapping) string { return m.Name },
	})
}

func (a *API) mapping(r *http.Request) (any, error) { return a.mappingOf(r) }

func (a *API) mappingOf(r *http.Request) (directory.Mapping, error) {
	all, err := a.o.Directory.Mappings(r.Context())
	if err != nil {
		return directory.Mapping{}, err
	}
	if i := slices.IndexFunc(all, func(m directory.Mapping) bool { return m.Group == group(r) }); i >= 0 {
		return all[i], nil
	}
	return directory.Mapping{}, directory.ErrMappingNotFound
}

func (a *API) mapGroup(r *http.Request) (any, error) {
	var body named
	if err := httpx.UnmarshalJSON(rest.BodyOf(r), &body); err != nil {
		return nil, err
	}
	m := directory.Mapping{Group: group(r), Name: body.Name}
	if err := a.o.Admin.Map(r.Context(), m, by(r)); err != nil {
		return nil, err
	}
	return a.neverSeen(r.Context(), m)
}

func (a *API) unmapGroup(r *http.Request) (any, error) {
	return nothing(a.o.Admin.Unmap(r.Context(), group(r), by(r)))
}

// hitsMapping tells of the people in a group, and of the apps and roles that its
// name grants.
func (a *API) hitsMapping(r *http.Request) (any, error) {
	m, err := a.mappingOf(r)
	if err != nil {
		return nil, err
	}
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
