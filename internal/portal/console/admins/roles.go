package admins

import (
	"context"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// roleNote says what a role may do.
func roleNote(r admin.Role) ui.Text {
	switch r {
	case admin.Admin:
		return ui.T("Sees and changes everything.")
	case admin.SecurityReviewer:
		return ui.T("Sees everything; switches apps off and on, and ends sessions.")
	case admin.Approver:
		return ui.T("Sees apps and groups.")
	case admin.AppOwner:
		return ui.T("Sees apps, and changes those of the own team.")
	case admin.Auditor:
		return ui.T("Sees everything and changes nothing.")
	}
	return ui.Text{}
}

func roleOptions() []ui.Option {
	var all []ui.Option
	for _, r := range admin.Roles() {
		all = append(all, ui.Option{Value: string(r), Text: names.RoleText(r)})
	}
	return all
}

// sourceCell says what gives somebody a role.
func sourceCell(h admin.Holder) kit.Cell {
	if h.Source == admin.Assigned {
		return kit.Cell{Say: ui.T("Given here")}
	}
	return kit.Cell{Say: ui.T("Group %s", h.Source)}
}

func (c *Console) roleList(v *kit.Visit) *kit.List[admin.Holder] {
	return &kit.List[admin.Holder]{
		Name: "roles", Path: c.Path("/roles"),
		Caption: ui.T("Who has which role, and by what"), Empty: ui.Empty{Icon: "shield", Title: ui.T("Nobody has this role.")},
		Filters: []kit.Filter{{Name: "role", Label: ui.T("Role"), Options: append([]ui.Option{kit.Anything()}, roleOptions()...)}},
		Columns: []kit.Column[admin.Holder]{
			{Title: ui.T("Person"), Name: "person", Cell: func(h admin.Holder) kit.Cell {
				return kit.Cell{Text: kit.NameOf(h.Person), Also: h.Person.Profile.Email, Href: c.PersonPath(h.Person.ID)}
			}},
			{Title: ui.T("Role"), Name: "role", Cell: func(h admin.Holder) kit.Cell { return kit.Cell{Say: names.RoleText(h.Role)} }},
			{Title: ui.T("Source"), Name: "source", Cell: sourceCell},
			{Title: ui.T("State"), Name: "state", Cell: func(h admin.Holder) kit.Cell { return kit.Cell{Tags: []ui.Tag{names.PersonTag(h.Person)}} }},
		},
		Offers: func(h admin.Holder) []kit.Offer {
			if h.Source != admin.Assigned {
				return nil // it is taken away where the group is
			}
			return v.Offers(kit.Way("/roles/{role}/people/{id}/unassign", ui.T("Take away"), "danger", string(h.Role), h.Person.ID))
		},
		Fetch: func(ctx context.Context, q kit.Query) ([]admin.Holder, string, error) {
			return c.o.Admin.SearchHolders(ctx, admin.HolderQuery{Role: admin.Role(q.Get("role")), Limit: q.Limit, After: q.After})
		},
	}
}

func (c *Console) showRoles(v *kit.Visit) (kit.Answer, error) {
	return c.roleList(v).Show(v, ui.T("Roles"), kit.Around{Offers: v.Offers(kit.Way("/roles/assign", ui.T("Give a role"), "primary plus"))})
}

// rolesOf lists what roles a person has, and by what.
func (c *Console) rolesOf(ctx context.Context, p directory.Person) ([]admin.Holder, error) {
	return c.o.Admin.RolesOf(ctx, p)
}

// PersonBlock lists the roles of a person, to whoever may know.
func (c *Console) PersonBlock(v *kit.Visit, p directory.Person) (kit.Block, error) {
	if !v.Who.May(admin.ReadAdmin) {
		return kit.Block{}, nil
	}
	b := kit.Block{
		ID: "roles", Title: ui.T("Roles"), Heads: []ui.Text{ui.T("Role"), ui.T("Source")}, Empty: ui.T("No role: this person cannot look in here."),
		Offers: v.Offers(kit.Way("/roles/assign", ui.T("Give a role"), " plus")),
	}
	for i := range b.Offers {
		b.Offers[i].Href += "?person=" + p.ID
	}
	all, err := c.rolesOf(v.Context(), p)
	if err != nil {
		return b, err
	}
	for _, h := range all {
		r := kit.Row{Cells: []kit.Cell{{Say: names.RoleText(h.Role)}, sourceCell(h)}}
		if h.Source == admin.Assigned {
			r.Offers = v.Offers(kit.Way("/roles/{role}/people/{id}/unassign", ui.T("Take away"), "danger", string(h.Role), p.ID))
		}
		b.Rows = append(b.Rows, r)
	}
	return b, nil
}

// PersonHit names the roles that a person cannot use any more.
func (c *Console) PersonHit(v *kit.Visit, p directory.Person) (kit.Hit, error) {
	all, err := c.rolesOf(v.Context(), p)
	if err != nil {
		return kit.Hit{}, err
	}
	var roles []kit.Cell
	for _, h := range all {
		roles = append(roles, kit.Cell{Say: names.RoleText(h.Role)})
	}
	return kit.Naming(ui.T("Roles that they cannot use any more"), roles), nil
}

func (c *Console) rules() []kit.Rule {
	const change = "/changes/{id}"
	return []kit.Rule{
		{Path: "/roles", Right: admin.ReadAdmin, Show: c.showRoles},
		{Path: "/roles/assign", Right: admin.WriteAdmin, Show: c.showAssign, Act: c.assign},
		{Path: "/roles/{role}/people/{id}/unassign", Right: admin.WriteAdmin, Ask: c.askUnassign, Operation: "unassignRole", Then: "/roles", Notice: "role-unassigned"},
		{Path: "/tokens", Right: admin.ReadAdmin, Show: c.showTokens},
		{Path: "/tokens/new", Right: admin.WriteAdmin, Show: c.showNewToken, Act: c.newToken},
		{Path: "/tokens/{id}/revoke", Right: admin.WriteAdmin, Ask: c.askRevokeToken, Operation: "revokeToken", Then: "/tokens", Notice: "token-revoked"},
		{Path: "/changes", Right: admin.ReadAdmin, Show: c.showChanges},
		{Path: change, Right: admin.ReadAdmin, Show: c.showChange},
		{Path: change + "/approve", Right: admin.ReadAdmin, Ask: c.askApprove, Operation: "approveChange", Then: change, Notice: "change-approved"},
		{Path: change + "/reject", Right: admin.ReadAdmin, Ask: c.askReject, Operation: "rejectChange", Then: change, Notice: "change-rejected"},
	}
}
