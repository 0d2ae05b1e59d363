package console

import (
	"maps"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

func (c *Console) showQueuedEvent(v *visit) (answer, error) {
	q, err := c.o.Outbox.Find(v.r.Context(), v.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	d := detail{
		Tags: []ui.Tag{queueTag(q.State)},
		Lead: ui.T("What this event asks for outside of the database has not been done yet, such as telling the apps of a session that ended."),
		Facts: known(
			is(ui.T("Why"), q.Reason), fact{ui.T("Tries"), []cell{count(int64(q.Attempts))}}, fact{ui.T("Next try"), []cell{{Time: q.Due}}},
			fact{ui.T("Since"), []cell{{Time: q.Created}}}, fact{ui.T("Actor"), []cell{v.refs().cell(q.Event.Actor.Ref)}},
			fact{ui.T("Subject"), []cell{v.refs().cell(q.Event.Subject)}}, fact{ui.T("Audit log"), []cell{{Text: q.Event.ID, Code: true, Href: c.entryPath(q.Event.ID)}}},
		),
	}
	if settled(q.State) {
		d.Lead = ui.Text{}
	} else {
		d.Offers = v.offers(
			way("/operations/events/{id}/retry", ui.T("Try again now"), "primary refresh", q.Event.ID),
			way("/operations/events/{id}/discard", ui.T("Discard"), "danger trash", q.Event.ID),
		)
	}
	data := block{ID: "data", Title: ui.T("What it says"), Heads: []ui.Text{ui.T("Name"), ui.T("Value")}, Empty: ui.T("Nothing more.")}
	for _, name := range slices.Sorted(maps.Keys(q.Event.Data)) {
		data.Rows = append(data.Rows, row{Cells: []cell{{Text: name}, {Text: q.Event.Data[name], Code: true}}})
	}
	d.Blocks = []block{data}
	return view{title: ui.Plain(q.Event.Type), crumbs: v.crumbs(ui.T("Operations"), "/operations"), template: "detail", data: d}, nil
}

func (c *Console) showJob(v *visit) (answer, error) {
	q, err := c.o.Jobs.Find(v.r.Context(), v.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	d := detail{
		Tags: []ui.Tag{queueTag(q.State)},
		Facts: known(
			is(ui.T("Queue"), q.Queue), code(ui.T("Job key"), q.Key), is(ui.T("Why"), q.Reason), fact{ui.T("Tries"), []cell{count(int64(q.Attempts))}},
			fact{ui.T("Next try"), []cell{{Time: q.Due}}}, fact{ui.T("Given up at"), []cell{{Time: q.Deadline}}}, fact{ui.T("Since"), []cell{{Time: q.Created}}},
			code(ui.T("Job"), q.ID),
		),
	}
	if !settled(q.State) {
		d.Offers = v.offers(
			way("/operations/jobs/{id}/retry", ui.T("Try again now"), "primary refresh", q.ID),
			way("/operations/jobs/{id}/discard", ui.T("Discard"), "danger trash", q.ID),
		)
	}
	return view{title: ui.T("Job of %s", q.Queue), crumbs: v.crumbs(ui.T("Operations"), "/operations/jobs"), template: "detail", data: d}, nil
}

// settled reports whether nothing is left to be done about a queued thing.
func settled(s event.State) bool { return s == event.Done || s == event.Discarded }

func (c *Console) askDiscardEvent(v *visit) (confirmation, error) {
	q, err := c.o.Outbox.Find(v.r.Context(), v.r.PathValue("id"))
	if err != nil {
		return confirmation{}, err
	}
	return confirmation{
		title: ui.T("Discard this event?"), button: ui.T("Discard"), back: fill("/operations/events/{id}", q.Event.ID), state: q.Event.ID + string(q.State),
		lead: ui.T("What it asks for outside of the database is not going to happen: apps that were to be told are not told. The change itself, and its entry in the audit log, stay."),
		hits: []hit{
			hitting(ui.T("Event"), cell{Text: q.Event.Type, Tags: []ui.Tag{queueTag(q.State)}}),
			hitting(ui.T("Subject"), v.refs().cell(q.Event.Subject)),
			hitting(ui.T("Why it is stuck"), cell{Text: q.Reason}),
		},
	}, nil
}

func (c *Console) askDiscardJob(v *visit) (confirmation, error) {
	q, err := c.o.Jobs.Find(v.r.Context(), v.r.PathValue("id"))
	if err != nil {
		return confirmation{}, err
	}
	return confirmation{
		title: ui.T("Discard this job?"), button: ui.T("Discard"), back: fill("/operations/jobs/{id}", q.ID), state: q.ID + string(q.State),
		lead: ui.T("It is not tried again: what it was for does not happen."),
		hits: []hit{
			hitting(ui.T("Job"), cell{Text: q.Queue, Also: q.Key, Tags: []ui.Tag{queueTag(q.State)}}),
			hitting(ui.T("Why it is stuck"), cell{Text: q.Reason}),
		},
	}, nil
}
