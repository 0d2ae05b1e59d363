package app

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/gatehouse-io/gatehouse/internal/api"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/login"
	"github.com/gatehouse-io/gatehouse/internal/oidc"
	"github.com/gatehouse-io/gatehouse/internal/portal"
	"github.com/gatehouse-io/gatehouse/internal/portal/console"
	"github.com/gatehouse-io/gatehouse/internal/saml/idp"
	"github.com/gatehouse-io/gatehouse/internal/scim"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/tokenexchange"
	"github.com/gatehouse-io/gatehouse/internal/ui"
	"github.com/gatehouse-io/gatehouse/internal/upstream"
)

// faces are what answers requests.
type faces struct {
	ui         *ui.UI
	login      *login.Login
	provider   *oidc.Provider
	explainer  *tokenexchange.Explainer
	portal     *portal.Portal
	console    *console.Console
	api        *api.API
	bearer     rest.Authenticate // who asks on the network
	connectors *connectors
	saml       *upstream.SAMLEndpoints
	apps       *idp.Provider // of those that speak SAML
	scim       *scim.Server
}

// openFaces makes what answers requests: sign-ins, the provider of tokens, pages.
func (p *parts) openFaces(_ context.Context, _ Options) (err error) {
	p.gauges()
	limits := p.openLimits()
	if err := p.openSignIns(limits); err != nil {
		return err
	}
	if err := p.openProvider(limits); err != nil {
		return err
	}
	p.faces.scim = p.openSCIM(limits)
	if err := p.openSignalsFace(limits); err != nil {
		return err
	}
	return p.openPages(limits)
}

// openSignIns makes what people come in by, and the apps that speak SAML, whose sign-ins
// it takes up again.
func (p *parts) openSignIns(l limits) (err error) {
	f := &p.faces
	brand, err := p.brand()
	if err != nil {
		return err
	}
	if f.ui, err = ui.New(ui.Options{Brand: brand, Prefix: p.issuer.Path, Now: p.now, Log: p.log}); err != nil {
		return err
	}
	if err := Check(p.cfg); err != nil {
		return err
	}
	f.connectors = &connectors{
		of: p.connections, http: p.client, now: p.now, log: p.log, saml: samlParts{issuer: p.cfg.Issuer, ring: p.saml, seen: p.memory, learned: p.certificatesRead},
	}
	f.connectors.configure(p.cfg.Connections)
	f.login, err = login.New(login.Options{
		Connections: f.connectors.all, Fresh: f.connectors.fresh, Traces: p.db, KeepTraces: p.cfg.SignInTraces.Keep, Cache: p.memory, Directory: p.people, Sessions: p.sessions, Consents: p.db, Apps: p.registry, Answers: p.owners.Answers,
		Entitlements: p.entitlements, SignIns: l.signIns, Applied: p.revocations.Applied, UI: f.ui, Issuer: p.cfg.Issuer, Prefix: p.issuer.Path,
		Secure: p.secure(), Actor: httpx.Actor, Outcome: p.metrics.SignIn, Now: p.now, Log: p.log,
	})
	if err != nil {
		return err
	}
	f.saml, err = upstream.NewSAMLEndpoints(upstream.SAMLEndpointOptions{
		Connection: f.connectors.samlConnection, Sessions: p.sessions, Apps: f.leaveApps, Cache: p.memory, Limit: l.signIns, Refused: f.login.Refused, Actor: httpx.Actor, UI: f.ui, Log: p.log,
	})
	if err != nil {
		return err
	}
	f.apps, err = idp.New(idp.Options{
		Issuer: p.cfg.Issuer, Prefix: p.issuer.Path, Authenticator: f.login, Apps: p.registry, People: p.people, Entitlements: p.entitlements,
		Sessions: p.sessions, Participants: p.db, Memory: p.memory, Seen: p.memory, Revocations: p.revocations, Keys: p.saml, Onward: f.saml.Leave,
		Limits: idp.Limits{Address: l.provider.Address, Person: l.provider.Person},
		UI:     f.ui, Actor: httpx.Actor, Issued: p.metrics.Issued, Now: p.now, Log: p.log,
	})
	if err != nil {
		return err
	}
	f.login.SetResumer(identity.SAML, f.apps)
	return nil
}

// openProvider makes the OpenID provider, with the exchange of tokens.
func (p *parts) openProvider(l limits) (err error) {
	f := &p.faces
	abroad := subjects{f.connectors, p.people.ConnectionEnabled, p.meant}
	exchange := tokenexchange.New(tokenexchange.Options{
		Issuer: p.cfg.Issuer, Verifier: p.verifier, Clients: p.registry, People: p.people, Entitlements: p.entitlements, Revocations: p.revocations,
		Foreign: tokenexchange.Foreign{Verifier: abroad, Owners: p.people, Revocations: p.db},
	})
	f.provider, err = oidc.New(oidc.Options{
		Issuer: p.cfg.Issuer, Prefix: p.issuer.Path, Era: p.db.Era(), Authenticator: f.login, Clients: scimAudiences{p.registry, p.cfg.Issuer, p.connections}, People: p.people,
		Entitlements: p.entitlements, Sessions: p.sessions, Fanout: p.db, Grants: p.db, Once: p.memory, Trail: p.trail, Queue: p.jobs,
		Ring: p.ring, Vault: p.vault, Minter: p.minter, Verifier: p.verifier, Extensions: []oidc.Extension{exchange}, Revocations: p.revocations, Feed: p.revocations, UI: f.ui, HTTP: p.client,
		Limits: l.provider, Leave: f.apps.Leave, Note: p.signals.notebook.Note,
		Actor: httpx.Actor, Issued: p.metrics.Issued, Now: p.now, Log: p.log,
	})
	if err != nil {
		return err
	}
	f.login.SetResumer(identity.OIDC, f.provider)
	f.explainer = tokenexchange.NewExplainer(tokenexchange.ExplainOptions{
		Exchange: exchange, Admits: f.provider.Admits, Tokens: p.exchanges, Person: p.db.Person, Abroad: abroad, Now: p.now,
	})
	return nil
}

