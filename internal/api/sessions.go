package api

import (
	"net/http"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
)

// sessionColumns are what CSV has of a session.
var sessionColumns = []string{
	"id", "person", "authentication.connection", "authentication.acr", "created", "last_seen", "expires", "address", "user_agent",
}

func (a *API) sessionRoutes() []rest.Route {
	const one = "/sessions/{id}"
	return []rest.Route{
		{ID: "getSession", Method: "GET", Path: one, Summary: "Show a browser's session.", Right: admin.ReadSessions, Answer: exampleSession, Do: func(r *http.Request) (any, error) {
			return a.o.Sessions.Find(r.Context(), r.PathValue("id"))
		}},
		{
			ID: "endSession", Method: "DELETE", Path: one, Summary: "Sign one browser out, and out of every app that it opened.",
			Right: admin.EndSessions, Do: a.endSession, Hits: a.hitsSession,
		},
	}
}

func (a *API) endSession(r *http.Request) (any, error) {
	return nothing(a.o.Sessions.End(r.Context(), r.PathValue("id"), by(r), "ended by an operator"))
}
