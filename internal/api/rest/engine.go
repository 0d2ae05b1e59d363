package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Prefix is where the API lives.
const Prefix = "/api/v1"

// The faults of every route.
var (
	errNoRoute = fault.New(fault.NotFound, "route_not_found", "there is no such path: see "+Prefix+"/docs")
	errNoValue = fault.New(fault.NotFound, "not_found", "nothing has such a name")
	errNoBody  = fault.New(fault.Invalid, "body_unexpected", "this operation takes no body")
	errNoUTF8  = fault.New(fault.Invalid, "body_malformed", "the body is not UTF-8")
)

// longestValue bounds a parameter of a path, in bytes.
const longestValue = 512

// Options are what an Engine needs. All are required.
type Options struct {
	// Product and Issuer are told in the OpenAPI document.
	Product, Issuer string
	// Team names the team that owns an app, "" for an app that does not exist.
	Team    func(ctx context.Context, app string) (string, error)
	Answers Answers
	Sealer  Sealer
	Waiting Waiting
	// Lock takes a named lock that the replicas share.
	Lock  func(ctx context.Context, name string) (unlock func(), err error)
	Actor func(*http.Request, identity.Ref) identity.Actor
	// Show answers with the page that people read.
	Show func(http.ResponseWriter, *http.Request, Description)
	Now  func() time.Time
	// Schemas say what encoding/json's types do not: the words that a type may have.
	Schemas Schemas
	// Values say what the parameters of paths mean, by name.
	Values map[string]Value
}

// Engine serves a table of routes.
type Engine struct {
	o        Options
	table    []Route
	document []byte
	about    Description
}

// New returns an Engine of the table. A destructive route also gets the one that
// tells what it would hit. It panics for a table that has two of a name, which the
// first test finds.
func New(o Options, table []Route) *Engine {
	e := &Engine{o: o}
	for _, rt := range table {
		if rt.List != nil {
			rt.Query = append(slices.Clone(rt.Query), rt.List.parameters()...)
		}
		e.table = append(e.table, rt)
		if rt.Hits != nil {
			e.table = append(e.table, rt.preview())
		}
	}
	ids := map[string]bool{}
	for _, rt := range e.table {
		if ids[rt.ID] {
			panic("two operations are named " + rt.ID)
		}
		ids[rt.ID] = true
	}
	e.document = e.describe()
	e.about = e.summarize()
	return e
}

// Routes returns the table.
func (e *Engine) Routes() []Route { return e.table }

// find returns a route, nil for none.
func (e *Engine) find(method, path string) *Route {
	for i := range e.table {
		if e.table[i].Method == method && e.table[i].Path == path {
			return &e.table[i]
		}
	}
	return nil
}

// operation returns the route with this ID, nil for none.
func (e *Engine) operation(id string) *Route {
	for i := range e.table {
		if e.table[i].ID == id {
			return &e.table[i]
		}
	}
	return nil
}

// Authenticate finds out who asks.
type Authenticate func(*http.Request) (admin.Principal, error)

