// Package api serves the management API, /api/v1, as JSON. It is mounted on the
// broker's Unix socket only: who can open that file (mode 0600) is the operator.
package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"

	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/session"
)

// maxManifest bounds a manifest, in bytes.
const maxManifest = 1 << 20

// Options are what an API needs. All are required.
type Options struct {
	Apps   *catalog.Service
	People *directory.Service
	// Directory reads people.
	Directory interface {
		Person(ctx context.Context, id string) (directory.Person, error)
		People(ctx context.Context, after string, limit int) ([]directory.Person, error)
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

// Mount adds the routes.
func (a *API) Mount(mux *http.ServeMux) {
	route := func(pattern string, h func(*http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			answer, err := h(r)
			if err != nil {
				httpx.Problem(w, r, err)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Cache-Control", "no-store")
			_ = json.NewEncoder(w).Encode(answer) // the peer may have gone
		})
	}
	route("GET /api/v1/apps", a.apps)
	route("POST /api/v1/apps:import", a.applyBatch)
	route("GET /api/v1/apps/{name}", a.app)
	route("PUT /api/v1/apps/{name}", a.apply)
	route("DELETE /api/v1/apps/{name}", a.remove)
	route("POST /api/v1/apps/{name}/disable", a.switchApp((*catalog.Service).Disable))
	route("POST /api/v1/apps/{name}/enable", a.switchApp((*catalog.Service).Enable))
	route("POST /api/v1/apps/{name}/secret", a.secret)
	route("GET /api/v1/people", a.listPeople)
	route("GET /api/v1/people/{id}", a.person)
	route("POST /api/v1/people/{id}/disable", a.switchPerson(true))
	route("POST /api/v1/people/{id}/enable", a.switchPerson(false))
	route("GET /api/v1/people/{id}/sessions", a.sessionsOf)
	route("DELETE /api/v1/people/{id}/sessions", a.endSessionsOf)
	route("POST /api/v1/sessions/{id}/end", a.endSession)
	route("GET /api/v1/connections", a.connections)
	route("POST /api/v1/connections/{id}/disable", a.switchConnection(true))
	route("POST /api/v1/connections/{id}/enable", a.switchConnection(false))
	route("GET /api/v1/keys", a.keys)
	route("POST /api/v1/keys/{algorithm}/rotate", a.rotateKey)
	route("POST /api/v1/keys/{kid}/kill", a.killKey)
	route("GET /api/v1/audit", a.audit)
	route("GET /api/v1/mappings", func(r *http.Request) (any, error) { return a.o.Mappings(r.Context()) })
	route("PUT /api/v1/mappings/{connection}/{group}", a.mapGroup)
	route("DELETE /api/v1/mappings/{connection}/{group}", a.unmapGroup)
}

func (a *API) operator(r *http.Request) identity.Actor {
	return a.o.Actor(r, identity.Ref{Kind: identity.KindOperator, ID: "local"})
}

// applied is the answer to a change of an app.
type applied struct {
	App     catalog.App     `json:"app"`
	Outcome catalog.Outcome `json:"outcome,omitempty"`
	// Secret is shown once.
	Secret string `json:"client_secret,omitempty"`
	// Missing says what keeps people from using the app: see catalog.Manifest.
	Missing []string `json:"missing,omitempty"`
}

func (a *API) apps(r *http.Request) (any, error) { return a.o.Apps.Apps(r.Context()) }

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
	app, secret, err := a.o.Apps.Apply(r.Context(), m, a.operator(r))
	return answered(app, "", secret), err
}

func (a *API) remove(r *http.Request) (any, error) {
	return struct{}{}, a.o.Apps.Remove(r.Context(), r.PathValue("name"), a.operator(r))
}

func (a *API) switchApp(do func(*catalog.Service, context.Context, string, identity.Actor) (catalog.App, error)) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		app, err := do(a.o.Apps, r.Context(), r.PathValue("name"), a.operator(r))
		return answered(app, "", ""), err
	}
}

func (a *API) secret(r *http.Request) (any, error) {
	app, secret, err := a.o.Apps.RotateSecret(r.Context(), r.PathValue("name"), a.operator(r))
	return answered(app, "", secret), err
}

func (a *API) switchPerson(disabled bool) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		return struct{}{}, a.o.People.SetPersonDisabled(r.Context(), r.PathValue("id"), disabled, a.operator(r))
	}
}

func group(r *http.Request) identity.GroupRef {
	return identity.GroupRef{Connection: r.PathValue("connection"), ID: r.PathValue("group")}
}

func (a *API) mapGroup(r *http.Request) (any, error) {
	var body struct {
		Name string `json:"name"`
	}
	if err := httpx.DecodeJSON(r, &body); err != nil {
		return nil, err
	}
	m := directory.Mapping{Group: group(r), Name: body.Name}
	return m, a.o.People.Map(r.Context(), m, a.operator(r))
}

func (a *API) unmapGroup(r *http.Request) (any, error) {
	return struct{}{}, a.o.People.Unmap(r.Context(), group(r), a.operator(r))
}
