package connections

import (
	"cmp"
	"context"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// Connection is an identity provider, as it is now.
type Connection struct {
	connection.Connection
	ID, Name string
	// Enabled says whether people may sign in over it.
	Enabled bool
}

// connections lists them.
func (c *Console) connections(ctx context.Context) ([]Connection, error) {
	there, err := c.o.Connections.All(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]Connection, len(there))
	for i, one := range there {
		if all[i], err = c.now(ctx, one); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (c *Console) now(ctx context.Context, one connection.Connection) (Connection, error) {
	enabled, err := c.o.Enabled(ctx, one.Settings.ID)
	return Connection{Connection: one, ID: one.Settings.ID, Name: one.Title(), Enabled: enabled}, err
}

func (c *Console) connection(ctx context.Context, id string) (Connection, error) {
	one, err := c.o.Connections.Get(ctx, id)
	if err != nil {
		return Connection{}, err
	}
	return c.now(ctx, one)
}

func connectionTag(one Connection) ui.Tag {
	if one.Enabled {
		return ui.Tag{Text: ui.T("Enabled"), Tone: ui.Good}
	}
	return ui.Tag{Text: ui.T("Disabled"), Tone: ui.Bad}
}

func (c *Console) connectionList(v *kit.Visit) *kit.List[Connection] {
	return &kit.List[Connection]{
		Name: "connections", Path: c.Path("/connections"), Sorted: "title",
		Caption: ui.T("Connections"), Empty: ui.Empty{Icon: "link", Title: ui.T("No connection is like that.")},
		Filters: []kit.Filter{
			{Name: "q", Label: ui.T("Search"), Type: "search"},
			{Name: "enabled", Label: ui.T("State"), Options: []ui.Option{kit.Anything(), {Value: "true", Text: ui.T("Enabled")}, {Value: "false", Text: ui.T("Disabled")}}},
		},
		Columns: []kit.Column[Connection]{
			{Title: ui.T("Connection"), Name: "title", Sort: "title", Cell: func(one Connection) kit.Cell {
				return kit.Cell{Text: one.Name, Also: one.ID, Href: c.ConnectionPath(one.ID)}
			}},
			{Title: ui.T("State"), Name: "state", Sort: "state", Cell: func(one Connection) kit.Cell { return kit.Cell{Tags: []ui.Tag{connectionTag(one)}} }},
			{Title: ui.T("Protocol"), Name: "type", Cell: func(one Connection) kit.Cell { return kit.Cell{Text: one.Settings.Type} }},
			{Title: ui.T("Issuer"), Name: "issuer", Cell: func(one Connection) kit.Cell { return kit.Cell{Text: one.Settings.Issuer, Code: true} }},
		},
		Offers: func(one Connection) []kit.Offer {
			return v.Offers(kit.Way("/connections/{id}/scim", ui.T("SCIM"), "", one.ID))
		},
		Fetch: kit.Shelf[Connection]{
			All: c.connections,
			ID:  func(one Connection) string { return one.ID },
			Keep: func(one Connection, q kit.Query) bool {
				enabled := kit.Truth(q.Get("enabled"))
				return kit.Contains(q.Get("q"), one.ID, one.Name, one.Settings.Issuer) && (enabled == nil || *enabled == one.Enabled)
			},
			Orders: map[string]func(a, b Connection) int{
				"title": func(a, b Connection) int { return cmp.Compare(a.Name, b.Name) },
				"state": func(a, b Connection) int {
					return cmp.Compare(connectionTag(a).Text.English(), connectionTag(b).Text.English())
				},
			},
		}.Fetch,
	}
}

func (c *Console) showConnections(v *kit.Visit) (kit.Answer, error) {
	return c.connectionList(v).Show(v, ui.T("Connections"), kit.Around{Offers: v.Offers(kit.Way("/new-connection", ui.T("Add a connection"), "primary plus"))})
}

func (c *Console) rules() []kit.Rule {
	const one = "/connections/{id}"
	return []kit.Rule{
		{Path: "/connections", Right: admin.ReadConnections, Show: c.showConnections},
		{Path: one, Right: admin.ReadConnections, Show: c.showConnection},
		{Path: one + "/disable", Right: admin.WriteConnections, Ask: c.askDisableConnection, Operation: "disableConnection", Then: one, Notice: "connection-disabled"},
		{Path: one + "/enable", Right: admin.WriteConnections, Operation: "enableConnection", Then: one, Notice: "connection-enabled"},
		{Path: one + "/test", Right: admin.WriteConnections, Act: c.testConnection},
		{Path: one + "/change", Right: admin.WriteConnections, Show: c.showConnectionForm, Act: c.takeConnection, Upload: true},
		{Path: one + "/remove", Right: admin.WriteConnections, Ask: c.askRemoveConnection, Operation: "removeConnection", Then: "/connections", Notice: "connection-removed"},
		{Path: "/new-connection", Right: admin.WriteConnections, Show: c.showConnectionForm, Act: c.takeConnection, Upload: true},
		{Path: "/traces", Right: admin.ReadConnections, Show: c.showTraces},
		{Path: "/traces/{id}", Right: admin.ReadConnections, Show: c.showTrace},
	}
}

// Figures are those of the first page.
func (c *Console) Figures(v *kit.Visit) (page kit.Figures, err error) {
	if !v.Who.May(admin.ReadConnections) {
		return page, nil
	}
	all, err := c.o.Connections.All(v.Context())
	if err != nil {
		return page, err
	}
	for _, one := range all {
		ends := c.o.CertificatesEnd(one.Settings.ID)
		switch left := ends.Sub(c.Now()); {
		case ends.IsZero() || left > certificateNotice:
		case left <= 0:
			page.Alerts = append(page.Alerts, ui.Notice{Text: ui.T("The certificates of %s have run out: nobody signs in over it.", one.Title()), Tone: ui.Bad})
		default:
			page.Alerts = append(page.Alerts, ui.Notice{Text: ui.T("The certificates of %s run out in %s: ask for its next one.", one.Title(), kit.Span(left)), Tone: ui.Warn})
		}
	}
	return page, nil
}

// certificateNotice is how long before an identity provider's certificates run out the
// first page says so.
const certificateNotice = 30 * kit.Day
