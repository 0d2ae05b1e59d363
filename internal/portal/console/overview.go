package console

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/activity"
	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// most is how many lines a ranking has.
const most = 8

// overviewView is what the first page shows. A part that whoever visits may not see
// is empty.
type overviewView struct {
	// Here is the address of the page as it is, which refreshes itself.
	Here     string
	Spans    []ui.Nav
	Stats    []ui.Stat
	SignIns  *ui.Chart
	Failures *ui.Ranking
	Tokens   *ui.Ranking
	Alerts   []ui.Notice
	At       time.Time
}

func (c *Console) showOverview(v *kit.Visit) (kit.Answer, error) {
	span := v.Query.Get("span")
	for name := range v.Query {
		if name != "span" && name != kit.NoticeParameter && name != "lang" || name == "span" && span != "day" && span != "week" {
			return nil, fault.New(fault.Invalid, "parameter_invalid", "span is day or week").At(name)
		}
	}
	span = cmp.Or(span, "day")
	page := overviewView{
		Here: c.Path("") + "?span=" + span, At: c.Now(),
		Spans: []ui.Nav{
			{Text: ui.T("24 hours"), Href: c.Path("") + "?span=day", Current: span == "day"},
			{Text: ui.T("7 days"), Href: c.Path("") + "?span=week", Current: span == "week"},
		},
	}
	for _, part := range []func(*kit.Visit, *overviewView, string) error{c.appFigures, c.sessionFigures, c.keyFigures, c.certificateAlerts, c.auditFigures, c.queueFigures, c.activityFigures} {
		if err := part(v, &page, span); err != nil {
			return nil, err
		}
	}
	return kit.View{Title: ui.T("Overview"), Template: "overview", Data: page}, nil
}

func (c *Console) appFigures(v *kit.Visit, page *overviewView, _ string) error {
	apps, err := c.o.Apps.Count(v.Context())
	if err != nil {
		return err
	}
	off, incomplete := apps[catalog.Off], apps[catalog.Incomplete]
	s := ui.Stat{Label: ui.T("Apps"), Value: apps[catalog.On] + off + incomplete, Href: c.Path("/apps"), Note: ui.T("all in use")}
	if off+incomplete > 0 {
		s.Note = ui.T("%d switched off, %d incomplete", off, incomplete)
	}
	page.Stats = append(page.Stats, s)
	return nil
}

func (c *Console) sessionFigures(v *kit.Visit, page *overviewView, _ string) error {
	if v.Who.May(admin.ReadSessions) {
		n, err := c.o.Sessions.Count(v.Context(), session.Whose{})
		if err != nil {
			return err
		}
		page.Stats = append(page.Stats, ui.Stat{Label: ui.T("Sessions"), Value: n, Note: ui.T("signed in now"), Href: c.Path("/sessions")})
	}
	if v.Who.May(admin.ReadPeople) {
		n, err := c.o.Directory.CountPeople(v.Context())
		if err != nil {
			return err
		}
		page.Stats = append(page.Stats, ui.Stat{Label: ui.T("People"), Value: n, Note: ui.T("have signed in"), Href: c.Path("/people")})
	}
	return nil
}

func (c *Console) keyFigures(v *kit.Visit, page *overviewView, _ string) error {
	if !v.Who.May(admin.ReadKeys) {
		return nil
	}
	all, err := c.o.Keys.List(v.Context())
	if err != nil {
		return err
	}
	s := ui.Stat{Label: ui.T("Keys"), Href: c.Path("/keys")}
	signing := 0
	var oldest time.Time
	for _, k := range all {
		if k.Stage == keys.Signing {
			signing++
			if oldest.IsZero() || k.SignsFrom.Before(oldest) {
				oldest = k.SignsFrom
			}
		}
	}
	s.Value, s.Note = signing, ui.T("sign; the oldest for %s", c.Age(oldest))
	if !oldest.IsZero() {
		if left := c.o.Due(); left < 0 {
			s.Note, s.Tone = ui.T("sign; the oldest is overdue"), ui.Warn
		} else {
			s.Note = ui.T("sign; the next rotation in %s", kit.Span(left))
		}
	}
	if signing == 0 {
		s.Tone, s.Note = ui.Bad, ui.T("no key can sign")
	}
	page.Stats = append(page.Stats, s)
	return nil
}

