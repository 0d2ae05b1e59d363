// Package tokenexchange is RFC 8693 as a grant of the token endpoint: a client
// brings a person's token and gets one that fits the API which it calls.
//
// Everything is refused that nobody asked for in a manifest and had accepted:
//
//	the client      its app's manifest names the API, the scopes and the longest life
//	                (spec.identity.tokenExchange)
//	the API         its side agreed to the scopes, in this mode: see catalog.Agreement
//	the subject     an access token or id_token of ours that speaks of a person, live and
//	                not revoked; whose it is: see holder. Or a token or assertion of another
//	                issuer, where a connection lets the client bring it: see verifyForeign
//	the actor       the client itself, which may prove it once more by an access token of
//	                its own
//	the person      may use the app that the token was made for, the client's app and the API,
//	                now
//	the answer      an access token for that one API: never a refresh token, with the acr that
//	                was there, no longer than the subject, the actor, the API and the manifest
//	                allow, and with no scope that the manifest or the API does not name
//
// A token out of an exchange may be exchanged on by the client that serves its API
// alone (may_act), token.MaxVia times in a row, and never to an API or by a client
// that is in the line already: no way round leads to more. It carries what its whole
// line carries, so that it ends with the person, the session, the connection, and
// every app, client, grant and key in the line.
//
// Refusals are those of RFC 8693, section 2.2.2: a subject or actor that is not good
// for any reason is invalid_request, an API that the client gets nothing for is
// invalid_target, a scope is invalid_scope. The description says which rule it was.
package tokenexchange

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/oidc"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/token"
)

// The token type identifiers that mean something here (RFC 8693, section 3).
const (
	TypeAccess = "urn:ietf:params:oauth:token-type:access_token"
	TypeID     = "urn:ietf:params:oauth:token-type:id_token"
)

// subjectTypes are those of a subject.
var subjectTypes = []string{TypeAccess, TypeID, TypeJWT, TypeSAML}

// SubjectVerifier says what a good token of ours holds: token.Verifier does.
type SubjectVerifier interface {
	Access(ctx context.Context, raw string) (token.Access, error)
	Identity(ctx context.Context, raw string) (token.ID, error)
}

// Clients is the part of registry.Registry that is asked.
type Clients interface {
	Client(ctx context.Context, id string) (*registry.Client, error)
	Audience(ctx context.Context, name string) (*registry.Audience, error)
}

// People is the part of directory.Service that is asked.
type People interface {
	Recently(ctx context.Context, person, connection string) (directory.Person, uint64, error)
	Usable(ctx context.Context, person, connection string) (directory.Person, error)
}

// Entitlements is the part of entitlement.Checker that is asked.
type Entitlements interface {
	CheckEach(ctx context.Context, p directory.Person, apps ...*registry.Client) ([]entitlement.Decision, error)
}

// Revocations is the part of revoke.Sequence that is asked.
type Revocations interface {
	Check(rev uint64, refs ...identity.Ref) error
}

// Options are what an Exchange needs. All are required.
type Options struct {
	Issuer       string
	Verifier     SubjectVerifier
	Clients      Clients
	People       People
	Entitlements Entitlements
	Revocations  Revocations
	Foreign      Foreign
}

// Exchange is the grant.
type Exchange struct{ o Options }

// New returns the grant, for oidc.Options.Extensions.
func New(o Options) *Exchange { return &Exchange{o} }

// GrantType implements oidc.Extension.
func (x *Exchange) GrantType() string { return catalog.GrantExchange }

// Decide implements oidc.Extension.
func (x *Exchange) Decide(ctx context.Context, req oidc.ExtensionRequest) (oidc.Decision, error) {
	return x.run(ctx, req, func(string, error) {})
}

// run decides, and tells of every step once it was taken: its name, and what it was
// refused for.
func (x *Exchange) run(ctx context.Context, req oidc.ExtensionRequest, taken func(step string, refused error)) (oidc.Decision, error) {
	e := &exchange{Exchange: x, req: req, caller: req.Client, rev: req.Rev}
	e.decision.IssuedType = TypeAccess
	for _, s := range steps {
		err := s.take(e, ctx)
		taken(s.name, err)
		if err != nil {
			if r, ok := errors.AsType[*refusal](err); ok {
				e.decision.Reason, e.decision.Detail = r.reason, r.detail
			}
			return e.decision, err
		}
	}
	return e.decision, nil
}

// step is one thing that an exchange has to pass.
type step struct {
	name string
	take func(*exchange, context.Context) error
}

// steps are all of them, in order: each stands on those before it.
var steps = [...]step{
	{"request", (*exchange).read},
	{"subject", (*exchange).verifySubject},
	{"audience", (*exchange).target},
	{"holder", (*exchange).holder},
	{"line", (*exchange).line},
	{"actor", (*exchange).actor},
	{"scope", (*exchange).scopes},
	{"person", (*exchange).entitled},
	{"once", (*exchange).once},
	{"life", (*exchange).grant},
}

