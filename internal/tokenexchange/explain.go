package tokenexchange

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/oidc"
	"github.com/gatehouse-io/gatehouse/internal/policy"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/token"
)

// ExplainOptions are what an Explainer needs. All are required.
type ExplainOptions struct {
	Exchange *Exchange
	// Admits returns a client that may use a grant type now: oidc.Provider.Admits.
	Admits func(ctx context.Context, client, grantType string) (*registry.Client, uint64, error)
	// Tokens finds issued tokens, and Line what they grew from: grant.Tree.
	Tokens interface {
		Node(ctx context.Context, id string) (grant.Node, error)
		Line(ctx context.Context, n grant.Node) ([]grant.Node, error)
	}
	Person func(ctx context.Context, id string) (directory.Person, error)
	Abroad Abroad
	Now    func() time.Time
}

// Explainer says how an exchange would be decided on, and why, without making it. It
// runs the very steps of the grant; only the subject token is not verified but told
// of by the audit log, or assumed.
type Explainer struct{ o ExplainOptions }

// NewExplainer returns an Explainer.
func NewExplainer(o ExplainOptions) *Explainer { return &Explainer{o} }

// Explain answers a question. What cannot be found out, such as with the database
// gone, is an error and no refusal; so is a person or token that there is not.
func (x *Explainer) Explain(ctx context.Context, q policy.Exchange) (policy.Explanation, error) {
	e := explanation{Explanation: policy.Explanation{Steps: []policy.Step{}}}
	if err := q.Check(); err != nil {
		return e.Explanation, err
	}
	dry, about, err := x.suppose(ctx, q)
	if err != nil {
		return e.Explanation, err
	}
	e.asked, e.abroad, e.Person = q, q.Connection != "", about.person
	if from, err := x.o.Exchange.o.Clients.Client(ctx, about.client); err == nil {
		e.signsIn = slices.ContainsFunc(from.GrantTypes, func(g string) bool { return g != catalog.GrantExchange && g != "client_credentials" })
	}
	e.Subject, e.API = x.names(ctx, about.client, q.Audience)
	c, rev, err := x.o.Admits(ctx, q.Client, catalog.GrantExchange)
	if c != nil {
		e.Client = c.Name
	}
	if err := e.take("client", err); err != nil || e.refused() {
		e.rest()
		return e.Explanation, err
	}
	req := oidc.ExtensionRequest{Client: c, Rev: rev, Now: x.o.Now(), Form: url.Values{
		"subject_token": {about.raw}, "subject_token_type": {about.kind}, "audience": {q.Audience}, "scope": {q.Scope},
	}}
	var unknown error
	d, _ := dry.run(ctx, req, func(step string, refused error) { unknown = errors.Join(unknown, e.take(step, refused)) })
	e.rest()
	e.Scopes, e.Mode, e.Actors, e.Granted = d.Access.Scopes, d.Mode, d.Access.Actors, !e.refused()
	if e.Granted {
		e.Person = d.Access.Person
		e.Life = int(min(d.Access.Expires.Sub(req.Now), grant.NodeLife).Seconds())
	}
	return e.Explanation, unknown
}

// explanation is one on its way.
type explanation struct {
	policy.Explanation
	asked  policy.Exchange
	abroad bool // the subject is of another issuer
	// signsIn says that people sign in to the app that the subject would be of.
	signsIn bool
}

// noSignIn is said where a sign-in is assumed to an app that has none.
const noSignIn = "nobody signs in to this app: ask about the token that it was given, by its id"

// take notes a step. What could not be told is returned.
func (e *explanation) take(name string, refused error) error {
	s := policy.Step{Name: name, Asks: policy.Question(name), Outcome: policy.Passed}
	if refused != nil {
		f := fault.As(refused)
		if f.Kind == fault.Unavailable || f.Kind == fault.Internal {
			return refused
		}
		s.Outcome, s.Rule, s.Error, s.Detail = policy.Refused, f.Code, f.Code, f.Detail
		r, ok := errors.AsType[*refusal](refused)
		if ok {
			s.Rule, s.Found = r.reason, r.detail
		}
		s.Remedies = e.remedies(s.Rule, r)
		if s.Rule == "subject_scope" && e.asked.Token == "" && !e.signsIn {
			s.Found, s.Remedies = noSignIn, []policy.Remedy{policy.Caller.Changes("subject_token")}
		}
	}
	e.Steps = append(e.Steps, s)
	return nil
}

func (e *explanation) refused() bool {
	return slices.ContainsFunc(e.Steps, func(s policy.Step) bool { return s.Outcome == policy.Refused })
}

// rest adds the steps that were not reached.
func (e *explanation) rest() {
	names := []string{"client"}
	for _, s := range steps {
		names = append(names, s.name)
	}
	for _, name := range names {
		if !slices.ContainsFunc(e.Steps, func(s policy.Step) bool { return s.Name == name }) {
			e.Steps = append(e.Steps, policy.Step{Name: name, Asks: policy.Question(name), Outcome: policy.NotReached})
		}
	}
}

