package operations

import (
	"maps"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

func (c *Console) showQueuedEvent(v *kit.Visit) (kit.Answer, error) {
	q, err := c.o.Outbox.Find(v.Context(), v.PathValue("id"))
	if err != nil {
		return nil, err
	}
	d := kit.Detail{
		Tags: []ui.Tag{queueTag(q.State)},
		Lead: ui.T("What this event asks for outside of the database has not been done yet, such as telling the apps of a session that ended."),
		Facts: kit.Known(
			kit.Is(ui.T("Why"), q.Reason), kit.Says(ui.T("Tries"), kit.Count(int64(q.Attempts))), kit.When(ui.T("Next try"), q.Due),
			kit.When(ui.T("Since"), q.Created), kit.Says(ui.T("Actor"), c.Refs(v).Cell(q.Event.Actor.Ref)),
			kit.Says(ui.T("Subject"), c.Refs(v).Cell(q.Event.Subject)), kit.Says(ui.T("Audit log"), kit.Cell{Text: q.Event.ID, Code: true, Href: c.EntryPath(q.Event.ID)}),
		),
	}
	if settled(q.State) {
		d.Lead = ui.Text{}
	} else {
		d.Offers = v.Offers(
			kit.Way("/operations/events/{id}/retry", ui.T("Try again now"), "primary refresh", q.Event.ID),
			kit.Way("/operations/events/{id}/discard", ui.T("Discard"), "danger trash", q.Event.ID),
		)
	}
	data := kit.Block{ID: "data", Title: ui.T("What it says"), Heads: []ui.Text{ui.T("Name"), ui.T("Value")}, Empty: ui.T("Nothing more.")}
	for _, name := range slices.Sorted(maps.Keys(q.Event.Data)) {
		data.Rows = append(data.Rows, kit.Row{Cells: []kit.Cell{{Text: name}, {Text: q.Event.Data[name], Code: true}}})
	}
	d.Blocks = []kit.Block{data}
	return kit.View{Title: ui.Plain(q.Event.Type), Crumbs: v.Crumbs(ui.T("Operations"), "/operations"), Template: "detail", Data: d}, nil
}

func (c *Console) showJob(v *kit.Visit) (kit.Answer, error) {
	q, err := c.o.Jobs.Find(v.Context(), v.PathValue("id"))
	if err != nil {
		return nil, err
	}
	d := kit.Detail{
		Tags: []ui.Tag{queueTag(q.State)},
		Facts: kit.Known(
			kit.Is(ui.T("Queue"), q.Queue), kit.Code(ui.T("Job key"), q.Key), kit.Is(ui.T("Why"), q.Reason), kit.Says(ui.T("Tries"), kit.Count(int64(q.Attempts))),
			kit.When(ui.T("Next try"), q.Due), kit.When(ui.T("Given up at"), q.Deadline), kit.When(ui.T("Since"), q.Created),
			kit.Code(ui.T("Job"), q.ID),
		),
	}
	if !settled(q.State) {
		d.Offers = v.Offers(
			kit.Way("/operations/jobs/{id}/retry", ui.T("Try again now"), "primary refresh", q.ID),
			kit.Way("/operations/jobs/{id}/discard", ui.T("Discard"), "danger trash", q.ID),
		)
	}
	return kit.View{Title: ui.T("Job of %s", q.Queue), Crumbs: v.Crumbs(ui.T("Operations"), "/operations/jobs"), Template: "detail", Data: d}, nil
}

// settled reports whether nothing is left to be done about a queued thing.
func settled(s event.State) bool { return s == event.Done || s == event.Discarded }

func (c *Console) askDiscardEvent(v *kit.Visit) (kit.Confirmation, error) {
	q, err := c.o.Outbox.Find(v.Context(), v.PathValue("id"))
	if err != nil {
		return kit.Confirmation{}, err
	}
	return kit.Confirmation{
		Title: ui.T("Discard this event?"), Button: ui.T("Discard"), Back: kit.Fill("/operations/events/{id}", q.Event.ID), State: q.Event.ID + string(q.State),
		Lead: ui.T("What it asks for outside of the database is not going to happen: apps that were to be told are not told. The change itself, and its entry in the audit log, stay."),
		Hits: []kit.Hit{
			kit.Hitting(ui.T("Event"), kit.Cell{Text: q.Event.Type, Tags: []ui.Tag{queueTag(q.State)}}),
			kit.Hitting(ui.T("Subject"), c.Refs(v).Cell(q.Event.Subject)),
			kit.Hitting(ui.T("Why it is stuck"), kit.Cell{Text: q.Reason}),
		},
	}, nil
}

func (c *Console) askDiscardJob(v *kit.Visit) (kit.Confirmation, error) {
	q, err := c.o.Jobs.Find(v.Context(), v.PathValue("id"))
	if err != nil {
		return kit.Confirmation{}, err
	}
	return kit.Confirmation{
		Title: ui.T("Discard this job?"), Button: ui.T("Discard"), Back: kit.Fill("/operations/jobs/{id}", q.ID), State: q.ID + string(q.State),
		Lead: ui.T("It is not tried again: what it was for does not happen."),
		Hits: []kit.Hit{
			kit.Hitting(ui.T("Job"), kit.Cell{Text: q.Queue, Also: q.Key, Tags: []ui.Tag{queueTag(q.State)}}),
			kit.Hitting(ui.T("Why it is stuck"), kit.Cell{Text: q.Reason}),
		},
	}, nil
}
