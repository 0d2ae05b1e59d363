// Package oidc is the OpenID provider: discovery, keys, authorization, tokens,
// userinfo, introspection, revocation and logout (OpenID Connect Core 1.0, RFC
// 6749, 6750, 7009, 7523, 7636, 7662, 8414, 8707, 9068, 9207, OpenID Connect
// RP-Initiated and Back-Channel Logout 1.0).
//
// It gives tokens for a code with PKCE S256, for a refresh token, to a client for
// itself, by the Extensions that it is made with, and in no other way. Every token
// request runs through one pipeline, which see.
package oidc

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/token"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// How long things live.
const (
	codeLife    = time.Minute
	accessLife  = grant.NodeLife
	idLife      = 5 * time.Minute
	offlineLife = 30 * 24 * time.Hour
)

// Authenticator signs a person in for a request and resumes it. It answers the
// browser in any case.
type Authenticator interface {
	Authenticate(w http.ResponseWriter, r *http.Request, req identity.SignInRequest)
}

// Clients is the part of registry.Registry that the provider asks.
type Clients interface {
	Client(ctx context.Context, id string) (*registry.Client, error)
	AppOrigin(ctx context.Context, origin string) (bool, error)
	Audience(ctx context.Context, name string) (*registry.Audience, error)
}

// People is the part of directory.Service that the provider asks.
type People interface {
	Usable(ctx context.Context, person, connection string) (directory.Person, error)
	Recently(ctx context.Context, person, connection string) (directory.Person, uint64, error)
}

// Entitlements is the part of entitlement.Checker that the provider asks.
type Entitlements interface {
	Check(ctx context.Context, p directory.Person, c *registry.Client) (entitlement.Decision, error)
}

// Sessions is the part of session.Manager that the provider asks.
type Sessions interface {
	Current(r *http.Request) (session.Session, error)
	Find(ctx context.Context, id string) (session.Session, error)
	Touch(ctx context.Context, id string) (session.Session, error)
	End(ctx context.Context, id string, actor identity.Actor, reason string) error
	Clear(w http.ResponseWriter)
}

// Fanout finds out whom to tell that a session ended.
type Fanout interface {
	Session(ctx context.Context, id string) (session.Session, error)
	SessionsEndedBy(ctx context.Context, eventID, after string, limit int) ([]string, error)
	SessionsOf(ctx context.Context, person string) ([]session.Session, error)
	Participants(ctx context.Context, session string) ([]session.Participant, error)
}

// Trail records events durably before a token is answered.
type Trail interface {
	Record(ctx context.Context, events ...event.Event) error
}

// Queue takes jobs.
type Queue interface {
	Enqueue(ctx context.Context, jobs ...job.Job) error
}

// Limiter bounds how often something happens. Both methods fail once it was too
// often.
type Limiter interface {
	Check(key string) error
	Count(ctx context.Context, key string) error
}

// Limits are what is bounded: failed proofs of a client by one address, of any
// client by one address, requests of a client, requests of an address, codes for one
// person, and questions of one client for what was revoked.
type Limits struct{ ClientFailures, AddressFailures, Client, Address, Person, Follower Limiter }

// Options are what a Provider needs. All are required.
type Options struct {
	Issuer, Prefix, Era string
	Authenticator       Authenticator
	Clients             Clients
	People              People
	Entitlements        Entitlements
	Sessions            Sessions
	Fanout              Fanout
	Grants              grant.Store
	Once                cache.Once
	Trail               Trail
	Queue               Queue
	Ring                *keys.Ring
	Vault               *keys.Vault
	Minter              *token.Minter
	Verifier            *token.Verifier
	// Extensions are further grant types; none may be left out.
	Extensions []Extension
	// Revocations answers whether something was revoked, and what was applied.
	Revocations interface {
		Applied() uint64
		Check(rev uint64, refs ...identity.Ref) error
	}
	// Feed is where resource servers follow what was revoked.
	Feed Feed
	// Limits bound what fails, and how often one person gets a code.
	Limits Limits
	// Leave signs the person out where only the browser can tell of it, and goes on to
	// back from there, where it answers the browser and returns true; nil does nothing.
	Leave func(w http.ResponseWriter, r *http.Request, ended session.Session, back string) bool
	// Note notes what a token says before it is handed out: signal.Notebook.
	Note func(ctx context.Context, a token.Access) error
	UI   *ui.UI
	// HTTP is the guarded client: for client keys and back-channel logout.
	HTTP *http.Client
	// Actor describes who makes a request.
	Actor func(*http.Request, identity.Ref) identity.Actor
	// Issued counts issued tokens by grant type.
	Issued func(grantType string)
	Now    func() time.Time
	Log    *slog.Logger
}

// Provider is the OpenID provider.
type Provider struct {
	o         Options
	grants    map[string]tokenGrant
	assertion *assertionKeys
	metadata  document
	pages     logoutPages
	held      holds
}

// New returns a Provider.
func New(o Options) (*Provider, error) {
	p := &Provider{o: o, assertion: newAssertionKeys(o.HTTP, o.Now)}
	p.grants = map[string]tokenGrant{
		"authorization_code": (*Provider).codeGrant, "refresh_token": (*Provider).refreshGrant, "client_credentials": (*Provider).clientGrant,
	}
	for _, x := range o.Extensions {
		p.grants[x.GrantType()] = extended(x)
	}
	var err error
	if p.metadata, err = discovery(o.Issuer, o.Extensions); err != nil {
		return nil, err
	}
	return p, p.pages.parse(o.UI)
}

// Mount adds the routes.
func (p *Provider) Mount(mux *http.ServeMux) {
	for path, serve := range map[string]http.HandlerFunc{
		"/.well-known/openid-configuration": p.metadata.serve, "/.well-known/oauth-authorization-server": p.metadata.serve, "/jwks": p.jwks,
	} {
		mux.HandleFunc("GET "+path, serve)
		mux.HandleFunc("OPTIONS "+path, preflight)
	}
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /authorize", p.authorize)
	mux.HandleFunc("/token", p.cors(p.token))
	mux.HandleFunc("/userinfo", p.cors(p.userinfo))
	mux.HandleFunc("/introspect", p.introspect)
	mux.HandleFunc("/revoke", p.cors(p.revoke))
	mux.HandleFunc("/revocations", p.revocations)
	mux.HandleFunc("GET /logout", p.logout)
	mux.HandleFunc("POST /logout", p.logout)
	mux.Handle("POST /logout/confirm", p.o.UI.SameOrigin().Handler(http.HandlerFunc(p.confirmLogout)))
}
