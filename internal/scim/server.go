// Package scim is the SCIM 2.0 server that identity providers push people and groups to
// (RFC 7643, RFC 7644; cursors RFC 9865), at /scim/v2/{connection}.
//
//	GET POST           /Users /Groups
//	GET PUT PATCH DELETE /Users/{id} /Groups/{id}
//	POST               /.search /Users/.search /Groups/.search /Bulk
//	GET                /ServiceProviderConfig /Schemas[/{urn}] /ResourceTypes[/{name}]
//	*                  /Me: 501, since a connection's token is nobody's
//
// Every request takes one path, in this order: the limit of failures of its address, its
// bearer token (401 with WWW-Authenticate), the limit of the connection (429 with
// Retry-After), the connection's profile, the query, the body, the operation, and a note
// of what became of it. A token opens its own connection and nothing else. What is asked
// is never answered with more than was asked for: a filter that cannot be evaluated is an
// error. Errors are those of RFC 7644, section 3.12, one for each item.
//
// The RFC is kept to, and where Microsoft Entra and Okta do not, both are understood on
// one connection; package patch and package resource say how. Beside them:
//
//   - POST of what the connection already has, down to the external id and every
//     attribute, answers as the first did: clients repeat what timed out. Anything else
//     that is there already is 409.
//   - PUT leaves active, externalId and members as they are when it does not name them:
//     nobody is disabled, let go or thrown out by omission.
//   - PATCH of a group answers 204 without a body, whatever the group's size.
//
// The schemas, their documents, the checks of values and the errors' format are those of
// elimity-com/scim; parsing, PATCH, projection, sorting, versions, bulk and cursors are
// ours.
package scim

import (
	"bufio"
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/scim/patch"
	"github.com/gatehouse-io/gatehouse/internal/scim/resource"
)

// MediaType is that of SCIM's messages (RFC 7644, section 8.1).
const MediaType = "application/scim+json"

// operationHeader is the header of an answer that has the id of its operation, by which
// administrators find it in the list of the connection's operations.
const operationHeader = "X-Operation-Id"

// Authenticator knows the tokens of connections.
type Authenticator interface {
	// Authenticate returns who holds a bearer token that opens this connection from this
	// address. It fails with a fault of kind Unauthenticated for any other one, without
	// saying why.
	Authenticate(ctx context.Context, connection, token, address string) (identity.Ref, error)
}

// Connections knows the connections that SCIM clients push over.
type Connections interface {
	// Profile returns what is served for a connection. It fails with a fault of kind
	// NotFound or Denied for one that is not there, has no SCIM, or is disabled.
	Profile(ctx context.Context, connection string) (*Profile, error)
}

// Limiter is httpx.Limiter.
type Limiter interface {
	Check(key string) error
	Count(ctx context.Context, key string) error
}

// Recorder notes what became of operations, for those who look at them.
type Recorder interface {
	// Note notes an outcome. It does not wait and cannot fail the operation: what changed
	// something is kept with the change itself.
	Note(ctx context.Context, o record.Outcome)
}

// Options are what a Server needs. All but Requests, Failures and Operations are
// required.
type Options struct {
	// Issuer is the broker's public address, without a trailing slash.
	Issuer      string
	Tokens      Authenticator
	Connections Connections
	Users       record.UserStore
	Groups      record.GroupStore
	Members     record.MemberStore
	Batch       record.Batcher
	Operations  Recorder
	// Requests bounds the requests of a connection, Failures those with a wrong token of
	// an address.
	Requests, Failures Limiter
	// Documentation is where people read about SCIM here; empty for nowhere.
	Documentation string
	Now           func() time.Time
	Log           *slog.Logger
}

// Server answers SCIM clients.
type Server struct {
	o    Options
	gate lanes
}

// New returns a Server.
func New(o Options) *Server { return &Server{o, newLanes(normalGate, largeGate)} }

// Mount adds the server's routes.
func (s *Server) Mount(mux *http.ServeMux) {
	mux.HandleFunc("/scim/v2/{connection}", s.serve)
	mux.HandleFunc("/scim/v2/{connection}/{rest...}", s.serve)
}

// call is one operation: a request, or a part of a bulk request.
type call struct {
	*Server
	connection string
	profile    *Profile
	actor      identity.Actor
	// agent is the User-Agent, which only the description of operations looks at.
	agent  string
	method string
	// path is below the connection's base, "/Users/…", without a query.
	path  string
	query url.Values
	// match and noneMatch are If-Match and If-None-Match.
	match, noneMatch string
	// body is nil without one.
	body map[string]any
	// op is the provenance of what the operation changes.
	op record.Operation
	// looks is what the request has looked at, of a bulk request all its operations.
	looks *patch.Looks
}

