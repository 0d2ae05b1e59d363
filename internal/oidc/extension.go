package oidc

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/token"
)

// Extension is a grant type that another package decides on. The pipeline has
// checked the client before, and mints and records after: an extension can do
// neither, and never gets a refresh token or an id_token out.
type Extension interface {
	// GrantType is the grant_type that it answers.
	GrantType() string
	// Decide says what the client gets. It refuses with a fault whose code is one of
	// RFC 6749, section 5.2, or RFC 8693, section 2.2.2; the Decision beside it
	// says what is known of the request, for the audit log.
	Decide(ctx context.Context, req ExtensionRequest) (Decision, error)
}

// ExtensionRequest is a token request of a client that has proved itself, may use
// the grant type, and is neither switched off nor revoked.
type ExtensionRequest struct {
	Form   url.Values // each parameter once
	Client *registry.Client
	// Rev is the revocation number that was applied before anything was read.
	Rev uint64
	Now time.Time
}

// Decision is what an extension decided on.
type Decision struct {
	// Access is what the token says. The pipeline fills in ID, Issued, Client, App,
	// Grant and Era, and shortens a life that is longer than any token's.
	Access token.Access
	// IssuedType is the token type identifier of the answer (RFC 8693, section 3).
	IssuedType string
	// Parent is the jti of the token that was brought, and ParentGrant and
	// ParentClient are its grant and client, where it is one of ours.
	Parent, ParentGrant, ParentClient string
	// API and ParentApp are the internal ids of the apps that serve the audience and have
	// ParentClient.
	API, ParentApp string
	// Origin is where the token came from that was brought, if another issuer made it.
	Origin Origin
	// Mode names the rule that was applied, Reason the one that refused; Detail is what
	// that one expected and what came, where it says so. Purpose is what the client says
	// that the token is for.
	Mode, Reason, Detail, Purpose string
}

// Origin is a token or an assertion of another issuer.
type Origin struct {
	// Type is its token type identifier, Connection over which it counts, and ID its jti
	// or ID.
	Type, Connection, Issuer, ID string
}

// extended makes a grant of an extension.
func extended(x Extension) tokenGrant {
	return func(p *Provider, req *tokenRequest) (*tokenAnswer, error) {
		ctx := req.http.Context()
		d, err := x.Decide(ctx, ExtensionRequest{Form: req.form, Client: req.client, Rev: req.rev, Now: req.now})
		if err != nil {
			return nil, p.refuse(req, d, err)
		}
		answer, issued, err := p.mintDecided(req, d)
		if err != nil {
			d.Reason = "too_long"
			return nil, p.refuse(req, d, err)
		}
		return answer, p.o.Trail.Record(ctx, issued)
	}
}

// mintDecided makes the access token that an extension decided on.
func (p *Provider) mintDecided(req *tokenRequest, d Decision) (*tokenAnswer, event.Event, error) {
	a := d.Access
	a.ID, a.Issued, a.Era = identity.NewOrderedID(req.now), req.now, p.o.Era
	a.Grant = a.ID // its own, which is found by its id where the token's entry is: see grant.Node
	a.Client, a.App, a.Rev = req.client.ID, req.client.App, min(a.Rev, req.rev)
	if last := req.now.Add(accessLife); a.Expires.After(last) {
		a.Expires = last
	}
	req.minted = a
	raw, err := p.o.Minter.Access(req.algorithm(), a)
	if err != nil {
		return nil, event.Event{}, tooLong(err)
	}
	life := a.Expires.Sub(req.now).Truncate(time.Second)
	answer := &tokenAnswer{Access: raw, Type: "Bearer", Expires: int64(life.Seconds()), Scope: strings.Join(a.Scopes, " "), IssuedType: d.IssuedType}
	issued := event.New(req.now, "token.issued", p.o.Actor(req.http, identity.Client(a.Client)), identity.Ref{Kind: identity.KindToken, ID: a.ID},
		"grant_type", req.form.Get("grant_type"), "app", a.App, "person", a.Person, "audience", a.Audience, "scope", answer.Scope, "grant", a.Grant,
		"life", life.String(), "session", a.Session, "connection", a.Connection, "rev", strconv.FormatUint(a.Rev, 10), "key", p.signingKey(req),
		"mode", d.Mode, "acting", strings.Join(a.Actors, " "), "actor_grant", a.ActorGrant, "purpose", d.Purpose, "api", d.API,
		"parent", d.Parent, "parent_grant", d.ParentGrant, "parent_client", d.ParentClient, "parent_app", d.ParentApp,
		"subject_type", d.Origin.Type, "subject_issuer", d.Origin.Issuer, "subject_id", d.Origin.ID)
	return answer, issued, nil
}

// refuse records that an extension refused, and why, before the client learns of it.
// What could not be decided on is no refusal.
func (p *Provider) refuse(req *tokenRequest, d Decision, cause error) error {
	f := fault.As(cause)
	if f.Kind == fault.Unavailable || f.Kind == fault.Internal {
		return cause
	}
	a := d.Access
	e := event.New(req.now, "token.refused", p.o.Actor(req.http, identity.Client(req.client.ID)), identity.App(req.client.App),
		"grant_type", req.form.Get("grant_type"), "error", f.Code, "reason", d.Reason, "detail", d.Detail, "person", a.Person, "audience", a.Audience,
		"scope", strings.Join(a.Scopes, " "), "mode", d.Mode, "acting", strings.Join(a.Actors, " "), "purpose", d.Purpose,
		"parent", d.Parent, "parent_grant", d.ParentGrant, "parent_client", d.ParentClient,
		"connection", d.Origin.Connection, "subject_type", d.Origin.Type, "subject_issuer", d.Origin.Issuer, "subject_id", d.Origin.ID)
	if err := p.o.Trail.Record(req.http.Context(), e); err != nil {
		return err
	}
	return cause
}
