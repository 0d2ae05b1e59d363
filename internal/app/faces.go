package app

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/api"
	"github.com/gatehouse-io/gatehouse/internal/claims"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/login"
	"github.com/gatehouse-io/gatehouse/internal/oidc"
	"github.com/gatehouse-io/gatehouse/internal/portal"
	"github.com/gatehouse-io/gatehouse/internal/ui"
	"github.com/gatehouse-io/gatehouse/internal/upstream"
)

// faces are what answers requests.
type faces struct {
	ui       *ui.UI
	login    *login.Login
	provider *oidc.Provider
	portal   *portal.Portal
	api      *api.API
}

func (p *parts) openFaces(_ context.Context, _ Options) (err error) {
	f := &p.faces
	if f.ui, err = ui.New(ui.Options{Product: p.cfg.Product.Name, Prefix: p.issuer.Path, Log: p.log}); err != nil {
		return err
	}
	connections, err := p.connections()
	if err != nil {
		return err
	}
	f.login, err = login.New(login.Options{
		Connections: connections, Cache: p.memory, Directory: p.people, Sessions: p.sessions, Consents: p.db, Apps: p.registry,
		Entitlements: p.entitlements, Applied: p.revocations.Applied, UI: f.ui, Issuer: p.cfg.Issuer, Prefix: p.issuer.Path,
		Secure: p.secure(), Actor: httpx.Actor, Outcome: p.metrics.SignIn, Now: p.now, Log: p.log,
	})
	if err != nil {
		return err
	}
	f.provider, err = oidc.New(oidc.Options{
		Issuer: p.cfg.Issuer, Prefix: p.issuer.Path, Era: p.db.Era(), Authenticator: f.login, Clients: p.registry, People: p.people,
		Entitlements: p.entitlements, Sessions: p.sessions, Fanout: p.db, Grants: p.db, Once: p.memory, Trail: p.trail, Queue: p.jobs,
		Ring: p.ring, Vault: p.vault, Minter: p.minter, Verifier: p.verifier, Revocations: p.revocations, UI: f.ui, HTTP: p.client,
		Actor: httpx.Actor, Issued: p.metrics.Issued, Now: p.now, Log: p.log,
	})
	if err != nil {
		return err
	}
	f.login.SetResumer(f.provider)
	f.portal, err = portal.New(portal.Options{
		Sessions: p.sessions, People: p.people, Clients: p.registry, Grants: p.db, Now: p.now, Entitlements: p.entitlements, SignIn: f.login.SignIn, Actor: httpx.Actor, UI: f.ui,
	})
	f.api = api.New(api.Options{
		Apps: p.apps, People: p.people, Directory: p.db, Connections: p.configured(), Sessions: p.sessions, Keys: p.ring, Audit: p.db,
		Mappings: p.db.Mappings, Actor: httpx.Actor,
	})
	return err
}

// configured lists the connections for operators.
func (p *parts) configured() []api.Connection {
	all := make([]api.Connection, len(p.cfg.Connections))
	for i, c := range p.cfg.Connections {
		all[i] = api.Connection{ID: c.ID, Title: c.Title, Type: c.Type, Issuer: c.Issuer}
	}
	return all
}

// connections makes a connector of every configured identity provider.
func (p *parts) connections() ([]login.Connection, error) {
	var all []login.Connection
	for _, c := range p.cfg.Connections {
		rules, err := claims.Compile(claims.Options{Expressions: c.Claims, GroupsClaim: c.Groups.Claim, Domains: c.Domains})
		if err != nil {
			return nil, fmt.Errorf("connections: %s: %w", c.ID, err)
		}
		all = append(all, login.Connection{
			ID: c.ID, Title: c.Title, Domains: c.Domains, Rules: rules, Connector: p.connector(c),
		})
	}
	return all, nil
}

func (p *parts) connector(c config.Connection) *upstream.Connection {
	return upstream.New(upstream.Options{
		ID: c.ID, Issuer: c.Issuer, ClientID: c.ClientID, ClientSecret: c.ClientSecret.Reveal(), Scopes: c.Scopes,
		Algorithms: c.Algorithms, UserInfo: c.UserInfo, HTTP: p.client, Now: p.now, Log: p.log,
	})
}

// public is what people and apps reach.
func (p *parts) public() *http.ServeMux {
	mux := http.NewServeMux()
	f := p.faces
	f.ui.Mount(mux)
	f.login.Mount(mux)
	f.provider.Mount(mux)
	f.portal.Mount(mux)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", p.ready)
	mux.Handle("GET /metrics", p.forScrapers(p.metrics.Handler()))
	return mux
}

// ready answers 200 when the database answers and revocations are known.
func (p *parts) ready(w http.ResponseWriter, r *http.Request) {
	err := p.db.Ping(r.Context())
	if err == nil {
		err = p.revocations.Check(p.revocations.Applied())
	}
	if err != nil {
		httpx.Problem(w, r, err)
		return
	}
	_, _ = w.Write([]byte("ready\n")) // the peer may have gone
}

// forScrapers lets the configured networks read the metrics.
func (p *parts) forScrapers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, err := netip.ParseAddr(httpx.ClientAddress(r))
		if err == nil {
			for _, n := range p.cfg.Metrics.Allow {
				if n.Contains(a) {
					next.ServeHTTP(w, r)
					return
				}
			}
		}
		http.NotFound(w, r)
	})
}
