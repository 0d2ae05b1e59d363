package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// prefix is where the API lives.
const prefix = "/api/v1"

// The faults of every route.
var (
	errNoRoute = fault.New(fault.NotFound, "route_not_found", "there is no such path: see "+prefix+"/openapi.json")
	errChanged = fault.New(fault.Conflict, "precondition_failed", "this is not what If-Match names any more: read it again")
)

// route is one operation. The table of them is the router, the OpenAPI document
// and what the test of who may do what walks through.
type route struct {
	method, path string // below prefix
	summary      string
	// right is what whoever asks must have. With owned, an app's owner has it for
	// the app that the path names.
	right admin.Right
	owned bool
	query []parameter
	// body and answer are values of the types that are read and written; nil is
	// none, and media is the body's type when it is not JSON.
	body, answer any
	media        string
	do           func(*http.Request) (any, error)
}

// parameter is one of a route's parameters in the query.
type parameter struct {
	name, about string
	schema      map[string]any
}

// done is the answer of what has nothing to tell.
type done struct{}

type principalKey struct{}

func principal(ctx context.Context) admin.Principal {
	p, _ := ctx.Value(principalKey{}).(admin.Principal)
	return p
}

// Authenticate finds out who asks.
type Authenticate func(*http.Request) (admin.Principal, error)

// Operator is the Authenticate of the Unix socket: who can open it is the operator.
func Operator(*http.Request) (admin.Principal, error) { return admin.Operator(), nil }

// Bearer is the Authenticate of the network: API tokens (RFC 6750, section 2.1).
func (a *API) Bearer(r *http.Request) (admin.Principal, error) {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || len(r.Header.Values("Authorization")) != 1 {
		return admin.Principal{}, admin.ErrToken
	}
	return a.o.Admin.Authenticate(r.Context(), strings.TrimSpace(secret))
}

// Mount adds the routes, which who may use.
func (a *API) Mount(mux *http.ServeMux, who Authenticate) {
	table := a.routes()
	for _, rt := range table {
		mux.HandleFunc(rt.method+" "+prefix+rt.path, func(w http.ResponseWriter, r *http.Request) { a.serve(w, r, rt, who) })
	}
	document := a.document(table)
	mux.HandleFunc("GET "+prefix+"/openapi.json", func(w http.ResponseWriter, r *http.Request) { answer(w, r, document) })
	mux.HandleFunc(prefix+"/", func(w http.ResponseWriter, r *http.Request) {
		if allowed := methodsOf(table, r); len(allowed) > 0 {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			httpx.Problem(w, r, httpx.ErrMethod)
			return
		}
		httpx.Problem(w, r, errNoRoute)
	})
}

// methodsOf lists the methods that the path of r takes.
func methodsOf(table []route, r *http.Request) []string {
	var allowed []string
	for _, rt := range table {
		probe := http.NewServeMux()
		probe.HandleFunc(prefix+rt.path, func(http.ResponseWriter, *http.Request) {})
		if _, pattern := probe.Handler(r); pattern != "" {
			allowed = append(allowed, rt.method)
		}
	}
	slices.Sort(allowed)
	return slices.Compact(allowed)
}

// serve is what every request goes through: who asks, may they, is the thing still
// what they saw, do it, answer.
func (a *API) serve(w http.ResponseWriter, r *http.Request, rt route, who Authenticate) {
	p, err := who(r)
	if err == nil {
		r = r.WithContext(context.WithValue(r.Context(), principalKey{}, p))
		err = a.permit(r, rt, p)
	}
	if err == nil {
		err = knownParameters(r, rt)
	}
	var body []byte
	if err == nil {
		body, err = a.run(r, rt)
	}
	if err != nil {
		if fault.KindOf(err) == fault.Unauthenticated {
			w.Header().Set("WWW-Authenticate", `Bearer realm="gatehouse"`)
		}
		httpx.Problem(w, r, err)
		return
	}
	answer(w, r, body)
}

func (a *API) permit(r *http.Request, rt route, p admin.Principal) error {
	if p.May(rt.right) {
		return nil
	}
	name := r.PathValue("name")
	if !rt.owned || name == "" || !p.Has(admin.AppOwner) {
		return admin.ErrForbidden
	}
	team := ""
	if app, err := a.o.Apps.App(r.Context(), name); err == nil {
		team = app.Manifest.Spec.Owner.Team
	}
	if !p.MayApp(rt.right, name, team) {
		return admin.ErrForbidden
	}
	return nil
}

// knownParameters refuses a parameter that the route does not know: a filter with
// a slip of the pen must not select everything.
func knownParameters(r *http.Request, rt route) error {
	params, err := httpx.Query(r)
	if err != nil {
		return err
	}
	for name := range params {
		if !slices.ContainsFunc(rt.query, func(p parameter) bool { return p.name == name }) {
			return fault.New(fault.Invalid, "parameter_unknown", "there is no such parameter").At(name)
		}
	}
	return nil
}

func (a *API) run(r *http.Request, rt route) ([]byte, error) {
	if want := r.Header.Get("If-Match"); want != "" && r.Method != http.MethodGet {
		if err := a.unchanged(r, rt, want); err != nil {
			return nil, err
		}
	}
	v, err := rt.do(r)
	if err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

// unchanged refuses a change of what is not any more what the caller saw: the
// entity tag of the same path's GET (RFC 9110, section 13.1.1).
func (a *API) unchanged(r *http.Request, rt route, want string) error {
	for _, get := range a.routes() {
		if get.method != http.MethodGet || get.path != rt.path {
			continue
		}
		v, err := get.do(r)
		if err != nil {
			return err
		}
		body, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if want != "*" && !matches(want, tagOf(body)) {
			return errChanged
		}
		return nil
	}
	return fault.New(fault.Invalid, "precondition_unsupported", "this path has no entity tag: leave If-Match out").At("If-Match")
}

func tagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
}

// matches reports whether a list of entity tags has this one.
func matches(list, tag string) bool {
	for one := range strings.SplitSeq(list, ",") {
		if one = strings.TrimSpace(one); one == tag || one == "*" {
			return true
		}
	}
	return false
}

// answer writes a JSON document, or 304 to whoever has it.
func answer(w http.ResponseWriter, r *http.Request, body []byte) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if r.Method == http.MethodGet {
		tag := tagOf(body)
		h.Set("ETag", tag)
		h.Set("Cache-Control", "private, no-cache")
		if matches(r.Header.Get("If-None-Match"), tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n')) //nolint:gosec // G705: JSON with its own media type and nosniff; the peer may have gone
}

// actor is who makes the request, for the audit entry.
func (a *API) actor(r *http.Request) identity.Actor { return a.o.Actor(r, principal(r.Context()).Ref) }
