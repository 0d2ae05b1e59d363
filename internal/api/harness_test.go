package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api"
	"github.com/gatehouse-io/gatehouse/internal/api/apitest"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
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
	"github.com/gatehouse-io/gatehouse/internal/porting"
	"github.com/gatehouse-io/gatehouse/internal/porting/keycloak"
	"github.com/gatehouse-io/gatehouse/internal/revoke"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/signal"
	"github.com/gatehouse-io/gatehouse/internal/storage"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// asked is an answer.
type asked struct {
	status int
	body   string
	header http.Header
}

// items counts the items of a list.
func (a asked) items(t *testing.T) (items []json.RawMessage, next string) {
	t.Helper()
	var page struct {
		Items []json.RawMessage
		Next  string
	}
	if err := json.Unmarshal([]byte(a.body), &page); err != nil || a.status != http.StatusOK || page.Items == nil {
		t.Fatalf("%v: %d %s", err, a.status, a.body)
	}
	return page.Items, page.Next
}

// broker is the API over a database of its own.
type broker struct {
	*api.API
	db    *storage.DB
	admin *admin.Service
	mux   *http.ServeMux
	// connections are acme, which is configured, and what is added.
	connections *connection.Service
	assignments *entitlement.Service
	now         atomic.Int64 // nanoseconds that the clock is ahead
}

func (b *broker) clock() time.Time { return time.Now().Add(time.Duration(b.now.Load())) }

// streams are those of shared signals.
func streams(db *storage.DB, vault *keys.Vault, now func() time.Time) *signal.Service {
	return signal.NewService(signal.Options{
		Store: db, Sealer: vault, Allowed: httpx.Guard{}.Check, Now: now, Queued: func() {}, Created: func(context.Context) error { return nil },
	})
}

// identityProvidersOf are connections as imports ask for them.
type identityProvidersOf struct{ *connection.Service }

func (identityProvidersOf) Domains(context.Context, string) ([]string, error) { return nil, nil }

func (identityProvidersOf) Policy(context.Context, string) (record.Policy, error) {
	return record.Policy{}, nil
}

func (identityProvidersOf) ReadUser(_ context.Context, u record.User) (record.User, error) {
	return u, nil
}

func (identityProvidersOf) ReadGroup(_ context.Context, g record.Group) (record.Group, error) {
	return g, nil
}

// ports imports and exports.
func ports(db *storage.DB, records *record.Service, people *directory.Service, assignments *entitlement.Service, connections *connection.Service, now func() time.Time) *porting.Service {
	imports := db.Imports()
	return porting.NewService(porting.Config{
		Issuer: "https://login.example", Store: imports, People: imports, Records: records, Found: imports, Directory: imports, Groups: people, Assignments: assignments,
		Connections: identityProvidersOf{connections}, Roles: func() []string { return []string{"admins"} }, Now: now,
		Parsers: map[porting.Format]func(io.Reader, porting.Options) porting.Source{
			porting.Keycloak: func(in io.Reader, o porting.Options) porting.Source { return keycloak.New(in, o) },
		},
	})
}

// nobody is the header of who is not the operator and has no token.
const nobody = "X-Nobody"

// ask sends a request, with headers as names and values, as the operator unless it
// has a token or nobody.
func (b *broker) ask(t *testing.T, method, path, body string, headers ...string) asked {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, rest.Prefix+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
		if strings.Contains(body, "apiVersion:") {
			r.Header.Set("Content-Type", "application/yaml")
		}
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	b.mux.ServeHTTP(w, r)
	return asked{w.Code, w.Body.String(), w.Header()}
}

// token makes an API token with these roles and returns its Authorization.
func (b *broker) token(t *testing.T, roles ...admin.Role) string {
	t.Helper()
	return b.tokenOf(t, admin.Operator(), admin.NewToken{Name: "test", Roles: roles})
}

func (b *broker) tokenOf(t *testing.T, by admin.Principal, n admin.NewToken) string {
	t.Helper()
	_, secret, err := b.admin.CreateToken(t.Context(), n, by, identity.Actor{Ref: by.Ref})
	if err != nil {
		t.Fatal(err)
	}
	return "Bearer " + secret
}

// start returns a broker of which these operations need four eyes.
func start(t *testing.T, fourEyes ...string) *broker {
	t.Helper()
	return startOn(t, storage.Options{Driver: storage.SQLite, Dir: t.TempDir()}, fourEyes...)
}

