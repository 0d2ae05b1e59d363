package console

import (
	"cmp"
	"context"

	"github.com/gatehouse-io/gatehouse/internal/connection"
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
	enabled, err := c.o.People.ConnectionEnabled(ctx, one.Settings.ID)
	return Connection{Connection: one, ID: one.Settings.ID, Name: one.Title(), Enabled: enabled}, err
}

func (c *Console) connection(ctx context.Context, id string) (Connection, error) {
	one, err := c.o.Connections.Get(ctx, id)
	if err != nil {
		return Connection{}, err
	}
	return c.now(ctx, one)
}

// connectionOptions are the choices of a filter. When they cannot be read, neither
// can the list that they are for, which says so.
func (c *Console) connectionOptions(ctx context.Context) []ui.Option {
	options := []ui.Option{anything()}
	all, err := c.o.Connections.All(ctx)
	if err != nil {
		return options
	}
	for _, one := range all {
		options = append(options, ui.Option{Value: one.Settings.ID, Text: ui.Plain(one.Title())})
	}
	return options
}

func connectionTag(one Connection) ui.Tag {
	if one.Enabled {
		return ui.Tag{Text: ui.T("Enabled"), Tone: ui.Good}
	}
	return ui.Tag{Text: ui.T("Disabled"), Tone: ui.Bad}
}

func (c *Console) connectionPath(id string) string { return c.path(fill("/connections/{id}", id)) }

func (c *Console) connectionList() *list[Connection] {
	return &list[Connection]{
		name: "connections", path: c.path("/connections"), sorted: "title",
		caption: ui.T("Connections"), empty: ui.Empty{Icon: "link", Title: ui.T("No connection is like that.")},
		filters: []filter{
			{Name: "q", Label: ui.T("Search"), Type: "search"},
			{Name: "enabled", Label: ui.T("State"), Options: []ui.Option{anything(), {Value: "true", Text: ui.T("Enabled")}, {Value: "false", Text: ui.T("Disabled")}}},
		},
		columns: []column[Connection]{
			{title: ui.T("Connection"), name: "title", sort: "title", cell: func(one Connection) cell {
				return cell{Text: one.Name, Also: one.ID, Href: c.connectionPath(one.ID)}
			}},
			{title: ui.T("State"), name: "state", sort: "state", cell: func(one Connection) cell { return cell{Tags: []ui.Tag{connectionTag(one)}} }},
			{title: ui.T("Protocol"), name: "type", cell: func(one Connection) cell { return cell{Text: one.Settings.Type} }},
			{title: ui.T("Issuer"), name: "issuer", cell: func(one Connection) cell { return cell{Text: one.Settings.Issuer, Code: true} }},
		},
		fetch: shelf[Connection]{
			all: c.connections,
			id:  func(one Connection) string { return one.ID },
			keep: func(one Connection, q listQuery) bool {
				enabled := truth(q.Get("enabled"))
				return contains(q.Get("q"), one.ID, one.Name, one.Settings.Issuer) && (enabled == nil || *enabled == one.Enabled)
			},
			orders: map[string]func(a, b Connection) int{
				"title": func(a, b Connection) int { return cmp.Compare(a.Name, b.Name) },
				"state": func(a, b Connection) int {
					return cmp.Compare(connectionTag(a).Text.English(), connectionTag(b).Text.English())
				},
			},
		}.fetch,
	}
}

func (c *Console) showConnections(v *visit) (answer, error) {
	return c.connectionList().show(v, ui.T("Connections"), listView{Offers: v.offers(way("/new-connection", ui.T("Add a connection"), "primary plus"))})
}