// certificateNotice is how long before an identity provider's certificates run out the
// first page says so.
const certificateNotice = 30 * kit.Day

func (c *Console) certificateAlerts(v *kit.Visit, page *overviewView, _ string) error {
	if !v.Who.May(admin.ReadConnections) {
		return nil
	}
	all, err := c.o.Connections.All(v.Context())
	if err != nil {
		return err
	}
	for _, one := range all {
		ends := c.o.CertificatesEnd(one.Settings.ID)
		switch left := ends.Sub(c.Now()); {
		case ends.IsZero() || left > certificateNotice:
		case left <= 0:
			page.Alerts = append(page.Alerts, ui.Notice{Text: ui.T("The certificates of %s have run out: nobody signs in over it.", one.Title()), Tone: ui.Bad})
		default:
			page.Alerts = append(page.Alerts, ui.Notice{Text: ui.T("The certificates of %s run out in %s: ask for its next one.", one.Title(), kit.Span(left)), Tone: ui.Warn})
		}
	}
	return nil
}

func (c *Console) auditFigures(v *kit.Visit, page *overviewView, _ string) error {
	if !v.Who.May(admin.ReadAudit) {
		return nil
	}
	state, err := c.o.AuditState(v.Context())
	if err != nil {
		return err
	}
	s := auditStats(state)[0]
	s.Label, s.Href = ui.T("Audit log"), c.Path("/audit")
	page.Stats = append(page.Stats, s)
	if state.Check.Broken != "" {
		page.Alerts = append(page.Alerts, ui.Notice{Text: ui.T("The audit log is not what was sealed: %s", broken(state)), Tone: ui.Bad})
	}
	return nil
}

func (c *Console) queueFigures(v *kit.Visit, page *overviewView, _ string) error {
	if !v.Who.May(admin.ReadOperations) {
		return nil
	}
	outbox, err := c.o.Outbox.Backlog(v.Context())
	if err != nil {
		return err
	}
	jobs, err := c.o.Jobs.Backlog(v.Context())
	if err != nil {
		return err
	}
	s := ui.Stat{Label: ui.T("Outbox"), Value: outbox.Waiting + outbox.Retrying, Note: ui.T("nothing waits"), Href: c.Path("/operations")}
	if !outbox.Oldest.IsZero() {
		s.Note = ui.T("wait; the oldest for %s", c.Age(outbox.Oldest))
	}
	page.Stats = append(page.Stats, s)
	if stuck := outbox.Buried + jobs.Buried; stuck > 0 {
		page.Alerts = append(page.Alerts, ui.Notice{Text: ui.N(int(stuck), "One thing is stuck: see Operations.", "%d things are stuck: see Operations."), Tone: ui.Bad})
	}
	return c.signalFigures(v, page)
}

// signalFigures say how many shared signals wait, and whether any stream fails.
func (c *Console) signalFigures(v *kit.Visit, page *overviewView) error {
	waiting, failing, err := c.o.Streams.Backlog(v.Context())
	if err != nil {
		return err
	}
	s := ui.Stat{Label: ui.T("Signals"), Value: waiting, Note: ui.T("nothing waits"), Href: c.Path("/operations/streams")}
	if waiting > 0 {
		s.Note = ui.T("wait for their receivers")
	}
	if failing > 0 {
		s.Tone, s.Note = ui.Warn, ui.N(int(failing), "one receiver does not take them", "%d receivers do not take them")
	}
	page.Stats = append(page.Stats, s)
	return nil
}

func (c *Console) activityFigures(v *kit.Visit, page *overviewView, span string) error {
	if !v.Who.May(admin.ReadOperations) {
		return nil
	}
	ctx := v.Context()
	to := c.Now().UTC().Truncate(time.Hour).Add(time.Hour)
	from, step := to.Add(-kit.Day), time.Hour
	if span == "week" {
		from, step = to.Add(-kit.Week), 4*time.Hour
	}
	hours, err := c.o.Figures.SignInHours(ctx, from, to)
	if err != nil {
		return err
	}
	page.SignIns = signInChart(hours, from, to, step)
	totals, err := c.o.Figures.SignInTotals(ctx, from, to)
	if err != nil {
		return err
	}
	page.Failures = c.failureRanking(totals)
	tokens, err := c.o.Figures.TokenTotals(ctx, from, to)
	if err != nil {
		return err
	}
	page.Tokens, err = c.tokenRanking(ctx, tokens)
	return err
}

