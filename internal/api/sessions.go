package api

import (
	"errors"
	"net/http"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/session"
)

// sessionColumns are what CSV has of a session.
var sessionColumns = []string{
	"id", "person", "authentication.connection", "authentication.acr", "created", "last_seen", "expires", "address", "user_agent",
}

func (a *API) sessionRoutes() []rest.Route {
	const one = "/sessions/{id}"
	return []rest.Route{
		{
			ID: "listSessions", Method: "GET", Path: "/sessions", Summary: "List the browsers that are signed in, newest first.", Right: admin.ReadSessions,
			Query: []rest.Param{
				rest.Text("person", "Only this person's."), rest.Text("connection", "Only those that came over this connection."),
				rest.Text("app", "Only those in which the app with this name got tokens."),
			},
			List: rest.ListOf(exampleFound, append([]string{"name"}, sessionColumns...), nil, a.listSessions),
		},
		{ID: "getSession", Method: "GET", Path: one, Summary: "Show a browser's session.", Right: admin.ReadSessions, Answer: exampleSession, Do: func(r *http.Request) (any, error) {
			return a.o.Sessions.Find(r.Context(), r.PathValue("id"))
		}},
		{
			ID: "endSession", Method: "DELETE", Path: one, Summary: "Sign one browser out, and out of every app that it opened.",
			Right: admin.EndSessions, Do: a.endSession, Hits: a.hitsSession,
		},
		{
			ID: "listGrants", Method: "GET", Path: "/grants", Summary: "List what apps hold in people's names.", Right: admin.ReadSessions,
			About: "One is taken away at the person: withdrawGrant.",
			Query: []rest.Param{rest.Text("person", "Only what is held of this person."), rest.Text("app", "Only what the app with this name holds.")},
			List:  rest.ListOf(exampleHeld, []string{"person", "name", "app", "scopes", "offline", "since", "last_use"}, nil, a.listGrants),
		},
	}
}

func (a *API) endSession(r *http.Request) (any, error) {
	return nothing(a.o.Sessions.End(r.Context(), r.PathValue("id"), by(r), "ended by an operator"))
}

// appID finds an app by its name. An app that there is not has an id that nothing has.
func (a *API) appID(r *http.Request, name string) (id string, err error) {
	if name == "" {
		return "", nil
	}
	app, err := a.o.Apps.App(r.Context(), name)
	if errors.Is(err, catalog.ErrAppNotFound) {
		return "-", nil
	}
	return app.ID, err
}

func (a *API) listSessions(r *http.Request, q rest.Query) ([]session.Found, string, error) {
	app, err := a.appID(r, q.Get("app"))
	if err != nil {
		return nil, "", err
	}
	return a.o.Sessions.Search(r.Context(), session.Query{Person: q.Get("person"), Connection: q.Get("connection"), App: app, Limit: q.Limit, After: q.After})
}

func (a *API) listGrants(r *http.Request, q rest.Query) ([]grant.Held, string, error) {
	app, err := a.appID(r, q.Get("app"))
	if err != nil {
		return nil, "", err
	}
	return a.o.Grants.SearchAccess(r.Context(), grant.Query{Person: q.Get("person"), App: app, Limit: q.Limit, After: q.After}, a.o.Now())
}

func (a *API) hitsSession(r *http.Request) (any, error) {
	s, err := a.o.Sessions.Find(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return a.hit(r.Context(), "endSession", identity.Session(s.ID), "Grants with offline access go on.")
}