// openPages makes the pages of people and administrators, and the API that those stand on.
func (p *parts) openPages(l limits) (err error) {
	f := &p.faces
	f.portal, err = portal.New(portal.Options{
		Sessions: p.sessions, People: p.people, Roles: p.admin, Connections: p.titles, Prefix: p.issuer.Path, Clients: p.registry, Grants: p.db, Exchanges: p.exchanges, Now: p.now, Entitlements: p.entitlements, Answers: p.owners.Answers, Explain: p.explainer.Explain,
		SignIn: f.login.SignIn, Leave: f.apps.Leave, Actor: httpx.Actor, UI: f.ui,
	})
	if err != nil {
		return err
	}
	if f.api, err = api.New(p.management()); err != nil {
		return err
	}
	f.bearer = l.api(f.api.Bearer)
	f.console, err = p.openConsole(f.api)
	return err
}

// leaveApps leads a browser whose session the identity provider ended through the apps
// that only it can tell.
func (f *faces) leaveApps(w http.ResponseWriter, r *http.Request, ended session.Session, back string) bool {
	return f.apps.LeaveApps(w, r, ended, back)
}

// management is what the API and the console stand on.
func (p *parts) management() api.Options {
	return api.Options{
		Product: p.cfg.Product.Name, Issuer: p.cfg.Issuer, Admin: p.admin, Apps: p.apps, Owners: p.owners, People: p.people, Directory: p.db,
		Connections: p.connections, SCIM: p.records, Health: p.faces.connectors.health, CertificatesEnd: p.faces.connectors.certificatesEnd, Test: p.faces.login.NewTest, Traces: p.db, Sessions: p.sessions, Grants: p.db, Keys: p.rings(),
		SAML: idp.Describe(p.cfg.Issuer), Certified: p.saml.Certified, Audit: p.db,
		Streams: p.signals.service,
		Outbox:  p.outboxDesk(), Jobs: p.jobDesk(), Figures: p.db, Hit: p.db.Hit, Exchanges: p.exchanges, Progress: p.db.Progress, Consequences: p.consequences, RevocationsOf: p.db.RevocationsOf, ExplainExchange: p.faces.explainer.Explain, ExplainAccess: p.explainer.Explain, Assignments: p.assignments, Porting: p.porting,
		Answers: p.db, Sealer: p.vault, Lock: p.exclusive, Actor: httpx.Actor, UI: p.faces.ui, Now: p.now,
	}
}

// consequences lists what an event leads to.
func (p *parts) consequences(ctx context.Context, e event.Event) ([]grant.Consequence, error) {
	return p.db.Consequences(ctx, e.ID, p.outbox.Handlers(e))
}

// titles are what people call the connections, by id.
func (p *parts) titles(ctx context.Context) (map[string]string, error) {
	there, err := p.connections.All(ctx)
	all := map[string]string{}
	for _, c := range there {
		all[c.Settings.ID] = c.Title()
	}
	return all, err
}

// public is what people and apps reach.
func (p *parts) public() *http.ServeMux {
	mux := http.NewServeMux()
	f := p.faces
	f.ui.Mount(mux)
	f.login.Mount(mux)
	f.saml.Mount(mux)
	f.apps.Mount(mux)
	f.scim.Mount(mux)
	f.provider.Mount(mux)
	p.signals.face.Mount(mux)
	f.portal.Mount(mux)
	f.console.Mount(mux)
	f.api.Mount(mux, f.bearer)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", p.ready)
	mux.Handle("GET /metrics", p.forScrapers(p.metrics.Handler()))
	return mux
}

// errGoing is why a broker that was told to stop is not ready.
var errGoing = fault.New(fault.Unavailable, "stopping", "this replica is stopping")

// ready says by name what works and what does not. It answers 200 when tokens can
// be issued and verified; without short-term memory they can, while new sign-ins
// wait, so that alone takes no replica out of service.
func (p *parts) ready(w http.ResponseWriter, r *http.Request) {
	checks := map[string]error{
		"database":    p.db.Ping(r.Context()),
		"revocations": p.revocations.Check(p.revocations.Applied()),
	}
	_, _, checks["memory"] = p.memory.Get(r.Context(), "ready", "probe")
	_, checks["signing keys"] = p.ring.Signer(keys.ES256)
	answer, status := map[string]string{}, http.StatusOK
	if p.going.Load() {
		checks["serving"] = errGoing
	}
	for name, err := range checks {
		answer[name] = "ok"
		if err != nil {
			answer[name] = fault.As(err).Code
			if name != "memory" {
				status = http.StatusServiceUnavailable
			}
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // the peer may have gone
}
