package tokenexchange

import (
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/policy"
)

// What remedies change that takes a value, such as the scopes to add.
const (
	fieldExchange       = "spec.identity.tokenExchange"
	fieldScopes         = "spec.identity.tokenExchange.scopes"
	fieldOffers         = "spec.identity.resource.scopes"
	fieldAudience       = "spec.identity.resource.audience"
	fieldMayAct         = "spec.identity.oidc.mayAct"
	fieldSignIn         = "spec.identity.oidc.scopes"
	settingClients      = "exchange.clients"
	settingProvisioning = "provisioning"
	commandAgree        = "app agree"
	commandApp          = "app enable"
	commandPerson       = "person enable"
	commandConnection   = "idp enable"
)

// remedies returns what could be changed about a refusal by the rule, with what is missing
// there; of whoever refused, r is nil without more to say. What has none of its own is
// about a token or parameter that the caller sent.
func (e *explanation) remedies(rule string, r *refusal) []policy.Remedy {
	known, ok := remedyAbroad[rule]
	if !ok || !e.abroad {
		known, ok = remedy[rule]
	}
	if !ok {
		what := "subject_token"
		if parameter, _, ok := strings.Cut(rule, "_"); ok && (parameter == "actor" || parameter == "requested") {
			what = parameter + "_token"
		}
		return []policy.Remedy{policy.Caller.Changes(what)}
	}
	var all []policy.Remedy
	for _, one := range known {
		values, told := e.usual(one.What), false
		if r != nil {
			var missing []string
			if missing, told = r.missing[one.What]; told {
				values = missing
			}
		}
		if told && len(values) == 0 {
			continue // it would not help
		}
		if one.What == commandAgree {
			values = append([]string{e.API, e.Client}, values...)
		}
		all = append(all, one.Who.Changes(one.What, values...))
	}
	return all
}

// usual is what is missing at a place whatever the refusal was.
func (e *explanation) usual(what string) []string {
	switch what {
	case fieldExchange, fieldAudience:
		return []string{e.asked.Audience}
	case fieldMayAct, settingClients:
		return []string{e.asked.Client}
	case fieldSignIn:
		return []string{"openid"}
	case commandApp:
		return []string{e.Client}
	case commandConnection:
		return []string{e.asked.Connection}
	}
	return nil
}

// remedy has what could be changed about a refusal, by its rule.
var remedy = map[string][]policy.Remedy{
	"unauthorized_client":  {policy.ClientOwner.Changes(fieldExchange)},
	"audience_denied":      {policy.ClientOwner.Changes(fieldExchange)},
	"invalid_client":       {policy.ClientOwner.Changes("spec"), policy.Administrator.Changes(commandApp)},
	"client_not_found":     {policy.ClientOwner.Changes("spec.identity.oidc.clientId")},
	"audience_unknown":     {policy.APIOwner.Changes(fieldAudience), policy.ClientOwner.Changes("spec.identity.tokenExchange.audience")},
	"scope_malformed":      {policy.Caller.Changes("scope")},
	"scope_denied":         {policy.ClientOwner.Changes(fieldScopes), policy.APIOwner.Changes(fieldOffers), policy.Caller.Changes("scope")},
	"scope_unknown":        {policy.APIOwner.Changes(fieldOffers), policy.Caller.Changes("scope")},
	"scope_not_agreed":     {policy.APIOwner.Changes(commandAgree), policy.Administrator.Changes(commandAgree)},
	"subject_holder":       {policy.SubjectOwner.Changes(fieldMayAct), policy.Caller.Changes("subject_token")},
	"subject_scope":        {policy.Caller.Changes("subject_token"), policy.SubjectOwner.Changes(fieldSignIn)},
	"actor_mode":           {policy.ClientOwner.Changes("spec.identity.tokenExchange.mode"), policy.Caller.Changes("actor_token")},
	"person":               {policy.Administrator.Changes(commandPerson), policy.Administrator.Changes(commandConnection), policy.Administrator.Changes(settingProvisioning)},
	"not_entitled_subject": {policy.SubjectOwner.Changes("spec.entitlements"), policy.Administrator.Changes("group map")},
	"not_entitled_client":  {policy.ClientOwner.Changes("spec.entitlements"), policy.Administrator.Changes("group map")},
	"not_entitled_target":  {policy.APIOwner.Changes("spec.entitlements"), policy.Administrator.Changes("group map")},
	"subject_app":          {policy.SubjectOwner.Changes("spec"), policy.Caller.Changes("subject_token")},
	"subject_expired":      {policy.ThePerson.Changes("sign-in"), policy.Caller.Changes("subject_token")},
	"subject_revoked":      {policy.ThePerson.Changes("sign-in"), policy.Caller.Changes("subject_token")},
	"token_expired":        {policy.ThePerson.Changes("sign-in"), policy.Caller.Changes("subject_token")},
}

// remedyAbroad has what could be changed where the subject is of another issuer.
var remedyAbroad = map[string][]policy.Remedy{
	"subject_connection_not_found": {policy.Administrator.Changes("idp add")},
	"subject_connection_disabled":  {policy.Administrator.Changes(commandConnection)},
	"subject_not_allowed":          {policy.Administrator.Changes(settingClients)},
	"subject_connection":           {policy.Administrator.Changes(settingClients), policy.Administrator.Changes("idp disable")},
	"subject_typ":                  {policy.Administrator.Changes("exchange.types"), policy.Caller.Changes("subject_token_type")},
	"subject_unknown":              {policy.ThePerson.Changes("sign-in")},
	"subject_revoked":              {policy.Caller.Changes("subject_token")}, // one that is made a minute later
}
