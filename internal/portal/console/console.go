// Package console serves the pages of those who look after the broker, under
// /admin: what is going on, apps, connections, people, groups, sessions, keys, the
// audit log, operations, and who may do all that.
//
// One table has every page and action with the right that it takes, so that none
// without a rule can exist. A page calls the services that the management API
// calls, and decides on nothing itself. Whoever has no role finds nothing here.
//
// What cannot be taken back is asked about first: GET of an action shows what it
// hits, POST does it. A POST that was not shown, or whose object changed since, is
// answered with the question. Everything works without scripts; forms of other
// sites are refused.
package console

import (
	"context"
	"embed"
	"log/slog"
	"net/http"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/activity"
	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/signal"
	"github.com/gatehouse-io/gatehouse/internal/trace"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

//go:embed *.html de.yaml
var files embed.FS

// Options are what a Console needs. All are required.
type Options struct {
	// Current returns the browser's session, or session.ErrNotFound. Peek does so
	// without counting as a use.
	Current, Peek func(*http.Request) (session.Session, error)
	// SignIn begins a sign-in that ends at a path of ours.
	SignIn func(w http.ResponseWriter, r *http.Request, local string)
	Actor  func(*http.Request, identity.Ref) identity.Actor
	Now    func() time.Time
	UI     *ui.UI
	Log    *slog.Logger
	// Prefix is the path that the broker is served under, without a trailing slash.
	Prefix string
	// Issuer is the broker's public URL.
	Issuer string
	// Entitlements decide who may use what, ExplainAccess says why at a time, and
	// Assignments are the roles in apps that administrators gave.
	Entitlements  *entitlement.Checker
	ExplainAccess func(ctx context.Context, person, app string, at time.Time) (entitlement.Explanation, error)
	Assignments   *entitlement.Service

	Admin *admin.Service
	Apps  *catalog.Service
	// People says who may act, and whether connections are enabled.
	People *directory.Service
	// Directory reads people and groups.
	Directory interface {
		Person(ctx context.Context, id string) (directory.Person, error)
		Search(ctx context.Context, q directory.Query) (page []directory.Person, next string, err error)
		CountPeople(ctx context.Context) (int64, error)
		Group(ctx context.Context, ref identity.GroupRef) (directory.Group, error)
		SearchGroups(ctx context.Context, q directory.GroupQuery) (page []directory.Group, next string, err error)
	}
	// Mappings lists the group mappings.
	Mappings func(ctx context.Context) ([]directory.Mapping, error)
	// Clients lists the clients of all apps.
	Clients func(ctx context.Context) ([]*registry.Client, error)
	// Connections are the identity providers: connection.Service.
	Connections interface {
		All(ctx context.Context) ([]connection.Connection, error)
		Get(ctx context.Context, id string) (connection.Connection, error)
	}
	// CertificatesEnd tells when the last certificate of a SAML connection's provider
	// runs out, as far as this replica read them; zero for nothing.
	CertificatesEnd func(connection string) time.Time
	Sessions        interface {
		Search(ctx context.Context, q session.Query) (page []session.Found, next string, err error)
		Count(ctx context.Context, of session.Whose) (int64, error)
		Find(ctx context.Context, id string) (session.Session, error)
	}
	// Participants lists the clients of a session.
	Participants func(ctx context.Context, id string) ([]session.Participant, error)
	Grants       grant.Store
	// Exchanges is the exchange tree.
	Exchanges *grant.Tree
	Keys      interface {
		List(ctx context.Context) ([]keys.Info, error)
	}
	// SAML is what apps that speak SAML have to know of the broker.
	SAML registry.IdentityProvider
	// Due is how long until the next key is due for rotation; below zero, it is late.
	Due   func() time.Duration
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
	Figures activity.Figures
	// Traces are the sign-ins that failed, and tests of connections.
	Traces interface {
		Trace(ctx context.Context, id string) (trace.Trace, error)
		SearchTraces(ctx context.Context, q trace.Query) (page []trace.Trace, next string, err error)
	}
	// Operations do everything that changes something.
	Operations kit.Operations
}

// Console serves the pages.
type Console struct {
	*names.Names
	o Options
	// server has the table that all is reached by.
	server *kit.Server
}

// New returns a Console.
func New(o Options) (*Console, error) {
	site := kit.Site{Prefix: o.Prefix, Now: o.Now}
	c := &Console{o: o, Names: names.New(names.Options{
		Site: site, Clients: o.Clients, Directory: o.Directory, Connections: o.Connections, Sessions: o.Sessions, Grants: o.Grants, Audit: o.Audit,
	})}
	var err error
	c.server, err = kit.New(kit.Options{
		Site: site, Current: o.Current, Peek: o.Peek, SignIn: o.SignIn, People: o.People, Admin: o.Admin, Apps: o.Apps, Operations: o.Operations, UI: o.UI, Log: o.Log,
	}, side(), c.parts()...)
	return c, err
}

// parts are what the console is made of.
func (c *Console) parts() []kit.Part {
	return []kit.Part{c.Part(), {Rules: c.table(), Notices: notices(), Files: files}}
}

// Mount adds the pages and actions.
func (c *Console) Mount(mux *http.ServeMux) { c.server.Mount(mux) }
