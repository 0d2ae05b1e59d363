package console

import (
	"context"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// roleText says what a role is called.
func roleText(r admin.Role) ui.Text {
	switch r {
	case admin.Admin:
		return ui.T("Administrator")
	case admin.SecurityReviewer:
		return ui.T("Security reviewer")
	case admin.Approver:
		return ui.T("Approver")
	case admin.AppOwner:
		return ui.T("App owner")
	case admin.Auditor:
		return ui.T("Auditor")
	}
	return ui.Plain(string(r))
}

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
		all = append(all, ui.Option{Value: string(r), Text: roleText(r)})
	}
	return all
}

// sourceCell says what gives somebody a role.
func sourceCell(h admin.Holder) cell {
	if h.Source == admin.Assigned {
		return cell{Say: ui.T("Given here")}
	}
	return cell{Say: ui.T("Group %s", h.Source)}
}

func (c *Console) roleList(v *visit) *list[admin.Holder] {
	return &list[admin.Holder]{
		name: "roles", path: c.path("/roles"),
		caption: ui.T("Who has which role, and by what"), empty: ui.Empty{Icon: "shield", Title: ui.T("Nobody has this role.")},
		filters: []filter{{Name: "role", Label: ui.T("Role"), Options: append([]ui.Option{anything()}, roleOptions()...)}},
		columns: []column[admin.Holder]{
			{title: ui.T("Person"), name: "person", cell: func(h admin.Holder) cell {
				return cell{Text: nameOf(h.Person), Also: h.Person.Profile.Email, Href: c.personPath(h.Person.ID)}
			}},
			{title: ui.T("Role"), name: "role", cell: func(h admin.Holder) cell { return cell{Say: roleText(h.Role)} }},
			{title: ui.T("Source"), name: "source", cell: sourceCell},
			{title: ui.T("State"), name: "state", cell: func(h admin.Holder) cell { return cell{Tags: []ui.Tag{personTag(h.Person)}} }},
		},
		offers: func(h admin.Holder) []offer {
			if h.Source != admin.Assigned {
				return nil // it is taken away where the group is
			}
			return v.offers(way("/roles/{role}/people/{id}/unassign", ui.T("Take away"), "danger", string(h.Role), h.Person.ID))
		},
		fetch: func(ctx context.Context, q listQuery) ([]admin.Holder, string, error) {
			return c.o.Admin.SearchHolders(ctx, admin.HolderQuery{Role: admin.Role(q.Get("role")), Limit: q.Limit, After: q.After})
		},
	}
}

func (c *Console) showRoles(v *visit) (answer, error) {
	return c.roleList(v).show(v, ui.T("Roles"), listView{Offers: v.offers(way("/roles/assign", ui.T("Give a role"), "primary plus"))})
}

// rolesOf lists what roles a person has, and by what.
func (c *Console) rolesOf(ctx context.Context, p directory.Person) ([]admin.Holder, error) {
	return c.o.Admin.RolesOf(ctx, p)
}

func (c *Console) rolesBlock(v *visit, p directory.Person) (block, error) {
	if !v.who.May(admin.ReadAdmin) {
		return block{}, nil
	}
	b := block{
		ID: "roles", Title: ui.T("Roles"), Heads: []ui.Text{ui.T("Role"), ui.T("Source")}, Empty: ui.T("No role: this person cannot look in here."),
		Offers: v.offers(way("/roles/assign", ui.T("Give a role"), " plus")),
	}
	for i := range b.Offers {
		b.Offers[i].Href += "?person=" + p.ID
	}
	all, err := c.rolesOf(v.r.Context(), p)
	if err != nil {
		return b, err
	}
	for _, h := range all {
		r := row{Cells: []cell{{Say: roleText(h.Role)}, sourceCell(h)}}
		if h.Source == admin.Assigned {
			r.Offers = v.offers(way("/roles/{role}/people/{id}/unassign", ui.T("Take away"), "danger", string(h.Role), p.ID))
		}
		b.Rows = append(b.Rows, r)
	}
	return b, nil
}