// startOn is start with another database.
func startOn(t *testing.T, o storage.Options, fourEyes ...string) *broker {
	t.Helper()
	log, b := slog.New(slog.DiscardHandler), &broker{mux: http.NewServeMux()}
	var revocations *revoke.Sequence
	o.Now, o.Log, o.Raised = b.clock, log, func(ctx context.Context) error { return revocations.Sync(ctx) }
	db, err := storage.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	revocations = revoke.New(revoke.Options{Store: db, Now: b.clock, Log: log})
	vault, vaultErr := keys.NewVault(make([]byte, 32))
	ring := keys.NewRing(keys.RingOptions{Store: db, Vault: vault, Now: b.clock, Log: log, Algorithms: []keys.Algorithm{keys.ES256, keys.SAML}})
	pages, uiErr := ui.New(ui.Options{Log: log})
	if err := errors.Join(vaultErr, uiErr, revocations.Start(t.Context()), ring.Load(t.Context())); err != nil {
		t.Fatal(err)
	}
	connections := apitest.IdentityProviders(db, vault, b.clock)
	b.connections = connections
	revocations.Watch(connections.Invalidate)
	people := directory.NewService(directory.Options{People: db, Groups: db, Connections: db, Known: connections.Known, Now: b.clock})
	lock := func(ctx context.Context, name string) (func(), error) { return job.Lock(ctx, db.Jobs(), name, b.clock) }
	apps := catalog.NewService(catalog.Options{Store: db, Issuer: "https://login.example", Now: b.clock})
	b.assignments = entitlement.NewService(entitlement.Options{Store: db, Apps: apps, Now: b.clock, Changed: func() {}})
	b.db, b.admin = db, admin.New(admin.Options{
		Store: db, Changes: db, Directory: db, Groups: people, FourEyes: fourEyes, Now: b.clock, ConnectionEnabled: people.ConnectionEnabled,
		Members: map[admin.Role][]string{admin.Admin: {"admins"}, admin.AppOwner: {"people-tools"}},
	})
	records := record.NewService(record.Options{
		Store: db.Records(), Now: b.clock, Log: slog.New(slog.DiscardHandler), Policy: func(context.Context, string) (record.Policy, error) { return record.Policy{}, nil },
	})
	b.API, err = api.New(api.Options{
		Product: "Gatehouse", Issuer: "https://login.example", Grants: db, Now: b.clock, Admin: b.admin, People: people, Directory: db,
		Apps: apps, Owners: ownership.NewService(ownership.Options{Store: db, People: db, Enabled: people.ConnectionEnabled, Now: b.clock, Log: slog.New(slog.DiscardHandler)}), Assignments: b.assignments, ExplainAccess: entitlement.NewExplainer(db, b.clock).Explain,
		Connections: connections, SCIM: records, Porting: ports(db, records, people, b.assignments, connections, b.clock),
		Health: func(string) (time.Time, error) { return b.clock(), errors.New("a lie") }, CertificatesEnd: func(string) time.Time { return b.clock() },
		Sessions: session.New(session.Options{
			Store: db, People: people, Revocations: revocations, Era: db.Era(), Now: b.clock, Idle: time.Hour, Absolute: time.Hour, Actor: httpx.Actor,
		}),
		Streams: streams(db, vault, b.clock),
		Keys:    ring, Certified: ring.Certified, Audit: db, Outbox: &event.Desk{Queue: db.OutboxQueue(), Now: b.clock}, Jobs: &job.Desk{Queue: db.JobQueue(), Now: b.clock}, Figures: db, Hit: db.Hit, Exchanges: grant.NewTree(grant.TreeOptions{Nodes: db, Record: db.Record, Revocations: revocations, Now: b.clock}),
		ExplainExchange: apitest.Explain, Progress: db.Progress,
		RevocationsOf: db.RevocationsOf, Consequences: func(ctx context.Context, e event.Event) ([]grant.Consequence, error) {
			return db.Consequences(ctx, e.ID, []string{grant.LogoutOfApps})
		}, Traces: db, Test: apitest.Invite, Answers: db, Sealer: vault, Lock: lock, Actor: httpx.Actor, UI: pages,
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Mount(b.mux, func(r *http.Request) (admin.Principal, error) {
		if r.Header.Get("Authorization") == "" && r.Header.Get(nobody) == "" {
			return api.Operator(r)
		}
		return b.Bearer(r)
	})
	return b
}
