package exchanges

import (
	"context"
	"net/url"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

func (c *Console) exchangeRules() []kit.Rule {
	const all, one, owned = "/exchanges", "/exchanges/{id}", "/apps/{name}/exchanges"
	return []kit.Rule{
		{Path: all, Right: admin.ReadSessions, Show: c.showExchanges},
		{Path: one, Right: admin.ReadSessions, Show: c.showExchange},
		{Path: one + "/prune", Right: admin.EndSessions, Ask: c.askPrune, Operation: "pruneExchange", Then: all, Notice: "exchange-pruned"},
		{Path: owned, Right: admin.ReadSessions, Owned: true, Show: c.showExchanges},
		{Path: owned + "/{id}", Right: admin.ReadSessions, Owned: true, Show: c.showExchange},
		{Path: owned + "/{id}/prune", Right: admin.EndSessions, Owned: true, Ask: c.askPrune, Operation: "pruneAppExchange", Then: owned, Notice: "exchange-pruned"},
		{Path: "/explain-exchange", Right: admin.ReadPeople, Show: c.showExplanation},
	}
}

func (c *Console) exchangeList(g grove) *kit.List[grant.Node] {
	l := &kit.List[grant.Node]{
		Name: "exchanges", Path: c.Path(g.base()), Caption: ui.T("Exchanged tokens"),
		Empty: ui.Empty{Icon: "link", Title: ui.T("No token was exchanged like that."), Text: ui.T("What was long ago is looked for page by page: there may be a next one.")},
		Filters: []kit.Filter{
			{Name: "live", Label: ui.T("State"), Options: []ui.Option{kit.Anything(), {Value: "true", Text: ui.T("Not expired")}}},
		},
		Columns: []kit.Column[grant.Node]{
			{Title: ui.T("App"), Name: "client", Cell: g.holder},
			{Title: ui.T("Person"), Name: "person", Cell: g.person},
			{Title: ui.T("For the API"), Name: "audience", Cell: api},
			{Name: "scopes", Cell: func(n grant.Node) kit.Cell { return kit.Cell{Text: kit.Joined(n.Scopes)} }},
			{Title: ui.T("Purpose"), Name: "purpose", Cell: func(n grant.Node) kit.Cell { return kit.Cell{Text: n.Purpose, Free: true} }},
			{Title: ui.T("From"), Name: "parent_client", Cell: func(n grant.Node) kit.Cell { return kit.Cell{Text: n.ParentClient} }},
			{Title: ui.T("State"), Name: "state", Cell: g.state},
			{Title: ui.T("Issued"), Name: "issued", Cell: func(n grant.Node) kit.Cell { return kit.Cell{Time: n.Issued} }},
		},
		Offers: func(n grant.Node) []kit.Offer { return g.prune(n, ui.T("End")) },
		Fetch: func(ctx context.Context, q kit.Query) ([]grant.Node, string, error) {
			person, err := c.PersonLike(ctx, q.Get("person"))
			if err != nil {
				return nil, "", err
			}
			return c.o.Exchanges.Search(ctx, grant.NodeQuery{
				Person: person, App: q.Get("app"), Audience: strings.TrimSpace(q.Get("audience")), Connection: q.Get("connection"), Of: g.part, Live: q.Get("live") != "",
				Limit: q.Limit, After: q.After,
			})
		},
	}
	if g.app == nil {
		l.Filters = append([]kit.Filter{
			{Name: "person", Label: ui.T("Person (e-mail, user name or id)"), Type: "search"},
			{Name: "app", Label: ui.T("App"), Options: g.titles.Options()},
			{Name: "audience", Label: ui.T("API"), Type: "text"},
			{Name: "connection", Label: ui.T("Connection"), Options: c.ConnectionOptions(g.v.Context())},
		}, l.Filters...)
	}
	return l
}

func (c *Console) showExchanges(v *kit.Visit) (kit.Answer, error) {
	g, err := c.grove(v)
	if err != nil {
		return nil, err
	}
	title := ui.T("Exchanged tokens")
	if g.app != nil {
		title = ui.T("Exchanged tokens of %s", g.app.Title())
	}
	return c.exchangeList(g).Show(v, title, kit.Around{Crumbs: g.crumbs(), Offers: v.Offers(
		kit.Way("/explain-exchange", ui.T("Explain an exchange"), " info"), kit.Way("/revoke", ui.T("Revoke tokens"), "danger out"),
	)})
}

func (c *Console) showExchange(v *kit.Visit) (kit.Answer, error) {
	g, err := c.grove(v)
	if err != nil {
		return nil, err
	}
	n, err := g.node()
	if err != nil {
		return nil, err
	}
	line, hanging, elsewhere, err := g.around(n)
	if err != nil {
		return nil, err
	}
	d := kit.Detail{
		Tags: g.state(n).Tags, Offers: g.prune(n, ui.T("End it and what hangs from it")),
		Facts: kit.Known(
			kit.Says(ui.T("Person"), g.person(n)), kit.Says(ui.T("App"), g.titles.Cell(n.App)), kit.Code(ui.T("Client"), n.Client), kit.Code(ui.T("For the API"), n.Audience),
			kit.Each(ui.T("Scopes"), n.Scopes, true), kit.Is(ui.T("Purpose"), n.Purpose), kit.Is(ui.T("Mode"), n.Mode), kit.Each(ui.T("Acts for the person"), n.Actors, true),
			kit.Code(ui.T("Exchanged for a token of"), n.ParentClient), kit.Says(ui.T("Ended by"), g.ended(n)), kit.When(ui.T("Issued"), n.Issued), kit.When(ui.T("Until"), n.Expires),
			kit.Code(ui.T("Token (jti)"), n.ID), kit.Code(ui.T("Session (sid)"), n.Session),
		),
		Blocks: []kit.Block{
			g.nodeBlock(kit.Block{ID: "line", Title: ui.T("What it grew from"), Empty: ui.T("From nothing that is shown here.")}, line),
			g.nodeBlock(kit.Block{ID: "hanging", Title: ui.T("What hangs from it"), Note: ui.T("All of it ends with the token."), Empty: ui.T("Nothing at the moment.")}, hanging),
		},
	}
	if elsewhere > 0 {
		d.Notices = append(d.Notices, ui.Notice{Text: ui.N(elsewhere, "One token of the line is another app's alone, and not shown.", "%d tokens of the line are other apps' alone, and not shown."), Tone: ui.Warn})
	}
	return kit.View{Title: ui.T("A token of %s for %s", g.titles.Name(n.App), n.Audience), Crumbs: append(g.crumbs(), v.Crumbs(ui.T("Exchanged tokens"), g.base())...), Template: "detail", Data: d}, nil
}

func (c *Console) askPrune(v *kit.Visit) (kit.Confirmation, error) {
	g, err := c.grove(v)
	if err != nil {
		return kit.Confirmation{}, err
	}
	n, err := g.node()
	if err != nil {
		return kit.Confirmation{}, err
	}
	_, hanging, _, err := g.around(n)
	if err != nil {
		return kit.Confirmation{}, err
	}
	all, err := c.o.Exchanges.Below(v.Context(), n)
	stops := []kit.Cell{{Text: g.titles.Name(n.App), Also: n.Audience}}
	for _, b := range hanging {
		stops = append(stops, kit.Cell{Text: strings.Repeat("↳ ", b.Depth) + g.titles.Name(b.App), Also: b.Audience})
	}
	tokens := kit.Naming(ui.T("Tokens that stop"), stops)
	tokens.Count = int64(len(all) + 1)
	return kit.Confirmation{
		Title: ui.T("End the token of %s for %s?", g.titles.Name(n.App), n.Audience), Button: ui.T("End it"), Back: g.base() + kit.Fill("/{id}", n.ID), State: n.ID,
		Lead: ui.T("It stops at once, with all that hangs from it. The session goes on: the app can exchange anew."),
		Hits: []kit.Hit{kit.Hitting(ui.T("Person"), g.person(n)), tokens},
	}, err
}

// PersonBlock lists the tokens that are out in a person's name.
func (c *Console) PersonBlock(v *kit.Visit, p directory.Person) (kit.Block, error) {
	if !v.Who.May(admin.ReadSessions) {
		return kit.Block{}, nil
	}
	live, _, err := c.o.Exchanges.Live(v.Context(), grant.NodeQuery{Person: p.ID})
	if err != nil {
		return kit.Block{}, err
	}
	g := grove{c: c, v: v, names: c.Refs(v)}
	if g.titles, err = c.AppTitles(v.Context()); err != nil {
		return kit.Block{}, err
	}
	branches := grant.Branches(live)
	return g.nodeBlock(kit.Block{
		ID: "exchanges", Title: ui.T("Exchanged tokens"), Note: ui.T("What apps do in the person's name right now, for minutes."), Empty: ui.T("None at the moment."),
		More: &ui.Link{Text: ui.T("All exchanged tokens"), Href: c.Path("/exchanges?person=" + url.QueryEscape(p.ID))},
	}, branches[:min(len(branches), kit.Few)]), nil
}
