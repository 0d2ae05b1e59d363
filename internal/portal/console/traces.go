package console

import (
	"context"
	"net/http"
	"net/url"

	"github.com/gatehouse-io/gatehouse/internal/trace"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

func (c *Console) tracePath(id string) string { return c.path(fill("/traces/{id}", id)) }

func outcomeOf(t trace.Trace) ui.Tag {
	if t.Passed {
		return ui.Tag{Text: ui.T("Passed"), Tone: ui.Good}
	}
	return ui.Tag{Text: ui.T("Failed"), Tone: ui.Bad}
}

func kindOf(t trace.Trace) ui.Text {
	switch t.Kind {
	case trace.Test:
		return ui.T("Test")
	case trace.SignOut:
		return ui.T("Sign-out")
	case trace.SignIn:
	}
	return ui.T("Sign-in")
}

func failedCheck(t trace.Trace) cell {
	failed, ok := t.Failed()
	if !ok {
		return cell{}
	}
	return cell{Text: failed.Name, Code: true}
}

func (c *Console) traceList(v *visit) *list[trace.Trace] {
	return &list[trace.Trace]{
		name: "traces", path: c.path("/traces"), sorted: "-time",
		caption: ui.T("Failed sign-ins and tests"), empty: ui.Empty{Icon: "check", Title: ui.T("No sign-in failed like that."), Text: ui.T("What failed longer ago than traces are kept is not here.")},
		filters: []filter{
			{Name: "code", Label: ui.T("Code on the person's page"), Type: "search"},
			{Name: "connection", Label: ui.T("Connection"), Options: c.connectionOptions(v.r.Context())},
			{Name: "kind", Label: ui.T("Kind"), Options: []ui.Option{
				anything(), {Value: string(trace.SignIn), Text: ui.T("Sign-in")}, {Value: string(trace.SignOut), Text: ui.T("Sign-out")}, {Value: string(trace.Test), Text: ui.T("Test")},
			}},
			{Name: "passed", Label: ui.T("Outcome"), Options: []ui.Option{anything(), {Value: "false", Text: ui.T("Failed")}, {Value: "true", Text: ui.T("Passed")}}},
			{Name: "check", Label: ui.T("Failed check"), Type: "search"},
		},
		columns: []column[trace.Trace]{
			{title: ui.T("Code"), name: "code", cell: func(t trace.Trace) cell { return cell{Text: t.ID, Code: true, Href: c.tracePath(t.ID)} }},
			{title: ui.T("Time"), name: "time", cell: func(t trace.Trace) cell { return cell{Time: t.Time} }},
			{title: ui.T("Kind"), name: "kind", cell: func(t trace.Trace) cell { return cell{Say: kindOf(t), Tags: []ui.Tag{outcomeOf(t)}} }},
			{title: ui.T("Connection"), name: "connection", cell: func(t trace.Trace) cell { return cell{Text: t.Connection, Href: c.connectionPath(t.Connection)} }},
			{title: ui.T("Failed check"), name: "check", cell: failedCheck},
			{title: ui.T("Why"), name: "why", cell: func(t trace.Trace) cell { return cell{Text: t.Detail} }},
		},
		fetch: c.findTraces,
	}
}

func (c *Console) findTraces(ctx context.Context, q listQuery) ([]trace.Trace, string, error) {
	return c.o.Traces.SearchTraces(ctx, trace.Query{
		Connection: q.Get("connection"), Kind: trace.Kind(q.Get("kind")), Passed: truth(q.Get("passed")), Check: q.Get("check"), Limit: q.Limit, After: q.After,
	})
}

// showTraces lists traces; a code leads to its own.
func (c *Console) showTraces(v *visit) (answer, error) {
	if code := v.query.Get("code"); code != "" {
		id, err := trace.ParseID(code)
		if err == nil {
			return redirect{to: fill("/traces/{id}", id)}, nil
		}
		if v.r.Header.Get("HX-Request") == "" {
			return nil, err
		}
	}
	return c.traceList(v).show(v, ui.T("Failed sign-ins"), listView{})
}

// traceView is what the template of a trace gets.
type traceView struct {
	Tags   []ui.Tag
	Lead   ui.Text
	Facts  []fact
	Hint   ui.Text
	Report ui.Report
}

func (c *Console) showTrace(v *visit) (answer, error) {
	id, err := trace.ParseID(v.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	t, err := c.o.Traces.Trace(v.r.Context(), id)
	if err != nil {
		return nil, err
	}
	names := v.refs()
	page := traceView{
		Tags: []ui.Tag{outcomeOf(t)}, Lead: ui.Plain(t.Detail), Report: t.Report(),
		Facts: known(
			fact{ui.T("Kind"), []cell{{Say: kindOf(t)}}}, fact{ui.T("Time"), []cell{{Time: t.Time, Exact: true}}},
			fact{ui.T("Connection"), []cell{{Text: t.Connection, Href: c.connectionPath(t.Connection)}}},
			code(ui.T("Rule"), t.Rule), fact{ui.T("By"), []cell{names.cell(t.By.Ref)}}, code(ui.T("Address"), t.By.Address), code(ui.T("Request"), t.By.Request),
			fact{ui.T("Kept until"), []cell{{Time: t.Expires, Exact: true}}},
		),
	}
	if failed, ok := t.Failed(); ok {
		page.Hint = hint(failed.Name)
	}
	if t.Passed {
		page.Lead = ui.T("Everything was as it should be. Nobody was signed in here.")
	}
	return view{title: ui.Plain(t.ID), crumbs: v.crumbs(ui.T("Failed sign-ins"), "/traces"), template: "trace", data: page}, nil
}

// tracesBlock shows the last sign-ins that failed over a connection, and tests.
func (c *Console) tracesBlock(v *visit, one Connection) (block, error) {
	page, next, err := c.o.Traces.SearchTraces(v.r.Context(), trace.Query{Connection: one.ID, Limit: few})
	if err != nil {
		return block{}, err
	}
	b := block{
		ID: "traces", Title: ui.T("Failed sign-ins and tests"), Empty: ui.T("No sign-in failed."),
		Heads: []ui.Text{ui.T("Code"), ui.T("Time"), ui.T("Kind"), ui.T("Failed check"), ui.T("Why")},
	}
	for _, t := range page {
		b.Rows = append(b.Rows, row{Cells: []cell{
			{Text: t.ID, Code: true, Href: c.tracePath(t.ID)}, {Time: t.Time}, {Say: kindOf(t), Tags: []ui.Tag{outcomeOf(t)}}, failedCheck(t), {Text: t.Detail},
		}})
	}
	if next != "" {
		b.More = &ui.Link{Text: ui.T("All of them"), Href: c.path("/traces?connection=" + url.QueryEscape(one.ID))}
	}
	return b, nil
}

// testConnection leads to the test of a connection.
func (c *Console) testConnection(v *visit) (answer, error) {
	_, body, err := v.call("testConnection", nil)
	if err != nil {
		return nil, err
	}
	var made struct{ URL string }
	if err := readAnswer(body, &made); err != nil {
		return nil, err
	}
	return away{made.URL}, nil
}

// away leads to an address that is not of the console.
type away struct{ to string }

func (a away) write(v *visit) { http.Redirect(v.w, v.r, a.to, http.StatusSeeOther) }
