package exchanges

import (
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// grove is a part of the exchange tree, and where its pages are: all of it, or the
// nodes that an app has a part in.
type grove struct {
	c   *Console
	v   *kit.Visit
	app *catalog.App // nil for all
	// part is that of the app.
	part   *grant.AppNodes
	names  *names.Refs
	titles names.Titles
}

// grove is the part that the path is about.
func (c *Console) grove(v *kit.Visit) (g grove, err error) {
	g = grove{c: c, v: v, names: c.Refs(v)}
	if name := v.PathValue("name"); name != "" {
		app, err := c.o.Apps.App(v.Context(), name)
		if err != nil {
			return g, err
		}
		g.app, g.part = &app, &grant.AppNodes{App: app.ID, Client: app.ClientID(), Audience: app.Audience()}
	}
	g.titles, err = c.AppTitles(v.Context())
	return g, err
}

// base is where the grove's pages begin, below base.
func (g grove) base() string {
	if g.app == nil {
		return "/exchanges"
	}
	return kit.Fill("/apps/{name}/exchanges", g.app.Name)
}

// crumbs lead up from the list: to the app, where it is about one.
func (g grove) crumbs() []ui.Link {
	if g.app == nil {
		return nil
	}
	return append(g.v.Crumbs(ui.T("Apps"), "/apps"), ui.Link{Text: ui.Plain(g.app.Title()), Href: g.c.AppPath(*g.app)})
}

// has reports whether a node is in the grove.
func (g grove) has(n grant.Node) bool { return g.part == nil || n.Exchanged() && g.part.Has(n) }

// prune is the way to end a node; nothing for one that is over.
func (g grove) prune(n grant.Node, text ui.Text) []kit.Offer {
	if !n.Exchanged() || !n.Live(g.c.Now()) || !n.Ended.IsZero() {
		return nil
	}
	if g.app == nil {
		return g.v.Offers(kit.Way("/exchanges/{id}/prune", text, "danger out", n.ID))
	}
	return g.v.Offers(kit.Way("/apps/{name}/exchanges/{id}/prune", text, "danger out", g.app.Name, n.ID).For(*g.app))
}

// holder names who got the token, and leads to the node.
func (g grove) holder(n grant.Node) kit.Cell {
	named := kit.Cell{Text: g.titles.Name(n.App), Also: n.Client, Href: g.c.Path(g.base() + kit.Fill("/{id}", n.ID))}
	if !g.has(n) {
		named.Href = ""
	}
	return named
}

func (g grove) person(n grant.Node) kit.Cell {
	if n.Person == "" {
		return kit.Cell{Say: ui.T("nobody")}
	}
	named := g.names.Cell(identity.Person(n.Person))
	if !g.v.Who.May(admin.ReadPeople) {
		named.Href = ""
	}
	return named
}

func (g grove) state(n grant.Node) kit.Cell {
	switch {
	case !n.Live(g.c.Now()):
		return kit.Cell{Tags: []ui.Tag{{Text: ui.T("Expired")}}}
	case !n.Ended.IsZero():
		return kit.Cell{Tags: []ui.Tag{{Text: ui.T("Ended early"), Tone: ui.Warn}}}
	}
	return kit.Cell{Tags: []ui.Tag{{Text: ui.T("Good"), Tone: ui.Good}}}
}

// api is what a token is for: the API, and what it may do there.
func api(n grant.Node) kit.Cell {
	return kit.Cell{Text: n.Audience, Code: true, Also: kit.Joined(n.Scopes)}
}

// ended names what ended a token before its time. Its page is not for who sees but the
// part of an app.
func (g grove) ended(n grant.Node) kit.Cell {
	switch {
	case n.Ended == identity.Grant(n.Grant):
		return kit.Cell{Say: ui.T("The token itself was ended")}
	case n.Ended.Kind == identity.KindGrant:
		cell := kit.Cell{Say: ui.T("What it grew from was ended")}
		if g.app == nil {
			cell.Also = n.Ended.ID
		}
		return cell
	}
	cell := g.names.Cell(n.Ended)
	if g.app != nil {
		cell.Href = ""
	}
	return cell
}

// nodeBlock is a table of nodes; depths are how far each hangs below the first.
func (g grove) nodeBlock(b kit.Block, nodes []grant.Branch) kit.Block {
	b.Heads = []ui.Text{ui.T("App"), ui.T("Person"), ui.T("For the API"), ui.T("Purpose"), ui.T("State"), ui.T("Until")}
	for _, n := range nodes {
		holder := g.holder(n.Node)
		holder.Text = strings.Repeat("↳ ", n.Depth) + holder.Text
		b.Rows = append(b.Rows, kit.Row{
			Cells:  []kit.Cell{holder, g.person(n.Node), api(n.Node), {Text: n.Purpose, Free: true}, g.state(n.Node), {Time: n.Expires}},
			Offers: g.prune(n.Node, ui.T("End")),
		})
	}
	return b
}

// node finds the node that the path names, in the grove.
func (g grove) node() (grant.Node, error) {
	n, err := g.c.o.Exchanges.Node(g.v.Context(), g.v.PathValue("id"))
	if err == nil && !g.has(n) {
		err = grant.ErrNodeNotFound
	}
	return n, err
}

// around returns what a node grew from, as a line, and what hangs from it, and how
// many of both are not in the grove.
func (g grove) around(n grant.Node) (line, hanging []grant.Branch, elsewhere int, err error) {
	up, err := g.c.o.Exchanges.Line(g.v.Context(), n)
	if err != nil {
		return nil, nil, 0, err
	}
	for i, one := range up {
		if g.has(one) {
			line = append(line, grant.Branch{Node: one, Depth: i})
		}
	}
	below, err := g.c.o.Exchanges.Below(g.v.Context(), n)
	for _, one := range below {
		if g.has(one.Node) {
			hanging = append(hanging, one)
		}
	}
	return line, hanging, len(up) + len(below) - len(line) - len(hanging), err
}
