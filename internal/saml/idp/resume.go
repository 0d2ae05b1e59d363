package idp

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	samllib "github.com/crewjam/saml"

	"github.com/gatehouse-io/gatehouse/internal/claims"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/saml"
	"github.com/gatehouse-io/gatehouse/internal/session"
)

// Resume goes on after a sign-in: with an assertion, or with the status why not.
func (p *Provider) Resume(w http.ResponseWriter, r *http.Request, state []byte, in identity.SignIn) {
	var q request
	if err := json.Unmarshal(state, &q); err != nil {
		p.o.UI.Error(w, r, fmt.Errorf("resume: %w", err))
		return
	}
	c, err := p.current(r, q)
	if err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	if in.Failure != nil {
		p.answerStatus(w, r, c, q, statusOf(*in.Failure))
		return
	}
	// Most of all this stops an app that sends people round in a circle.
	if err := p.o.Limits.Person.Count(r.Context(), in.Person); err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	what, err := p.claim(r, c, q, in)
	if refusal, ok := errors.AsType[*refused](err); ok {
		p.answerStatus(w, r, c, q, refusal.status)
		return
	}
	if err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	p.o.Issued("saml")
	p.answerClaim(w, r, c, q, what)
}

// statusOf puts a failure of the sign-in into SAML's words.
func statusOf(f identity.Failure) status {
	s := status{samllib.StatusResponder, samllib.StatusAuthnFailed, f.Detail}
	switch f.Code {
	case "login_required", "interaction_required", "consent_required", "account_selection_required":
		s.sub = samllib.StatusNoPassive
	case "access_denied":
		s.sub = samllib.StatusRequestDenied
	case "unmet_authentication_requirements":
		s.sub = samllib.StatusNoAuthnContext
	}
	return s
}

// refused is an error that the app is told as a status.
type refused struct{ status }

// Error implements error.
func (r *refused) Error() string { return r.message }

func refuse(sub, message string) error {
	return &refused{status{samllib.StatusResponder, sub, message}}
}

// claim finds out what is asserted, and lets the app take part in the session: from
// then on it hears when that ends. Everything is read anew, since a person may have
// taken their time.
func (p *Provider) claim(r *http.Request, c *registry.Client, q request, in identity.SignIn) (claim, error) {
	none := claim{}
	if c.Disabled || len(c.Missing) > 0 || q.ID == "" && !c.SAML.Unsolicited {
		return none, ErrShut
	}
	class, ok := classOf(in.Authentication, q.Contexts)
	if !ok {
		return none, refuse(samllib.StatusNoAuthnContext, "the person did not sign in in a way that the app asked for")
	}
	name, what, err := p.facts(r, c, in)
	if err != nil {
		return none, err
	}
	if q.Subject != "" && q.Subject != name {
		return none, refuse(samllib.StatusUnknownPrincipal, "somebody else is signed in than the app asked for")
	}
	if err := p.spend(r, q); err != nil {
		return none, err
	}
	what.class = class
	what.told, err = p.attend(r, c, in, name, what.id)
	return what, err
}

// facts reads who the person is to the app, and for how long.
func (p *Provider) facts(r *http.Request, c *registry.Client, in identity.SignIn) (name string, what claim, err error) {
	ctx := r.Context()
	person, err := p.o.People.Usable(ctx, in.Person, in.Authentication.Connection)
	if err != nil {
		return "", what, err
	}
	s, err := p.o.Sessions.Find(ctx, in.Session)
	if err != nil {
		return "", what, err
	}
	d, err := p.o.Entitlements.Check(ctx, person, c)
	if err != nil {
		return "", what, err
	}
	if !d.Allowed {
		return "", what, refuse(samllib.StatusRequestDenied, "the person may not use this app")
	}
	refs := append(c.Refs(), identity.Person(in.Person), identity.Session(in.Session), identity.Connection(in.Authentication.Connection), identity.Install(in.Person, c.App))
	if err := p.o.Revocations.Check(min(in.Rev, c.Rev), refs...); err != nil {
		return "", what, err
	}
	if name, err = p.nameOf(person, c); errors.Is(err, errNoAddress) {
		err = refuse(samllib.StatusInvalidNameIDPolicy, fault.As(err).Detail)
	}
	return name, claim{
		id: saml.NewID(), authentic: in.Authentication.Time, until: s.Expires.UTC().Truncate(time.Millisecond),
		attributes: attributes(claims.ForScopes(person, d, in.Scopes), c.SAML.Attributes),
	}, err
}

// attend records the assertion, and who has it, in one transaction.
func (p *Provider) attend(r *http.Request, c *registry.Client, in identity.SignIn, name, assertion string) (session.Participant, error) {
	now := p.o.Now()
	issued := event.New(now, "assertion.issued", p.o.Actor(r, identity.Client(c.ID)), identity.Ref{Kind: identity.KindToken, ID: assertion},
		"app", c.App, "person", in.Person, "session", in.Session, "name_id_format", c.SAML.NameIDFormat)
	return p.o.Participants.Attend(r.Context(), session.Participant{
		Session: in.Session, App: c.App, Client: c.ID, First: now, NameID: name, NameFormat: c.SAML.NameIDFormat, SessionIndex: saml.NewID(),
	}, []event.Event{issued})
}
