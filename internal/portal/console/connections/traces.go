package connections

import (
	"context"
	"net/url"

	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/trace"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

func (c *Console) tracePath(id string) string { return c.Path(kit.Fill("/traces/{id}", id)) }

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

func failedCheck(t trace.Trace) kit.Cell {
	failed, ok := t.Failed()
	if !ok {
		return kit.Cell{}
	}
	return kit.Cell{Text: failed.Name, Code: true}
}

func (c *Console) traceList(v *kit.Visit) *kit.List[trace.Trace] {
	return &kit.List[trace.Trace]{
		Name: "traces", Path: c.Path("/traces"), Sorted: "-time",
		Caption: ui.T("Failed sign-ins and tests"), Empty: ui.Empty{Icon: "check", Title: ui.T("No sign-in failed like that."), Text: ui.T("What failed longer ago than traces are kept is not here.")},
		Filters: []kit.Filter{
			{Name: "code", Label: ui.T("Code on the person's page"), Type: "search"},
			{Name: "connection", Label: ui.T("Connection"), Options: c.ConnectionOptions(v.Context())},
			{Name: "kind", Label: ui.T("Kind"), Options: []ui.Option{
				kit.Anything(), {Value: string(trace.SignIn), Text: ui.T("Sign-in")}, {Value: string(trace.SignOut), Text: ui.T("Sign-out")}, {Value: string(trace.Test), Text: ui.T("Test")},
			}},
			{Name: "passed", Label: ui.T("Outcome"), Options: []ui.Option{kit.Anything(), {Value: "false", Text: ui.T("Failed")}, {Value: "true", Text: ui.T("Passed")}}},
			{Name: "check", Label: ui.T("Failed check"), Type: "search"},
		},
		Columns: []kit.Column[trace.Trace]{
			{Title: ui.T("Code"), Name: "code", Cell: func(t trace.Trace) kit.Cell { return kit.Cell{Text: t.ID, Code: true, Href: c.tracePath(t.ID)} }},
			{Title: ui.T("Time"), Name: "time", Cell: func(t trace.Trace) kit.Cell { return kit.Cell{Time: t.Time} }},
			{Title: ui.T("Kind"), Name: "kind", Cell: func(t trace.Trace) kit.Cell { return kit.Cell{Say: kindOf(t), Tags: []ui.Tag{outcomeOf(t)}} }},
			{Title: ui.T("Connection"), Name: "connection", Cell: func(t trace.Trace) kit.Cell {
				return kit.Cell{Text: t.Connection, Href: c.ConnectionPath(t.Connection)}
			}},
			{Title: ui.T("Failed check"), Name: "check", Cell: failedCheck},
			{Title: ui.T("Why"), Name: "why", Cell: func(t trace.Trace) kit.Cell { return kit.Cell{Text: t.Detail} }},
		},
		Fetch: c.findTraces,
	}
}

func (c *Console) findTraces(ctx context.Context, q kit.Query) ([]trace.Trace, string, error) {
	return c.o.Traces.SearchTraces(ctx, trace.Query{
		Connection: q.Get("connection"), Kind: trace.Kind(q.Get("kind")), Passed: kit.Truth(q.Get("passed")), Check: q.Get("check"), Limit: q.Limit, After: q.After,
	})
}

// showTraces lists traces; a code leads to its own.
func (c *Console) showTraces(v *kit.Visit) (kit.Answer, error) {
	if code := v.Query.Get("code"); code != "" {
		id, err := trace.ParseID(code)
		if err == nil {
			return kit.Redirect{To: kit.Fill("/traces/{id}", id)}, nil
		}
		if v.Request.Header.Get("HX-Request") == "" {
			return nil, err
		}
	}
	return c.traceList(v).Show(v, ui.T("Failed sign-ins"), kit.Around{})
}

// traceView is what the template of a trace gets.
type traceView struct {
	Tags   []ui.Tag
	Lead   ui.Text
	Facts  []kit.Fact
	Hint   ui.Text
	Report ui.Report
}

func (c *Console) showTrace(v *kit.Visit) (kit.Answer, error) {
	id, err := trace.ParseID(v.PathValue("id"))
	if err != nil {
		return nil, err
	}
	t, err := c.o.Traces.Trace(v.Context(), id)
	if err != nil {
		return nil, err
	}
	names := c.Refs(v)
	page := traceView{
		Tags: []ui.Tag{outcomeOf(t)}, Lead: ui.Plain(t.Detail), Report: t.Report(),
		Facts: kit.Known(
			kit.Says(ui.T("Kind"), kit.Cell{Say: kindOf(t)}), kit.Says(ui.T("Time"), kit.Cell{Time: t.Time, Exact: true}),
			kit.Says(ui.T("Connection"), kit.Cell{Text: t.Connection, Href: c.ConnectionPath(t.Connection)}),
			kit.Code(ui.T("Rule"), t.Rule), kit.Says(ui.T("By"), names.Cell(t.By.Ref)), kit.Code(ui.T("Address"), t.By.Address), kit.Code(ui.T("Request"), t.By.Request),
			kit.Says(ui.T("Kept until"), kit.Cell{Time: t.Expires, Exact: true}),
		),
	}
	if failed, ok := t.Failed(); ok {
		page.Hint = hint(failed.Name)
	}
	if t.Passed {
		page.Lead = ui.T("Everything was as it should be. Nobody was signed in here.")
	}
	return kit.View{Title: ui.Plain(t.ID), Crumbs: v.Crumbs(ui.T("Failed sign-ins"), "/traces"), Template: "trace", Data: page}, nil
}

// tracesBlock shows the last sign-ins that failed over a connection, and tests.
func (c *Console) tracesBlock(v *kit.Visit, one Connection) (kit.Block, error) {
	page, next, err := c.o.Traces.SearchTraces(v.Context(), trace.Query{Connection: one.ID, Limit: kit.Few})
	if err != nil {
		return kit.Block{}, err
	}
	b := kit.Block{
		ID: "traces", Title: ui.T("Failed sign-ins and tests"), Empty: ui.T("No sign-in failed."),
		Heads: []ui.Text{ui.T("Code"), ui.T("Time"), ui.T("Kind"), ui.T("Failed check"), ui.T("Why")},
	}
	for _, t := range page {
		b.Rows = append(b.Rows, kit.Row{Cells: []kit.Cell{
			{Text: t.ID, Code: true, Href: c.tracePath(t.ID)}, {Time: t.Time}, {Say: kindOf(t), Tags: []ui.Tag{outcomeOf(t)}}, failedCheck(t), {Text: t.Detail},
		}})
	}
	if next != "" {
		b.More = &ui.Link{Text: ui.T("All of them"), Href: c.Path("/traces?connection=" + url.QueryEscape(one.ID))}
	}
	return b, nil
}

// testConnection leads to the test of a connection.
func (c *Console) testConnection(v *kit.Visit) (kit.Answer, error) {
	_, body, err := v.Call("testConnection", nil)
	if err != nil {
		return nil, err
	}
	var made struct{ URL string }
	if err := kit.Read(body, &made); err != nil {
		return nil, err
	}
	return kit.Away{To: made.URL}, nil
}
