package provisioning

import (
	"errors"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// PersonBlock shows what connections pushed of a person, with who manages them, and
// whether they are protected from it.
func (c *Console) PersonBlock(v *kit.Visit, p directory.Person) (kit.Block, error) {
	b := kit.Block{
		ID: "pushed", Title: ui.T("Pushed over SCIM"), Empty: ui.T("No connection pushed this person."),
		Heads: []ui.Text{ui.T("Connection"), ui.T("User name"), ui.T("External id"), ui.T("Manager"), ui.T("State")},
	}
	protected, err := c.o.Records.Protected(v.Context(), identity.Person(p.ID))
	if err != nil {
		return b, err
	}
	b.Offers = v.Offers(kit.Way(personPath+"/protect", ui.T("Protect"), " shield", p.ID))
	if protected {
		b.Note = ui.T("Protected by name: what connections push does not change this person.")
		b.Offers = v.Offers(kit.Way(personPath+"/unprotect", ui.T("Protect no more"), "danger shield", p.ID))
	}
	for _, r := range p.Records {
		row, err := c.recordRow(v, r)
		if err != nil {
			return b, err
		}
		b.Rows = append(b.Rows, row)
	}
	return b, nil
}

// recordRow is one of a person's records. One that was deleted is known by its id.
func (c *Console) recordRow(v *kit.Visit, r directory.Record) (kit.Row, error) {
	at := kit.Cell{Text: r.Connection, Href: c.Path(kit.Fill(onePath, r.Connection))}
	u, err := c.o.Records.User(v.Context(), r.Connection, r.ID)
	if errors.Is(err, record.ErrUserNotFound) {
		return kit.Row{Cells: []kit.Cell{at, {}, {Text: r.ID, Code: true}, {}, {Tags: []ui.Tag{{Text: ui.T("Deleted"), Tone: ui.Bad}}}}}, nil
	}
	if err != nil {
		return kit.Row{}, err
	}
	manager, err := c.manager(v, u)
	state := ui.Tag{Text: ui.T("Active"), Tone: ui.Good}
	if !r.Active {
		state = ui.Tag{Text: ui.T("Has left"), Tone: ui.Bad}
	}
	return kit.Row{Cells: []kit.Cell{at, {Text: u.UserName}, {Text: u.ExternalID, Code: true}, manager, {Tags: []ui.Tag{state}}}}, err
}

// manager names who manages a user, as far as the connection pushed them.
func (c *Console) manager(v *kit.Visit, u record.User) (kit.Cell, error) {
	id, name := u.Manager()
	if id == "" {
		return kit.Cell{Text: name}, nil
	}
	m, err := c.o.Records.User(v.Context(), u.Connection, id)
	if errors.Is(err, record.ErrUserNotFound) {
		return kit.Cell{Text: id, Code: true, Also: name}, nil
	}
	if err != nil {
		return kit.Cell{}, err
	}
	called := c.Refs(v).Cell(identity.Person(m.Person))
	called.Also = m.UserName
	return called, nil
}

// GroupBlock shows which groups a group that was pushed has in it and is in, and whether
// it is protected.
func (c *Console) GroupBlock(v *kit.Visit, g directory.Group) (kit.Block, error) {
	if g.DisplayName == "" {
		return kit.Block{}, nil // a sign-in told of it
	}
	b := kit.Block{
		ID: "nested", Title: ui.T("Groups within groups"), Empty: ui.T("No group is in it, and it is in none."),
		Heads: []ui.Text{ui.T("Group"), ui.T("How"), ui.T("Mapped to")},
	}
	ref := record.Group{Connection: g.Ref.Connection, ID: g.Ref.ID}.Ref()
	protected, err := c.o.Records.Protected(v.Context(), ref)
	if err != nil {
		return b, err
	}
	b.Offers = v.Offers(kit.Way(groupPath+"/protect", ui.T("Protect"), " shield", g.Ref.Connection, g.Ref.ID))
	if protected {
		b.Note = ui.T("Protected by name: what connections push changes neither this group nor its members.")
		b.Offers = v.Offers(kit.Way(groupPath+"/unprotect", ui.T("Protect no more"), "danger shield", g.Ref.Connection, g.Ref.ID))
	}
	within, around, err := c.o.Records.Nested(v.Context(), g.Ref.Connection, g.Ref.ID, mostNested)
	if err != nil {
		return b, err
	}
	mapped, err := c.Mapped(v.Context())
	row := func(in record.In, how ui.Text) {
		at := identity.GroupRef{Connection: g.Ref.Connection, ID: in.ID}
		b.Rows = append(b.Rows, kit.Row{Cells: []kit.Cell{{Text: in.Display, Href: c.GroupPath(at)}, {Say: how}, {Text: mapped[at]}}})
	}
	for _, in := range around {
		row(in, ui.T("This group is in it: whoever is here is there, too"))
	}
	for _, in := range within {
		row(in, ui.T("It is in this group: whoever is there is here, too"))
	}
	return b, err
}

// mostNested is how many groups are shown that a group has in it, or is in.
const mostNested = 50
