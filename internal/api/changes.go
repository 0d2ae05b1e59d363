package api

import (
	"net/http"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

func (a *API) changeRoutes() []rest.Route {
	const one = "/changes/{id}"
	return []rest.Route{
		{
			ID: "listChanges", Method: "GET", Path: "/changes", Summary: "List the changes that wait, or waited, for a second person, newest first.", Right: admin.ReadAdmin,
			Query: []rest.Param{rest.Truth("waiting", "true: only those that still wait.")},
			List: rest.ListOf(exampleChange, []string{
				"id", "state", "operation.name", "operation.values", "requested_by.kind", "requested_by.id", "created", "expires", "decided_by.kind", "decided_by.id", "decided", "failure", "reason",
			}, nil, a.listChanges),
		},
		{ID: "getChange", Method: "GET", Path: one, Summary: "Show a change.", Right: admin.ReadAdmin, Answer: exampleChange, Do: func(r *http.Request) (any, error) {
			return a.o.Admin.Change(r.Context(), r.PathValue("id"))
		}},
		{
			ID: "approveChange", Method: "POST", Path: one + "/approve", Of: one, Summary: "Approve a change that somebody else asked for, and make it.",
			About: "Whoever approves must have the right of the operation, and not be who asked: a token counts as the person who made it. " +
				"The change is made as who asked for it, if they still may. It fails with what the operation fails with.",
			Right: rest.Anybody, Answer: exampleChange, Decides: true, Do: a.decide(a.approve),
		},
		{
			ID: "rejectChange", Method: "POST", Path: one + "/reject", Of: one, Summary: "Reject a change that waits, or take one's own back.",
			About: "The right is that of the operation.", Right: rest.Anybody, Answer: exampleChange, Decides: true, Do: a.decide(a.reject),
		},
	}
}

func (a *API) listChanges(r *http.Request, q rest.Query) ([]admin.Change, string, error) {
	return a.o.Admin.SearchChanges(r.Context(), admin.ChangeQuery{Waiting: q.Get("waiting") == "true", Limit: q.Limit, After: q.After})
}

// decision is Approve or Reject of admin.Service.
type decision func(r *http.Request, id string, by admin.Principal, actor identity.Actor) (admin.Change, error)

func (a *API) decide(as decision) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		who := rest.CallerOf(r)
		return as(r, r.PathValue("id"), who.Principal, who.Actor)
	}
}

func (a *API) approve(r *http.Request, id string, by admin.Principal, actor identity.Actor) (admin.Change, error) {
	return a.o.Admin.Approve(r.Context(), id, by, actor, a)
}

func (a *API) reject(r *http.Request, id string, by admin.Principal, actor identity.Actor) (admin.Change, error) {
	return a.o.Admin.Reject(r.Context(), id, by, actor, a)
}
