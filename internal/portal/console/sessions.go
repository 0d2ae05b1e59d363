package console

import (
	"cmp"
	"context"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

func (c *Console) sessionPath(id string) string { return c.path(fill("/sessions/{id}", id)) }

// browserOf says in a word or two what a session's browser calls itself.
func browserOf(s session.Session) string {
	agent, system := s.UserAgent, ""
	for _, known := range []struct{ mark, name string }{
		{"Windows", "Windows"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Mac OS X", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"},
	} {
		if strings.Contains(agent, known.mark) {
			system = known.name
			break
		}
	}
	for _, known := range []struct{ mark, name string }{
		{"Edg", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"Chrom", "Chrome"}, {"Safari/", "Safari"},
	} {
		if strings.Contains(agent, known.mark) {
			return strings.TrimSuffix(known.name+", "+system, ", ")
		}
	}
	return cmp.Or(agent, "?")
}

func (c *Console) sessionList(v *visit, titles titles) *list[session.Found] {
	return &list[session.Found]{
		name: "sessions", path: c.path("/sessions"),
		caption: ui.T("Sessions"), empty: ui.Empty{Icon: "device", Title: ui.T("Nobody is signed in like that.")},
		filters: []filter{
			{Name: "person", Label: ui.T("Person (e-mail, user name or id)"), Type: "search"},
			{Name: "connection", Label: ui.T("Connection"), Options: c.connectionOptions(v.r.Context())},
			{Name: "app", Label: ui.T("App"), Options: titles.options()},
		},
		columns: []column[session.Found]{
			{title: ui.T("Person"), name: "person", cell: func(s session.Found) cell {
				return cell{Text: cmp.Or(s.Name, s.Person), Href: c.personPath(s.Person)}
			}},
			{title: ui.T("Browser"), name: "browser", cell: func(s session.Found) cell {
				return cell{Text: browserOf(s.Session), Also: s.Address, Href: c.sessionPath(s.ID)}
			}},
			{title: ui.T("Connection"), name: "connection", cell: func(s session.Found) cell { return cell{Text: s.Authentication.Connection} }},
			{title: ui.T("Apps"), name: "apps", cell: func(s session.Found) cell { return cell{Text: titles.join(s.Apps)} }},
			{title: ui.T("Began"), name: "created", cell: func(s session.Found) cell { return cell{Time: s.Created} }},
			{title: ui.T("Last used"), name: "last_seen", cell: func(s session.Found) cell { return cell{Time: s.LastSeen} }},
			{title: ui.T("Ends"), name: "until", cell: func(s session.Found) cell { return cell{Time: s.Until()} }},
		},
		fetch: func(ctx context.Context, q listQuery) ([]session.Found, string, error) {
			person, err := c.personLike(ctx, q.Get("person"))
			if err != nil {
				return nil, "", err
			}
			return c.o.Sessions.Search(ctx, session.Query{
				Person: person, Connection: q.Get("connection"), App: q.Get("app"), Limit: q.Limit, After: q.After,
			})
		},
	}
}

func (c *Console) showSessions(v *visit) (answer, error) {
	titles, err := c.appTitles(v.r.Context())
	if err != nil {
		return nil, err
	}
	return c.sessionList(v, titles).show(v, ui.T("Sessions"), listView{})
}

// session finds a session that may be in use.
func (c *Console) session(v *visit) (session.Session, error) {
	s, err := c.o.Sessions.Find(v.r.Context(), v.r.PathValue("id"))
	if err != nil {
		return s, err
	}
	return s, nil
}

func (c *Console) showSession(v *visit) (answer, error) {
	s, err := c.session(v)
	if err != nil {
		return nil, err
	}
	p, err := c.o.Directory.Person(v.r.Context(), s.Person)
	if err != nil {
		return nil, err
	}
	a := s.Authentication
	d := detail{
		Facts: known(
			fact{ui.T("Person"), []cell{{Text: nameOf(p), Href: c.personPath(p.ID)}}},
			fact{ui.T("Connection"), []cell{{Text: a.Connection, Href: c.connectionPath(a.Connection)}}},
			is(ui.T("Browser"), browserOf(s)), code(ui.T("User agent"), s.UserAgent), code(ui.T("Address"), s.Address),
			is(ui.T("Authentication class"), a.ACR), is(ui.T("Methods"), strings.Join(a.AMR, ", ")), fact{ui.T("Authenticated"), []cell{{Time: a.Time}}},
			fact{ui.T("Began"), []cell{{Time: s.Created}}}, fact{ui.T("Last used"), []cell{{Time: s.LastSeen}}},
			fact{ui.T("Ends without use"), []cell{{Time: s.Until()}}}, fact{ui.T("Ends at the latest"), []cell{{Time: s.Expires}}}, code(ui.T("Session (sid)"), s.ID),
		),
		Offers: v.offers(revokeWay(identity.KindSession, s.ID), way("/sessions/{id}/end", ui.T("End the session"), "danger out", s.ID)),
	}
	apps, err := c.appsOfSession(v.r.Context(), s)
	if err != nil {
		return nil, err
	}
	d.Blocks = append(d.Blocks, apps)
	history, err := c.auditBlock(v, sessionHistory(s))
	if err != nil {
		return nil, err
	}
	if !history.Title.Empty() {
		d.Blocks = append(d.Blocks, history)
	}
	return view{title: ui.T("Session of %s", nameOf(p)), crumbs: v.crumbs(ui.T("Sessions"), "/sessions"), template: "detail", data: d}, nil
}
