package api

import (
	"net/http"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/policy"
)

func (a *API) explainRoutes() []rest.Route {
	return []rest.Route{{
		ID: "explainExchange", Method: "GET", Path: "/explain/exchange", Summary: "Say how a token exchange would be decided on, step by step, and who could change that.",
		About: "The very rules of the token endpoint are asked, and nothing is issued. Name the token that would be exchanged by its id (jti), never the token itself; or a person, " +
			"who is assumed to have just signed in, to the client signed_in_to or to the client itself. With connection, what that connection's identity provider makes for the person at " +
			"this moment would be brought instead, and nothing of it has to be sent: whether it is taken, of whom, and what it gets.",
		Right: admin.ReadPeople, Finds: true,
		Query: []rest.Param{
			rest.Text("client", "The client_id of who would exchange."), rest.Text("audience", "The API."), rest.Text("scope", "What is asked for; all that there is unless told."),
			rest.Text("token", "The id (jti) of an access token that was issued."), rest.Text("person", "Whose token it would be."),
			rest.Text("signed_in_to", "The client_id of the app that the person is signed in to."),
			rest.Text("connection", "The connection whose identity provider would have made the person's token or assertion."),
			rest.Choice("subject_type", "What that would be called; jwt of OpenID Connect and saml2 of SAML unless told.", policy.SubjectTypes()...),
		},
		Answer: exampleExplanation, Do: a.explainExchange,
	}}
}

func (a *API) explainAccessRoutes() []rest.Route {
	return []rest.Route{{
		ID: "explainAccess", Method: "GET", Path: "/explain/access", Summary: "Say why somebody may or may not use an app, now or at any time that is kept.",
		About: "From the upstream group and the SCIM operation, or the sign-in, over the mapping and the release to the role and the scopes; or what is missing. Who may read who may use what " +
			"asks about everybody, an app's owner about the app, and everybody about themselves: then without who did what.",
		Right: rest.Anybody,
		Query: []rest.Param{
			rest.Text("person", "The person's id, the sub of tokens; whoever asks unless told."), rest.Text("app", "The app's name."), rest.Instant("at", "The time, now unless told (RFC 3339)."),
		},
		Answer: exampleAccessExplained, Do: a.explainAccess,
	}}
}

// explainAccess explains to whoever may hear it: see Principal.MayApp for an app's owner.
func (a *API) explainAccess(r *http.Request) (any, error) {
	q, who := rest.QueryOf(r), rest.CallerOf(r).Principal
	person, app, at := q.Get("person"), q.Get("app"), q.Time("at")
	if person == "" && who.Owner.Kind == identity.KindPerson {
		person = who.Owner.ID
	}
	if person == "" || app == "" {
		return nil, entitlement.ErrAsk
	}
	team, err := a.team(r.Context(), app)
	if err != nil {
		return nil, err
	}
	all := who.MayApp(admin.ReadAccess, app, team)
	if !all && who.Owner != identity.Person(person) {
		return nil, admin.ErrForbidden
	}
	e, err := a.o.ExplainAccess(r.Context(), person, app, at)
	switch {
	case fault.KindOf(err) == fault.NotFound && err != nil: // a parameter names nothing: the resource is there
		return nil, fault.Wrap(err, fault.Invalid, fault.As(err).Code, "%s", fault.As(err).Detail)
	case err == nil && !all:
		e = e.ForThemselves()
	}
	return e, err
}

func (a *API) explainExchange(r *http.Request) (any, error) {
	q := rest.QueryOf(r)
	return a.o.ExplainExchange(r.Context(), policy.Exchange{
		Client: q.Get("client"), Audience: q.Get("audience"), Scope: q.Get("scope"), Token: q.Get("token"), Person: q.Get("person"), SignedInTo: q.Get("signed_in_to"),
		Connection: q.Get("connection"), SubjectType: q.Get("subject_type"),
	})
}

// exampleExplanation is of a token that another issuer made.
var exampleExplanation = policy.Explanation{
	Client: "travel-desk", API: "payroll", Person: exampleID,
	Steps: []policy.Step{
		{Name: "client", Outcome: policy.Passed},
		{Name: "request", Outcome: policy.Passed},
		{
			Name: "subject", Outcome: policy.Refused, Rule: "subject_not_allowed", Error: "invalid_request",
			Detail: "the subject_token is of an issuer whose tokens this client may not bring", Found: "expected microapp-crm-dash; came microapp-travel-desk",
			Remedies: []policy.Remedy{policy.Administrator.Changes("exchange.clients")},
		},
		{Name: "audience", Outcome: policy.NotReached},
	},
}
