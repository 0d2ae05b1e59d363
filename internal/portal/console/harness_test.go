package console

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
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
	"github.com/gatehouse-io/gatehouse/internal/portal/console/admins"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/apps"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/connections"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/exchanges"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/groups"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/keyring"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/operations"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/overview"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/people"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/revoke"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/signal"
	"github.com/gatehouse-io/gatehouse/internal/storage"
	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
	"github.com/gatehouse-io/gatehouse/internal/trace"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// stage is the console over a database and an API of its own.
type stage struct {
	assignments *entitlement.Service
	t           *testing.T
	db          *storage.DB
	admin       *admin.Service
	apps        *catalog.Service
	people      *directory.Service
	sessions    *session.Manager
	console     *Console
	operations  *api.API
	handler     http.Handler
	// who is whose browser asks; empty is nobody's. uses counts how often it was used.
	who  string
	uses int
	// ends are when the certificates of connections run out.
	ends map[string]time.Time
}

// prefix is the path that the broker is served under in tests.
const prefix = "/auth"

func newStage(t *testing.T, fourEyes ...string) *stage {
	t.Helper()
	log, s := slog.New(slog.DiscardHandler), &stage{t: t}
	var revocations *revoke.Sequence
	db, err := storage.Open(t.Context(), storage.Options{
		Driver: "sqlite", Dir: t.TempDir(), Now: time.Now, Log: log, OutboxTypes: []string{"session.ended"},
		Raised: func(ctx context.Context) error { return revocations.Sync(ctx) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	revocations = revoke.New(revoke.Options{Store: db, Now: time.Now, Log: log})
	vault, vaultErr := keys.NewVault(make([]byte, 32))
	ring := keys.NewRing(keys.RingOptions{Store: db, Vault: vault, Now: time.Now, Log: log, Algorithms: []keys.Algorithm{keys.ES256}})
	pages, uiErr := ui.New(ui.Options{Brand: ui.Brand{Name: "Gatehouse"}, Prefix: prefix, Log: log})
	if err := errors.Join(vaultErr, uiErr, revocations.Start(t.Context()), ring.Load(t.Context())); err != nil {
		t.Fatal(err)
	}
	clients := registry.New(registry.Options{Store: db, Applied: revocations.Applied, Now: time.Now, Log: log, ThirdParty: func(string) bool { return false }})
	providers := identityProviders(db, vault, time.Now)
	revocations.Watch(providers.Invalidate)
	s.db, s.people = db, directory.NewService(directory.Options{People: db, Groups: db, Connections: db, Known: providers.Known, Now: time.Now})
	s.admin = admin.New(admin.Options{
		Store: db, Changes: db, Directory: db, Groups: s.people, FourEyes: fourEyes, Now: time.Now, ConnectionEnabled: s.people.ConnectionEnabled,
		Members: map[admin.Role][]string{admin.Admin: {"admins"}, admin.AppOwner: {"people-tools"}},
	})
	s.apps = catalog.NewService(catalog.Options{Store: db, Issuer: "https://login.example", Now: time.Now, Changed: func(ctx context.Context) {
		if err := clients.Refresh(ctx); err != nil {
			t.Error(err)
		}
	}})
	s.sessions = session.New(session.Options{
		Store: db, People: s.people, Revocations: revocations, Era: db.Era(), Now: time.Now, Idle: time.Hour, Absolute: time.Hour, Actor: httpx.Actor,
	})
	outbox, jobs := &event.Desk{Queue: db.OutboxQueue(), Now: time.Now}, &job.Desk{Queue: db.JobQueue(), Now: time.Now}
	streams := signal.NewService(signal.Options{
		Store: db, Sealer: vault, Allowed: httpx.Guard{}.Check, Now: time.Now, Queued: func() {}, Created: func(context.Context) error { return nil },
	})
	lock := func(ctx context.Context, name string) (func(), error) {
		return job.Lock(ctx, db.Jobs(), name, time.Now)
	}
	tree := grant.NewTree(grant.TreeOptions{Nodes: db, Record: db.Record, Revocations: revocations, Now: time.Now})
	decides := entitlement.NewChecker(s.people, db, time.Now)
	s.assignments = entitlement.NewService(entitlement.Options{Store: db, Apps: s.apps, Now: time.Now, Changed: decides.Forget})
	explainer := entitlement.NewExplainer(db, time.Now)
	s.operations, err = api.New(api.Options{
		Assignments: s.assignments, ExplainAccess: explainer.Explain,
		Product: "Gatehouse", Issuer: "https://login.example", Grants: db, Now: time.Now, Admin: s.admin, People: s.people, Directory: db, Apps: s.apps,
		Connections: providers, SCIM: record.NewService(record.Options{
			Store: db.Records(), Now: time.Now, Log: slog.New(slog.DiscardHandler), Policy: func(context.Context, string) (record.Policy, error) { return record.Policy{}, nil },
		}), Health: func(string) (time.Time, error) { return time.Time{}, nil }, CertificatesEnd: s.certificatesEnd, Sessions: s.sessions,
		Streams: streams,
		Keys:    ring, Audit: db, Outbox: outbox, Jobs: jobs, Figures: db, Hit: db.Hit, Exchanges: tree, Traces: db,
		ExplainExchange: explain, Progress: func(ctx context.Context, id string) (grant.Progress, error) { return db.Progress(ctx, id, "told") },
		Test: invite, Answers: db, Sealer: vault, Lock: lock, Actor: httpx.Actor, UI: pages,
	})
	if err != nil {
		t.Fatal(err)
	}
	auditState := func(ctx context.Context) (audit.State, error) { return audit.ReadState(ctx, db) }
	s.console, err = New(Options{
		Kit: kit.Options{
			Site:    kit.Site{Prefix: prefix, Now: time.Now},
			Current: func(r *http.Request) (session.Session, error) { s.uses++; return s.current(r) }, Peek: s.current,
			SignIn: func(w http.ResponseWriter, r *http.Request, local string) {
				http.Redirect(w, r, "/sign-in?to="+url.QueryEscape(local), http.StatusSeeOther)
			},
			People: s.people, Admin: s.admin, Apps: s.apps, Operations: s.operations, UI: pages, Log: log,
		},
		Names:    names.Options{Clients: clients.Clients, Mappings: db.Mappings, Directory: db, Connections: providers, Sessions: s.sessions, Grants: db, Audit: db},
		Overview: overview.Options{Activity: db},
		Apps:     apps.Options{Apps: s.apps, Mappings: db.Mappings, Grants: db},
		Connections: connections.Options{
			Issuer: "https://login.example" + prefix, Connections: providers, Enabled: s.people.ConnectionEnabled, CertificatesEnd: s.certificatesEnd, Sessions: s.sessions, Figures: db, Traces: db,
		},
		People:     people.Options{Directory: db, Sessions: s.sessions, Participants: db.Participants, Grants: db},
		Groups:     groups.Options{Directory: db, Connections: providers, Apps: s.apps, Clients: clients.Clients, Roles: s.admin, Entitlements: decides},
		Exchanges:  exchanges.Options{Apps: s.apps, Exchanges: tree},
		Keyring:    keyring.Options{Keys: ring, Due: ring.Due, Apps: s.apps},
		Operations: operations.Options{Audit: db, AuditState: auditState, Outbox: outbox, Jobs: jobs, Streams: streams},
		Admins:     admins.Options{Admin: s.admin, Directory: db},
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	s.console.Mount(mux)
	s.handler = httpx.Edge(httpx.EdgeOptions{Prefix: prefix}, mux)
	return s
}

// certificatesEnd is what tests say of a connection.
func (s *stage) certificatesEnd(connection string) time.Time { return s.ends[connection] }

// invite stands for the sign-in that prepares tests.
func invite(_ context.Context, connection string, _ identity.Actor) (report, url string, expires time.Time, err error) {
	return trace.NewID(), "https://login.example/login/test/" + connection, time.Now().Add(time.Minute), nil
}

// identityProviders are those of the configuration, acme, and what is added to them.
func identityProviders(db *storage.DB, vault *keys.Vault, now func() time.Time) *connection.Service {
	return connection.New(connection.Options{
		Store: db, Sealer: vault, Now: now,
		Configured: []connection.Connection{{Source: connection.Configured, Settings: connection.Settings{ID: "acme", Title: "Acme Workforce", Type: "oidc", Issuer: "https://idp.example"}}},
		Read: func(text []byte, others []connection.Settings) (connection.Settings, string, error) {
			var c struct {
				connection.Settings
				Secret string `json:"client_secret"`
			}
			if err := json.Unmarshal(text, &c); err != nil {
				return c.Settings, "", strictyaml.Faults{{File: "connection", Path: "", Message: err.Error()}}
			}
			if c.Issuer == "" {
				return c.Settings, "", strictyaml.Faults{{File: "connection", Path: "issuer", Message: "is required"}, {File: "connection", Path: "client_id", Message: "is required"}}
			}
			return c.Settings, c.Secret, nil
		},
	})
}

// current is the session of the person that the stage is set to.
func (s *stage) current(*http.Request) (session.Session, error) {
	if s.who == "" {
		return session.Session{}, session.ErrNotFound
	}
	return session.Session{ID: "browser", Person: s.who, Authentication: identity.Authentication{Connection: "acme"}}, nil
}

// person puts somebody into the directory, with what the identity provider says.
func (s *stage) person(id, name string, groups ...string) directory.Person {
	s.t.Helper()
	now := time.Now()
	p, err := s.db.SignIn(s.t.Context(), directory.Key{Connection: "acme", Subject: id}, func(*directory.Person) (directory.Person, []event.Event, error) {
		p := directory.Person{
			ID: id, Created: now, Updated: now, Profile: directory.Profile{Name: name, Username: id, Email: id + "@acme.example"},
			Identities: []directory.Identity{{Connection: "acme", Subject: id, LastSignIn: now}},
		}
		for _, g := range groups {
			p.Groups = append(p.Groups, directory.Membership{Group: identity.GroupRef{Connection: "acme", ID: g}, Source: "sign-in", ValidUntil: now.Add(time.Hour)})
		}
		return p, nil, nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// as makes the browser one of somebody with these roles.
func (s *stage) as(id string, roles ...admin.Role) {
	s.t.Helper()
	s.person(id, id)
	for _, r := range roles {
		if err := s.admin.Assign(s.t.Context(), id, r, identity.System("test")); err != nil {
			s.t.Fatal(err)
		}
	}
	s.who = id
}

// manifest is an app of a team.
func manifest(name, title, team string) string {
	return `{apiVersion: marketplace/v1alpha1, kind: MicroApp, metadata: {name: ` + name + `, title: "` + title + `", description: The sample app ` + name + `.},
spec: {owner: {team: ` + team + `, primary: a@acme.example}, entitlements: [{name: user, description: Use, groups: [staff]}],
identity: {protocol: oidc, oidc: {clientId: ` + name + `-client, redirectUris: ["https://` + name + `.example/cb"], grantTypes: [authorization_code], tokenEndpointAuthMethod: client_secret_basic, scopes: [{name: openid}]}}}}`
}

func (s *stage) app(name, title, team string) catalog.App {
	s.t.Helper()
	m, err := catalog.Parse("m.yaml", []byte(manifest(name, title, team)))
	if err != nil {
		s.t.Fatal(err)
	}
	a, _, err := s.apps.Apply(s.t.Context(), m, identity.System("test"))
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

// session signs somebody in and returns its id.
func (s *stage) session(person string) string {
	s.t.Helper()
	now := time.Now().UTC()
	id := identity.NewID()
	one := session.Session{
		ID: id, SecretHash: []byte(id), Person: person, Authentication: identity.Authentication{Connection: "acme", Subject: person, Time: now},
		Created: now, LastSeen: now, IdleAfter: time.Hour, Expires: now.Add(time.Hour), Era: s.db.Era(), UserAgent: "Firefox/128.0 Linux", Address: "192.0.2.7",
	}
	if err := s.db.CreateSession(s.t.Context(), one, nil); err != nil {
		s.t.Fatal(err)
	}
	return id
}

// asked is an answer.
type asked struct {
	status int
	body   string
	header http.Header
}

func (s *stage) do(r *http.Request) asked {
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return asked{w.Code, w.Body.String(), w.Header()}
}

func (s *stage) get(path string) asked {
	s.t.Helper()
	return s.do(httptest.NewRequestWithContext(s.t.Context(), http.MethodGet, prefix+kit.Base+path, nil))
}

// post sends a form of our own page; site says what the browser says of its origin.
func (s *stage) post(path string, form url.Values, site string) asked {
	s.t.Helper()
	r := httptest.NewRequestWithContext(s.t.Context(), http.MethodPost, prefix+kit.Base+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", site)
	return s.do(r)
}

// upload sends a form of type multipart/form-data.
func (s *stage) upload(path string, form map[string]string) asked {
	s.t.Helper()
	body, w := io.Pipe()
	parts := multipart.NewWriter(w)
	go func() {
		for name, value := range form {
			_ = parts.WriteField(name, value)
		}
		_ = w.CloseWithError(parts.Close())
	}()
	r := httptest.NewRequestWithContext(s.t.Context(), http.MethodPost, prefix+kit.Base+path, body)
	r.Header.Set("Content-Type", parts.FormDataContentType())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return s.do(r)
}

// hidden are the hidden fields of a page's forms.
func (a asked) hidden() url.Values {
	values := url.Values{}
	for _, m := range regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`).FindAllStringSubmatch(a.body, -1) {
		values.Set(html.UnescapeString(m[1]), html.UnescapeString(m[2]))
	}
	return values
}

// confirm asks, and sends what the question wants.
func (s *stage) confirm(path string) (question, done asked) {
	s.t.Helper()
	question = s.get(path)
	if question.status != http.StatusOK {
		s.t.Fatalf("%s: %d %s", path, question.status, question.body)
	}
	return question, s.post(path, question.hidden(), "same-origin")
}

func (s *stage) disabled(app string) bool {
	s.t.Helper()
	a, err := s.apps.App(s.t.Context(), app)
	if err != nil {
		s.t.Fatal(err)
	}
	return a.Disabled
}

// mapped gives a group of acme a name.
func (s *stage) mapped(group, name string) {
	s.t.Helper()
	m := directory.Mapping{Group: identity.GroupRef{Connection: "acme", ID: group}, Name: name}
	if err := s.people.Map(s.t.Context(), m, identity.System("test")); err != nil {
		s.t.Fatal(err)
	}
}
