package console

import (
	"cmp"
	"context"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// errConnection refuses an id that no configured connection has.
var errConnection = fault.New(fault.NotFound, "connection_not_found", "no such connection is configured")

// Connection is a configured identity provider.
type Connection struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	Type   string `json:"type"`
	Issuer string `json:"issuer"`
	// Domains are those whose people it signs in.
	Domains []string `json:"domains,omitempty"`
	// Enabled says whether people may sign in over it now.
	Enabled bool `json:"enabled"`
}

// connections lists the configured ones as they are now.
func (c *Console) connections(ctx context.Context) ([]Connection, error) {
	all := make([]Connection, len(c.o.Connections))
	for i, one := range c.o.Connections {
		var err error
		if one.Enabled, err = c.o.People.ConnectionEnabled(ctx, one.ID); err != nil {
			return nil, err
		}
		all[i] = one
	}
	return all, nil
}

func (c *Console) connection(ctx context.Context, id string) (Connection, error) {
	all, err := c.connections(ctx)
	if err != nil {
		return Connection{}, err
	}
	for _, one := range all {
		if one.ID == id {
			return one, nil
		}
	}
	return Connection{}, errConnection
}

// connectionOptions are the choices of a filter.
func (c *Console) connectionOptions() []ui.Option {
	all := []ui.Option{anything()}
	for _, one := range c.o.Connections {
		all = append(all, ui.Option{Value: one.ID, Text: ui.Plain(cmp.Or(one.Title, one.ID))})
	}
	return all
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
		caption: ui.T("Connections"), empty: ui.Empty{Icon: "link", Title: ui.T("No connection is like that."), Text: ui.T("Connections stand in the configuration.")},
		filters: []filter{
			{Name: "q", Label: ui.T("Search"), Type: "search"},
			{Name: "enabled", Label: ui.T("State"), Options: []ui.Option{anything(), {Value: "true", Text: ui.T("Enabled")}, {Value: "false", Text: ui.T("Disabled")}}},
		},
		columns: []column[Connection]{
			{title: ui.T("Connection"), name: "title", sort: "title", cell: func(one Connection) cell {
				return cell{Text: cmp.Or(one.Title, one.ID), Also: one.ID, Href: c.connectionPath(one.ID)}
			}},
			{title: ui.T("State"), name: "state", sort: "state", cell: func(one Connection) cell { return cell{Tags: []ui.Tag{connectionTag(one)}} }},
			{title: ui.T("Protocol"), name: "type", cell: func(one Connection) cell { return cell{Text: one.Type} }},
			{title: ui.T("Issuer"), name: "issuer", cell: func(one Connection) cell { return cell{Text: one.Issuer, Code: true} }},
		},
		fetch: shelf[Connection]{
			all: c.connections,
			id:  func(one Connection) string { return one.ID },
			keep: func(one Connection, q listQuery) bool {
				enabled := truth(q.Get("enabled"))
				return contains(q.Get("q"), one.ID, one.Title, one.Issuer) && (enabled == nil || *enabled == one.Enabled)
			},
			orders: map[string]func(a, b Connection) int{
				"title": func(a, b Connection) int { return cmp.Compare(a.Title, b.Title) },
				"state": func(a, b Connection) int {
					return cmp.Compare(connectionTag(a).Text.English(), connectionTag(b).Text.English())
				},
			},
		}.fetch,
	}
}

func (c *Console) showConnections(v *visit) (answer, error) {
	return c.connectionList().show(v, ui.T("Connections"), listView{})
}
