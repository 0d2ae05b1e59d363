package overview

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/activity"
	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// most is how many lines a ranking has.
const most = 8

// view is what the first page shows. A part that whoever visits may not see
// is empty.
type view struct {
	// Here is the address of the page as it is, which refreshes itself.
	Here  string
	Spans []ui.Nav
	kit.Figures
	SignIns  *ui.Chart
	Failures *ui.Ranking
	Tokens   *ui.Ranking
}

func (c *Console) show(v *kit.Visit) (kit.Answer, error) {
	span := v.Query.Get("span")
	for name := range v.Query {
		if name != "span" && name != kit.NoticeParameter && name != "lang" || name == "span" && span != "day" && span != "week" {
			return nil, fault.New(fault.Invalid, "parameter_invalid", "span is day or week").At(name)
		}
	}
	span = cmp.Or(span, "day")
	page := view{
		Here: c.Path("") + "?span=" + span,
		Spans: []ui.Nav{
			{Text: ui.T("24 hours"), Href: c.Path("") + "?span=day", Current: span == "day"},
			{Text: ui.T("7 days"), Href: c.Path("") + "?span=week", Current: span == "week"},
		},
	}
	for _, figures := range c.o.Figures {
		part, err := figures(v)
		if err != nil {
			return nil, err
		}
		page.Add(part)
	}
	if err := c.activity(v, &page, span); err != nil {
		return nil, err
	}
	return kit.View{Title: ui.T("Overview"), Template: "overview", Data: page}, nil
}

func (c *Console) activity(v *kit.Visit, page *view, span string) error {
	if !v.Who.May(admin.ReadOperations) {
		return nil
	}
	ctx := v.Context()
	to := c.Now().UTC().Truncate(time.Hour).Add(time.Hour)
	from, step := to.Add(-kit.Day), time.Hour
	if span == "week" {
		from, step = to.Add(-kit.Week), 4*time.Hour
	}
	hours, err := c.o.Activity.SignInHours(ctx, from, to)
	if err != nil {
		return err
	}
	page.SignIns = signInChart(hours, from, to, step)
	totals, err := c.o.Activity.SignInTotals(ctx, from, to)
	if err != nil {
		return err
	}
	page.Failures = c.failureRanking(totals)
	tokens, err := c.o.Activity.TokenTotals(ctx, from, to)
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
