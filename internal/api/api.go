// Package api serves the management API, /api/v1, as JSON: everything that a page
// does. On the broker's Unix socket whoever can open that file (mode 0600) is the
// operator; on the network an API token says who asks and with which roles.
//
// One table has every operation with the right that it takes, the types that it
// reads and writes, and what it does. The router, the OpenAPI document, the page
// that shows it, and the test of who may do what are made from it: see package rest.
package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/activity"
	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/catalog/ownership"
	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/policy"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/trace"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// Options are what an API needs. All are required.
type Options struct {
	// Product and Issuer are told in the OpenAPI document.
	Product, Issuer string
	Admin           *admin.Service
	Apps            *catalog.Service
	Owners          *ownership.Service
	People          *directory.Service
	Directory       Directory
	Connections     Connections
	SCIM            SCIM
	// Health tells when a connection's provider was asked for its metadata last, and
	// what that failed with.
	Health func(connection string) (asked time.Time, failed error)
	// CertificatesEnd tells when the last certificate of a SAML connection's provider
	// runs out, as far as this replica read them; zero for nothing.
	CertificatesEnd func(connection string) time.Time
	// Test prepares the test of a connection: login.Login.NewTest.
	Test func(ctx context.Context, connection string, by identity.Actor) (report, url string, expires time.Time, err error)
	// Traces are the sign-ins that failed, and tests.
	Traces interface {
		Trace(ctx context.Context, id string) (trace.Trace, error)
		SearchTraces(ctx context.Context, q trace.Query) (page []trace.Trace, next string, err error)
	}
	Sessions Sessions
	Grants   grant.Store
	// Exchanges is the exchange tree.
	Exchanges *grant.Tree
	// ExplainExchange says how a token exchange would be decided on.
	ExplainExchange func(ctx context.Context, q policy.Exchange) (policy.Explanation, error)
	// ExplainAccess says why somebody may or may not use an app at a time.
	ExplainAccess func(ctx context.Context, person, app string, at time.Time) (entitlement.Explanation, error)
	Assignments   *entitlement.Service
	// Porting imports and exports the directory.
	Porting Porting
	// Progress tells how far the consequences of a revocation are, by the id of its event.
	Progress func(ctx context.Context, id string) (grant.Progress, error)
	// Consequences lists what an event that revokes something leads to, and RevocationsOf
	// the ids of those that revoked something, newest first.
	Consequences  func(ctx context.Context, e event.Event) ([]grant.Consequence, error)
	RevocationsOf func(ctx context.Context, ref identity.Ref, after string, limit int) (events []string, next string, err error)
	Keys          Keys
	// SAML is what apps that speak SAML have to know of the broker, Certified its keys
	// for them, the signing one first.
	SAML      registry.IdentityProvider
	Certified func() ([]keys.Certified, error)
	Audit     Audit
	Outbox    *event.Desk
	Jobs      *job.Desk
	Streams   Streams
	Figures   activity.Figures
	// Hit counts what carries an id and is in use at a time: the previews.
	Hit func(ctx context.Context, ref identity.Ref, now time.Time) (people, sessions, grants int, apps []string, err error)
	// Answers and Sealer keep what Idempotency-Key needs.
	Answers rest.Answers
	Sealer  rest.Sealer
	// Lock takes a named lock that the replicas share.
	Lock  func(ctx context.Context, name string) (unlock func(), err error)
	Actor func(*http.Request, identity.Ref) identity.Actor
	UI    *ui.UI
	Now   func() time.Time
}

// Directory reads people, groups and their names.
type Directory interface {
	Person(ctx context.Context, id string) (directory.Person, error)
	Search(ctx context.Context, q directory.Query) (page []directory.Person, next string, err error)
	CountPeople(ctx context.Context) (int64, error)
	Group(ctx context.Context, ref identity.GroupRef) (directory.Group, error)
	SearchGroups(ctx context.Context, q directory.GroupQuery) (page []directory.Group, next string, err error)
	Mappings(ctx context.Context) ([]directory.Mapping, error)
}

// Connections are the identity providers: connection.Service.
type Connections interface {
	All(ctx context.Context) ([]connection.Connection, error)
	Get(ctx context.Context, id string) (connection.Connection, error)
	Apply(ctx context.Context, id string, text []byte, how connection.Applying, actor identity.Actor) (connection.Connection, error)
	Hide(ctx context.Context, id string, text []byte, how connection.Applying) ([]byte, error)
	Remove(ctx context.Context, id string, actor identity.Actor) error
}

// Sessions finds and ends browser sessions: session.Manager.
type Sessions interface {
	Of(ctx context.Context, person string) ([]session.Session, error)
	Find(ctx context.Context, id string) (session.Session, error)
	Search(ctx context.Context, q session.Query) (page []session.Found, next string, err error)
	Count(ctx context.Context, of session.Whose) (int64, error)
	End(ctx context.Context, id string, actor identity.Actor, reason string) error
	EndAll(ctx context.Context, person string, actor identity.Actor, reason string) error
}

// Keys are the signing keys: keys.Rings.
type Keys interface {
	List(ctx context.Context) ([]keys.Info, error)
	Rotate(ctx context.Context, alg keys.Algorithm, actor identity.Actor) error
	Kill(ctx context.Context, kid string, actor identity.Actor) error
}

// Audit reads the audit log.
type Audit interface {
	audit.StateStore
	Page(ctx context.Context, q audit.Query) (entries []audit.Entry, next string, err error)
	// Entry returns the entry with this id, or a NotFound fault.
	Entry(ctx context.Context, id string) (audit.Entry, error)
}

// API serves the management API.
type API struct {
	*rest.Engine
	o Options
}

// New returns an API.
func New(o Options) (*API, error) {
	a := &API{o: o}
	show, err := docsPage(o.UI)
	if err != nil {
		return nil, err
	}
	a.Engine = rest.New(rest.Options{
		Product: o.Product, Issuer: o.Issuer, Team: a.team, Answers: o.Answers, Sealer: o.Sealer, Waiting: o.Admin,
		Lock: o.Lock, Actor: o.Actor, Show: show, Now: o.Now, Schemas: schemas(), Values: values(),
	}, a.table())
	return a, nil
}

// Table lists every operation, to read what they are: none of them can be done.
func Table() []rest.Route { return (&API{}).table() }

// FourEyes lists the operations that four eyes can be asked for.
func FourEyes() []string {
	var names []string
	for _, rt := range Table() {
		if rt.MayWait() {
			names = append(names, rt.ID)
		}
	}
	return names
}

// Operator authenticates on the Unix socket: who can open it is the operator.
func Operator(*http.Request) (admin.Principal, error) { return admin.Operator(), nil }

// Bearer authenticates on the network by an API token (RFC 6750, section 2.1).
func (a *API) Bearer(r *http.Request) (admin.Principal, error) {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || len(r.Header.Values("Authorization")) != 1 {
		return admin.Principal{}, admin.ErrToken
	}
	return a.o.Admin.Authenticate(r.Context(), strings.TrimSpace(secret))
}

// team names the team that owns an app.
func (a *API) team(ctx context.Context, app string) (string, error) {
	found, err := a.o.Apps.App(ctx, app)
	switch {
	case errors.Is(err, catalog.ErrAppNotFound):
		return "", nil
	case err != nil:
		return "", err
	}
	return found.Manifest.Spec.Owner.Team, nil
}

// by is who a request is made by, for the audit entry.
func by(r *http.Request) identity.Actor { return rest.CallerOf(r).Actor }

// nothing is the answer of what has nothing to tell.
func nothing(err error) (any, error) { return nil, err }
