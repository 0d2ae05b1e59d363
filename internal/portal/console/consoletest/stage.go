// Package consoletest is a stage for tests of the console's pages: the whole console over
// a real database and the real management API, and a browser that asks for pages. Tests
// of a part stand beside the part and use it; what holds for every page is tested beside
// package console.
package consoletest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api"
	"github.com/gatehouse-io/gatehouse/internal/api/apitest"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/catalog/ownership"
	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/keys"
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
	"github.com/gatehouse-io/gatehouse/internal/porting"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/revoke"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/signal"
	"github.com/gatehouse-io/gatehouse/internal/storage"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// Prefix is the path that the broker is served under in tests.
const Prefix = "/auth"

// issuer is where the broker is to be found in tests, without the prefix.
const issuer = "https://login.example"

// Stage is the console over a database and an API of its own, and the browser that
// looks at it.
type Stage struct {
	DB          *storage.DB
	Admin       *admin.Service
	Apps        *catalog.Service
	Owners      *ownership.Service
	People      *directory.Service
	Sessions    *session.Manager
	Assignments *entitlement.Service
	Operations  *api.API
	Console     *console.Console
	// Records are what acme pushes: half of it may go at once.
	Records *record.Service
	// Imports imports and exports the directory; Run it where more than a few lines are.
	Imports *porting.Service
	// Who is whose browser asks; empty is nobody's. Uses counts how often it was used.
	Who  string
	Uses int
	// Ends are when the certificates of connections run out.
	Ends map[string]time.Time

	t       *testing.T
	handler http.Handler
}

// ground is what the API and the console have in common beside what a Stage shows.
type ground struct {
	log         *slog.Logger
	revocations *revoke.Sequence
	vault       *keys.Vault
	ring        *keys.Ring
	pages       *ui.UI
	clients     *registry.Registry
	providers   *connection.Service
	outbox      *event.Desk
	jobs        *job.Desk
	streams     *signal.Service
	tree        *grant.Tree
	decides     *entitlement.Checker
	explainer   *entitlement.Explainer
}

// New returns a Stage on which nobody is signed in and nothing is there but the
// connection acme. The operations named take two persons.
func New(t *testing.T, fourEyes ...string) *Stage {
	t.Helper()
	s := &Stage{t: t}
	g := s.open()
	s.serve(g, fourEyes)
	var err error
	if s.Operations, err = api.New(s.management(g)); err != nil {
		t.Fatal(err)
	}
	if s.Console, err = console.New(s.parts(g)); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	s.Console.Mount(mux)
	s.handler = httpx.Edge(httpx.EdgeOptions{Prefix: Prefix}, mux)
	return s
}

// open makes the database, and what needs no service.
func (s *Stage) open() *ground {
	s.t.Helper()
	g := &ground{log: slog.New(slog.DiscardHandler)}
	db, err := storage.Open(s.t.Context(), storage.Options{
		Driver: "sqlite", Dir: s.t.TempDir(), Now: time.Now, Log: g.log, OutboxTypes: []string{"session.ended", "person.revoked"},
		Raised: func(ctx context.Context) error { return g.revocations.Sync(ctx) },
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = db.Close() })
	// What is raised is applied at once here and nobody polls: the store's last answer counts
	// for as long as a test takes.
	s.DB, g.revocations = db, revoke.New(revoke.Options{Store: db, Now: time.Now, Log: g.log, Staleness: time.Hour})
	var vaultErr, uiErr error
	g.vault, vaultErr = keys.NewVault(make([]byte, 32))
	g.ring = keys.NewRing(keys.RingOptions{Store: db, Vault: g.vault, Now: time.Now, Log: g.log, Algorithms: []keys.Algorithm{keys.ES256}})
	g.pages, uiErr = ui.New(ui.Options{Brand: ui.Brand{Name: "Gatehouse"}, Prefix: Prefix, Log: g.log})
	if err := errors.Join(vaultErr, uiErr, g.revocations.Start(s.t.Context()), g.ring.Load(s.t.Context())); err != nil {
		s.t.Fatal(err)
	}
	return g
}

// serve makes the services.
func (s *Stage) serve(g *ground, fourEyes []string) {
	db := s.DB
	g.clients = registry.New(registry.Options{Store: db, Applied: g.revocations.Applied, Now: time.Now, Log: g.log, ThirdParty: func(string) bool { return false }})
	g.providers = apitest.IdentityProviders(db, g.vault, time.Now)
	g.revocations.Watch(g.providers.Invalidate)
	s.People = directory.NewService(directory.Options{People: db, Groups: db, Connections: db, Known: g.providers.Known, Now: time.Now})
	s.Admin = admin.New(admin.Options{
		Store: db, Changes: db, Directory: db, Groups: s.People, FourEyes: fourEyes, Now: time.Now, ConnectionEnabled: s.People.ConnectionEnabled,
		Members: map[admin.Role][]string{admin.Admin: {"admins"}, admin.AppOwner: {"people-tools"}},
	})
	s.Apps = catalog.NewService(catalog.Options{Store: db, Issuer: issuer, Now: time.Now, Changed: func(ctx context.Context) {
		if err := g.clients.Refresh(ctx); err != nil {
			s.t.Error(err)
		}
	}})
	s.Owners = ownership.NewService(ownership.Options{Store: db, People: db, Enabled: s.People.ConnectionEnabled, Now: time.Now, Log: g.log})
	s.Sessions = session.New(session.Options{
		Store: db, People: s.People, Revocations: g.revocations, Era: db.Era(), Now: time.Now, Idle: time.Hour, Absolute: time.Hour, Actor: httpx.Actor,
	})
	g.outbox, g.jobs = &event.Desk{Queue: db.OutboxQueue(), Now: time.Now}, &job.Desk{Queue: db.JobQueue(), Now: time.Now}
	g.streams = signal.NewService(signal.Options{
		Store: db, Sealer: g.vault, Allowed: httpx.Guard{}.Check, Now: time.Now, Queued: func() {}, Created: func(context.Context) error { return nil },
	})
	g.tree = grant.NewTree(grant.TreeOptions{Nodes: db, Record: db.Record, Revocations: g.revocations, Now: time.Now})
	g.decides = entitlement.NewChecker(s.People, db, time.Now)
	s.Assignments = entitlement.NewService(entitlement.Options{Store: db, Apps: s.Apps, Now: time.Now, Changed: g.decides.Forget})
	g.explainer = entitlement.NewExplainer(db, time.Now)
	s.Records = record.NewService(record.Options{
		Store: db.Records(), Now: time.Now, Log: g.log, Policy: func(context.Context, string) (record.Policy, error) {
			return record.Policy{Guard: record.Guard{Share: 0.5, Minimum: 1, Window: time.Hour}}, nil
		},
	})
	s.Imports = s.ports(g.providers)
}

