package groups

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// group finds the group that the path names.
func (c *Console) group(v *kit.Visit) (directory.Group, error) {
	return c.o.Directory.Group(v.Context(), identity.GroupRef{Connection: v.PathValue("connection"), ID: v.PathValue("group")})
}

// mappable finds the group that the path names, also one that no sign-in has told of
// yet: it can be given a name ahead.
func (c *Console) mappable(v *kit.Visit) (directory.Group, error) {
	g, err := c.group(v)
	if errors.Is(err, directory.ErrGroupNotFound) {
		ref := identity.GroupRef{Connection: v.PathValue("connection"), ID: v.PathValue("group")}
		_, err = c.o.Connections.Get(v.Context(), ref.Connection)
		return directory.Group{Ref: ref}, err
	}
	return g, err
}

func (c *Console) showGroup(v *kit.Visit) (kit.Answer, error) {
	g, err := c.group(v)
	if err != nil {
		return nil, err
	}
	d := kit.Detail{
		Tags: []ui.Tag{groupTag(g)},
		Facts: kit.Known(
			kit.Says(ui.T("Connection"), kit.Cell{Text: g.Ref.Connection, Href: c.ConnectionPath(g.Ref.Connection)}), kit.Code(ui.T("Upstream id"), g.Ref.ID),
			kit.Is(ui.T("Name at the provider"), g.DisplayName), kit.Is(ui.T("Mapped to"), g.Name), kit.Says(ui.T("Members"), kit.Count(g.Members)),
			kit.Says(ui.T("First seen"), c.seen(g.FirstSeen)), kit.Says(ui.T("Last seen"), c.seen(g.LastSeen)),
		),
	}
	change := ui.T("Map")
	if g.Name != "" {
		change = ui.T("Map to another name")
	}
	d.Offers = v.Offers(kit.Way("/groups/{connection}/{group}/map", change, "primary tag", g.Ref.Connection, g.Ref.ID))
	if g.Name != "" {
		d.Offers = append(d.Offers, v.Offers(kit.Way("/groups/{connection}/{group}/unmap", ui.T("Unmap"), "danger cross", g.Ref.Connection, g.Ref.ID))...)
	} else {
		d.Notices = []ui.Notice{{Text: ui.T("Nobody has given this group a name, so it grants nothing."), Tone: ui.Warn}}
	}
	apps, err := c.appsOfGroup(v, g)
	if err != nil {
		return nil, err
	}
	d.Blocks = []kit.Block{apps}
	if v.Who.May(admin.ReadPeople) {
		members, err := c.membersBlock(v, g)
		if err != nil {
			return nil, err
		}
		d.Blocks = append(d.Blocks, members)
	}
	history, err := c.History(v, audit.Query{Subject: identity.Ref{Kind: identity.KindGroup, ID: g.Ref.Connection + "/" + g.Ref.ID}.String()})
	if err != nil {
		return nil, err
	}
	if !history.Title.Empty() {
		d.Blocks = append(d.Blocks, history)
	}
	return kit.View{Title: ui.Plain(groupName(g)), Crumbs: v.Crumbs(ui.T("Groups"), "/groups"), Template: "detail", Data: d}, nil
}

// appsOfGroup lists the apps that the group's name lets people into.
func (c *Console) appsOfGroup(v *kit.Visit, g directory.Group) (kit.Block, error) {
	b := kit.Block{ID: "apps", Title: ui.T("Apps that it opens"), Heads: []ui.Text{ui.T("App"), ui.T("Role"), ui.T("State")}, Empty: ui.T("No app names it.")}
	all, err := c.o.Apps.Apps(v.Context())
	if err != nil {
		return b, err
	}
	for _, a := range all {
		if roles := rolesThrough(a, g.Name); len(roles) > 0 {
			b.Rows = append(b.Rows, kit.Row{Cells: []kit.Cell{{Text: a.Title(), Href: c.AppPath(a)}, {Text: kit.Joined(roles)}, {Tags: []ui.Tag{names.AppTag(a)}}}})
		}
	}
	return b, nil
}

// rolesThrough lists the roles of an app that a group's name gives.
func rolesThrough(a catalog.App, name string) []string {
	var roles []string
	for _, e := range a.Manifest.Spec.Entitlements {
		for _, g := range e.Groups {
			if g == name && name != "" {
				roles = append(roles, e.Name)
			}
		}
	}
	return roles
}

