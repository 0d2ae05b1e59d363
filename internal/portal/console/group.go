package console

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
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// group finds the group that the path names.
func (c *Console) group(v *visit) (directory.Group, error) {
	return c.o.Directory.Group(v.r.Context(), identity.GroupRef{Connection: v.r.PathValue("connection"), ID: v.r.PathValue("group")})
}

// mappable finds the group that the path names, also one that no sign-in has told of
// yet: it can be given a name ahead.
func (c *Console) mappable(v *visit) (directory.Group, error) {
	g, err := c.group(v)
	if errors.Is(err, directory.ErrGroupNotFound) {
		ref := identity.GroupRef{Connection: v.r.PathValue("connection"), ID: v.r.PathValue("group")}
		_, err = c.connection(v.r.Context(), ref.Connection)
		return directory.Group{Ref: ref}, err
	}
	return g, err
}

func (c *Console) showGroup(v *visit) (answer, error) {
	g, err := c.group(v)
	if err != nil {
		return nil, err
	}
	d := detail{
		Tags: []ui.Tag{groupTag(g)},
		Facts: known(
			fact{ui.T("Connection"), []cell{{Text: g.Ref.Connection, Href: c.connectionPath(g.Ref.Connection)}}}, code(ui.T("Upstream id"), g.Ref.ID),
			is(ui.T("Name at the provider"), g.DisplayName), is(ui.T("Mapped to"), g.Name), fact{ui.T("Members"), []cell{count(g.Members)}},
			fact{ui.T("First seen"), []cell{c.seen(g.FirstSeen)}}, fact{ui.T("Last seen"), []cell{c.seen(g.LastSeen)}},
		),
	}
	change := ui.T("Map")
	if g.Name != "" {
		change = ui.T("Map to another name")
	}
	d.Offers = v.offers(way("/groups/{connection}/{group}/map", change, "primary tag", g.Ref.Connection, g.Ref.ID))
	if g.Name != "" {
		d.Offers = append(d.Offers, v.offers(way("/groups/{connection}/{group}/unmap", ui.T("Unmap"), "danger cross", g.Ref.Connection, g.Ref.ID))...)
	} else {
		d.Notices = []ui.Notice{{Text: ui.T("Nobody has given this group a name, so it grants nothing."), Tone: ui.Warn}}
	}
	apps, err := c.appsOfGroup(v, g)
	if err != nil {
		return nil, err
	}
	d.Blocks = []block{apps}
	if v.who.May(admin.ReadPeople) {
		members, err := c.membersBlock(v, g)
		if err != nil {
			return nil, err
		}
		d.Blocks = append(d.Blocks, members)
	}
	history, err := c.auditBlock(v, audit.Query{Subject: identity.Ref{Kind: identity.KindGroup, ID: g.Ref.Connection + "/" + g.Ref.ID}.String()})
	if err != nil {
		return nil, err
	}
	if !history.Title.Empty() {
		d.Blocks = append(d.Blocks, history)
	}
	return view{title: ui.Plain(groupName(g)), crumbs: v.crumbs(ui.T("Groups"), "/groups"), template: "detail", data: d}, nil
}

