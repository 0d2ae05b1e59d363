package console

import (
	"context"

	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// sessionHistory selects what happened to a session.
func sessionHistory(s session.Session) audit.Query {
	return audit.Query{Subject: identity.Session(s.ID).String()}
}

// appsOfSession lists the apps that got tokens in a session.
func (c *Console) appsOfSession(ctx context.Context, s session.Session) (block, error) {
	b := block{
		ID: "apps", Title: ui.T("Apps"), Note: ui.T("They got tokens in this session, and are told when it ends."),
		Heads: []ui.Text{ui.T("App"), ui.T("Client"), ui.T("First used")}, Empty: ui.T("No app has been opened yet."),
	}
	names, err := c.appTitles(ctx)
	if err != nil {
		return b, err
	}
	all, err := c.o.Participants(ctx, s.ID)
	if err != nil {
		return b, err
	}
	for _, p := range all {
		b.Rows = append(b.Rows, row{Cells: []cell{names.cell(p.App), {Text: p.Client, Code: true}, {Time: p.First}}})
	}
	return b, nil
}

func (c *Console) askEndSession(v *visit) (confirmation, error) {
	s, err := c.session(v)
	if err != nil {
		return confirmation{}, err
	}
	p, err := c.o.Directory.Person(v.r.Context(), s.Person)
	if err != nil {
		return confirmation{}, err
	}
	apps, err := c.appsOfSession(v.r.Context(), s)
	if err != nil {
		return confirmation{}, err
	}
	var told []cell
	for _, r := range apps.Rows {
		told = append(told, r.Cells[0])
	}
	return confirmation{
		title: ui.T("End the session of %s?", nameOf(p)), button: ui.T("End the session"), back: fill("/sessions/{id}", s.ID), state: s.ID,
		lead: ui.T("This browser is signed out, and tokens that live with the session stop. Other sessions of the person go on."),
		hits: []hit{
			hitting(ui.T("Browser"), cell{Text: browserOf(s), Also: s.Address}),
			naming(ui.T("Apps that are told"), told),
		},
	}, nil
}