// answer is what a call answers with.
type answer struct {
	status int
	// body is what goes out, nil for none.
	body any
	// version and location are of the resource, empty for none.
	version, location string
	// resource is what the operation was about: "User/…"; changed says that it changed it.
	resource string
	changed  bool
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	c, err := s.open(r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	var a answer
	if r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch {
		var free func()
		if free, err = c.profile.room.enter(r.Context(), r.ContentLength); err != nil {
			s.refuse(w, r, err)
			return
		}
		defer free() // once it is answered
		a, err = c.withBody(r)
	} else {
		a, err = c.run(r.Context())
	}
	if c.op.ID != "" && c.noted(err) {
		w.Header().Set(operationHeader, c.op.ID)
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.write(w, a)
}

// withBody reads the request's body and does what it asks for.
func (c *call) withBody(r *http.Request) (answer, error) {
	raw, err := readBody(r, c.profile.limits)
	if err != nil {
		return answer{}, err
	}
	leave, err := c.gate.enter(r.Context(), int64(len(raw)))
	if err != nil {
		return answer{}, err
	}
	defer leave() // a client that reads slowly keeps nobody else waiting
	if c.body, err = resource.Decode(raw, c.profile.limits.Body); err != nil {
		return answer{}, err
	}
	return c.run(r.Context())
}

// open finds out who asks for what.
func (s *Server) open(r *http.Request) (*call, error) {
	ctx, connection := r.Context(), r.PathValue("connection")
	who, err := s.authenticate(r, connection)
	if err != nil {
		return nil, err
	}
	if s.o.Requests != nil {
		if err := s.o.Requests.Count(ctx, connection); err != nil {
			return nil, err
		}
	}
	profile, err := s.o.Connections.Profile(ctx, connection)
	if err != nil {
		return nil, err
	}
	c := &call{
		Server: s, connection: connection, profile: profile, actor: httpx.Actor(r, who), agent: r.UserAgent(), method: r.Method,
		path: "/" + r.PathValue("rest"), match: header(r, "If-Match"), noneMatch: header(r, "If-None-Match"),
		looks: &patch.Looks{},
	}
	if err := c.known(); err != nil {
		return nil, err
	}
	c.query, err = httpx.Query(r)
	return c, err
}

// header joins the lines of a header that may come in several.
func header(r *http.Request, name string) string { return strings.Join(r.Header.Values(name), ",") }

// authenticate checks the bearer token (RFC 6750). A connection that does not exist is
// answered like a token that is not its own.
func (s *Server) authenticate(r *http.Request, connection string) (identity.Ref, error) {
	ctx, from := r.Context(), httpx.ClientNetwork(r)
	if s.o.Failures != nil {
		if err := s.o.Failures.Check(from); err != nil {
			return identity.Ref{}, err
		}
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token = strings.TrimLeft(token, " "); !strings.EqualFold(scheme, "Bearer") || token == "" || len(r.Header.Values("Authorization")) != 1 {
		return identity.Ref{}, errNoToken
	}
	who, err := s.o.Tokens.Authenticate(ctx, connection, token, httpx.ClientAddress(r))
	if fault.KindOf(err) == fault.Unauthenticated && s.o.Failures != nil {
		err = cmp.Or(s.o.Failures.Count(ctx, from), err)
	}
	return who, err
}

// begin makes the operation that the call is.
func (c *call) begin() {
	now := c.o.Now()
	c.op = record.Operation{
		ID: identity.NewOrderedID(now), Connection: c.connection, Kind: Kind(Request{Method: c.method, Path: c.path, Filter: c.filterText(), Agent: c.agent, Body: c.body}),
		Method: c.method, Path: c.path, Actor: c.actor, Time: now,
	}
}

// run does what the call asks for and notes what became of it. Of a bulk request, its
// operations are noted.
func (c *call) run(ctx context.Context) (answer, error) {
	c.begin()
	a, err := c.dispatch(ctx)
	if c.noted(err) {
		c.note(ctx, a, err)
	}
	return a, err
}

// noted reports whether the call is an operation of its own: a bulk request that is
// answered is only what its operations are.
func (c *call) noted(err error) bool { return c.path != "/Bulk" || err != nil }

// note notes what became of the operation.
func (c *call) note(ctx context.Context, a answer, err error) {
	if c.o.Operations == nil {
		return
	}
	o := record.Outcome{Operation: c.op, Status: a.status, Resource: a.resource, Changed: a.changed}
	if err != nil {
		e := scimError(err)
		o.Status, o.Code, o.Detail = e.Status, cmp.Or(string(e.ScimType), fault.As(err).Code), e.Detail
	}
	c.o.Operations.Note(ctx, o)
}

// base is the connection's address.
func (c *call) base() string { return c.o.Issuer + "/scim/v2/" + c.connection }

func (s *Server) write(w http.ResponseWriter, a answer) {
	h := w.Header()
	if a.version != "" {
		h.Set("ETag", a.version)
	}
	if a.location != "" {
		h.Set("Location", a.location)
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	h.Set("Content-Type", MediaType)
	w.WriteHeader(a.status)
	to := bufio.NewWriter(w)
	if err := writeJSON(to, a.body); err != nil {
		s.o.Log.Warn("an answer of SCIM was not written", "err", err)
		return
	}
	_ = to.Flush() // the client is gone, nobody to tell
}

// refuse answers with an error of RFC 7644, section 3.12.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	httpx.Report(r.Context(), err)
	e := scimError(err)
	h := w.Header()
	switch e.Status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", challenge(err))
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", retryAfter(err))
	case http.StatusMethodNotAllowed:
		h.Set("Allow", allowed(err))
	}
	s.write(w, answer{status: e.Status, body: e})
}
