package access

import (
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// mostApps is how many apps the page of a person names: who may use more is asked about
// app by app.
const mostApps = 200

// PersonBlock is what was assigned to a person by name, to whoever may read that.
func (c *Console) PersonBlock(v *kit.Visit, p directory.Person) (kit.Block, error) {
	if !v.Who.May(admin.ReadAccess) {
		return kit.Block{}, nil
	}
	return c.assigned(v, entitlement.Query{Person: p.ID}, ui.T("Roles assigned by name"), "person="+url.QueryEscape(p.ID))
}

// EntitledBlock lists the apps that a person has a role in, and what gives it, to whoever
// may read that.
func (c *Console) EntitledBlock(v *kit.Visit, p directory.Person) (kit.Block, error) {
	if !v.Who.May(admin.ReadAccess) {
		return kit.Block{}, nil
	}
	b := kit.Block{
		ID: "entitlements", Title: ui.T("May use"), Note: ui.T("By groups and assigned roles, as a sign-in would be decided now."), Heads: []ui.Text{ui.T("App"), ui.T("Roles"), ui.T("By")},
		Empty: ui.T("No app: no group of theirs opens one, and no role is assigned."), Offers: v.Offers(kit.Way("/explain-access", ui.T("Explain access"), " info")),
	}
	for i := range b.Offers {
		b.Offers[i].Href += "?person=" + url.QueryEscape(p.ID)
	}
	clients, err := c.o.Clients(v.Context())
	if err != nil {
		return b, err
	}
	clients = slices.SortedFunc(slices.Values(clients), func(a, b *registry.Client) int {
		return strings.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title))
	})
	for _, client := range clients {
		d, err := c.o.Entitlements.Check(v.Context(), p, client)
		if err != nil {
			return b, err
		}
		if len(d.Roles) == 0 || len(b.Rows) == mostApps {
			continue
		}
		cells := []kit.Cell{{Text: client.Title, Href: c.Path(kit.Fill("/apps/{name}", client.Name))}, {Text: kit.Joined(d.Roles)}, provenance(d)}
		if !d.Allowed {
			cells[0].Tags = []ui.Tag{{Text: ui.T("Not open"), Tone: ui.Warn}}
		}
		offers := v.Offers(kit.Way("/explain-access", ui.T("Why?"), "", p.ID))
		for i := range offers {
			offers[i].Href += "?" + url.Values{"person": {p.ID}, "app": {client.Name}}.Encode()
		}
		b.Rows = append(b.Rows, kit.Row{Cells: cells, Offers: offers})
	}
	return b, nil
}

// provenance says what gives the roles of a decision.
func provenance(d entitlement.Decision) kit.Cell {
	switch {
	case len(d.Via) == 0:
		return kit.Cell{Say: ui.T("an assigned role")}
	case len(d.Via) == 1:
		return kit.Cell{Say: ui.T("the group %s", d.Via[0])}
	}
	return kit.Cell{Say: ui.T("the groups %s", kit.Joined(d.Via))}
}

// assigned lists what is assigned to somebody, or to a group. prefill begins the form for
// another one.
func (c *Console) assigned(v *kit.Visit, q entitlement.Query, title ui.Text, prefill string) (kit.Block, error) {
	b := kit.Block{
		ID: "assignments", Title: title, Heads: []ui.Text{ui.T("Role"), ui.T("App"), ui.T("State"), ui.T("From"), ui.T("Until"), ui.T("Reason")}, Empty: ui.T("No role is assigned."),
		Offers: v.Offers(kit.Way("/assign", ui.T("Assign a role"), " plus")),
	}
	for i := range b.Offers {
		b.Offers[i].Href += "?" + prefill
	}
	t, err := c.teller(v)
	if err != nil {
		return b, err
	}
	q.Limit = kit.Few
	page, next, err := c.o.Assignments.Search(v.Context(), q)
	for _, a := range page {
		b.Rows = append(b.Rows, kit.Row{Offers: t.offers(a), Cells: []kit.Cell{
			{Text: a.Role, Href: t.path(a)}, t.apps.Cell(a.App), {Tags: []ui.Tag{t.state(a)}}, from(a), until(a), {Text: kit.Clip(a.Reason, 80)},
		}})
	}
	if next != "" {
		b.More = &ui.Link{Text: ui.T("All assigned roles"), Href: c.Path("/assignments?" + prefill)}
	}
	return b, err
}

// GroupBlock is what is assigned to an upstream group, to whoever may read that.
func (c *Console) GroupBlock(v *kit.Visit, g directory.Group) (kit.Block, error) {
	if !v.Who.May(admin.ReadAccess) {
		return kit.Block{}, nil
	}
	return c.assigned(v, entitlement.Query{Group: g.Ref}, ui.T("Roles assigned to the group"),
		url.Values{"for": {entitlement.ForGroup}, "connection": {g.Ref.Connection}, "group": {g.Ref.ID}}.Encode())
}

// keeps tells what a person has in an app without an assignment.
func (c *Console) keeps(v *kit.Visit, app catalog.App, a entitlement.Assignment) ([]kit.Hit, error) {
	p, err := c.o.Directory.Person(v.Context(), a.Whom.Person)
	if err != nil {
		return nil, err
	}
	clients, err := c.o.Clients(v.Context())
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(clients, func(client *registry.Client) bool { return client.App == app.ID })
	if i < 0 {
		return nil, nil
	}
	p.Assigned = slices.DeleteFunc(slices.Clone(p.Assigned), func(one directory.Assigned) bool { return one.ID == a.ID })
	d, err := c.o.Entitlements.Check(v.Context(), p, clients[i])
	return []kit.Hit{kit.Hitting(ui.T("What they may do there then"), has(d))}, err
}
