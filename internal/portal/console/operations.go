package console

import (
	"context"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

func queueTag(s event.State) ui.Tag {
	switch s {
	case event.Waiting:
		return ui.Tag{Text: ui.T("Waiting")}
	case event.Retrying:
		return ui.Tag{Text: ui.T("Retrying"), Tone: ui.Warn}
	case event.Buried:
		return ui.Tag{Text: ui.T("Stuck"), Tone: ui.Bad}
	case event.Done:
		return ui.Tag{Text: ui.T("Done"), Tone: ui.Good}
	case event.Discarded:
	}
	return ui.Tag{Text: ui.T("Discarded")}
}

func stateFilter() filter {
	f := filter{Name: "state", Label: ui.T("State"), Options: []ui.Option{{Text: ui.T("Not settled")}}}
	for _, s := range []event.State{event.Waiting, event.Retrying, event.Buried, event.Done, event.Discarded} {
		f.Options = append(f.Options, ui.Option{Value: string(s), Text: queueTag(s).Text})
	}
	return f
}

// operationTabs lead from one queue to the other.
func (c *Console) operationTabs(v *visit, here string) ([]ui.Nav, []ui.Stat, error) {
	outbox, err := c.o.Outbox.Backlog(v.r.Context())
	if err != nil {
		return nil, nil, err
	}
	jobs, err := c.o.Jobs.Backlog(v.r.Context())
	if err != nil {
		return nil, nil, err
	}
	tabs := []ui.Nav{
		{Text: ui.T("Events"), Href: c.path("/operations"), Current: here == "outbox", Count: int(outbox.Buried)},
		{Text: ui.T("Jobs"), Href: c.path("/operations/jobs"), Current: here == "jobs", Count: int(jobs.Buried)},
		{Text: ui.T("Signals"), Href: c.path("/operations/streams"), Current: here == "streams"},
	}
	b := outbox
	if here == "jobs" {
		b = jobs
	}
	return tabs, c.backlogStats(b), nil
}

// backlogStats says how much waits, and for how long.
func (c *Console) backlogStats(b event.Backlog) []ui.Stat {
	stuck := ui.Stat{Label: ui.T("Stuck"), Value: b.Buried, Note: ui.T("set aside after the last try")}
	if b.Buried > 0 {
		stuck.Tone = ui.Bad
	}
	retrying := ui.Stat{Label: ui.T("Retrying"), Value: b.Retrying, Note: ui.T("failed, and tried again later")}
	if b.Retrying > 0 {
		retrying.Tone = ui.Warn
	}
	return []ui.Stat{
		stuck, retrying,
		{Label: ui.T("Waiting"), Value: b.Waiting, Note: ui.T("due now or soon")},
		{Label: ui.T("Oldest"), Value: c.age(b.Oldest), Note: ui.T("has waited for so long")},
	}
}

func (c *Console) outboxList() *list[event.Queued] {
	return &list[event.Queued]{
		name: "outbox", path: c.path("/operations"),
		caption: ui.T("Events whose consequences are not settled, oldest first"),
		empty:   ui.Empty{Icon: "check", Title: ui.T("Nothing waits."), Text: ui.T("Every event has had its consequences.")},
		filters: []filter{stateFilter()},
		columns: []column[event.Queued]{
			{title: ui.T("Event"), name: "type", cell: func(q event.Queued) cell {
				return cell{Text: q.Event.Type, Also: q.Event.Subject.String(), Href: c.path(fill("/operations/events/{id}", q.Event.ID))}
			}},
			{title: ui.T("State"), name: "state", cell: func(q event.Queued) cell { return cell{Tags: []ui.Tag{queueTag(q.State)}} }},
			{title: ui.T("Tries"), name: "attempts", cell: func(q event.Queued) cell { return count(int64(q.Attempts)) }},
			{title: ui.T("Why"), name: "reason", cell: func(q event.Queued) cell { return cell{Text: q.Reason} }},
			{title: ui.T("Next try"), name: "due", cell: func(q event.Queued) cell { return cell{Time: q.Due} }},
			{title: ui.T("Since"), name: "created", cell: func(q event.Queued) cell { return cell{Time: q.Created} }},
		},
		fetch: func(ctx context.Context, q listQuery) ([]event.Queued, string, error) {
			return c.o.Outbox.Search(ctx, event.QueueQuery{State: event.State(q.Get("state")), Limit: q.Limit, After: q.After})
		},
	}
}

func (c *Console) showOutbox(v *visit) (answer, error) {
	tabs, stats, err := c.operationTabs(v, "outbox")
	if err != nil {
		return nil, err
	}
	return c.outboxList().show(v, ui.T("Operations"), listView{Tabs: tabs, Stats: stats})
}

func (c *Console) jobList() *list[job.Queued] {
	return &list[job.Queued]{
		name: "jobs", path: c.path("/operations/jobs"),
		caption: ui.T("Jobs that are not settled, oldest first"),
		empty:   ui.Empty{Icon: "check", Title: ui.T("Nothing waits."), Text: ui.T("Every job is done.")},
		filters: []filter{stateFilter(), {Name: "queue", Label: ui.T("Queue"), Type: "text"}},
		columns: []column[job.Queued]{
			{title: ui.T("Job"), name: "queue", cell: func(q job.Queued) cell {
				return cell{Text: q.Queue, Also: clip(q.Key, 48), Href: c.path(fill("/operations/jobs/{id}", q.ID))}
			}},
			{title: ui.T("State"), name: "state", cell: func(q job.Queued) cell { return cell{Tags: []ui.Tag{queueTag(q.State)}} }},
			{title: ui.T("Tries"), name: "attempts", cell: func(q job.Queued) cell { return count(int64(q.Attempts)) }},
			{title: ui.T("Why"), name: "reason", cell: func(q job.Queued) cell { return cell{Text: q.Reason} }},
			{title: ui.T("Next try"), name: "due", cell: func(q job.Queued) cell { return cell{Time: q.Due} }},
			{title: ui.T("Given up at"), name: "deadline", cell: func(q job.Queued) cell { return cell{Time: q.Deadline} }},
		},
		fetch: func(ctx context.Context, q listQuery) ([]job.Queued, string, error) {
			return c.o.Jobs.Search(ctx, job.Query{State: event.State(q.Get("state")), Queue: strings.TrimSpace(q.Get("queue")), Limit: q.Limit, After: q.After})
		},
	}
}

func (c *Console) showJobs(v *visit) (answer, error) {
	tabs, stats, err := c.operationTabs(v, "jobs")
	if err != nil {
		return nil, err
	}
	return c.jobList().show(v, ui.T("Operations"), listView{Tabs: tabs, Stats: stats})
}