// management is what the API stands on.
func (s *Stage) management(g *ground) api.Options {
	db := s.DB
	return api.Options{
		Assignments: s.Assignments, ExplainAccess: g.explainer.Explain,
		Product: "Gatehouse", Issuer: issuer, Grants: db, Now: time.Now, Admin: s.Admin, People: s.People, Directory: db, Apps: s.Apps, Owners: s.Owners, Connections: g.providers,
		SCIM: s.Records, Porting: s.Imports, Health: func(string) (time.Time, error) { return time.Time{}, nil }, CertificatesEnd: s.certificatesEnd, Sessions: s.Sessions, Streams: g.streams,
		Keys: g.ring, Audit: db, Outbox: g.outbox, Jobs: g.jobs, Figures: db, Hit: db.Hit, Exchanges: g.tree, Traces: db,
		ExplainExchange: apitest.Explain, Progress: db.Progress,
		RevocationsOf: db.RevocationsOf, Consequences: func(ctx context.Context, e event.Event) ([]grant.Consequence, error) {
			return db.Consequences(ctx, e.ID, []string{grant.LogoutOfApps, grant.SharedSignals, grant.OwnersSucceed, grant.RequestsWithdraw})
		},
		Test: apitest.Invite, Answers: db, Sealer: g.vault, Actor: httpx.Actor, UI: g.pages,
		Lock: func(ctx context.Context, name string) (func(), error) {
			return job.Lock(ctx, db.Jobs(), name, time.Now)
		},
	}
}

// parts is what the console stands on.
func (s *Stage) parts(g *ground) console.Options {
	db := s.DB
	return console.Options{
		Kit: kit.Options{
			Site:    kit.Site{Prefix: Prefix, Now: time.Now},
			Current: func(r *http.Request) (session.Session, error) { s.Uses++; return s.current(r) }, Peek: s.current,
			SignIn: func(w http.ResponseWriter, r *http.Request, local string) {
				http.Redirect(w, r, "/sign-in?to="+url.QueryEscape(local), http.StatusSeeOther)
			},
			People: s.People, Admin: s.Admin, Apps: s.Apps, Operations: s.Operations, UI: g.pages, Log: g.log,
		},
		Names:    names.Options{Clients: g.clients.Clients, Mappings: db.Mappings, Tokens: db.APITokens, Directory: db, Connections: g.providers, Sessions: s.Sessions, Grants: db, Audit: db},
		Overview: overview.Options{Activity: db},
		Apps:     apps.Options{Apps: s.Apps, Owners: s.Owners, Entry: db.Entry, Mappings: db.Mappings, Grants: db},
		Connections: connections.Options{
			Issuer: issuer + Prefix, Connections: g.providers, Enabled: s.People.ConnectionEnabled, CertificatesEnd: s.certificatesEnd, Sessions: s.Sessions, Figures: db, Traces: db,
		},
		Pushing:   provisioning.Options{Issuer: issuer + Prefix, Connections: g.providers, Guard: s.Records, Operations: s.Records, Records: s.Records, Audit: db},
		People:    people.Options{Directory: db, Sessions: s.Sessions, Participants: db.Participants, Grants: db},
		Groups:    groups.Options{Directory: db, Connections: g.providers, Apps: s.Apps, Clients: g.clients.Clients, Roles: s.Admin, Entitlements: g.decides},
		Exchanges: exchanges.Options{Apps: s.Apps, Exchanges: g.tree},
		Imports:   imports.Options{Imports: s.Imports, Directory: s.Imports, Waiting: s.Admin.WaitingOf, Connections: g.providers},
		Keyring:   keyring.Options{Keys: g.ring, Due: g.ring.Due, Apps: s.Apps},
		Operations: operations.Options{
			Audit: db, AuditState: func(ctx context.Context) (audit.State, error) { return audit.ReadState(ctx, db) }, Outbox: g.outbox, Jobs: g.jobs, Streams: g.streams,
		},
		Admins: admins.Options{Admin: s.Admin, Directory: db},
		Access: access.Options{Apps: s.Apps, Answers: s.Owners.Answers, Clients: g.clients.Clients, Directory: db, Entitlements: g.decides, Assignments: s.Assignments},
	}
}

// certificatesEnd is what tests say of a connection.
func (s *Stage) certificatesEnd(connection string) time.Time { return s.Ends[connection] }

// current is the session of the person that the stage is set to.
func (s *Stage) current(*http.Request) (session.Session, error) {
	if s.Who == "" {
		return session.Session{}, session.ErrNotFound
	}
	return session.Session{ID: "browser", Person: s.Who, Authentication: identity.Authentication{Connection: "acme"}}, nil
}
