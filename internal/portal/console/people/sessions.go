package people

import (
	"cmp"
	"context"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

func (c *Console) sessionList(v *kit.Visit, titles names.Titles) *kit.List[session.Found] {
	return &kit.List[session.Found]{
		Name: "sessions", Path: c.Path("/sessions"),
		Caption: ui.T("Sessions"), Empty: ui.Empty{Icon: "device", Title: ui.T("Nobody is signed in like that.")},
		Filters: []kit.Filter{
			{Name: "person", Label: ui.T("Person (e-mail, user name or id)"), Type: "search"},
			{Name: "connection", Label: ui.T("Connection"), Options: c.ConnectionOptions(v.Context())},
			{Name: "app", Label: ui.T("App"), Options: titles.Options()},
		},
		Columns: []kit.Column[session.Found]{
			{Title: ui.T("Person"), Name: "person", Cell: func(s session.Found) kit.Cell {
				return kit.Cell{Text: cmp.Or(s.Name, s.Person), Href: c.PersonPath(s.Person)}
			}},
			{Title: ui.T("Browser"), Name: "browser", Cell: func(s session.Found) kit.Cell {
				return kit.Cell{Text: names.Browser(s.Session), Also: s.Address, Href: c.SessionPath(s.ID)}
			}},
			{Title: ui.T("Connection"), Name: "connection", Cell: func(s session.Found) kit.Cell { return kit.Cell{Text: s.Authentication.Connection} }},
			{Title: ui.T("Apps"), Name: "apps", Cell: func(s session.Found) kit.Cell { return kit.Cell{Text: titles.Join(s.Apps)} }},
			{Title: ui.T("Began"), Name: "created", Cell: func(s session.Found) kit.Cell { return kit.Cell{Time: s.Created} }},
			{Title: ui.T("Last used"), Name: "last_seen", Cell: func(s session.Found) kit.Cell { return kit.Cell{Time: s.LastSeen} }},
			{Title: ui.T("Ends"), Name: "until", Cell: func(s session.Found) kit.Cell { return kit.Cell{Time: s.Until()} }},
		},
		Fetch: func(ctx context.Context, q kit.Query) ([]session.Found, string, error) {
			person, err := c.PersonLike(ctx, q.Get("person"))
			if err != nil {
				return nil, "", err
			}
			return c.o.Sessions.Search(ctx, session.Query{
				Person: person, Connection: q.Get("connection"), App: q.Get("app"), Limit: q.Limit, After: q.After,
			})
		},
	}
}

func (c *Console) showSessions(v *kit.Visit) (kit.Answer, error) {
	titles, err := c.AppTitles(v.Context())
	if err != nil {
		return nil, err
	}
	return c.sessionList(v, titles).Show(v, ui.T("Sessions"), kit.Around{})
}

// session finds a session that may be in use.
func (c *Console) session(v *kit.Visit) (session.Session, error) {
	return c.o.Sessions.Find(v.Context(), v.PathValue("id"))
}

func (c *Console) showSession(v *kit.Visit) (kit.Answer, error) {
	s, err := c.session(v)
	if err != nil {
		return nil, err
	}
	p, err := c.o.Directory.Person(v.Context(), s.Person)
	if err != nil {
		return nil, err
	}
	a := s.Authentication
	d := kit.Detail{
		Facts: kit.Known(
			kit.Says(ui.T("Person"), kit.Cell{Text: kit.NameOf(p), Href: c.PersonPath(p.ID)}),
			kit.Says(ui.T("Connection"), kit.Cell{Text: a.Connection, Href: c.ConnectionPath(a.Connection)}),
			kit.Is(ui.T("Browser"), names.Browser(s)), kit.Code(ui.T("User agent"), s.UserAgent), kit.Code(ui.T("Address"), s.Address),
			kit.Is(ui.T("Authentication class"), a.ACR), kit.Is(ui.T("Methods"), strings.Join(a.AMR, ", ")), kit.When(ui.T("Authenticated"), a.Time),
			kit.When(ui.T("Began"), s.Created), kit.When(ui.T("Last used"), s.LastSeen),
			kit.When(ui.T("Ends without use"), s.Until()), kit.When(ui.T("Ends at the latest"), s.Expires), kit.Code(ui.T("Session (sid)"), s.ID),
		),
		Offers: v.Offers(names.RevokeWay(identity.KindSession, s.ID), kit.Way("/sessions/{id}/end", ui.T("End the session"), "danger out", s.ID)),
	}
	d.Blocks, err = kit.Blocks(v, s, c.appsOfSession, c.sessionHistory)
	return kit.View{Title: ui.T("Session of %s", kit.NameOf(p)), Crumbs: v.Crumbs(ui.T("Sessions"), "/sessions"), Template: "detail", Data: d}, err
}
