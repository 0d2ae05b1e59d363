package login

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/trace"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// testPurpose types the records of tests in short-term memory.
const testPurpose cache.Purpose = "login-test"

// errTest refuses the address of a test that is over, or that another browser began.
var errTest = fault.New(fault.NotFound, "test_not_found", "there is no such test, or not any more, or another browser took it; begin another one")

// testRun is the test of a connection: a sign-in that ends in a report and never in
// a session. Whoever has its address may begin it, in one browser.
type testRun struct {
	Handle     string         `json:"handle"`
	Connection string         `json:"connection"`
	Report     string         `json:"report"` // the id of the trace
	By         identity.Actor `json:"by"`
	Browser    []byte         `json:"browser,omitempty"`
	Done       bool           `json:"done,omitempty"`
}

// NewTest prepares the test of a connection, which may be disabled, for whoever is
// sent to url within the time until expires. The report is then the trace with this
// id. It fails with ErrConnection.
func (l *Login) NewTest(ctx context.Context, connection string, by identity.Actor) (report, url string, expires time.Time, err error) {
	if _, err := l.connection(ctx, connection); err != nil {
		return "", "", time.Time{}, err
	}
	t := testRun{Handle: random(), Connection: connection, Report: trace.NewID(), By: by}
	expires = l.o.Now().Add(flowLife).UTC()
	return t.Report, l.o.Issuer + t.path(), expires, l.saveTest(ctx, t)
}

func (t testRun) path() string { return "/login/test/" + t.Handle }

func (l *Login) saveTest(ctx context.Context, t testRun) error {
	raw, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("save the test: %w", err)
	}
	return l.o.Cache.Put(ctx, testPurpose, t.Handle, raw, flowLife)
}

// loadTest returns the test that the path names. One that was begun is that
// browser's alone.
func (l *Login) loadTest(r *http.Request) (testRun, error) {
	raw, ok, err := l.o.Cache.Get(r.Context(), testPurpose, r.PathValue("handle"))
	if err != nil {
		return testRun{}, err
	}
	var t testRun
	if !ok || json.Unmarshal(raw, &t) != nil || t.Browser != nil && !l.own(r, flow{Browser: t.Browser}) {
		return testRun{}, errTest
	}
	return t, nil
}

// showTest says what the test is, or how it went.
func (l *Login) showTest(w http.ResponseWriter, r *http.Request) {
	t, err := l.loadTest(r)
	if err != nil {
		l.o.UI.Error(w, r, err)
		return
	}
	title := t.Connection
	if c, err := l.connection(r.Context(), t.Connection); err == nil {
		title = c.Title
	}
	if !t.Done {
		l.pages.test(w, r, l.o.UI, t, title)
		return
	}
	report, err := l.o.Traces.Trace(r.Context(), t.Report)
	if err != nil {
		l.o.UI.Error(w, r, err)
		return
	}
	l.pages.report(w, r, l.o.UI, t, title, report)
}

// beginTest sends the browser to the provider.
func (l *Login) beginTest(w http.ResponseWriter, r *http.Request) {
	t, err := l.loadTest(r)
	if err == nil && t.Done {
		err = errTest
	}
	if err == nil {
		err = l.o.SignIns.Count(r.Context(), httpx.ClientNetwork(r))
	}
	if err != nil {
		l.o.UI.Error(w, r, err)
		return
	}
	t.Browser = l.browser(w, r)
	if err := l.saveTest(r.Context(), t); err != nil {
		l.o.UI.Error(w, r, err)
		return
	}
	f := flow{ID: random(), Browser: t.Browser, Test: &t, Connection: t.Connection, Rev: l.o.Applied()}
	c, err := l.connectionOf(r.Context(), f)
	if err != nil {
		l.fail(w, r, f, err)
		return
	}
	l.leave(w, r, f, c)
}

