package people

import (
	"context"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

func (c *Console) peopleList(v *kit.Visit) *kit.List[directory.Person] {
	return &kit.List[directory.Person]{
		Name: "people", Path: c.Path("/people"), Sorted: string(directory.ByName),
		Caption: ui.T("People"), Empty: ui.Empty{Icon: "people", Title: ui.T("Nobody is like that."), Text: ui.T("People are here once they have signed in, or a connection pushed them.")},
		Filters: []kit.Filter{
			{Name: "q", Label: ui.T("Name or e-mail address"), Type: "search"},
			{Name: "disabled", Label: ui.T("State"), Options: []ui.Option{kit.Anything(), {Value: "false", Text: ui.T("Not disabled")}, {Value: "true", Text: ui.T("Disabled")}}},
			{Name: "connection", Label: ui.T("Connection"), Options: c.ConnectionOptions(v.Context())},
			{Name: "group", Label: ui.T("Group"), Type: "text"},
		},
		Columns: []kit.Column[directory.Person]{
			{Title: ui.T("Name"), Name: "name", Sort: "name", Cell: func(p directory.Person) kit.Cell {
				return kit.Cell{Text: kit.NameOf(p), Also: p.Profile.Username, Href: c.PersonPath(p.ID)}
			}},
			{Title: ui.T("E-mail"), Name: "email", Cell: func(p directory.Person) kit.Cell { return kit.Cell{Text: p.Profile.Email} }},
			{Title: ui.T("State"), Name: "state", Cell: func(p directory.Person) kit.Cell { return kit.Cell{Tags: []ui.Tag{names.PersonTag(p)}} }},
			{Title: ui.T("Connections"), Name: "connections", Cell: func(p directory.Person) kit.Cell { return kit.Cell{Text: connectionsOf(p)} }},
			{Title: ui.T("Changed"), Name: "updated", Sort: "updated", Cell: func(p directory.Person) kit.Cell { return kit.Cell{Time: p.Updated} }},
		},
		Fetch: func(ctx context.Context, q kit.Query) ([]directory.Person, string, error) {
			return c.o.Directory.Search(ctx, directory.Query{
				Text: q.Get("q"), Disabled: kit.Truth(q.Get("disabled")), Connection: q.Get("connection"), Group: q.Get("group"),
				Sort: directory.Sort(q.Order()), Limit: q.Limit, After: q.After,
			})
		},
	}
}

// connectionsOf names the connections that a person came over, each once.
func connectionsOf(p directory.Person) string {
	var all []string
	seen := map[string]bool{}
	for _, i := range p.Identities {
		if !seen[i.Connection] {
			seen[i.Connection], all = true, append(all, i.Connection)
		}
	}
	return strings.Join(all, ", ")
}

func (c *Console) showPeople(v *kit.Visit) (kit.Answer, error) {
	return c.peopleList(v).Show(v, ui.T("People"), kit.Around{})
}

func (c *Console) rules() []kit.Rule {
	const one, session = "/people/{id}", "/sessions/{id}"
	return []kit.Rule{
		{Path: "/people", Right: admin.ReadPeople, Show: c.showPeople},
		{Path: one, Right: admin.ReadPeople, Show: c.showPerson},
		{Path: one + "/disable", Right: admin.WritePeople, Ask: c.askDisablePerson, Operation: "disablePerson", Then: one, Notice: "person-disabled"},
		{Path: one + "/enable", Right: admin.WritePeople, Operation: "enablePerson", Then: one, Notice: "person-enabled"},
		{Path: one + "/sign-out", Right: admin.EndSessions, Ask: c.askSignOut, Operation: "endPersonSessions", Then: one, Notice: "person-out"},
		{Path: one + "/grants/{app}/withdraw", Right: admin.EndSessions, Ask: c.askWithdraw, Operation: "withdrawGrant", Then: one, Notice: "grant-withdrawn"},
		{Path: "/sessions", Right: admin.ReadSessions, Show: c.showSessions},
		{Path: session, Right: admin.ReadSessions, Show: c.showSession},
		{Path: session + "/end", Right: admin.EndSessions, Ask: c.askEndSession, Operation: "endSession", Then: "/sessions", Notice: "session-ended"},
	}
}

// Figures are those of the first page.
func (c *Console) Figures(v *kit.Visit) (page kit.Figures, err error) {
	if v.Who.May(admin.ReadSessions) {
		n, err := c.o.Sessions.Count(v.Context(), session.Whose{})
		if err != nil {
			return page, err
		}
		page.Stats = append(page.Stats, ui.Stat{Label: ui.T("Sessions"), Value: n, Note: ui.T("signed in now"), Href: c.Path("/sessions")})
	}
	if v.Who.May(admin.ReadPeople) {
		n, err := c.o.Directory.CountPeople(v.Context())
		if err != nil {
			return page, err
		}
		page.Stats = append(page.Stats, ui.Stat{Label: ui.T("People"), Value: n, Note: ui.T("signed in or were pushed"), Href: c.Path("/people")})
	}
	return page, nil
}