// rolesHit names the roles that a person cannot use any more.
func (c *Console) rolesHit(v *visit, p directory.Person) (hit, error) {
	all, err := c.rolesOf(v.r.Context(), p)
	if err != nil {
		return hit{}, err
	}
	var names []cell
	for _, h := range all {
		names = append(names, cell{Say: roleText(h.Role)})
	}
	return naming(ui.T("Roles that they cannot use any more"), names), nil
}

func (c *Console) askUnassign(v *visit) (confirmation, error) {
	p, err := c.o.Directory.Person(v.r.Context(), v.r.PathValue("id"))
	if err != nil {
		return confirmation{}, err
	}
	role := admin.Role(v.r.PathValue("role"))
	all, err := c.rolesOf(v.r.Context(), p)
	if err != nil {
		return confirmation{}, err
	}
	q := confirmation{
		title: ui.T("Take a role away from %s?", nameOf(p)), button: ui.T("Take away"), back: "/roles", state: p.ID + " " + string(role),
		lead: ui.T("From now on the person, and every API token that they made, may not do any more what only this role allows."),
		hits: []hit{hitting(ui.T("Role"), cell{Say: roleText(role)}), hitting(ui.T("Person"), cell{Text: nameOf(p), Also: p.Profile.Email, Href: c.personPath(p.ID)})},
	}
	for _, h := range all {
		if h.Role == role && h.Source != admin.Assigned {
			q.hits = append(q.hits, hitting(ui.T("The role stays, by this group"), cell{Text: h.Source}))
		}
	}
	return q, nil
}

// assignView is the form that gives a role.
type assignView struct {
	Action, Back string
	Search       string
	// People are who was found, Person who was chosen.
	People []personChoice
	Person *personChoice
	Roles  []roleChoice
}

// personChoice is somebody who can be chosen.
type personChoice struct{ ID, Name, Email string }

func choiceOf(p directory.Person) personChoice {
	return personChoice{p.ID, nameOf(p), p.Profile.Email}
}

// roleChoice is one role of a form.
type roleChoice struct {
	Value      string
	Text, Note ui.Text
	Chosen     bool
}

func roleChoices() []roleChoice {
	var all []roleChoice
	for _, r := range admin.Roles() {
		all = append(all, roleChoice{Value: string(r), Text: roleText(r), Note: roleNote(r)})
	}
	return all
}

// showAssign asks whom, and then which role.
func (c *Console) showAssign(v *visit) (answer, error) {
	page := assignView{Action: c.path("/roles/assign"), Back: c.path("/roles"), Search: v.query.Get("q"), Roles: roleChoices()}
	if id := v.query.Get("person"); id != "" {
		p, err := c.o.Directory.Person(v.r.Context(), id)
		if err != nil {
			return nil, err
		}
		one := choiceOf(p)
		page.Person = &one
	} else if page.Search != "" {
		found, _, err := c.o.Directory.Search(v.r.Context(), directory.Query{Text: page.Search, Limit: few})
		if err != nil {
			return nil, err
		}
		for _, p := range found {
			page.People = append(page.People, choiceOf(p))
		}
	}
	return view{title: ui.T("Give a role"), crumbs: v.crumbs(ui.T("Roles"), "/roles"), template: "assign", data: page}, nil
}

func (c *Console) assign(v *visit) (answer, error) {
	person, role := v.form.Get("person"), v.form.Get("role")
	if person == "" || role == "" {
		return nil, fault.New(fault.Invalid, "role_incomplete", "choose a person and a role")
	}
	status, _, err := v.callWith("assignRole", map[string]string{"id": person, "role": role}, nil)
	if err != nil {
		return nil, err
	}
	return v.onward(status, fill("/people/{id}", person), "role-assigned"), nil
}
