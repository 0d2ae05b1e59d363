package app

import (
	"context"

	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/portal/console"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/saml/idp"
)

// openConsole makes the administrators' pages, which change things by the
// operations of the management API.
func (p *parts) openConsole(operations kit.Operations) (*console.Console, error) {
	return console.New(console.Options{
		Current: p.sessions.Current, Peek: p.sessions.Peek, SignIn: p.faces.login.SignIn, Actor: httpx.Actor, Now: p.now, UI: p.faces.ui, Log: p.log, Prefix: p.issuer.Path, Issuer: p.cfg.Issuer,
		Admin: p.admin, Apps: p.apps, People: p.people, Directory: p.db, Mappings: p.db.Mappings, Clients: p.registry.Clients, Connections: p.connections,
		CertificatesEnd: p.faces.connectors.certificatesEnd, Sessions: p.sessions, Participants: p.db.Participants, Grants: p.db, Exchanges: p.exchanges, Keys: p.rings(), SAML: idp.Describe(p.cfg.Issuer), Due: p.rings().Due, Audit: p.db,
		AuditState: func(ctx context.Context) (audit.State, error) { return audit.ReadState(ctx, p.db) },
		Streams:    p.signals.service,
		Outbox:     p.outboxDesk(), Jobs: p.jobDesk(), Entitlements: p.entitlements, ExplainAccess: p.explainer.Explain, Assignments: p.assignments,
		Figures: p.db, Traces: p.db, Operations: operations,
	})
}

// outboxDesk is where people look after the outbox, jobDesk after jobs.
func (p *parts) outboxDesk() *event.Desk {
	return &event.Desk{Queue: p.db.OutboxQueue(), Now: p.now, Hint: p.outbox.Notify}
}

func (p *parts) jobDesk() *job.Desk { return &job.Desk{Queue: p.db.JobQueue(), Now: p.now} }
