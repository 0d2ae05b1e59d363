package console

import (
	"context"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/signal"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// recentSignals is how many signals the page of a stream shows.
const recentSignals = 50

func (c *Console) streamPath(id string) string { return c.path(fill("/operations/streams/{id}", id)) }

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

func methodText(s signal.Stream) ui.Text {
	if s.Method == signal.Poll {
		return ui.T("Polled")
	}
	return ui.T("Pushed")
}

func (c *Console) streamList() *list[signal.Stream] {
	return &list[signal.Stream]{
		name: "streams", path: c.path("/operations/streams"),
		caption: ui.T("Streams of shared signals, newest first"),
		empty: ui.Empty{
			Icon: "link", Title: ui.T("No stream is like that."), Text: ui.T("An app or API makes its stream itself, to hear at once of what was revoked."),
		},
		filters: []filter{
			{Name: "client", Label: ui.T("Client"), Type: "text"},
			{Name: "status", Label: ui.T("State"), Options: []ui.Option{
				anything(), {Value: string(signal.Enabled), Text: ui.T("Enabled")}, {Value: string(signal.Paused), Text: ui.T("Paused")}, {Value: string(signal.Disabled), Text: ui.T("Disabled")},
			}},
			{Name: "failing", Label: ui.T("Pushes"), Options: []ui.Option{anything(), {Value: "true", Text: ui.T("Fail")}, {Value: "false", Text: ui.T("Do not fail")}}},
		},
		columns: []column[signal.Stream]{
			{title: ui.T("Client"), name: "client", cell: func(s signal.Stream) cell { return cell{Text: s.Client, Also: s.Description, Href: c.streamPath(s.ID)} }},
			{title: ui.T("State"), name: "status", cell: func(s signal.Stream) cell { return cell{Tags: streamTags(s)} }},
			{title: ui.T("Delivery"), name: "method", cell: func(s signal.Stream) cell { return cell{Say: methodText(s), Also: clip(s.Endpoint, 48)} }},
			{title: ui.T("Waiting"), name: "waiting", cell: func(s signal.Stream) cell { return count(s.Waiting) }},
			{title: ui.T("Oldest"), name: "oldest", cell: func(s signal.Stream) cell { return cell{Time: s.Oldest} }},
			{title: ui.T("Last delivered"), name: "delivered_at", cell: func(s signal.Stream) cell { return cell{Time: s.DeliveredAt} }},
		},
		fetch: func(ctx context.Context, q listQuery) ([]signal.Stream, string, error) {
			return c.o.Streams.Search(ctx, signal.Query{
				Client: strings.TrimSpace(q.Get("client")), Status: signal.Status(q.Get("status")), Failing: truth(q.Get("failing")), Limit: q.Limit, After: q.After,
			})
		},
	}
}

func (c *Console) showStreams(v *visit) (answer, error) {
	tabs, _, err := c.operationTabs(v, "streams")
	if err != nil {
		return nil, err
	}
	return c.streamList().show(v, ui.T("Operations"), listView{Tabs: tabs})
}

func (c *Console) showStream(v *visit) (answer, error) {
	s, err := c.o.Streams.Find(v.r.Context(), v.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	d := detail{
		Tags: streamTags(s), Lead: ui.T("The app or API hears on it at once of what concerns its people: sessions that were revoked, accounts, claims and credentials that changed."),
		Facts: known(
			is(ui.T("Description"), s.Description), fact{ui.T("Delivery"), []cell{{Say: methodText(s)}}}, code(ui.T("Address of the receiver"), s.Endpoint),
			each(ui.T("Carries"), shortTypes(s.DeliveredTypes()), true), is(ui.T("Reason for the state"), s.Reason),
			fact{ui.T("Waiting"), []cell{count(s.Waiting)}}, fact{ui.T("Oldest"), []cell{{Time: s.Oldest}}},
			fact{ui.T("Delivered"), []cell{count(s.Delivered)}}, fact{ui.T("Last delivered"), []cell{{Time: s.DeliveredAt}}},
			fact{ui.T("Dropped"), []cell{count(s.Dropped)}}, fact{ui.T("Refused by the receiver"), []cell{count(s.Refused)}},
			is(ui.T("Why the last push failed"), s.Error), fact{ui.T("Failed"), []cell{{Time: s.FailedAt}}}, fact{ui.T("Next try"), []cell{{Time: s.Next}}},
			fact{ui.T("Since"), []cell{{Time: s.Created}}}, code(ui.T("Stream"), s.ID),
		),
	}
	var ways []offering
	if s.Status != signal.Enabled || s.Failures > 0 {
		ways = append(ways, way("/operations/streams/{id}/enable", ui.T("Deliver now"), "primary refresh", s.ID))
	}
	if s.Status == signal.Enabled {
		ways = append(ways, way("/operations/streams/{id}/pause", ui.T("Pause"), "", s.ID))
	}
	if s.Status != signal.Disabled {
		ways = append(ways, way("/operations/streams/{id}/disable", ui.T("Disable"), "danger", s.ID))
	}
	d.Offers = v.offers(append(ways, way("/operations/streams/{id}/remove", ui.T("Remove"), "danger trash", s.ID))...)
	sets, err := c.o.Streams.Recent(v.r.Context(), s.ID, recentSignals)
	if err != nil {
		return nil, err
	}
	d.Blocks = []block{c.signalBlock(sets)}
	return view{title: ui.T("Signals for %s", s.Client), crumbs: v.crumbs(ui.T("Operations"), "/operations/streams"), template: "detail", data: d}, nil
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

// signalBlock lists signals, with the entry of the audit log that each tells of.
func (c *Console) signalBlock(sets []signal.Set) block {
	b := block{
		ID: "signals", Title: ui.T("Newest signals"), Note: ui.T("What the receiver refuses is set aside among the jobs, where it can be tried again."),
		Heads: []ui.Text{ui.T("Signal"), ui.T("State"), ui.T("Issued"), ui.T("Settled"), ui.T("Why")}, Empty: ui.T("Nothing has concerned this receiver yet."),
	}
	for _, s := range sets {
		b.Rows = append(b.Rows, row{Cells: []cell{
			{Text: shortTypes([]string{s.Type})[0], Href: c.entryPath(s.Event)}, {Tags: []ui.Tag{signalTag(s.State)}}, {Time: s.Issued}, {Time: s.Settled}, {Text: s.Reason},
		}})
	}
	return b
}

func (c *Console) askDisableStream(v *visit) (confirmation, error) {
	return c.askStream(v, func(s signal.Stream) confirmation {
		return confirmation{
			title: ui.T("Disable the stream of %s?", s.Client), button: ui.T("Disable"),
			lead: ui.T("Its receiver is told, and then hears nothing: what was revoked still stops at the broker, and at the receiver when its tokens end."),
		}
	})
}

func (c *Console) askRemoveStream(v *visit) (confirmation, error) {
	return c.askStream(v, func(s signal.Stream) confirmation {
		return confirmation{
			title: ui.T("Remove the stream of %s?", s.Client), button: ui.T("Remove"),
			lead: ui.T("Its receiver hears nothing until it makes another: what was revoked still stops at the broker, and at the receiver when its tokens end."),
		}
	})
}

func (c *Console) askStream(v *visit, ask func(signal.Stream) confirmation) (confirmation, error) {
	s, err := c.o.Streams.Find(v.r.Context(), v.r.PathValue("id"))
	if err != nil {
		return confirmation{}, err
	}
	q := ask(s)
	q.back, q.state = fill("/operations/streams/{id}", s.ID), s.ID+string(s.Status)
	q.hits = []hit{
		hitting(ui.T("Client"), cell{Text: s.Client, Also: s.Description, Tags: streamTags(s)}),
		{Label: ui.T("Signals that wait and are dropped"), Count: s.Waiting},
	}
	return q, nil
}