func (c *Console) membersBlock(v *kit.Visit, g directory.Group) (kit.Block, error) {
	b := kit.Block{
		ID: "members", Title: ui.T("Members"), Note: ui.T("Whom the identity provider last named as one."),
		Heads: []ui.Text{ui.T("Name"), ui.T("E-mail"), ui.T("State"), ui.T("Holds until")}, Empty: ui.T("It has no member that was seen."),
	}
	page, next, err := c.o.Directory.Search(v.Context(), directory.Query{Upstream: g.Ref, Limit: kit.Few})
	if err != nil {
		return b, err
	}
	for _, p := range page {
		holds := kit.Cell{}
		for _, m := range p.Groups {
			if m.Group == g.Ref {
				holds.Time = m.ValidUntil
			}
		}
		b.Rows = append(b.Rows, kit.Row{Cells: []kit.Cell{{Text: kit.NameOf(p), Href: c.PersonPath(p.ID)}, {Text: p.Profile.Email}, {Tags: []ui.Tag{names.PersonTag(p)}}, holds}})
	}
	if next != "" && g.Name != "" {
		b.More = &ui.Link{Text: ui.T("All who are in “%s”", g.Name), Href: c.Path("/people?group=" + url.QueryEscape(g.Name))}
	}
	return b, nil
}

// mapView is the form that gives a group a name.
type mapView struct {
	Group, Connection, Name string
	Action, Back            string
	// Names are those that manifests use.
	Names []string
	Fault ui.Text
	// Preview is what the name would do, once there is one.
	Preview []kit.Hit
	Seen    string
}

// showMap asks for a name, and shows what it would do.
func (c *Console) showMap(v *kit.Visit) (kit.Answer, error) {
	g, err := c.mappable(v)
	if err != nil {
		return nil, err
	}
	page := mapView{
		Group: groupName(g), Connection: g.Ref.Connection, Name: g.Name, Back: c.GroupPath(g.Ref), Action: c.GroupPath(g.Ref) + "/map",
	}
	all, err := c.o.Apps.Apps(v.Context())
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, a := range all {
		for _, name := range a.Groups() {
			if !seen[name] {
				seen[name], page.Names = true, append(page.Names, name)
			}
		}
	}
	if name := strings.TrimSpace(v.Query.Get("name")); name != "" {
		page.Name = name
		if page.Preview, err = c.remapping(v.Context(), g, name); err != nil {
			return nil, err
		}
		page.Seen = g.Name + ">" + name
	}
	return kit.View{Title: ui.T("Map %s", groupName(g)), Crumbs: v.Crumbs(ui.T("Groups"), "/groups"), Template: "map", Data: page}, nil
}

// mapGroup gives the name that was shown with what it does.
func (c *Console) mapGroup(v *kit.Visit) (kit.Answer, error) {
	g, err := c.mappable(v)
	if err != nil {
		return nil, err
	}
	name := v.Form.Get("name")
	if v.Seen() != g.Name+">"+name {
		// It was not shown, or the group has another name by now.
		return kit.Redirect{To: strings.TrimPrefix(c.GroupPath(g.Ref), c.Path("")) + "/map", Query: url.Values{"name": {name}}}, nil
	}
	status, _, err := v.Call("mapGroup", map[string]string{"name": name})
	if fault.KindOf(err) == fault.Invalid && err != nil {
		return kit.View{
			Status: http.StatusUnprocessableEntity, Title: ui.T("Map %s", groupName(g)), Crumbs: v.Crumbs(ui.T("Groups"), "/groups"), Template: "map",
			Data: mapView{Group: groupName(g), Connection: g.Ref.Connection, Name: name, Back: c.GroupPath(g.Ref), Action: c.GroupPath(g.Ref) + "/map", Fault: v.Say(err)},
		}, nil
	}
	if err != nil {
		return nil, err
	}
	return v.Onward(status, "/groups/{connection}/{group}", "group-mapped"), nil
}

func (c *Console) askUnmap(v *kit.Visit) (kit.Confirmation, error) {
	g, err := c.group(v)
	if err != nil {
		return kit.Confirmation{}, err
	}
	if g.Name == "" {
		return kit.Confirmation{}, directory.ErrMappingNotFound
	}
	q := kit.Confirmation{
		Title: ui.T("Unmap %s?", groupName(g)), Button: ui.T("Unmap"), Back: strings.TrimPrefix(c.GroupPath(g.Ref), c.Path("")), State: g.Name,
		Lead: ui.T("The group is “%s” no more: from the next check on it opens no app, and gives no role here.", g.Name),
	}
	q.Hits, err = c.remapping(v.Context(), g, "")
	return q, err
}
