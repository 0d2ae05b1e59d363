package tokenexchange

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/oidc"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/token"
)

// scopes gives what was asked for, or all that there is when nothing was. A scope that
// the manifest or the API does not name, or that the API's side has not agreed to, refuses
// the request, rather than to be left out.
func (e *exchange) scopes(context.Context) error {
	asked, err := oidc.Scopes(e.asked.scope)
	if err != nil {
		return refuse("scope_malformed", codeScope, fault.As(err).Detail)
	}
	agreed := e.caller.Agreed(e.api, catalog.Mode(e.decision.Mode))
	offered := both(e.policy.Scopes, e.api.Scopes)
	if len(asked) == 0 {
		asked = both(offered, agreed)
	}
	slices.Sort(asked)
	asked = slices.Compact(asked)
	e.decision.Access.Scopes = asked
	unnamed, unknown, pending := without(asked, e.policy.Scopes), without(asked, e.api.Scopes), without(asked, agreed)
	switch {
	case len(unnamed) > 0:
		return refuse("scope_denied", codeScope, "scope asks for "+listed(unnamed)+", which the app's manifest does not name for this audience").
			expected(e.policy.Scopes, asked).lacks(fieldScopes, unnamed...).lacks(fieldOffers, unknown...)
	case len(unknown) > 0:
		return refuse("scope_unknown", codeScope, "scope asks for "+listed(unknown)+", which the API does not name").
			expected(e.api.Scopes, asked).lacks(fieldOffers, unknown...)
	case len(offered) > 0 && (len(asked) == 0 || len(pending) > 0):
		if len(asked) == 0 {
			pending = without(offered, agreed)
		}
		return refuse("scope_not_agreed", codeScope, "the API's side has not agreed that this app gets "+listed(pending)+": the API's owner or an administrator can").
			lacks(commandAgree, pending...)
	case len(asked) == 0:
		return refuse("scope_unknown", codeScope, "the API names none of the scopes that the app's manifest does").
			expected(e.api.Scopes, e.policy.Scopes).lacks(fieldOffers, e.policy.Scopes...)
	}
	return nil
}

// both lists what is in one and in the other.
func both(one, other []string) []string {
	return slices.DeleteFunc(slices.Clone(one), func(s string) bool { return !slices.Contains(other, s) })
}

// without lists what is in one and not in the other. Nothing is allocated for none.
func without(one, other []string) (rest []string) {
	for _, s := range one {
		if !slices.Contains(other, s) {
			rest = append(rest, s)
		}
	}
	return rest
}

// listed names scopes for whoever asked: a few, and none that is longer than a scope is.
func listed(scopes []string) string {
	const most, longest = 5, 100
	named := slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return len(s) > longest })
	switch {
	case len(scopes) == 0:
		return "none"
	case len(named) == 0:
		return "something"
	case len(named) > most || len(named) < len(scopes):
		return strings.Join(named[:min(most, len(named))], ", ") + " and more"
	}
	return strings.Join(named, ", ")
}

// entitled asks whether the person may use, at this moment, the app that the token was
// made for, the one that exchanges it, and the API. Nobody is refused by what was read
// a while ago.
func (e *exchange) entitled(ctx context.Context) error {
	person, rev, err := e.o.People.Recently(ctx, e.subject.Person, e.subject.Connection)
	if err == nil {
		if err = e.mayAll(ctx, person); err == nil {
			e.rev = min(e.rev, rev)
			return nil
		}
	}
	if person, err = e.o.People.Usable(ctx, e.subject.Person, e.subject.Connection); err != nil {
		return unlessUnavailable(err, e.unusable(err))
	}
	return e.mayAll(ctx, person)
}

// unusable refuses a person who may not come over the connection, for the reason err. The
// client is not told which.
func (e *exchange) unusable(err error) *refusal {
	r := refuse("person", codeRequest, "the person is switched off or cannot sign in any more")
	r.detail = fault.As(err).Code
	switch {
	case errors.Is(err, directory.ErrPersonDisabled):
		return r.lacks(commandPerson, e.subject.Person).lacks(commandConnection).lacks(settingProvisioning)
	case errors.Is(err, directory.ErrLeft), errors.Is(err, directory.ErrNotProvisioned):
		return r.lacks(settingProvisioning, e.subject.Connection).lacks(commandConnection).lacks(commandPerson)
	}
	return r.lacks(commandConnection, e.subject.Connection).lacks(commandPerson).lacks(settingProvisioning)
}

