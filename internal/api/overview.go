package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/activity"
	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/session"
)

// overview is how the broker does, at a glance.
type overview struct {
	People   int64 `json:"people"`
	Sessions int64 `json:"sessions"`
	Apps     int64 `json:"apps"`
	AppsOff  int64 `json:"apps_disabled"`
	// AppsOrphaned are those whose owners have left.
	AppsOrphaned int64 `json:"apps_orphaned"`
	Connections  int   `json:"connections"`
	// ConnectionsOff are those that nobody may sign in over.
	ConnectionsOff int           `json:"connections_disabled"`
	Outbox         event.Backlog `json:"outbox"`
	Jobs           event.Backlog `json:"jobs"`
	Audit          audit.State   `json:"audit"`
	// ChangesWaiting is how many changes wait for a second person, 1000 at most.
	ChangesWaiting int `json:"changes_waiting"`
}

// figures are sign-ins and issued tokens between two hours.
type figures struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// SignIns and Tokens are totals, most first; the hours are in the order of time.
	SignIns     []activity.SignIns `json:"sign_ins"`
	Tokens      []activity.Tokens  `json:"tokens"`
	SignInHours []activity.SignIns `json:"sign_in_hours"`
	TokenHours  []activity.Tokens  `json:"token_hours"`
}

func (a *API) overviewRoutes() []rest.Route {
	return []rest.Route{
		{ID: "getOverview", Method: "GET", Path: "/overview", Summary: "Say how the broker does, at a glance.", Right: admin.ReadOperations, Answer: exampleOverview, Do: a.overview},
		{
			ID: "getFigures", Method: "GET", Path: "/figures", Summary: "Count sign-ins by connection, outcome and reason, and tokens by app.",
			About: "By the hour, for 90 days; a few seconds behind. The last day unless told.", Right: admin.ReadOperations,
			Query:  []rest.Param{rest.Instant("from", "From the hour of this time on."), rest.Instant("to", "Until the hour of this time.")},
			Answer: exampleFigures, Do: a.figures,
		},
	}
}

func (a *API) overview(r *http.Request) (any, error) {
	ctx := r.Context()
	var o overview
	var err error
	apps := func() error {
		all, err := a.o.Apps.Count(ctx)
		o.Apps, o.AppsOff = all[catalog.On]+all[catalog.Off]+all[catalog.Incomplete], all[catalog.Off]
		return err
	}
	connections := func() error {
		all, err := a.o.Connections.All(ctx)
		if err != nil {
			return err
		}
		for _, c := range all {
			on, err := a.o.People.ConnectionEnabled(ctx, c.Settings.ID)
			if err != nil {
				return err
			}
			if o.Connections++; !on {
				o.ConnectionsOff++
			}
		}
		return nil
	}
	for _, read := range []func() error{
		func() error { o.People, err = a.o.Directory.CountPeople(ctx); return err },
		func() error { o.Sessions, err = a.o.Sessions.Count(ctx, session.Whose{}); return err },
		func() error { o.AppsOrphaned, err = a.o.Owners.CountOrphaned(ctx); return err },
		func() error { o.Outbox, err = a.o.Outbox.Backlog(ctx); return err },
		func() error { o.Jobs, err = a.o.Jobs.Backlog(ctx); return err },
		func() error { o.Audit, err = audit.ReadState(ctx, a.o.Audit); return err },
		func() error {
			waiting, _, err := a.o.Admin.SearchChanges(ctx, admin.ChangeQuery{Waiting: true, Limit: rest.MaxPage})
			o.ChangesWaiting = len(waiting)
			return err
		},
		apps, connections,
	} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	return o, nil
}

var errSpan = fault.New(fault.Invalid, "parameter_invalid", "from is before to, by at most 90 days").At("from")

func (a *API) figures(r *http.Request) (any, error) {
	ctx, q := r.Context(), rest.QueryOf(r)
	f := figures{From: q.Time("from"), To: q.Time("to")}
	if f.To.IsZero() {
		f.To = a.o.Now().UTC().Add(time.Hour).Truncate(time.Hour)
	}
	if f.From.IsZero() {
		f.From = f.To.Add(-24 * time.Hour)
	}
	if !f.From.Before(f.To) || f.To.Sub(f.From) > activity.Keep {
		return nil, errSpan
	}
	var err error
	if f.SignIns, err = a.o.Figures.SignInTotals(ctx, f.From, f.To); err == nil {
		f.Tokens, err = a.o.Figures.TokenTotals(ctx, f.From, f.To)
	}
	if err == nil {
		f.SignInHours, err = a.o.Figures.SignInHours(ctx, f.From, f.To)
	}
	if err == nil {
		f.TokenHours, err = a.o.Figures.TokenHours(ctx, f.From, f.To)
	}
	f.SignIns, f.Tokens = append([]activity.SignIns{}, f.SignIns...), append([]activity.Tokens{}, f.Tokens...)
	f.SignInHours, f.TokenHours = append([]activity.SignIns{}, f.SignInHours...), append([]activity.Tokens{}, f.TokenHours...)
	return f, err
}

// times says how often in words.
func times(n int) string {
	if n == 1 {
		return "once"
	}
	return strconv.Itoa(n) + " times"
}