// signInChart stands sign-ins that went well and those that did not on each other,
// by step.
func signInChart(hours []activity.SignIns, from, to time.Time, step time.Duration) *ui.Chart {
	n := int(to.Sub(from) / step)
	good, refused, failed := make([]int, n), make([]int, n), make([]int, n)
	for _, h := range hours {
		i := int(h.Hour.Sub(from) / step)
		if i < 0 || i >= n {
			continue
		}
		switch h.Outcome {
		case activity.Success:
			good[i] += int(h.Count)
		case activity.Refused:
			refused[i] += int(h.Count)
		default:
			failed[i] += int(h.Count)
		}
	}
	chart := &ui.Chart{Title: ui.T("Sign-ins"), Series: []ui.Series{
		{Name: ui.T("Signed in"), Tone: ui.Good, Values: good},
		{Name: ui.T("Not entitled"), Tone: ui.Warn, Values: refused},
		{Name: ui.T("Failed"), Tone: ui.Bad, Values: failed},
	}}
	layout := "15:04"
	if step > time.Hour {
		layout = "2006-01-02 15:04"
	}
	for i := range n {
		chart.Labels = append(chart.Labels, ui.Plain(from.Add(time.Duration(i)*step).Format(layout)))
	}
	return chart
}

func (c *Console) failureRanking(totals []activity.SignIns) *ui.Ranking {
	sums := map[string]int{}
	for _, s := range totals {
		if s.Outcome != activity.Success {
			sums[cmp.Or(s.Reason, s.Outcome)] += int(s.Count)
		}
	}
	r := &ui.Ranking{Title: ui.T("Failures by reason"), Tone: ui.Bad}
	for reason, n := range sums {
		r.Rows = append(r.Rows, ui.Rank{Text: reasonText(reason), Value: n, Href: c.Path("/audit?type=signin.")})
	}
	return ranked(r)
}

func (c *Console) tokenRanking(ctx context.Context, totals []activity.Tokens) (*ui.Ranking, error) {
	names, err := c.AppTitles(ctx)
	if err != nil {
		return nil, err
	}
	sums, clients := map[string]int{}, map[string]string{}
	for _, t := range totals {
		app := cmp.Or(t.App, t.Client)
		sums[app] += int(t.Count)
		clients[app] = t.Client
	}
	r := &ui.Ranking{Title: ui.T("Tokens by app")}
	for app, n := range sums {
		one := ui.Rank{Text: ui.Plain(names.Name(app)), Value: n, Href: c.Path("/audit?type=token.issued&q=" + url.QueryEscape(app))}
		if names.Has(app) {
			one.Href = names.Path(app)
		} else if clients[app] != "" {
			one.Text = ui.Plain(clients[app]) // of an app that was removed
		}
		r.Rows = append(r.Rows, one)
	}
	return ranked(r), nil
}

// ranked puts the most first and cuts the rest off.
func ranked(r *ui.Ranking) *ui.Ranking {
	slices.SortFunc(r.Rows, func(a, b ui.Rank) int {
		return cmp.Or(cmp.Compare(b.Value, a.Value), cmp.Compare(a.Text.English(), b.Text.English()))
	})
	r.Rows = r.Rows[:min(len(r.Rows), most)]
	return r
}

// reasonText says why a sign-in failed, by the code of the rule.
func reasonText(code string) ui.Text {
	switch code {
	case "entitlement":
		return ui.T("Not entitled to the app")
	case "access_denied":
		return ui.T("Cancelled, or refused by the provider")
	case "person_disabled":
		return ui.T("Disabled here")
	case "connection_disabled":
		return ui.T("Connection disabled")
	}
	return ui.Plain(code)
}
