package names

import (
	"maps"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/signal"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// untold is a job that was given up, as the API answers it.
type untold struct {
	ID, Queue, Key, Reason string
	Attempts               int64
	Created                time.Time
}

// Untold shows what an app or a receiver was to be told and that was given up, to whoever
// looks after that; the block has no title where there is nothing. of are the parameters of
// listJobs that select it, and the rule retry, whose places ids fill, has all of it tried again.
func (n *Names) Untold(v *kit.Visit, of url.Values, retry string, ids ...string) (kit.Block, error) {
	if !v.Who.May(admin.ReadOperations) {
		return kit.Block{}, nil
	}
	query := maps.Clone(of)
	query.Set("state", string(event.Buried))
	all := n.Path("/operations/jobs?" + query.Encode())
	query.Set("limit", strconv.Itoa(kit.Few))
	_, body, err := v.CallAt("listJobs", nil, query.Encode(), nil)
	if err != nil {
		return kit.Block{}, err
	}
	var page struct {
		Items []untold
		Next  string
	}
	if err := kit.Read(body, &page); err != nil || len(page.Items) == 0 {
		return kit.Block{}, err
	}
	b := kit.Table(kit.Block{
		ID: "untold", Title: ui.T("Not told, and given up"), Note: ui.T("Nothing more happens by itself: it is tried again when somebody says so."),
		Offers: v.Offers(kit.Way(retry, ui.T("Try all again"), " refresh", ids...)),
	}, n.untoldColumns(), page.Items, func(j untold) []kit.Offer {
		return v.Offers(kit.Way("/operations/jobs/{id}/retry", ui.T("Try again now"), " refresh", j.ID))
	})
	if page.Next != "" {
		b.More = &ui.Link{Text: ui.T("All of them"), Href: all}
	}
	return b, nil
}

func (n *Names) untoldColumns() []kit.Column[untold] {
	return []kit.Column[untold]{
		{Title: ui.T("What"), Name: "queue", Cell: func(j untold) kit.Cell {
			what := kit.Cell{Text: j.Queue, Href: n.Path(kit.Fill("/operations/jobs/{id}", j.ID))}
			switch j.Queue {
			case grant.LogoutQueue:
				what.Text, what.Say = "", ui.T("Logout")
			case signal.RefusedQueue:
				what.Text, what.Say = "", ui.T("Signal that was refused")
			}
			return what
		}},
		{Title: ui.T("Receiver"), Name: "key", Cell: func(j untold) kit.Cell {
			if stream, _, ok := strings.Cut(j.Key, "/"); ok && j.Queue == signal.RefusedQueue {
				return kit.Cell{Text: stream, Code: true, Href: n.Path(kit.Fill("/operations/streams/{id}", stream))}
			}
			return kit.Cell{Text: j.Key[strings.LastIndex(j.Key, "/")+1:], Code: true}
		}},
		{Title: ui.T("Tries"), Name: "attempts", Cell: func(j untold) kit.Cell { return kit.Count(j.Attempts) }},
		{Title: ui.T("Since"), Name: "created", Cell: func(j untold) kit.Cell { return kit.Cell{Time: j.Created} }},
		{Title: ui.T("Why"), Name: "reason", Cell: func(j untold) kit.Cell { return kit.Cell{Text: j.Reason} }},
	}
}