// Mount adds the routes, the document and the page that shows it.
func (e *Engine) Mount(mux *http.ServeMux, who Authenticate) {
	methods, paths := map[string][]string{}, http.NewServeMux()
	for i := range e.table {
		rt := &e.table[i]
		mux.HandleFunc(rt.Method+" "+Prefix+rt.Path, func(w http.ResponseWriter, r *http.Request) { e.serve(w, r, rt, who) })
		if methods[rt.Path] == nil {
			paths.HandleFunc(Prefix+rt.Path, func(http.ResponseWriter, *http.Request) {})
		}
		methods[rt.Path] = append(methods[rt.Path], rt.Method)
	}
	mux.HandleFunc("GET "+Prefix+"/openapi.json", func(w http.ResponseWriter, r *http.Request) {
		write(w, r, answer{Status: http.StatusOK, Body: e.document})
	})
	page := func(w http.ResponseWriter, r *http.Request) { e.o.Show(w, r, e.about) }
	mux.HandleFunc("GET "+Prefix+"/docs", page)
	mux.HandleFunc("GET "+Prefix+"/{$}", page)
	mux.HandleFunc(Prefix+"/", func(w http.ResponseWriter, r *http.Request) {
		_, pattern := paths.Handler(r)
		allowed := methods[strings.TrimPrefix(pattern, Prefix)]
		if len(allowed) == 0 {
			httpx.Problem(w, r, errNoRoute)
			return
		}
		if slices.Contains(allowed, http.MethodGet) {
			allowed = append(slices.Clone(allowed), http.MethodHead)
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		httpx.Problem(w, r, httpx.ErrMethod)
	})
}

// serve is the pipeline of package rest.
func (e *Engine) serve(w http.ResponseWriter, r *http.Request, rt *Route, who Authenticate) {
	p, err := who(r)
	if err == nil {
		r, err = e.admit(r, rt, p)
	}
	if err == nil && rt.List != nil && format(r) != "json" {
		e.export(w, r, rt)
		return
	}
	if err == nil && rt.Send != nil {
		e.stream(w, r, rt)
		return
	}
	var a answer
	if err == nil && rt.Receives {
		a, err = e.perform(r, rt)
	} else if err == nil {
		a, err = e.once(r, rt, func() (answer, error) { return e.perform(r, rt) })
	}
	if a.replayed {
		w.Header().Set("Idempotency-Replayed", "true")
	}
	if err != nil {
		e.refuse(w, r, rt, err)
		return
	}
	write(w, r, a)
}

// refuse answers with what a request failed with.
func (e *Engine) refuse(w http.ResponseWriter, r *http.Request, rt *Route, err error) {
	if fault.KindOf(err) == fault.Unauthenticated {
		challenge := `Bearer realm="gatehouse"`
		if r.Header.Get("Authorization") != "" {
			challenge += `, error="invalid_token"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
	}
	if f := fault.As(err); rt.Body != nil && rt.member(f.Pointer) {
		err = f.At("/" + f.Pointer)
	}
	httpx.Problem(w, r, err)
}

// admit is what stands before anything is done: rights, parameters, body.
func (e *Engine) admit(r *http.Request, rt *Route, p admin.Principal) (*http.Request, error) {
	for _, name := range rt.values() {
		if v := r.PathValue(name); v == "" || len(v) > longestValue || !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
			return r, errNoValue
		}
	}
	if err := e.permit(r.Context(), rt, p, r.PathValue("name")); err != nil {
		return r, err
	}
	params, err := rt.parameters(r)
	if err != nil {
		return r, err
	}
	body, err := rt.read(r)
	if err != nil {
		return r, err
	}
	c := Caller{Principal: p, Actor: e.o.Actor(r, p.Ref), query: Query{Values: params}, body: body}
	if rt.List != nil {
		c.query = rt.List.query(params)
	}
	return with(r, c), nil
}

// permit fails with admin.ErrForbidden unless p may do it; app is the app that the
// path names.
func (e *Engine) permit(ctx context.Context, rt *Route, p admin.Principal, app string) error {
	if rt.Right == Anybody || p.May(rt.Right) {
		return nil
	}
	if !rt.Owned || app == "" || !p.Has(admin.AppOwner) {
		return lacks(rt.Right)
	}
	team, err := e.o.Team(ctx, app)
	if err != nil {
		return err
	}
	if !p.MayApp(rt.Right, app, team) {
		return lacks(rt.Right)
	}
	return nil
}

// lacks is admin.ErrForbidden, and names the right.
func lacks(right admin.Right) error {
	return fault.Wrap(admin.ErrForbidden, fault.Denied, admin.ErrForbidden.Code, "%s: it takes the right %s", admin.ErrForbidden.Detail, right)
}

// read returns the body, when the route has one and it is of the right type.
func (rt *Route) read(r *http.Request) ([]byte, error) {
	limit := rt.MaxBody
	if limit == 0 {
		limit = httpx.MaxJSON
	}
	media := rt.Media
	if media == "" {
		media = "application/json"
	}
	if rt.takesBody() && !httpx.HasType(r, media) && (rt.Also == "" || !httpx.HasType(r, rt.Also)) {
		return nil, httpx.ErrMediaType.At("Content-Type")
	}
	if rt.Receives {
		return nil, nil
	}
	body, err := httpx.ReadBody(r, limit)
	switch {
	case err != nil:
	case len(body) > 0 && !rt.takesBody():
		err = errNoBody
	case !utf8.Valid(body):
		err = errNoUTF8
	}
	return body, err
}

func (rt *Route) takesBody() bool { return rt.Body != nil || rt.Media != "" }

// perform does the operation, or makes it wait for a second person.
func (e *Engine) perform(r *http.Request, rt *Route) (answer, error) {
	unlock, err := e.guard(r, rt)
	if err != nil {
		return answer{}, err
	}
	defer unlock()
	if rt.MayWait() && e.o.Waiting.Needed(rt.ID, CallerOf(r).Principal) {
		return e.wait(r, rt)
	}
	return rt.do(r)
}

// guard compares what If-Match names with what there is, and keeps others that do
// so from changing it until it is unlocked.
func (e *Engine) guard(r *http.Request, rt *Route) (unlock func(), err error) {
	if !rt.changes() || len(r.Header.Values("If-Match")) == 0 {
		return func() {}, nil
	}
	unlock, err = e.o.Lock(r.Context(), "if-match:"+rt.of()+":"+strings.Join(rt.given(r), "/"))
	if err != nil {
		return nil, err
	}
	if err := e.unchanged(r, rt); err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}

// do does the operation.
func (rt *Route) do(r *http.Request) (answer, error) {
	if rt.List != nil {
		return rt.List.answer(r)
	}
	v, err := rt.Do(r)
	if err != nil {
		return answer{}, err
	}
	a := answer{Status: rt.status()}
	if a.Status != http.StatusNoContent {
		a.Body, err = json.Marshal(v)
	}
	if t, ok := v.(interface{ Tagged() any }); ok && err == nil {
		var part []byte
		part, err = json.Marshal(t.Tagged())
		a.tag = tagOf(part)
	}
	if made, ok := v.(interface{ Location() string }); ok {
		a.Location = made.Location()
	}
	return a, err
}

// given lists the values of the path.
func (rt *Route) given(r *http.Request) []string {
	var all []string
	for _, name := range rt.values() {
		all = append(all, url.PathEscape(r.PathValue(name)))
	}
	return all
}

// write sends an answer, or 304 to whoever has it.
func write(w http.ResponseWriter, r *http.Request, a answer) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if a.Location != "" {
		h.Set("Location", Prefix+a.Location)
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		tag := a.tag
		if tag == "" {
			tag = tagOf(a.Body)
		}
		h.Set("ETag", tag)
		h.Set("Cache-Control", "private, no-cache")
		if matches(strings.ReplaceAll(strings.Join(r.Header.Values("If-None-Match"), ","), "W/", ""), tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	if a.Status == http.StatusNoContent {
		w.WriteHeader(a.Status)
		return
	}
	h.Set("Content-Type", "application/json")
	w.WriteHeader(a.Status)
	_, _ = fmt.Fprintf(w, "%s\n", a.Body) // the peer may have gone
}
