package api

import (
	"context"
	"net/http"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Connection is an identity provider.
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
	// CertificatesEnd is when the last certificate runs out that a SAML provider signs
	// with, as far as this replica read its metadata.
	CertificatesEnd time.Time `json:"certificates_end,omitzero"`
	connection.Connection
}

// Tagged is what If-Match compares: not how this replica's last discovery went.
func (c Connection) Tagged() any {
	c.Discovered, c.Failure, c.CertificatesEnd = time.Time{}, "", time.Time{}
	return c
}

// newConnection is a connection as it is sent: the fields of the configuration.
type newConnection struct {
	connection.Settings
	// ClientSecret is encrypted and never shown; without one, that of now stays unless it is to be forgotten.
	ClientSecret string `json:"client_secret,omitempty"`
}

// connectionColumns are what CSV has of a connection.
var connectionColumns = []string{"id", "title", "type", "issuer", "domains", "enabled", "source", "created", "updated", "discovered", "failure"}

func (a *API) connectionRoutes() []rest.Route {
	const one = "/connections/{id}"
	return []rest.Route{
		{
			ID: "listConnections", Method: "GET", Path: "/connections", Summary: "List the identity providers.", Right: admin.ReadConnections,
			Query: []rest.Param{
				rest.Truth("enabled", "Only those that are, or are not."),
				rest.Choice("source", "Only those that stand in the configuration, or were added since.", string(connection.Configured), string(connection.Stored)),
			},
			List: rest.ListOf(exampleConnection, connectionColumns, []string{"id", "-id", "title", "-title"}, a.listConnections),
		},
		{
			ID: "getConnection", Method: "GET", Path: one, Summary: "Show an identity provider.", Right: admin.ReadConnections, Answer: exampleConnection,
			Do: func(r *http.Request) (any, error) { return a.connection(r.Context(), r.PathValue("id")) },
		},
		{
			ID: "applyConnection", Method: "PUT", Path: one, Summary: "Add an identity provider, or change one that was added.",
			About: "The fields and rules are those of connections in the configuration, but for files: what is in them is sent itself. Every fault is told at once. " +
				"Without a client_secret, one that is stored stays unless forget_secret says otherwise; it is encrypted and never shown. The issuer never changes: it says whose people they are.",
			Right: admin.WriteConnections,
			Query: []rest.Param{
				rest.Truth("disabled", "true: nobody may sign in over it before it is enabled, if it is new."),
				rest.Truth("forget_secret", "true: the client secret that is stored is forgotten, and the body has none."),
			},
			Body: exampleNewConnection, Also: yaml, Answer: exampleConnection, Do: a.applyConnection,
			Hide: func(r *http.Request) ([]byte, error) {
				return a.o.Connections.Hide(r.Context(), r.PathValue("id"), rest.BodyOf(r), applying(r))
			},
		},
		{
			ID: "removeConnection", Method: "DELETE", Path: one, Summary: "Remove an identity provider that was added, and sign out everybody who came over it.",
			About: "Its id is kept for its people: only a connection of the same issuer may have it again. One of the configuration is removed there.",
			Right: admin.WriteConnections, Hits: a.hitsRemoval,
			Do: func(r *http.Request) (any, error) {
				return nothing(a.o.Connections.Remove(r.Context(), r.PathValue("id"), by(r)))
			},
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
	found, err := a.o.Connections.Get(ctx, id)
	if err != nil {
		return Connection{}, err
	}
	return a.describe(ctx, found)
}

// describe adds what is known of a connection beside its settings.
func (a *API) describe(ctx context.Context, of connection.Connection) (Connection, error) {
	s := of.Settings
	c := Connection{ID: s.ID, Title: of.Title(), Type: s.Type, Issuer: s.Issuer, Domains: s.Domains, Connection: of}
	asked, failed := a.o.Health(s.ID)
	if c.Discovered = asked.UTC(); failed != nil {
		c.Failure = fault.As(failed).Code
	}
	if ends := a.o.CertificatesEnd(s.ID); !ends.IsZero() {
		c.CertificatesEnd = ends.UTC()
	}
	var err error
	c.Enabled, err = a.o.People.ConnectionEnabled(ctx, s.ID)
	return c, err
}

func (a *API) listConnections(r *http.Request, q rest.Query) ([]Connection, string, error) {
	there, err := a.o.Connections.All(r.Context())
	if err != nil {
		return nil, "", err
	}
	all := []Connection{}
	for _, one := range there {
		c, err := a.describe(r.Context(), one)
		if err != nil {
			return nil, "", err
		}
		if on := q.Bool("enabled"); (on == nil || *on == c.Enabled) && (!q.Has("source") || q.Get("source") == string(c.Source)) {
			all = append(all, c)
		}
	}
	return rest.Slice(q, all, func(c Connection) string { return c.ID }, map[string]func(Connection) string{
		"title": func(c Connection) string { return c.Title },
	})
}

// applying is how the request applies a connection.
func applying(r *http.Request) connection.Applying {
	q := r.URL.Query()
	return connection.Applying{Disabled: q.Get("disabled") == "true", ForgetSecret: q.Get("forget_secret") == "true"}
}

func (a *API) applyConnection(r *http.Request) (any, error) {
	made, err := a.o.Connections.Apply(r.Context(), r.PathValue("id"), rest.BodyOf(r), applying(r), by(r))
	if err != nil {
		return nil, err
	}
	a.o.People.Forget() // it may be one that is disabled
	return a.describe(r.Context(), made)
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

func (a *API) hitsConnection(r *http.Request) (any, error) {
	c, err := a.connection(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return a.hit(r.Context(), "disableConnection", identity.Connection(c.ID), "Nobody can sign in over it until it is enabled; what was revoked stays so.")
}

func (a *API) hitsRemoval(r *http.Request) (any, error) {
	c, err := a.connection(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if c.Source == connection.Configured {
		return nil, connection.ErrConfigured
	}
	return a.hit(r.Context(), "removeConnection", identity.Connection(c.ID), "Nobody can sign in over it any more. Its id stays that of its people: only a connection of the same issuer may have it again.")
}
