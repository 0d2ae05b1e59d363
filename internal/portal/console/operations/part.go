// Package operations has the console's pages about what the broker did and has yet to do:
// the audit log, the outbox, jobs, and streams of shared signals.
package operations

import (
	"context"
	"embed"

	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/signal"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

//go:embed de.yaml
var files embed.FS

// Options are what the pages need. All are required.
type Options struct {
	// Audit is the audit log.
	Audit interface {
		Page(ctx context.Context, q audit.Query) (entries []audit.Entry, next string, err error)
		Entry(ctx context.Context, id string) (audit.Entry, error)
	}
	// AuditState says how far the log is sealed and verified.
	AuditState func(ctx context.Context) (audit.State, error)
	Outbox     *event.Desk
	Jobs       *job.Desk
	// Streams are those of shared signals: signal.Service.
	Streams interface {
		Search(ctx context.Context, q signal.Query) (page []signal.Stream, next string, err error)
		Find(ctx context.Context, id string) (signal.Stream, error)
		Recent(ctx context.Context, stream string, limit int) ([]signal.Set, error)
		Backlog(ctx context.Context) (waiting, failing int64, err error)
	}
}

// Console is the part of the console.
type Console struct {
	*names.Names
	o Options
}

// New returns a Console.
func New(n *names.Names, o Options) *Console { return &Console{Names: n, o: o} }

// Part is what it adds to the console.
func (c *Console) Part() kit.Part {
	return kit.Part{Rules: c.rules(), Notices: notices(), Files: files}
}

// notices are what is said after a change, by the codes of the rules.
func notices() map[string]ui.Text {
	return map[string]ui.Text{
		"event-retried":   ui.T("The event is being tried again."),
		"event-discarded": ui.T("The event is given up."),
		"job-retried":     ui.T("The job is being tried again."),
		"job-discarded":   ui.T("The job is given up."),
		"stream-paused":   ui.T("The stream is paused: what its receiver is to hear waits."),
		"stream-enabled":  ui.T("The stream delivers again, and begins with what waits."),
		"stream-disabled": ui.T("The stream is disabled: its receiver hears nothing."),
		"stream-retried":  ui.T("What the receiver refused is tried again at once, and waits behind what waits."),
		"stream-removed":  ui.T("The stream is removed, with all that waited in it."),
	}
}

// Figures are those of the first page: whether the audit log is whole, and what waits.
func (c *Console) Figures(v *kit.Visit) (page kit.Figures, err error) {
	for _, part := range []func(*kit.Visit) (kit.Figures, error){c.auditFigures, c.queueFigures, c.signalFigures} {
		figures, err := part(v)
		if err != nil {
			return page, err
		}
		page.Add(figures)
	}
	return page, nil
}
