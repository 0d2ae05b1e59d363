package api

import (
	"net/http"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/audit"
)

func (a *API) auditRoutes() []rest.Route {
	return []rest.Route{{
		ID: "listAudit", Method: "GET", Path: "/audit", Summary: "Search the audit log, newest first.",
		About: "As JSON lines it is the export: an entry a line with its digest and the number of its seal.", Right: admin.ReadAudit,
		Query: []rest.Param{
			rest.Text("type", "This type, or all that begin with it when it ends in a dot."), rest.Text("subject", "What it happened to: kind:id."),
			rest.Text("actor", "Who did it: kind:id."), rest.Instant("from", "From this time on."), rest.Instant("to", "Before this time."),
		},
		List: rest.ListOf(exampleEntry, []string{
			"id", "time", "type", "actor.kind", "actor.id", "actor.address", "actor.request", "subject.kind", "subject.id", "data", "seal",
		}, nil, a.listAudit),
	}}
}

func (a *API) listAudit(r *http.Request, q rest.Query) ([]audit.Entry, string, error) {
	return a.o.Audit.Page(r.Context(), audit.Query{
		Type: q.Get("type"), Subject: q.Get("subject"), Actor: q.Get("actor"), From: q.Time("from"), To: q.Time("to"), Limit: q.Limit, After: q.After,
	})
}
