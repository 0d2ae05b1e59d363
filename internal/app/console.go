package app

import (
	"context"

	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/portal/console"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/access"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/admins"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/apps"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/connections"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/exchanges"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/groups"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/imports"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/keyring"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/operations"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/overview"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/people"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/provisioning"
	"github.com/gatehouse-io/gatehouse/internal/saml/idp"
)

// openConsole makes the administrators' pages, which change things by the
// operations of the management API.
func (p *parts) openConsole(management kit.Operations) (*console.Console, error) {
	auditState := func(ctx context.Context) (audit.State, error) { return audit.ReadState(ctx, p.db) }
	return console.New(console.Options{
		Kit: kit.Options{
			Site:    kit.Site{Prefix: p.issuer.Path, Now: p.now},
			Current: p.sessions.Current, Peek: p.sessions.Peek, SignIn: p.faces.login.SignIn,
			People: p.people, Admin: p.admin, Apps: p.apps, Operations: management, UI: p.faces.ui, Log: p.log,
		},
		Names:    names.Options{Clients: p.registry.Clients, Mappings: p.db.Mappings, Tokens: p.db.APITokens, Directory: p.db, Connections: p.connections, Sessions: p.sessions, Grants: p.db, Audit: p.db},
		Overview: overview.Options{Activity: p.db},
		Apps:     apps.Options{Apps: p.apps, Owners: p.owners, Entry: p.db.Entry, Mappings: p.db.Mappings, Grants: p.db, SAML: idp.Describe(p.cfg.Issuer)},
		Connections: connections.Options{
			Issuer: p.cfg.Issuer, Connections: p.connections, Enabled: p.people.ConnectionEnabled, CertificatesEnd: p.faces.connectors.certificatesEnd,
			Sessions: p.sessions, Figures: p.db, Traces: p.db,
		},
		Pushing: provisioning.Options{
			Issuer: p.cfg.Issuer, Connections: p.connections, Guard: p.records, Operations: p.records, Records: p.records, Audit: p.db,
		},
		People:     people.Options{Directory: p.db, Sessions: p.sessions, Participants: p.db.Participants, Grants: p.db},
		Groups:     groups.Options{Directory: p.db, Connections: p.connections, Apps: p.apps, Clients: p.registry.Clients, Roles: p.admin, Entitlements: p.entitlements},
		Imports:    imports.Options{Imports: p.porting, Directory: p.porting, Waiting: p.admin.WaitingOf, Connections: p.connections},
		Exchanges:  exchanges.Options{Apps: p.apps, Exchanges: p.exchanges},
		Keyring:    keyring.Options{Keys: p.rings(), Due: p.rings().Due, Apps: p.apps},
		Operations: operations.Options{Audit: p.db, AuditState: auditState, Outbox: p.outboxDesk(), Jobs: p.jobDesk(), Streams: p.signals.service},
		Admins:     admins.Options{Admin: p.admin, Directory: p.db},
		Access:     access.Options{Apps: p.apps, Answers: p.owners.Answers, Clients: p.registry.Clients, Directory: p.db, Entitlements: p.entitlements, Assignments: p.assignments},
	})
}

// outboxDesk is where people look after the outbox, jobDesk after jobs.
func (p *parts) outboxDesk() *event.Desk {
	return &event.Desk{Queue: p.db.OutboxQueue(), Now: p.now, Hint: p.outbox.Notify}
}

func (p *parts) jobDesk() *job.Desk { return &job.Desk{Queue: p.db.JobQueue(), Now: p.now} }
