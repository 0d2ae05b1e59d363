package operations

import (
	"context"
	"net/url"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/signal"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// recentSignals is how many signals the page of a stream shows.
const recentSignals = 50

func (c *Console) streamPath(id string) string {
	return c.Path(kit.Fill("/operations/streams/{id}", id))
}

func streamTags(s signal.Stream) []ui.Tag {
	tag := ui.Tag{Text: ui.T("Enabled"), Tone: ui.Good}
	switch s.Status {
	case signal.Paused:
		tag = ui.Tag{Text: ui.T("Paused"), Tone: ui.Warn}
	case signal.Disabled:
		tag = ui.Tag{Text: ui.T("Disabled"), Tone: ui.Bad}
	case signal.Enabled:
	}
	if s.Failures > 0 {
		return []ui.Tag{tag, {Text: ui.T("Pushes fail"), Tone: ui.Bad}}
	}
	return []ui.Tag{tag}
}

// held says that the receiver cannot undo the state.
func held(s signal.Stream) kit.Fact {
	if !s.Held {
		return kit.Fact{}
	}
	return kit.Says(ui.T("Set by"), kit.Cell{Say: ui.T("an operator: the receiver cannot undo it")})
}

func methodText(s signal.Stream) ui.Text {
	if s.Method == signal.Poll {
		return ui.T("Polled")
	}
	return ui.T("Pushed")
}

func (c *Console) streamList() *kit.List[signal.Stream] {
	return &kit.List[signal.Stream]{
		Name: "streams", Path: c.Path("/operations/streams"),
		Caption: ui.T("Streams of shared signals, newest first"),
		Empty: ui.Empty{
			Icon: "link", Title: ui.T("No stream is like that."), Text: ui.T("An app or API makes its stream itself, to hear at once of what was revoked."),
		},
		Filters: []kit.Filter{
			{Name: "client", Label: ui.T("Client"), Type: "text"},
			{Name: "status", Label: ui.T("State"), Options: []ui.Option{
				kit.Anything(), {Value: string(signal.Enabled), Text: ui.T("Enabled")}, {Value: string(signal.Paused), Text: ui.T("Paused")}, {Value: string(signal.Disabled), Text: ui.T("Disabled")},
			}},
			{Name: "failing", Label: ui.T("Pushes"), Options: []ui.Option{kit.Anything(), {Value: "true", Text: ui.T("Fail")}, {Value: "false", Text: ui.T("Do not fail")}}},
		},
		Columns: []kit.Column[signal.Stream]{
			{Title: ui.T("Client"), Name: "client", Cell: func(s signal.Stream) kit.Cell {
				return kit.Cell{Text: s.Client, Also: s.Description, Href: c.streamPath(s.ID)}
			}},
			{Title: ui.T("State"), Name: "status", Cell: func(s signal.Stream) kit.Cell { return kit.Cell{Tags: streamTags(s)} }},
			{Title: ui.T("Delivery"), Name: "method", Cell: func(s signal.Stream) kit.Cell { return kit.Cell{Say: methodText(s), Also: kit.Clip(s.Endpoint, 48)} }},
			{Title: ui.T("Waiting"), Name: "waiting", Cell: func(s signal.Stream) kit.Cell { return kit.Count(s.Waiting) }},
			{Title: ui.T("Oldest"), Name: "oldest", Cell: func(s signal.Stream) kit.Cell { return kit.Cell{Time: s.Oldest} }},
			{Title: ui.T("Last delivered"), Name: "delivered_at", Cell: func(s signal.Stream) kit.Cell { return kit.Cell{Time: s.DeliveredAt} }},
		},
		Fetch: func(ctx context.Context, q kit.Query) ([]signal.Stream, string, error) {
			return c.o.Streams.Search(ctx, signal.Query{
				Client: strings.TrimSpace(q.Get("client")), Status: signal.Status(q.Get("status")), Failing: kit.Truth(q.Get("failing")), Limit: q.Limit, After: q.After,
			})
		},
	}
}

func (c *Console) showStreams(v *kit.Visit) (kit.Answer, error) {
	tabs, _, err := c.operationTabs(v, "streams")
	if err != nil {
		return nil, err
	}
	return c.streamList().Show(v, ui.T("Operations"), kit.Around{Tabs: tabs})
}

func (c *Console) showStream(v *kit.Visit) (kit.Answer, error) {
	s, err := c.o.Streams.Find(v.Context(), v.PathValue("id"))
	if err != nil {
		return nil, err
	}
	d := kit.Detail{
		Tags: streamTags(s), Lead: ui.T("The app or API hears on it at once of what concerns its people: sessions that were revoked, accounts, claims and credentials that changed."),
		Facts: kit.Known(
			kit.Is(ui.T("Description"), s.Description), kit.Says(ui.T("Delivery"), kit.Cell{Say: methodText(s)}), kit.Code(ui.T("Address of the receiver"), s.Endpoint),
			kit.Each(ui.T("Carries"), shortTypes(s.DeliveredTypes()), true), kit.Is(ui.T("Reason for the state"), s.Reason), held(s),
			kit.Says(ui.T("Waiting"), kit.Count(s.Waiting)), kit.When(ui.T("Oldest"), s.Oldest),
			kit.Says(ui.T("Delivered"), kit.Count(s.Delivered)), kit.When(ui.T("Last delivered"), s.DeliveredAt),
			kit.Says(ui.T("Dropped"), kit.Count(s.Dropped)), kit.Says(ui.T("Refused by the receiver"), kit.Count(s.Refused)),
			kit.Is(ui.T("Why the last push failed"), s.Error), kit.When(ui.T("Failed"), s.FailedAt), kit.When(ui.T("Next try"), s.Next),
			kit.When(ui.T("Since"), s.Created), kit.Code(ui.T("Stream"), s.ID),
		),
	}
	var ways []kit.Offering
	if s.Status != signal.Enabled || s.Failures > 0 {
		ways = append(ways, kit.Way("/operations/streams/{id}/enable", ui.T("Deliver now"), "primary refresh", s.ID))
	}
	if s.Status == signal.Enabled {
		ways = append(ways, kit.Way("/operations/streams/{id}/pause", ui.T("Pause"), "", s.ID))
	}
	if s.Status != signal.Disabled {
		ways = append(ways, kit.Way("/operations/streams/{id}/disable", ui.T("Disable"), "danger", s.ID))
	}
	d.Offers = v.Offers(append(ways, kit.Way("/operations/streams/{id}/remove", ui.T("Remove"), "danger trash", s.ID))...)
	sets, err := c.o.Streams.Recent(v.Context(), s.ID, recentSignals)
	if err != nil {
		return nil, err
	}
	d.Blocks, err = kit.Blocks(v, s, c.streamUntold, func(*kit.Visit, signal.Stream) (kit.Block, error) { return c.signalBlock(sets), nil })
	if err != nil {
		return nil, err
	}
	return kit.View{Title: ui.T("Signals for %s", s.Client), Crumbs: v.Crumbs(ui.T("Operations"), "/operations/streams"), Template: "detail", Data: d}, nil
}

// shortTypes are the last parts of the URIs of types.
func shortTypes(types []string) []string {
	short := make([]string, len(types))
	for i, t := range types {
		short[i] = t[strings.LastIndex(t, "/")+1:]
	}
	return short
}

func signalTag(s signal.SetState) ui.Tag {
	switch s {
	case signal.SetDelivered:
		return ui.Tag{Text: ui.T("Delivered"), Tone: ui.Good}
	case signal.SetRefused:
		return ui.Tag{Text: ui.T("Refused"), Tone: ui.Bad}
	case signal.SetDropped:
		return ui.Tag{Text: ui.T("Dropped"), Tone: ui.Warn}
	case signal.SetWaiting:
	}
	return ui.Tag{Text: ui.T("Waiting")}
}

// streamUntold lists what the receiver refused. A stream that is disabled takes none of it.
func (c *Console) streamUntold(v *kit.Visit, s signal.Stream) (kit.Block, error) {
	b, err := c.Untold(v, url.Values{"stream": {s.ID}}, "/operations/streams/{id}/retry", s.ID)
	if s.Status == signal.Disabled {
		b.Offers = nil
	}
	return b, err
}

// signalBlock lists signals, with the entry of the audit log that each tells of.
func (c *Console) signalBlock(sets []signal.Set) kit.Block {
	b := kit.Block{
		ID: "signals", Title: ui.T("Newest signals"), Note: ui.T("What the receiver refuses five times is set aside, and the next goes on."),
		Heads: []ui.Text{ui.T("Signal"), ui.T("State"), ui.T("Issued"), ui.T("Settled"), ui.T("Why")}, Empty: ui.T("Nothing has concerned this receiver yet."),
	}
	for _, s := range sets {
		b.Rows = append(b.Rows, kit.Row{Cells: []kit.Cell{
			{Text: shortTypes([]string{s.Type})[0], Href: c.EntryPath(s.Event)}, {Tags: []ui.Tag{signalTag(s.State)}}, {Time: s.Issued}, {Time: s.Settled}, {Text: s.Reason},
		}})
	}
	return b
}

func (c *Console) askDisableStream(v *kit.Visit) (kit.Confirmation, error) {
	return c.askStream(v, func(s signal.Stream) kit.Confirmation {
		return kit.Confirmation{
			Title: ui.T("Disable the stream of %s?", s.Client), Button: ui.T("Disable"),
			Lead: ui.T("Its receiver is told, and then hears nothing: what was revoked still stops at the broker, and at the receiver when its tokens end."),
		}
	})
}

func (c *Console) askRemoveStream(v *kit.Visit) (kit.Confirmation, error) {
	return c.askStream(v, func(s signal.Stream) kit.Confirmation {
		return kit.Confirmation{
			Title: ui.T("Remove the stream of %s?", s.Client), Button: ui.T("Remove"),
			Lead: ui.T("Its receiver hears nothing until it makes another: what was revoked still stops at the broker, and at the receiver when its tokens end."),
		}
	})
}

func (c *Console) askStream(v *kit.Visit, ask func(signal.Stream) kit.Confirmation) (kit.Confirmation, error) {
	s, err := c.o.Streams.Find(v.Context(), v.PathValue("id"))
	if err != nil {
		return kit.Confirmation{}, err
	}
	q := ask(s)
	q.Back, q.State = kit.Fill("/operations/streams/{id}", s.ID), s.ID+string(s.Status)
	q.Hits = []kit.Hit{
		kit.Hitting(ui.T("Client"), kit.Cell{Text: s.Client, Also: s.Description, Tags: streamTags(s)}),
		{Label: ui.T("Signals that wait and are dropped"), Count: s.Waiting},
	}
	return q, nil
}

// signalFigures say how many shared signals wait, and whether any stream fails.
func (c *Console) signalFigures(v *kit.Visit) (page kit.Figures, err error) {
	if !v.Who.May(admin.ReadOperations) {
		return page, nil
	}
	waiting, failing, err := c.o.Streams.Backlog(v.Context())
	if err != nil {
		return page, err
	}
	s := ui.Stat{Label: ui.T("Signals"), Value: waiting, Note: ui.T("nothing waits"), Href: c.Path("/operations/streams")}
	if waiting > 0 {
		s.Note = ui.T("wait for their receivers")
	}
	if failing > 0 {
		s.Tone, s.Note = ui.Warn, ui.N(int(failing), "one receiver does not take them", "%d receivers do not take them")
	}
	page.Stats = append(page.Stats, s)
	return page, nil
}
