package tokenexchange

import (
	"context"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/token"
)

// holder refuses a token that is not the client's to exchange: see held. Whoever let
// another client have it meant the app that had the client_id then: once an app gave up a
// client_id, or lost it, what was issued before is not for whoever has it next.
func (e *exchange) holder(ctx context.Context) error {
	if err := e.held(ctx); err != nil || e.subject.Client == e.caller.ID {
		return err
	}
	if err := e.o.Revocations.Check(e.subject.Rev, identity.Client(e.caller.ID)); err != nil {
		return unlessUnavailable(err, refuse("subject_revoked", codeRequest, "the subject_token is older than a revocation of the client"))
	}
	return nil
}

// held refuses a token that nobody gave to the client. It is the client's by
//   - what may_act says, in a token that says so;
//   - the client that the token was issued to; an id_token has no other;
//   - the client of the API that the token is for;
//   - for a token that is for the broker itself, who the manifest of the app that people
//     signed in to names (spec.identity.oidc.mayAct).
func (e *exchange) held(ctx context.Context) error {
	s := e.subject
	denied := func() *refusal {
		return refuse("subject_holder", codeRequest, "the subject_token was issued to another client, which does not name this one in mayAct")
	}
	switch {
	case s.MayAct != "" && s.MayAct != e.caller.ID:
		return refuse("may_act", codeRequest, "the subject_token's may_act names another client")
	case s.MayAct != "", s.Client == e.caller.ID:
		return nil
	case e.isID:
		return refuse("subject_holder", codeRequest, "the id_token is for another client")
	case s.Audience == e.o.Issuer:
		owner, err := e.o.Clients.Client(ctx, s.Client)
		if err != nil {
			return unlessUnavailable(err, denied())
		}
		e.rev = min(e.rev, owner.Rev)
		if !owner.Trusts(e.caller) {
			return denied()
		}
		return nil
	}
	api, err := e.o.Clients.Audience(ctx, s.Audience)
	if err != nil {
		return unlessUnavailable(err, denied())
	}
	if api.Client != e.caller.ID {
		return refuse("subject_holder", codeRequest, "the subject_token is for another API")
	}
	return nil
}

// line refuses to make the line longer than is allowed, or to come back to where it
// has been: an API that was reached with fewer scopes is not reached again with more.
func (e *exchange) line(context.Context) error {
	s := e.subject
	if len(s.Via) >= token.MaxVia {
		return refuse("depth", codeRequest, "the subject_token was exchanged as often as is allowed")
	}
	audiences, clients := []string{s.Audience}, []string{}
	for i, l := range s.Via {
		audiences = append(audiences, l.Audience)
		if i > 0 { // the first of a line was issued and not exchanged
			clients = append(clients, l.Client)
		}
	}
	if len(s.Via) > 0 {
		clients = append(clients, s.Client)
	}
	switch {
	case slices.Contains(audiences, e.asked.audience):
		return refuse("loop", codeTarget, "the subject_token has come from this audience: no exchange leads back")
	case slices.Contains(clients, e.caller.ID), slices.Contains(s.Actors, e.caller.ID):
		return refuse("loop", codeRequest, "the client has exchanged a token of this line before: no exchange leads back")
	}
	return nil
}

// actor decides who acts for the person: under delegation the client, in front of
// those who did so far. What was delegated stays so, also under impersonation. An
// actor_token only proves once more that the client is itself: for anybody else to act,
// somebody would have to have said so.
func (e *exchange) actor(ctx context.Context) error {
	to := &e.decision.Access
	to.Actors = e.subject.Actors
	if e.policy.Delegation {
		to.Actors = append([]string{e.caller.ID}, e.subject.Actors...)
	}
	if e.asked.actor == "" {
		return nil
	}
	if !e.policy.Delegation {
		return refuse("actor_mode", codeRequest, "the app's manifest names impersonation for this audience, which has no actor")
	}
	a, err := e.o.Verifier.Access(ctx, e.asked.actor)
	switch {
	case err != nil:
		return notGood("actor", err)
	case a.Person != "":
		return refuse("actor_person", codeRequest, "the actor_token speaks of a person, whom nobody allowed to act for another")
	case a.Client != e.caller.ID:
		return refuse("actor_holder", codeRequest, "the actor_token was issued to another client")
	case a.Audience != e.o.Issuer:
		return refuse("actor_audience", codeRequest, "the actor_token is for another API")
	}
	e.expires, to.ActorGrant = earlier(e.expires, a.Expires), a.Grant
	return nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
