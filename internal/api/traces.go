package api

import (
	"net/http"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/trace"
)

// invitation is the test of a connection that somebody may begin.
type invitation struct {
	// Trace is where the report will be.
	Trace string `json:"trace"`
	// URL is opened in the browser of whoever signs in for it.
	URL     string    `json:"url"`
	Expires time.Time `json:"expires"`
}

func (a *API) traceRoutes() []rest.Route {
	return []rest.Route{
		{
			ID: "testConnection", Method: "POST", Path: "/connections/{id}/test", Of: "/connections/{id}", Summary: "Prepare the test of an identity provider.",
			About: "Whoever opens the URL, within ten minutes and in one browser, signs in at the identity provider. It ends in a report, which is then the trace of that id, and never in a session. " +
				"A connection that is disabled can be tested as well.",
			Right: admin.WriteConnections, Answer: invitation{exampleTrace.ID, "https://login.example/login/test/…", exampleTime}, Secret: true, Do: a.testConnection,
		},
		{
			ID: "listTraces", Method: "GET", Path: "/traces", Summary: "List the sign-ins that failed and the tests of identity providers, newest first.",
			About: "They are kept for a set time (sign_in_traces.keep).", Right: admin.ReadConnections,
			Query: []rest.Param{
				rest.Text("connection", "Only those over this connection, by id."), rest.Choice("kind", "Only sign-ins that failed, messages about signing out that were refused, or tests.", string(trace.SignIn), string(trace.SignOut), string(trace.Test)),
				rest.Text("rule", "Only what failed with this code."), rest.Text("check", "Only those whose first check that failed is this."),
				rest.Truth("passed", "true: only tests that passed; false: only what failed."),
				rest.Instant("from", "Only from this time on."), rest.Instant("to", "Only before this time."),
			},
			List: rest.ListOf(shortTrace(exampleTrace), []string{"id", "time", "connection", "kind", "passed", "rule", "detail", "app", "by.kind", "by.id", "by.address", "by.request", "expires"}, nil, a.listTraces),
		},
		{
			ID: "getTrace", Method: "GET", Path: "/traces/{id}", Summary: "Show a sign-in that failed, or a test, by its code.",
			About: "The code is the one that the person was shown, however it is written. Of a test, it is not found before the test is over.",
			Right: admin.ReadConnections, Answer: exampleTrace, Do: a.trace,
		},
	}
}

// shortTrace is a trace as lists have it.
func shortTrace(t trace.Trace) trace.Trace {
	t.Document, t.Attributes, t.Mapping = "", nil, nil
	return t
}

func (a *API) testConnection(r *http.Request) (any, error) {
	c, err := a.o.Connections.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	var made invitation
	made.Trace, made.URL, made.Expires, err = a.o.Test(r.Context(), c.Settings.ID, by(r))
	return made, err
}

func (a *API) listTraces(r *http.Request, q rest.Query) ([]trace.Trace, string, error) {
	all, next, err := a.o.Traces.SearchTraces(r.Context(), trace.Query{
		Connection: q.Get("connection"), Kind: trace.Kind(q.Get("kind")), Rule: q.Get("rule"), Check: q.Get("check"), Passed: q.Bool("passed"),
		From: q.Time("from"), To: q.Time("to"), Limit: q.Limit, After: q.After,
	})
	if all == nil {
		all = []trace.Trace{}
	}
	return all, next, err
}

func (a *API) trace(r *http.Request) (any, error) {
	id, err := trace.ParseID(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return a.o.Traces.Trace(r.Context(), id)
}
