// Package api serves the management API, /api/v1, as JSON: everything that a page
// does. On the broker's Unix socket whoever can open that file (mode 0600) is the
// operator; on the network an API token says who asks and with which roles.
//
// One table has every route with the right that it takes, the types that it reads
// and writes, and what it does. The router, the OpenAPI document and the test of
// who may do what are made from it.
package api

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/session"
)

// maxManifest bounds a manifest, in bytes.
const maxManifest = 1 << 20

// Options are what an API needs. All are required.
type Options struct {
	// Product and Issuer are told in the OpenAPI document.
	Product, Issuer string
	Admin           *admin.Service
	Grants          grant.Store
	Now             func() time.Time
	Apps            *catalog.Service
	People          *directory.Service
	// Directory reads people.
	Directory interface {
		Person(ctx context.Context, id string) (directory.Person, error)
		Search(ctx context.Context, q directory.Query) (page []directory.Person, next string, err error)
	}
	// Connections are the configured ones, whether enabled or not.
	Connections []Connection
	Sessions    interface {
		Of(ctx context.Context, person string) ([]session.Session, error)
		End(ctx context.Context, id string, actor identity.Actor, reason string) error
		EndAll(ctx context.Context, person string, actor identity.Actor, reason string) error
	}
	Keys interface {
		List(ctx context.Context) ([]keys.Info, error)
		Rotate(ctx context.Context, alg keys.Algorithm, actor identity.Actor) error
		Kill(ctx context.Context, kid string, actor identity.Actor) error
	}
	Audit interface {
		Page(ctx context.Context, q audit.Query) (entries []audit.Entry, next string, err error)
	}
	// Mappings lists the group mappings.
	Mappings func(ctx context.Context) ([]directory.Mapping, error)
	Actor    func(*http.Request, identity.Ref) identity.Actor
}

// API serves the management API.
type API struct{ o Options }

// New returns an API.
func New(o Options) *API { return &API{o} }

// applied is the answer to a change of an app.
type applied struct {
	App     catalog.App     `json:"app"`
	Outcome catalog.Outcome `json:"outcome,omitempty"`
	// Secret is shown once.
	Secret string `json:"client_secret,omitempty"`
	// Missing says what keeps people from using the app: see catalog.Manifest.
	Missing []string `json:"missing,omitempty"`
}

func (a *API) apps(r *http.Request) (any, error) {
	all, err := a.o.Apps.Apps(r.Context())
	return append([]catalog.App{}, all...), err
}

func (a *API) app(r *http.Request) (any, error) {
	return a.o.Apps.App(r.Context(), r.PathValue("name"))
}

func (a *API) apply(r *http.Request) (any, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxManifest+1))
	if err != nil || len(body) > maxManifest {
		return nil, fault.New(fault.Invalid, "manifest_too_large", "the manifest has more than %d bytes or could not be read", maxManifest)
	}
	m, err := catalog.Parse("microapp.yaml", body)
	if err != nil {
		return nil, err
	}
	if m.Metadata.Name != r.PathValue("name") {
		return nil, fault.New(fault.Invalid, "manifest_name", "the manifest is of another app than the path names").At("metadata.name")
	}
	app, secret, err := a.o.Apps.Apply(r.Context(), m, a.actor(r))
	return answered(app, "", secret), err
}

func (a *API) remove(r *http.Request) (any, error) {
	return done{}, a.o.Apps.Remove(r.Context(), r.PathValue("name"), a.actor(r))
}

func (a *API) switchApp(do func(*catalog.Service, context.Context, string, identity.Actor) (catalog.App, error)) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		app, err := do(a.o.Apps, r.Context(), r.PathValue("name"), a.actor(r))
		return answered(app, "", ""), err
	}
}

func (a *API) secret(r *http.Request) (any, error) {
	app, secret, err := a.o.Apps.RotateSecret(r.Context(), r.PathValue("name"), a.actor(r))
	return answered(app, "", secret), err
}

func group(r *http.Request) identity.GroupRef {
	return identity.GroupRef{Connection: r.PathValue("connection"), ID: r.PathValue("group")}
}

// named is what a group gets.
type named struct {
	Name string `json:"name"`
}

func (a *API) mapGroup(r *http.Request) (any, error) {
	var body named
	if err := httpx.DecodeJSON(r, &body); err != nil {
		return nil, err
	}
	m := directory.Mapping{Group: group(r), Name: body.Name}
	return m, a.o.People.Map(r.Context(), m, a.actor(r))
}

func (a *API) unmapGroup(r *http.Request) (any, error) {
	return done{}, a.o.People.Unmap(r.Context(), group(r), a.actor(r))
}