// mayAll refuses a person who may not use one of the three. The API that the person may
// not use is invalid_target, anything else makes the subject worthless.
func (e *exchange) mayAll(ctx context.Context, person directory.Person) error {
	apps := append(make([]*registry.Client, 0, 3), &registry.Client{ID: e.api.Client, App: e.api.App, Entitlements: e.api.Entitlements}, e.caller)
	if s := e.subject; s.Client != e.caller.ID {
		owner, err := e.o.Clients.Client(ctx, s.Client)
		if err != nil {
			return unlessUnavailable(err, refuse("subject_app", codeRequest, "the app that the subject_token was made for is gone"))
		}
		e.rev = min(e.rev, owner.Rev)
		apps = append(apps, owner)
	}
	may, err := e.o.Entitlements.CheckEach(ctx, person, apps...)
	switch {
	case err != nil:
		return err
	case len(may) == 3 && !may[2].Allowed:
		return refuse("not_entitled_subject", codeFor(apps[2], e.api), "the person may no longer use the app that the subject_token was made for")
	case !may[1].Allowed:
		return refuse("not_entitled_client", codeFor(e.caller, e.api), "the person may not use the app that acts for them")
	case !may[0].Allowed:
		return refuse("not_entitled_target", codeTarget, "the person may not use this API")
	}
	e.roles = may[0].Roles
	return nil
}

// codeFor is what the request fails with when the person may not use an app.
func codeFor(app *registry.Client, api *registry.Audience) string {
	if app.App == api.App {
		return codeTarget
	}
	return codeRequest
}

// grant gives what all steps before it have led to, unless nothing is left of its life.
func (e *exchange) grant(context.Context) error {
	s, d := e.subject, &e.decision
	expires := earlier(e.expires, e.req.Now.Add(e.policy.MaxTTL))
	if e.api.MaxTTL > 0 {
		expires = earlier(expires, e.req.Now.Add(e.api.MaxTTL))
	}
	if expires.Sub(e.req.Now) < time.Second {
		return refuse("token_expired", codeRequest, "the subject_token or actor_token is about to expire")
	}
	d.Access = token.Access{
		Subject: s.Subject, Person: s.Person, Connection: s.Connection, Session: s.Session, Audience: e.api.Name, Scopes: d.Access.Scopes, Roles: e.roles,
		Expires: expires, AuthTime: s.AuthTime, ACR: s.ACR, AMR: s.AMR, Rev: e.rev, MayAct: e.api.Client,
		Actors: d.Access.Actors, ActorGrant: d.Access.ActorGrant, Via: append(slices.Clip(s.Via), s.Link()),
	}
	return nil
}

// The error codes of a refusal (RFC 6749, section 5.2; RFC 8693, section 2.2.2).
const (
	codeRequest = "invalid_request"
	codeTarget  = "invalid_target"
	codeScope   = "invalid_scope"
)

// refusal is why an exchange is refused.
type refusal struct {
	// reason is stable, for the audit log.
	reason string
	said   *fault.Error
	detail string // what was expected and what came, for the audit log
	// missing is what a remedy would have to add, by what it changes; nothing for a
	// remedy that would not help.
	missing map[string][]string
}

// expected notes what would have been taken, and what came.
func (r *refusal) expected(these, came []string) *refusal {
	r.detail = "expected " + listed(these) + "; came " + listed(came)
	return r
}

// lacks notes what is missing where a remedy would change something.
func (r *refusal) lacks(what string, values ...string) *refusal {
	if r.missing == nil {
		r.missing = map[string][]string{}
	}
	r.missing[what] = values
	return r
}

// Error implements error.
func (r *refusal) Error() string { return r.reason + ": " + r.said.Error() }

// Unwrap shows the fault.
func (r *refusal) Unwrap() error { return r.said }

func refuse(reason, code, detail string) *refusal {
	return &refusal{reason: reason, said: fault.New(fault.Invalid, code, "%s", detail)}
}

// notGood refuses a token that did not verify, unless that could not be told.
func notGood(which string, err error) error {
	said := map[string]string{"token_expired": "has expired", "revoked": "was revoked"}[fault.As(err).Code]
	if said == "" {
		said = "is not a valid token of this broker and type"
	}
	return unlessUnavailable(err, refuse(which+"_"+strings.TrimPrefix(fault.As(err).Code, "token_"), codeRequest, "the "+which+"_token "+said))
}

// unlessUnavailable returns r for what is so, and err for what could not be told.
func unlessUnavailable(err error, r *refusal) error {
	if kind := fault.KindOf(err); kind == fault.Unavailable || kind == fault.Internal {
		return err
	}
	return r
}
