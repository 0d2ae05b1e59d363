package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// errConnection refuses an id that no configured connection has.
var errConnection = fault.New(fault.NotFound, "connection_not_found", "no such connection is configured")

// Connection is a configured identity provider.
type Connection struct {
	ID      string   `json:"id"`
	Title   string   `json:"title"`
	Type    string   `json:"type"`
	Issuer  string   `json:"issuer"`
	Domains []string `json:"domains,omitempty"`
	// Enabled says whether people may sign in over it now.
	Enabled bool `json:"enabled"`
	// Discovered is when the provider was asked for its metadata last, by this
	// replica, and Failure the code of what that failed with.
	Discovered time.Time `json:"discovered,omitzero"`
	Failure    string    `json:"failure,omitempty"`
}

func (a *API) connectionRoutes() []rest.Route {
	const one = "/connections/{id}"
	return []rest.Route{
		{
			ID: "listConnections", Method: "GET", Path: "/connections", Summary: "List the identity providers.", Right: admin.ReadConnections,
			Query: []rest.Param{rest.Truth("enabled", "Only those that are, or are not.")},
			List:  rest.ListOf(exampleConnection, []string{"id", "title", "type", "issuer", "domains", "enabled", "discovered", "failure"}, []string{"id", "-id", "title", "-title"}, a.listConnections),
		},
		{
			ID: "getConnection", Method: "GET", Path: one, Summary: "Show an identity provider.", Right: admin.ReadConnections, Answer: exampleConnection,
			Do: func(r *http.Request) (any, error) { return a.connection(r.Context(), r.PathValue("id")) },
		},
		{
			ID: "disableConnection", Method: "POST", Path: one + "/disable", Of: one, Summary: "Sign out everybody who came over it and let nobody in over it.",
			Right: admin.WriteConnections, Do: a.switchConnection(true), Hits: a.hitsConnection,
		},
		{
			ID: "enableConnection", Method: "POST", Path: one + "/enable", Of: one, Summary: "Let people sign in over it again.", About: "What was revoked stays so.",
			Right: admin.WriteConnections, Do: a.switchConnection(false),
		},
	}
}

func (a *API) connection(ctx context.Context, id string) (Connection, error) {
	i := slices.IndexFunc(a.o.Connections, func(c Connection) bool { return c.ID == id })
	if i < 0 {
		return Connection{}, errConnection
	}
	c := a.o.Connections[i]
	asked, failed := a.o.Health(id)
	if c.Discovered = asked.UTC(); failed != nil {
		c.Failure = fault.As(failed).Code
	}
	var err error
	c.Enabled, err = a.o.People.ConnectionEnabled(ctx, c.ID)
	return c, err
}

func (a *API) listConnections(r *http.Request, q rest.Query) ([]Connection, string, error) {
	all := []Connection{}
	for _, configured := range a.o.Connections {
		c, err := a.connection(r.Context(), configured.ID)
		if err != nil {
			return nil, "", err
		}
		if on := q.Bool("enabled"); on == nil || *on == c.Enabled {
			all = append(all, c)
		}
	}
	return rest.Slice(q, all, func(c Connection) string { return c.ID }, map[string]func(Connection) string{
		"title": func(c Connection) string { return c.Title },
	})
}

func (a *API) switchConnection(disabled bool) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		c, err := a.connection(r.Context(), r.PathValue("id"))
		if err != nil {
			return nil, err
		}
		return nothing(a.o.People.SetConnectionDisabled(r.Context(), c.ID, disabled, by(r)))
	}
}
