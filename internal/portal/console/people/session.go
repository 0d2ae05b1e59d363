package people

import (
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// sessionHistory is what happened to a session.
func (c *Console) sessionHistory(v *kit.Visit, s session.Session) (kit.Block, error) {
	return c.History(v, audit.Query{Subject: identity.Session(s.ID).String()})
}

// appsOfSession lists the apps that got tokens in a session.
func (c *Console) appsOfSession(v *kit.Visit, s session.Session) (kit.Block, error) {
	b := kit.Block{
		ID: "apps", Title: ui.T("Apps"), Note: ui.T("They got tokens in this session, and are told when it ends if they have an address for that."),
		Heads: []ui.Text{ui.T("App"), ui.T("Client"), ui.T("First used")}, Empty: ui.T("No app has been opened yet."),
	}
	names, err := c.AppTitles(v.Context())
	if err != nil {
		return b, err
	}
	all, err := c.o.Participants(v.Context(), s.ID)
	if err != nil {
		return b, err
	}
	for _, p := range all {
		b.Rows = append(b.Rows, kit.Row{Cells: []kit.Cell{names.Cell(p.App), {Text: p.Client, Code: true}, {Time: p.First}}})
	}
	return b, nil
}

// toldOf names the apps that hear of the end of a session, and those that cannot be told.
func (c *Console) toldOf(v *kit.Visit, s session.Session) (told, untold []kit.Cell, err error) {
	names, err := c.AppTitles(v.Context())
	if err != nil {
		return nil, nil, err
	}
	all, err := c.o.Participants(v.Context(), s.ID)
	for _, p := range all {
		if names.Told(p.App) {
			told = append(told, names.Cell(p.App))
		} else {
			untold = append(untold, names.Cell(p.App))
		}
	}
	return told, untold, err
}

func (c *Console) askEndSession(v *kit.Visit) (kit.Confirmation, error) {
	s, err := c.session(v)
	if err != nil {
		return kit.Confirmation{}, err
	}
	p, err := c.o.Directory.Person(v.Context(), s.Person)
	if err != nil {
		return kit.Confirmation{}, err
	}
	told, untold, err := c.toldOf(v, s)
	if err != nil {
		return kit.Confirmation{}, err
	}
	return kit.Confirmation{
		Title: ui.T("End the session of %s?", kit.NameOf(p)), Button: ui.T("End the session"), Back: kit.Fill("/sessions/{id}", s.ID), State: s.ID,
		Lead: ui.T("This browser is signed out, and tokens that live with the session stop. Other sessions of the person go on."),
		Hits: []kit.Hit{
			kit.Hitting(ui.T("Browser"), kit.Cell{Text: names.Browser(s), Also: s.Address}),
			kit.Naming(ui.T("Apps that are told"), told), kit.Naming(ui.T("Apps that cannot be told: they have no address for that"), untold),
		},
	}, nil
}
