package api

import (
	"net/http"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/audit"
)

func (a *API) auditRoutes() []rest.Route {
	return []rest.Route{{
		ID: "getAuditState", Method: "GET", Path: "/audit/state", Summary: "Say how far the audit log is sealed, and verified.",
		About: "New seals are verified as they come; `broker audit verify` verifies the whole log from its beginning.",
		Right: admin.ReadAudit, Answer: exampleState, Do: func(r *http.Request) (any, error) { return audit.ReadState(r.Context(), a.o.Audit) },
	}, {
		ID: "getAuditEntry", Method: "GET", Path: "/audit/entries/{id}", Summary: "Show an entry of the audit log.", Right: admin.ReadAudit, Answer: exampleEntry,
		Do: func(r *http.Request) (any, error) { return a.o.Audit.Entry(r.Context(), r.PathValue("id")) },
	}, {
		ID: "listAudit", Method: "GET", Path: "/audit", Summary: "Search the audit log, newest first.",
		About: "As JSON lines it is the export: an entry a line with its digest and the number of its seal.", Right: admin.ReadAudit,
		Query: []rest.Param{
			rest.Text("q", "Words, each of which is a type or the beginning of one ending in a dot, or the id of who did it or what it happened to."),
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
		Text: q.Get("q"), Type: q.Get("type"), Subject: q.Get("subject"), Actor: q.Get("actor"), From: q.Time("from"), To: q.Time("to"), Limit: q.Limit, After: q.After,
	})
}
