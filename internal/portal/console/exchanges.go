package console

import (
	"context"
	"net/url"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

func (c *Console) exchangeRules() []rule {
	const all, one, owned = "/exchanges", "/exchanges/{id}", "/apps/{name}/exchanges"
	return []rule{
		{path: all, right: admin.ReadSessions, show: c.showExchanges},
		{path: one, right: admin.ReadSessions, show: c.showExchange},
		{path: one + "/prune", right: admin.EndSessions, ask: c.askPrune, operation: "pruneExchange", then: all, notice: "exchange-pruned"},
		{path: owned, right: admin.ReadSessions, owned: true, show: c.showExchanges},
		{path: owned + "/{id}", right: admin.ReadSessions, owned: true, show: c.showExchange},
		{path: owned + "/{id}/prune", right: admin.EndSessions, owned: true, ask: c.askPrune, operation: "pruneAppExchange", then: owned, notice: "exchange-pruned"},
		{path: "/explain-exchange", right: admin.ReadPeople, show: c.showExplanation},
	}
}

// grove is a part of the exchange tree, and where its pages are: all of it, or the
// nodes that an app has a part in.
type grove struct {
	c   *Console
	v   *visit
	app *catalog.App // nil for all
	// part is that of the app.
	part   *grant.AppNodes
	names  *refs
	titles titles
}

// grove is the part that the path is about.
func (c *Console) grove(v *visit) (g grove, err error) {
	g = grove{c: c, v: v, names: v.refs()}
	if name := v.r.PathValue("name"); name != "" {
		app, err := c.o.Apps.App(v.r.Context(), name)
		if err != nil {
			return g, err
		}
		g.app, g.part = &app, &grant.AppNodes{App: app.ID, Client: app.ClientID(), Audience: app.Audience()}
	}
	g.titles, err = c.appTitles(v.r.Context())
	return g, err
}

// base is where the grove's pages begin, below base.
func (g grove) base() string {
	if g.app == nil {
		return "/exchanges"
	}
	return fill("/apps/{name}/exchanges", g.app.Name)
}

// has reports whether a node is in the grove.
func (g grove) has(n grant.Node) bool { return g.part == nil || n.Exchanged() && g.part.Has(n) }

// prune is the way to end a node; nothing for one that is over.
func (g grove) prune(n grant.Node, text ui.Text) []offer {
	if !n.Exchanged() || !n.Live(g.c.o.Now()) || n.Ended != "" {
		return nil
	}
	if g.app == nil {
		return g.v.offers(way("/exchanges/{id}/prune", text, "danger out", n.ID))
	}
	o := way("/apps/{name}/exchanges/{id}/prune", text, "danger out", g.app.Name, n.ID)
	o.app = *g.app
	return g.v.offers(o)
}

// holder names who got the token, and leads to the node.
func (g grove) holder(n grant.Node) cell {
	named := cell{Text: g.titles.name(n.App), Also: n.Client, Href: g.c.path(g.base() + fill("/{id}", n.ID))}
	if !g.has(n) {
		named.Href = ""
	}
	return named
}

func (g grove) person(n grant.Node) cell {
	if n.Person == "" {
		return cell{Say: ui.T("nobody")}
	}
	named := g.names.cell(identity.Person(n.Person))
	if !g.v.who.May(admin.ReadPeople) {
		named.Href = ""
	}
	return named
}

func (g grove) state(n grant.Node) cell {
	switch {
	case !n.Live(g.c.o.Now()):
		return cell{Tags: []ui.Tag{{Text: ui.T("Expired")}}}
	case n.Ended != "":
		return cell{Tags: []ui.Tag{{Text: ui.T("Ended early"), Tone: ui.Warn}}, Also: n.Ended}
	}
	return cell{Tags: []ui.Tag{{Text: ui.T("Good"), Tone: ui.Good}}}
}

// nodeBlock is a table of nodes; depths are how far each hangs below the first.
func (g grove) nodeBlock(b block, nodes []grant.Branch) block {
	b.Heads = []ui.Text{ui.T("App"), ui.T("Person"), ui.T("For the API"), ui.T("Scopes"), ui.T("Purpose"), ui.T("State"), ui.T("Until")}
	for _, n := range nodes {
		holder := g.holder(n.Node)
		holder.Text = strings.Repeat("↳ ", n.Depth) + holder.Text
		b.Rows = append(b.Rows, row{
			Cells:  []cell{holder, g.person(n.Node), {Text: n.Audience, Code: true}, {Text: joined(n.Scopes)}, {Text: n.Purpose}, g.state(n.Node), {Time: n.Expires}},
			Offers: g.prune(n.Node, ui.T("End")),
		})
	}
	return b
}

func (c *Console) exchangeList(g grove) *list[grant.Node] {
	l := &list[grant.Node]{
		name: "exchanges", path: c.path(g.base()), caption: ui.T("Exchanged tokens"),
		empty: ui.Empty{Icon: "link", Title: ui.T("No token was exchanged like that."), Text: ui.T("What was long ago is looked for page by page: there may be a next one.")},
		filters: []filter{
			{Name: "live", Label: ui.T("State"), Options: []ui.Option{anything(), {Value: "true", Text: ui.T("Not expired")}}},
		},
		columns: []column[grant.Node]{
			{title: ui.T("App"), name: "client", cell: g.holder},
			{title: ui.T("Person"), name: "person", cell: g.person},
			{title: ui.T("For the API"), name: "audience", cell: func(n grant.Node) cell { return cell{Text: n.Audience, Code: true} }},
			{title: ui.T("Scopes"), name: "scopes", cell: func(n grant.Node) cell { return cell{Text: joined(n.Scopes)} }},
			{title: ui.T("Purpose"), name: "purpose", cell: func(n grant.Node) cell { return cell{Text: n.Purpose} }},
			{title: ui.T("From"), name: "parent_client", cell: func(n grant.Node) cell { return cell{Text: n.ParentClient} }},
			{title: ui.T("State"), name: "state", cell: g.state},
			{title: ui.T("Issued"), name: "issued", cell: func(n grant.Node) cell { return cell{Time: n.Issued} }},
		},
		offers: func(n grant.Node) []offer { return g.prune(n, ui.T("End")) },
		fetch: func(ctx context.Context, q listQuery) ([]grant.Node, string, error) {
			person, err := c.personLike(ctx, q.Get("person"))
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
		l.filters = append([]filter{
			{Name: "person", Label: ui.T("Person (e-mail, user name or id)"), Type: "search"},
			{Name: "app", Label: ui.T("App"), Options: g.titles.options()},
			{Name: "audience", Label: ui.T("API"), Type: "text"},
			{Name: "connection", Label: ui.T("Connection"), Options: c.connectionOptions(g.v.r.Context())},
		}, l.filters...)
	}
	return l
}

func (c *Console) showExchanges(v *visit) (answer, error) {
	g, err := c.grove(v)
	if err != nil {
		return nil, err
	}
	title := ui.T("Exchanged tokens")
	if g.app != nil {
		title = ui.T("Exchanged tokens of %s", g.app.Title())
	}
	return c.exchangeList(g).show(v, title, listView{Offers: v.offers(
		way("/explain-exchange", ui.T("Explain an exchange"), " info"), way("/revoke", ui.T("Revoke tokens"), "danger out"),
	)})
}

// node finds the node that the path names, in the grove.
func (g grove) node() (grant.Node, error) {
	n, err := g.c.o.Exchanges.Node(g.v.r.Context(), g.v.r.PathValue("id"))
	if err == nil && !g.has(n) {
		err = grant.ErrNodeNotFound
	}
	return n, err
}

// around returns what a node grew from, as a line, and what hangs from it, and how
// many of both are not in the grove.
func (g grove) around(n grant.Node) (line, hanging []grant.Branch, elsewhere int, err error) {
	up, err := g.c.o.Exchanges.Line(g.v.r.Context(), n)
	if err != nil {
		return nil, nil, 0, err
	}
	for i, one := range up {
		if g.has(one) {
			line = append(line, grant.Branch{Node: one, Depth: i})
		}
	}
	below, err := g.c.o.Exchanges.Below(g.v.r.Context(), n)
	for _, one := range below {
		if g.has(one.Node) {
			hanging = append(hanging, one)
		}
	}
	return line, hanging, len(up) + len(below) - len(line) - len(hanging), err
}

func (c *Console) showExchange(v *visit) (answer, error) {
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
	d := detail{
		Tags: g.state(n).Tags, Offers: g.prune(n, ui.T("End it and what hangs from it")),
		Facts: known(
			fact{ui.T("Person"), []cell{g.person(n)}}, fact{ui.T("App"), []cell{g.titles.cell(n.App)}}, code(ui.T("Client"), n.Client), code(ui.T("For the API"), n.Audience),
			each(ui.T("Scopes"), n.Scopes, true), is(ui.T("Purpose"), n.Purpose), is(ui.T("Mode"), n.Mode), each(ui.T("Acts for the person"), n.Actors, true),
			code(ui.T("Exchanged for a token of"), n.ParentClient), code(ui.T("Ended by"), n.Ended), fact{ui.T("Issued"), []cell{{Time: n.Issued}}}, fact{ui.T("Until"), []cell{{Time: n.Expires}}},
			code(ui.T("Token (jti)"), n.ID), code(ui.T("Session (sid)"), n.Session),
		),
		Blocks: []block{
			g.nodeBlock(block{ID: "line", Title: ui.T("What it grew from"), Empty: ui.T("From nothing that is shown here.")}, line),
			g.nodeBlock(block{ID: "hanging", Title: ui.T("What hangs from it"), Note: ui.T("All of it ends with the token."), Empty: ui.T("Nothing at the moment.")}, hanging),
		},
	}
	if elsewhere > 0 {
		d.Notices = append(d.Notices, ui.Notice{Text: ui.N(elsewhere, "One token of the line is another app's alone, and not shown.", "%d tokens of the line are other apps' alone, and not shown."), Tone: ui.Warn})
	}
	return view{title: ui.T("A token of %s for %s", g.titles.name(n.App), n.Audience), crumbs: v.crumbs(ui.T("Exchanged tokens"), g.base()), template: "detail", data: d}, nil
}

func (c *Console) askPrune(v *visit) (confirmation, error) {
	g, err := c.grove(v)
	if err != nil {
		return confirmation{}, err
	}
	n, err := g.node()
	if err != nil {
		return confirmation{}, err
	}
	_, hanging, _, err := g.around(n)
	if err != nil {
		return confirmation{}, err
	}
	all, err := c.o.Exchanges.Below(v.r.Context(), n)
	stops := []cell{{Text: g.titles.name(n.App), Also: n.Audience}}
	for _, b := range hanging {
		stops = append(stops, cell{Text: strings.Repeat("↳ ", b.Depth) + g.titles.name(b.App), Also: b.Audience})
	}
	tokens := naming(ui.T("Tokens that stop"), stops)
	tokens.Count = int64(len(all) + 1)
	return confirmation{
		title: ui.T("End the token of %s for %s?", g.titles.name(n.App), n.Audience), button: ui.T("End it"), back: g.base() + fill("/{id}", n.ID), state: n.ID,
		lead: ui.T("It stops at once, with all that hangs from it. The session goes on: the app can exchange anew."),
		hits: []hit{hitting(ui.T("Person"), g.person(n)), tokens},
	}, err
}

// exchangesBlock lists the tokens that are out in a person's name.
func (c *Console) exchangesBlock(v *visit, p directory.Person) (block, error) {
	if !v.who.May(admin.ReadSessions) {
		return block{}, nil
	}
	live, _, err := c.o.Exchanges.Live(v.r.Context(), grant.NodeQuery{Person: p.ID})
	if err != nil {
		return block{}, err
	}
	g := grove{c: c, v: v, names: v.refs()}
	if g.titles, err = c.appTitles(v.r.Context()); err != nil {
		return block{}, err
	}
	branches := grant.Branches(live)
	return g.nodeBlock(block{
		ID: "exchanges", Title: ui.T("Exchanged tokens"), Note: ui.T("What apps do in the person's name right now, for minutes."), Empty: ui.T("None at the moment."),
		More: &ui.Link{Text: ui.T("All exchanged tokens"), Href: c.path("/exchanges?person=" + url.QueryEscape(p.ID))},
	}, branches[:min(len(branches), few)]), nil
}
