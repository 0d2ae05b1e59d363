package groups

import (
	"net/url"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// group finds the group that the path names.
func (c *Console) group(v *kit.Visit) (directory.Group, error) {
	return c.o.Directory.Group(v.Context(), identity.GroupRef{Connection: v.PathValue("connection"), ID: v.PathValue("group")})
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
		Offers: groupOffers(v, g),
	}
	if g.Name == "" {
		d.Notices = []ui.Notice{{Text: ui.T("Nobody has given this group a name, so it grants nothing."), Tone: ui.Warn}}
	}
	d.Blocks, err = kit.Blocks(v, g, c.appsOfGroup, c.o.Pushed, c.o.Access, c.membersBlock, c.groupAudit)
	return kit.View{Title: ui.Plain(groupName(g)), Crumbs: v.Crumbs(ui.T("Groups"), "/groups"), Template: "detail", Data: d}, err
}

func groupOffers(v *kit.Visit, g directory.Group) []kit.Offer {
	const to = "/groups/{connection}/{group}"
	explain := kit.Way("/explain-access", ui.T("Explain access"), " info")
	if g.Name == "" {
		return v.Offers(kit.Way(to+"/map", ui.T("Map"), "primary tag", g.Ref.Connection, g.Ref.ID), explain)
	}
	return v.Offers(
		kit.Way(to+"/map", ui.T("Map to another name"), "primary tag", g.Ref.Connection, g.Ref.ID),
		kit.Way(to+"/unmap", ui.T("Unmap"), "danger cross", g.Ref.Connection, g.Ref.ID), explain,
	)
}

func (c *Console) groupAudit(v *kit.Visit, g directory.Group) (kit.Block, error) {
	return c.History(v, audit.Query{Subject: identity.Ref{Kind: identity.KindGroup, ID: g.Ref.Connection + "/" + g.Ref.ID}.String()})
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
	if !v.Who.May(admin.ReadPeople) {
		return kit.Block{}, nil
	}
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
