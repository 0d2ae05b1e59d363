package admins

import (
	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

func (c *Console) askUnassign(v *kit.Visit) (kit.Confirmation, error) {
	p, err := c.o.Directory.Person(v.Context(), v.PathValue("id"))
	if err != nil {
		return kit.Confirmation{}, err
	}
	role := admin.Role(v.PathValue("role"))
	all, err := c.rolesOf(v.Context(), p)
	if err != nil {
		return kit.Confirmation{}, err
	}
	q := kit.Confirmation{
		Title: ui.T("Take a role away from %s?", kit.NameOf(p)), Button: ui.T("Take away"), Back: "/roles", State: p.ID + " " + string(role),
		Lead: ui.T("From now on the person, and every API token that they made, may not do any more what only this role allows."),
		Hits: []kit.Hit{kit.Hitting(ui.T("Role"), kit.Cell{Say: names.RoleText(role)}), kit.Hitting(ui.T("Person"), kit.Cell{Text: kit.NameOf(p), Also: p.Profile.Email, Href: c.PersonPath(p.ID)})},
	}
	for _, h := range all {
		if h.Role == role && h.Source != admin.Assigned {
			q.Hits = append(q.Hits, kit.Hitting(ui.T("The role stays, by this group"), kit.Cell{Text: h.Source}))
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
	return personChoice{p.ID, kit.NameOf(p), p.Profile.Email}
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
		all = append(all, roleChoice{Value: string(r), Text: names.RoleText(r), Note: roleNote(r)})
	}
	return all
}

// showAssign asks whom, and then which role.
func (c *Console) showAssign(v *kit.Visit) (kit.Answer, error) {
	page := assignView{Action: c.Path("/roles/assign"), Back: c.Path("/roles"), Search: v.Query.Get("q"), Roles: roleChoices()}
	if id := v.Query.Get("person"); id != "" {
		p, err := c.o.Directory.Person(v.Context(), id)
		if err != nil {
			return nil, err
		}
		one := choiceOf(p)
		page.Person = &one
	} else if page.Search != "" {
		found, _, err := c.o.Directory.Search(v.Context(), directory.Query{Text: page.Search, Limit: kit.Few})
		if err != nil {
			return nil, err
		}
		for _, p := range found {
			page.People = append(page.People, choiceOf(p))
		}
	}
	return kit.View{Title: ui.T("Give a role"), Crumbs: v.Crumbs(ui.T("Roles"), "/roles"), Template: "assign", Data: page}, nil
}

func (c *Console) assign(v *kit.Visit) (kit.Answer, error) {
	person, role := v.Form.Get("person"), v.Form.Get("role")
	if person == "" || role == "" {
		return nil, fault.New(fault.Invalid, "role_incomplete", "choose a person and a role")
	}
	status, _, err := v.CallWith("assignRole", map[string]string{"id": person, "role": role}, nil)
	if err != nil {
		return nil, err
	}
	return v.Onward(status, kit.Fill("/people/{id}", person), "role-assigned"), nil
}