// exchange is one request on its way through the steps.
type exchange struct {
	*Exchange
	req    oidc.ExtensionRequest
	caller *registry.Client
	// rev is the lowest number that any fact was read after.
	rev uint64
	// asked is what the request says.
	asked   asked
	subject token.Access
	isID    bool // the subject is an id_token
	expires time.Time
	use     func(context.Context) error // takes a subject that counts once; nil for none
	policy  registry.Exchange
	api     *registry.Audience
	roles   []string
	// decision holds what is known so far.
	decision oidc.Decision
}

// asked are the parameters of RFC 8693, section 2.1, and purpose, which OpenID Connect
// for Identity Assurance has: what the client says that it is for.
type asked struct {
	subject, subjectType, actor, actorType, audience, scope, purpose string
}

// read takes the request apart. Every parameter comes once: the pipeline saw to it.
func (e *exchange) read(context.Context) error {
	form := e.req.Form
	e.asked = asked{
		subject: form.Get("subject_token"), subjectType: form.Get("subject_token_type"),
		actor: form.Get("actor_token"), actorType: form.Get("actor_token_type"), scope: form.Get("scope"), purpose: form.Get("purpose"),
	}
	e.asked.audience = target(form)
	e.decision.Access.Audience = e.asked.audience
	if e.asked.purpose != "" && !isPurpose(e.asked.purpose) {
		return refuse("purpose", codeRequest, "purpose must have 3 to 300 characters in one line")
	}
	e.decision.Purpose = e.asked.purpose
	switch requested := form.Get("requested_token_type"); {
	case e.asked.subject == "":
		return refuse("subject_missing", codeRequest, "subject_token is required")
	case e.asked.subjectType == "":
		return refuse("subject_type", codeRequest, "subject_token_type is required")
	case !slices.Contains(subjectTypes, e.asked.subjectType):
		return refuse("subject_type", codeRequest, "unsupported token type: subject_token_type must be one of "+strings.Join(subjectTypes, ", "))
	case requested != "" && requested != TypeAccess:
		return refuse("requested_type", codeRequest, "unsupported token type: requested_token_type must be "+TypeAccess)
	case e.asked.actor == "" && e.asked.actorType != "":
		return refuse("actor_type", codeRequest, "actor_token_type comes with an actor_token only")
	case e.asked.actor != "" && e.asked.actorType != TypeAccess:
		return refuse("actor_type", codeRequest, "unsupported token type: actor_token_type must be "+TypeAccess)
	case e.asked.audience == "" && form.Has("audience"):
		return refuse("audience_two", codeTarget, "audience and resource name two APIs: a token is for one")
	case e.asked.audience == "":
		return refuse("audience_missing", codeRequest, "audience is required")
	}
	return nil
}

// isPurpose reports whether a text can be shown as what an exchange is for: its
// length is that of OpenID Connect for Identity Assurance.
func isPurpose(s string) bool {
	n := utf8.RuneCountInString(s)
	return n >= 3 && n <= 300 && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// target returns the one API that the form names, by audience or by resource; "" for
// none, or for two.
func target(form url.Values) string {
	audience, resource := form.Get("audience"), form.Get("resource")
	switch {
	case audience == "":
		return resource
	case resource != "" && resource != audience:
		return ""
	}
	return audience
}

// verifySubject finds out whom the subject token speaks of.
func (e *exchange) verifySubject(ctx context.Context) error {
	if t := e.asked.subjectType; t == TypeJWT || t == TypeSAML {
		return e.verifyForeign(ctx)
	}
	var err error
	if e.isID = e.asked.subjectType == TypeID; e.isID {
		var id token.ID
		id, err = e.o.Verifier.Identity(ctx, e.asked.subject)
		e.subject = id.Access()
	} else {
		e.subject, err = e.o.Verifier.Access(ctx, e.asked.subject)
	}
	switch {
	case err != nil && e.ofAnother(err):
		return e.verifyForeign(ctx)
	case err != nil:
		return notGood("subject", err)
	}
	s := e.subject
	e.expires = s.Expires
	e.decision.Parent, e.decision.ParentGrant, e.decision.ParentClient, e.decision.ParentApp = s.ID, s.Grant, s.Client, s.App
	e.decision.Access.Person = s.Person
	switch {
	case s.Person == "":
		return refuse("subject_client", codeRequest, "the subject_token speaks of a client: only a person can be acted for")
	case s.Audience == e.o.Issuer && !e.isID && !slices.Contains(s.Scopes, "openid"):
		return refuse("subject_scope", codeRequest, "the subject_token lacks the scope openid: it does not say who the person is")
	}
	return nil
}

// target finds the rule of the client's manifest, and the API.
func (e *exchange) target(ctx context.Context) (err error) {
	var ok bool
	if e.policy, ok = e.caller.Exchange(e.asked.audience); !ok {
		return refuse("audience_denied", codeTarget, "the app's manifest does not name this audience in tokenExchange")
	}
	e.decision.Mode = catalog.ModeImpersonation
	if e.policy.Delegation {
		e.decision.Mode = catalog.ModeDelegation
	}
	if e.api, err = e.o.Clients.Audience(ctx, e.asked.audience); err != nil {
		return unlessUnavailable(err, refuse("audience_unknown", codeTarget, "no app serves this audience"))
	}
	e.decision.API = e.api.App
	return nil
}