// connectionOf returns the connection that a flow is at. A test does not rely on
// what is remembered of the provider.
func (l *Login) connectionOf(ctx context.Context, f flow) (Connection, error) {
	if f.Test != nil {
		return l.o.Fresh(ctx, f.Connection)
	}
	return l.connection(ctx, f.Connection)
}

// failTest ends a test with what failed.
func (l *Login) failTest(w http.ResponseWriter, r *http.Request, f flow, cause error) {
	t := l.trace(r, f, cause)
	l.conclude(w, r, *f.Test, t)
}

// passTest ends a test whose answer was verified with what the rules make of it.
func (l *Login) passTest(w http.ResponseWriter, r *http.Request, f flow, c Connection, a identity.Assertion) {
	t := trace.Trace{Connection: c.ID, Checks: slices.Clone(a.Checks), Document: a.Document, Attributes: a.Attributes, Passed: true}
	rules := identity.Findings{Checks: t.Checks}
	for _, e := range c.Rules.Explain(a) {
		t.Mapping = append(t.Mapping, trace.Mapped{Field: e.Field, From: e.From, Value: e.Value, Failure: e.Why()})
		if e.Failed != nil {
			t.Passed, t.Rule, t.Detail = false, fault.As(e.Failed).Code, fault.As(e.Failed).Detail
			rules.Note("claim_rule", false, e.Field+" = "+e.From, e.Why())
		}
	}
	t.Checks = rules.Checks
	if _, groups, err := c.Rules.Map(a); err == nil {
		t.Groups, err = l.named(r.Context(), c.ID, groups)
		if err != nil {
			l.o.UI.Error(w, r, err)
			return
		}
	}
	l.conclude(w, r, *f.Test, t)
}

// named are the names here of groups of a connection.
func (l *Login) named(ctx context.Context, connection string, groups []string) ([]string, error) {
	var p directory.Person
	for _, id := range groups {
		p.Groups = append(p.Groups, directory.Membership{Group: identity.GroupRef{Connection: connection, ID: id}, ValidUntil: l.o.Now().Add(time.Hour)})
	}
	return l.o.Directory.GroupNames(ctx, p)
}

// conclude keeps the report of a test and shows it.
func (l *Login) conclude(w http.ResponseWriter, r *http.Request, t testRun, report trace.Trace) {
	now := l.o.Now().UTC()
	report.ID, report.Kind, report.By, report.Time, report.Expires = t.Report, trace.Test, t.By, now, now.Add(l.o.KeepTraces)
	t.Done = true
	e := event.New(now, "connection.tested", t.By, identity.Connection(t.Connection), "passed", strconv.FormatBool(report.Passed), "rule", report.Rule, "trace", report.ID)
	for _, step := range []func() error{
		func() error { return l.o.Traces.SaveTrace(r.Context(), report) },
		func() error { return l.o.Consents.Record(r.Context(), []event.Event{e}) },
		func() error { return l.saveTest(r.Context(), t) },
	} {
		if err := step(); err != nil {
			l.o.UI.Error(w, r, err)
			return
		}
	}
	http.Redirect(w, r, l.o.Prefix+t.path(), http.StatusSeeOther)
}

func (p *pages) test(w http.ResponseWriter, r *http.Request, u *ui.UI, t testRun, connection string) {
	u.Render(w, r, http.StatusOK, ui.Page{Title: ui.T("Test of %s", connection), Template: p.testT, Data: map[string]any{
		"Begin": t.path() + "/begin", "Connection": connection,
	}})
}

func (p *pages) report(w http.ResponseWriter, r *http.Request, u *ui.UI, t testRun, connection string, report trace.Trace) {
	detail := u.Say(r, fault.New(fault.Denied, report.Rule, "%s", report.Detail))
	u.Render(w, r, http.StatusOK, ui.Page{Title: ui.T("Test of %s", connection), Template: p.reportT, Data: map[string]any{
		"Passed": report.Passed, "Detail": detail, "ID": report.ID, "Report": report.Report(), "Connection": t.Connection,
	}})
}