// appsOfGroup lists the apps that the group's name lets people into.
func (c *Console) appsOfGroup(v *visit, g directory.Group) (block, error) {
	b := block{ID: "apps", Title: ui.T("Apps that it opens"), Heads: []ui.Text{ui.T("App"), ui.T("Role"), ui.T("State")}, Empty: ui.T("No app names it.")}
	all, err := c.o.Apps.Apps(v.r.Context())
	if err != nil {
		return b, err
	}
	for _, a := range all {
		if roles := rolesThrough(a, g.Name); len(roles) > 0 {
			b.Rows = append(b.Rows, row{Cells: []cell{{Text: a.Title(), Href: c.appPath(a)}, {Text: joined(roles)}, {Tags: []ui.Tag{appTag(a)}}}})
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

func (c *Console) membersBlock(v *visit, g directory.Group) (block, error) {
	b := block{
		ID: "members", Title: ui.T("Members"), Note: ui.T("Whom the identity provider last named as one."),
		Heads: []ui.Text{ui.T("Name"), ui.T("E-mail"), ui.T("State"), ui.T("Holds until")}, Empty: ui.T("It has no member that was seen."),
	}
	page, next, err := c.o.Directory.Search(v.r.Context(), directory.Query{Upstream: g.Ref, Limit: few})
	if err != nil {
		return b, err
	}
	for _, p := range page {
		holds := cell{}
		for _, m := range p.Groups {
			if m.Group == g.Ref {
				holds.Time = m.ValidUntil
			}
		}
		b.Rows = append(b.Rows, row{Cells: []cell{{Text: nameOf(p), Href: c.personPath(p.ID)}, {Text: p.Profile.Email}, {Tags: []ui.Tag{personTag(p)}}, holds}})
	}
	if next != "" && g.Name != "" {
		b.More = &ui.Link{Text: ui.T("All who are in “%s”", g.Name), Href: c.path("/people?group=" + url.QueryEscape(g.Name))}
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
	Preview []hit
	Seen    string
}

// showMap asks for a name, and shows what it would do.
func (c *Console) showMap(v *visit) (answer, error) {
	g, err := c.mappable(v)
	if err != nil {
		return nil, err
	}
	page := mapView{
		Group: groupName(g), Connection: g.Ref.Connection, Name: g.Name, Back: c.groupPath(g.Ref), Action: c.groupPath(g.Ref) + "/map",
	}
	all, err := c.o.Apps.Apps(v.r.Context())
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
	if name := strings.TrimSpace(v.query.Get("name")); name != "" {
		page.Name = name
		if page.Preview, err = c.remapping(v.r.Context(), g, name); err != nil {
			return nil, err
		}
		page.Seen = g.Name + ">" + name
	}
	return view{title: ui.T("Map %s", groupName(g)), crumbs: v.crumbs(ui.T("Groups"), "/groups"), template: "map", data: page}, nil
}

// mapGroup gives the name that was shown with what it does.
func (c *Console) mapGroup(v *visit) (answer, error) {
	g, err := c.mappable(v)
	if err != nil {
		return nil, err
	}
	name := v.form.Get("name")
	if v.form.Get(seenField) != g.Name+">"+name {
		// It was not shown, or the group has another name by now.
		return redirect{to: strings.TrimPrefix(c.groupPath(g.Ref), c.path("")) + "/map", query: url.Values{"name": {name}}}, nil
	}
	status, _, err := v.call("mapGroup", map[string]string{"name": name})
	if fault.KindOf(err) == fault.Invalid && err != nil {
		return view{
			status: http.StatusUnprocessableEntity, title: ui.T("Map %s", groupName(g)), crumbs: v.crumbs(ui.T("Groups"), "/groups"), template: "map",
			data: mapView{Group: groupName(g), Connection: g.Ref.Connection, Name: name, Back: c.groupPath(g.Ref), Action: c.groupPath(g.Ref) + "/map", Fault: c.o.UI.Say(v.r, err)},
		}, nil
	}
	if err != nil {
		return nil, err
	}
	return v.onward(status, "/groups/{connection}/{group}", "group-mapped"), nil
}

func (c *Console) askUnmap(v *visit) (confirmation, error) {
	g, err := c.group(v)
	if err != nil {
		return confirmation{}, err
	}
	if g.Name == "" {
		return confirmation{}, directory.ErrMappingNotFound
	}
	q := confirmation{
		title: ui.T("Unmap %s?", groupName(g)), button: ui.T("Unmap"), back: strings.TrimPrefix(c.groupPath(g.Ref), c.path("")), state: g.Name,
		lead: ui.T("The group is “%s” no more: from the next check on it opens no app, and gives no role here.", g.Name),
	}
	q.hits, err = c.remapping(v.r.Context(), g, "")
	return q, err
}
