package operations

import (
	"context"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
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

func stateFilter() kit.Filter {
	f := kit.Filter{Name: "state", Label: ui.T("State"), Options: []ui.Option{{Text: ui.T("Not settled")}}}
	for _, s := range []event.State{event.Waiting, event.Retrying, event.Buried, event.Done, event.Discarded} {
		f.Options = append(f.Options, ui.Option{Value: string(s), Text: queueTag(s).Text})
	}
	return f
}

// operationTabs lead from one queue to the other.
func (c *Console) operationTabs(v *kit.Visit, here string) ([]ui.Nav, []ui.Stat, error) {
	outbox, err := c.o.Outbox.Backlog(v.Context())
	if err != nil {
		return nil, nil, err
	}
	jobs, err := c.o.Jobs.Backlog(v.Context())
	if err != nil {
		return nil, nil, err
	}
	tabs := []ui.Nav{
		{Text: ui.T("Events"), Href: c.Path("/operations"), Current: here == "outbox", Count: int(outbox.Buried)},
		{Text: ui.T("Jobs"), Href: c.Path("/operations/jobs"), Current: here == "jobs", Count: int(jobs.Buried)},
		{Text: ui.T("Signals"), Href: c.Path("/operations/streams"), Current: here == "streams"},
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
		{Label: ui.T("Oldest"), Value: c.Age(b.Oldest), Note: ui.T("has waited for so long")},
	}
}

func (c *Console) outboxList() *kit.List[event.Queued] {
	return &kit.List[event.Queued]{
		Name: "outbox", Path: c.Path("/operations"),
		Caption: ui.T("Events whose consequences are not settled, oldest first"),
		Empty:   ui.Empty{Icon: "check", Title: ui.T("Nothing waits."), Text: ui.T("Every event has had its consequences.")},
		Filters: []kit.Filter{stateFilter()},
		Columns: []kit.Column[event.Queued]{
			{Title: ui.T("Event"), Name: "type", Cell: func(q event.Queued) kit.Cell {
				return kit.Cell{Text: q.Event.Type, Also: q.Event.Subject.String(), Href: c.Path(kit.Fill("/operations/events/{id}", q.Event.ID))}
			}},
			{Title: ui.T("State"), Name: "state", Cell: func(q event.Queued) kit.Cell { return kit.Cell{Tags: []ui.Tag{queueTag(q.State)}} }},
			{Title: ui.T("Tries"), Name: "attempts", Cell: func(q event.Queued) kit.Cell { return kit.Count(int64(q.Attempts)) }},
			{Title: ui.T("Why"), Name: "reason", Cell: func(q event.Queued) kit.Cell { return kit.Cell{Text: q.Reason} }},
			{Title: ui.T("Next try"), Name: "due", Cell: func(q event.Queued) kit.Cell { return kit.Cell{Time: q.Due} }},
			{Title: ui.T("Since"), Name: "created", Cell: func(q event.Queued) kit.Cell { return kit.Cell{Time: q.Created} }},
		},
		Fetch: func(ctx context.Context, q kit.Query) ([]event.Queued, string, error) {
			return c.o.Outbox.Search(ctx, event.QueueQuery{State: event.State(q.Get("state")), Limit: q.Limit, After: q.After})
		},
	}
}

func (c *Console) showOutbox(v *kit.Visit) (kit.Answer, error) {
	tabs, stats, err := c.operationTabs(v, "outbox")
	if err != nil {
		return nil, err
	}
	return c.outboxList().Show(v, ui.T("Operations"), kit.Around{Tabs: tabs, Stats: stats})
}

func (c *Console) jobList() *kit.List[job.Queued] {
	return &kit.List[job.Queued]{
		Name: "jobs", Path: c.Path("/operations/jobs"),
		Caption: ui.T("Jobs that are not settled, oldest first"),
		Empty:   ui.Empty{Icon: "check", Title: ui.T("Nothing waits."), Text: ui.T("Every job is done.")},
		Filters: []kit.Filter{
			stateFilter(),
			{Name: "queue", Label: ui.T("Queue"), Type: "text"},
			{Name: "client", Label: ui.T("Client"), Type: "text"},
			{Name: "stream", Label: ui.T("Stream"), Type: "text"},
			{Name: "revocation", Label: ui.T("Revocation"), Type: "text"},
		},
		Columns: []kit.Column[job.Queued]{
			{Title: ui.T("Job"), Name: "queue", Cell: func(q job.Queued) kit.Cell {
				return kit.Cell{Text: q.Queue, Also: kit.Clip(q.Key, 48), Href: c.Path(kit.Fill("/operations/jobs/{id}", q.ID))}
			}},
			{Title: ui.T("State"), Name: "state", Cell: func(q job.Queued) kit.Cell { return kit.Cell{Tags: []ui.Tag{queueTag(q.State)}} }},
			{Title: ui.T("Tries"), Name: "attempts", Cell: func(q job.Queued) kit.Cell { return kit.Count(int64(q.Attempts)) }},
			{Title: ui.T("Why"), Name: "reason", Cell: func(q job.Queued) kit.Cell { return kit.Cell{Text: q.Reason} }},
			{Title: ui.T("Next try"), Name: "due", Cell: func(q job.Queued) kit.Cell { return kit.Cell{Time: q.Due} }},
			{Title: ui.T("Given up at"), Name: "deadline", Cell: func(q job.Queued) kit.Cell { return kit.Cell{Time: q.Deadline} }},
		},
		Fetch: func(ctx context.Context, q kit.Query) ([]job.Queued, string, error) {
			text := func(name string) string { return strings.TrimSpace(q.Get(name)) }
			return c.o.Jobs.Search(ctx, job.Query{
				State: event.State(q.Get("state")), Queue: text("queue"), Client: text("client"), Stream: text("stream"), Cause: text("revocation"), Limit: q.Limit, After: q.After,
			})
		},
	}
}

func (c *Console) showJobs(v *kit.Visit) (kit.Answer, error) {
	tabs, stats, err := c.operationTabs(v, "jobs")
	if err != nil {
		return nil, err
	}
	return c.jobList().Show(v, ui.T("Operations"), kit.Around{Tabs: tabs, Stats: stats})
}

func (c *Console) rules() []kit.Rule {
	const queued, job, stream = "/operations/events/{id}", "/operations/jobs/{id}", "/operations/streams/{id}"
	return []kit.Rule{
		{Path: "/audit", Right: admin.ReadAudit, Show: c.showAudit},
		{Path: "/audit/{id}", Right: admin.ReadAudit, Show: c.showEntry},
		{Path: "/operations", Right: admin.ReadOperations, Show: c.showOutbox},
		{Path: queued, Right: admin.ReadOperations, Show: c.showQueuedEvent},
		{Path: queued + "/retry", Right: admin.WriteOperations, Operation: "retryEvent", Then: queued, Notice: "event-retried"},
		{Path: queued + "/discard", Right: admin.WriteOperations, Ask: c.askDiscardEvent, Operation: "discardEvent", Then: queued, Notice: "event-discarded"},
		{Path: "/operations/jobs", Right: admin.ReadOperations, Show: c.showJobs},
		{Path: job, Right: admin.ReadOperations, Show: c.showJob},
		{Path: job + "/retry", Right: admin.WriteOperations, Operation: "retryJob", Then: job, Notice: "job-retried"},
		{Path: job + "/discard", Right: admin.WriteOperations, Ask: c.askDiscardJob, Operation: "discardJob", Then: job, Notice: "job-discarded"},
		{Path: "/operations/streams", Right: admin.ReadOperations, Show: c.showStreams},
		{Path: stream, Right: admin.ReadOperations, Show: c.showStream},
		{Path: stream + "/pause", Right: admin.WriteOperations, Operation: "pauseStream", Then: stream, Notice: "stream-paused"},
		{Path: stream + "/enable", Right: admin.WriteOperations, Operation: "enableStream", Then: stream, Notice: "stream-enabled"},
		{Path: stream + "/retry", Right: admin.WriteOperations, Operation: "retryStream", Then: stream, Notice: "stream-retried"},
		{Path: stream + "/disable", Right: admin.WriteOperations, Ask: c.askDisableStream, Operation: "disableStream", Then: stream, Notice: "stream-disabled"},
		{Path: stream + "/remove", Right: admin.WriteOperations, Ask: c.askRemoveStream, Operation: "removeStream", Then: "/operations/streams", Notice: "stream-removed"},
	}
}

func (c *Console) queueFigures(v *kit.Visit) (page kit.Figures, err error) {
	if !v.Who.May(admin.ReadOperations) {
		return page, nil
	}
	outbox, err := c.o.Outbox.Backlog(v.Context())
	if err != nil {
		return page, err
	}
	jobs, err := c.o.Jobs.Backlog(v.Context())
	if err != nil {
		return page, err
	}
	s := ui.Stat{Label: ui.T("Outbox"), Value: outbox.Waiting + outbox.Retrying, Note: ui.T("nothing waits"), Href: c.Path("/operations")}
	if !outbox.Oldest.IsZero() {
		s.Note = ui.T("wait; the oldest for %s", c.Age(outbox.Oldest))
	}
	page.Stats = append(page.Stats, s)
	if stuck := outbox.Buried + jobs.Buried; stuck > 0 {
		page.Alerts = append(page.Alerts, ui.Notice{Text: ui.N(int(stuck), "One thing is stuck: see Operations.", "%d things are stuck: see Operations."), Tone: ui.Bad})
	}
	return page, nil
}