// names are those of the apps of a client and of an API, as far as they are there.
func (x *Explainer) names(ctx context.Context, client, audience string) (subject, api string) {
	clients := x.o.Exchange.o.Clients
	if c, err := clients.Client(ctx, client); err == nil {
		subject = c.Name
	}
	if a, err := clients.Audience(ctx, audience); err == nil {
		if c, err := clients.Client(ctx, a.Client); err == nil {
			api = c.Name
		}
	}
	return subject, api
}

// supposed stands for the verifier of a subject token that is not at hand: it says
// what the token would.
type supposed struct {
	SubjectVerifier
	token token.Access
	// revocations and now tell whether it would still be good.
	revocations Revocations
	now         time.Time
}

// Access implements SubjectVerifier by the rules of token.Verifier.
func (s *supposed) Access(context.Context, string) (token.Access, error) {
	if !s.now.Before(s.token.Expires) {
		return token.Access{}, token.ErrExpired
	}
	return s.token, s.revocations.Check(s.token.Rev, s.token.Refs()...)
}

// subject is the token that a question is about: what stands for it and what it is
// called, whom it speaks of, and the client that it was issued to, as far as it is ours.
type subject struct{ raw, kind, person, client string }

// suppose returns the exchange with the question's subject in it.
func (x *Explainer) suppose(ctx context.Context, q policy.Exchange) (*Exchange, subject, error) {
	dry, s := *x.o.Exchange, &supposed{SubjectVerifier: x.o.Exchange.o.Verifier, revocations: x.o.Exchange.o.Revocations, now: x.o.Now()}
	var err error
	switch {
	case q.Connection != "":
		kind, err := x.abroad(ctx, &dry, q)
		return &dry, subject{raw: standIn(q.Connection), kind: kind, person: q.Person}, err
	case q.Token != "":
		s.token, err = x.issued(ctx, q.Token)
	default:
		s.token, err = x.assumed(ctx, q, s.now)
	}
	dry.o.Verifier = s
	return &dry, subject{cmp.Or(q.Token, "assumed"), TypeAccess, s.token.Person, s.token.Client}, err
}

// issued is what a token says that the audit log tells of.
func (x *Explainer) issued(ctx context.Context, id string) (token.Access, error) {
	n, err := x.o.Tokens.Node(ctx, id)
	if err != nil {
		return token.Access{}, err
	}
	line, err := x.o.Tokens.Line(ctx, n)
	if err != nil {
		return token.Access{}, err
	}
	a := accessOf(n)
	if n.Exchanged() {
		api, err := x.o.Exchange.o.Clients.Audience(ctx, n.Audience)
		switch {
		case err == nil:
			a.MayAct = api.Client
		case fault.KindOf(err) != fault.NotFound:
			return a, err
		}
	}
	if first := append(line, n)[0]; first.Exchanged() && first.Parent == "" { // from what no entry tells of, such as an id_token
		a.Via = append(a.Via, token.Link{Audience: x.o.Exchange.o.Issuer, Client: cmp.Or(first.ParentClient, first.Client), Grant: first.ParentGrant})
	}
	for _, up := range line {
		a.Via = append(a.Via, accessOf(up).Link())
	}
	return a, nil
}

func accessOf(n grant.Node) token.Access {
	a := token.Access{
		ID: n.ID, Subject: n.Person, Person: n.Person, Audience: n.Audience, Client: n.Client, Scopes: n.Scopes, Issued: n.Issued, Expires: n.Expires,
		Session: n.Session, Connection: n.Connection, App: n.App, Grant: n.Grant, Key: n.Key, Rev: n.Rev, Actors: n.Actors, ActorGrant: n.ActorGrant,
	}
	if a.Person == "" {
		a.Subject = n.Client
	}
	return a
}

// assumed is the token of somebody who has just signed in.
func (x *Explainer) assumed(ctx context.Context, q policy.Exchange, now time.Time) (token.Access, error) {
	p, err := x.o.Person(ctx, q.Person)
	if err != nil {
		return token.Access{}, err
	}
	to := q.SignedInTo
	if to == "" {
		to = q.Client
	}
	c, err := x.o.Exchange.o.Clients.Client(ctx, to)
	if err != nil {
		return token.Access{}, err
	}
	a := token.Access{
		Subject: p.ID, Person: p.ID, Audience: x.o.Exchange.o.Issuer, Client: c.ID, App: c.App, Scopes: c.Scopes, Issued: now, Expires: now.Add(grant.NodeLife), Rev: c.Rev,
	}
	a.Connection = over(p)
	return a, nil
}

// over is the connection that somebody would come over: the one of their last sign-in, or
// one that an identity provider pushed them over and that they never used yet.
func over(p directory.Person) string {
	if last := latest(p.Identities); last.Connection != "" {
		return last.Connection
	}
	if i := slices.IndexFunc(p.Records, func(r directory.Record) bool { return r.Active }); i >= 0 {
		return p.Records[i].Connection
	}
	return ""
}

// latest is the identity that somebody signed in with last.
func latest(all []directory.Identity) (last directory.Identity) {
	for i, one := range all {
		if i == 0 || one.LastSignIn.After(last.LastSignIn) {
			last = one
		}
	}
	return last
}
