package api

import (
	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/catalog/ownership"
	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/policy"
	"github.com/gatehouse-io/gatehouse/internal/porting"
	"github.com/gatehouse-io/gatehouse/internal/signal"
	"github.com/gatehouse-io/gatehouse/internal/trace"
)

// table is the whole API.
func (a *API) table() []rest.Route {
	var all []rest.Route
	for _, area := range []struct {
		name   string
		routes []rest.Route
	}{
		{"Overview", a.overviewRoutes()},
		{"Apps", append(a.appRoutes(), a.ownerRoutes()...)},
		{"People", a.peopleRoutes()},
		{"Access", append(a.assignmentRoutes(), a.explainAccessRoutes()...)},
		{"Sessions and grants", a.sessionRoutes()},
		{"Exchanged tokens", append(a.exchangeRoutes(), a.explainRoutes()...)},
		{"Revocations", a.revocationRoutes()},
		{"Callers of APIs", a.callerRoutes()},
		{"Connections", append(a.connectionRoutes(), a.traceRoutes()...)},
		{"SCIM", a.scimRoutes()},
		{"Groups", a.groupRoutes()},
		{"Import and export", a.importRoutes()},
		{"Keys", a.keyRoutes()},
		{"Audit", a.auditRoutes()},
		{"Outbox and jobs", a.queueRoutes()},
		{"Shared signals", a.streamRoutes()},
		{"Administration", a.adminRoutes()},
		{"Changes", a.changeRoutes()},
	} {
		for _, rt := range area.routes {
			rt.Area = area.name
			all = append(all, rt)
		}
	}
	return all
}

// schemas lists the words of types that have a few.
func schemas() rest.Schemas {
	s := rest.Schemas{}
	rest.Words(s, admin.Roles()...)
	rest.Words(s, admin.Rights()...)
	rest.Words(s, admin.ChangeStates()...)
	rest.Words(s, event.Waiting, event.Retrying, event.Buried, event.Done, event.Discarded)
	rest.Words(s, catalog.Created, catalog.Updated, catalog.Unchanged)
	rest.Words(s, catalog.Modes()...)
	rest.Words(s, keys.ES256, keys.RS256, keys.EdDSA, keys.SAML)
	rest.Words(s, keys.Waiting, keys.Signing, keys.Retired, keys.Removed, keys.Killed)
	rest.Words(s, connection.Configured, connection.Stored)
	rest.Words(s, trace.SignIn, trace.SignOut, trace.Test)
	rest.Words(s, identity.Kinds()...)
	rest.Words(s, nodeLive, nodeEnded, nodeExpired)
	rest.Words(s, policy.Outcomes()...)
	rest.Words(s, entitlement.Verdicts()...)
	rest.Words(s, entitlement.ObstacleCodes()...)
	rest.Words(s, entitlement.StepKinds()...)
	rest.Words(s, policy.Everybody()...)
	rest.Words(s, grant.ConsequenceStates()...)
	rest.Words(s, ownership.States()...)
	rest.Words(s, ownership.Present, ownership.Gone, ownership.Unknown)
	rest.Words(s, porting.States()...)
	rest.Words(s, porting.Formats()...)
	rest.Words(s, append(porting.Kinds(), "")...)
	rest.Words(s, signal.Statuses()...)
	rest.Words(s, signal.SetWaiting, signal.SetDelivered, signal.SetRefused, signal.SetDropped)
	return s
}

// values say what the parameters of paths mean.
func values() map[string]rest.Value {
	return map[string]rest.Value{
		"name":       {About: "The app's name.", Example: "expense-bot"},
		"id":         {About: "The thing's id: of a person the sub of tokens, of a session the sid.", Example: exampleID},
		"kind":       {About: "What kind of thing: person, connection, app, client, session, grant or install.", Example: "person"},
		"caller":     {About: "The name of the app that asks for scopes of the API.", Example: "travel-desk"},
		"app":        {About: "The app's internal id.", Example: exampleApp.ID},
		"connection": {About: "The connection's id.", Example: "acme"},
		"group":      {About: "The group's id at the identity provider.", Example: "00g1emaKYZTWRYYRRTSK"},
		"algorithm":  {About: "ES256, RS256 or EdDSA, or SAML for the keys that sign SAML messages.", Example: "ES256"},
		"kid":        {About: "The key's id.", Example: exampleKey.ID},
		"role":       {About: "One of the roles.", Example: "auditor"},
	}
}
