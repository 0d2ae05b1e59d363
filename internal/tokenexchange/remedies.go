package tokenexchange

import (
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/policy"
)

// remedies returns what could be changed about a refusal by the rule. What has none of
// its own is about a token or parameter that the caller sent.
func (e *explanation) remedies(rule string) []policy.Remedy {
	if known, ok := remedyAbroad[rule]; ok && e.abroad {
		return known
	}
	if known, ok := remedy[rule]; ok {
		return known
	}
	if parameter, _, ok := strings.Cut(rule, "_"); ok && (parameter == "actor" || parameter == "requested") {
		return []policy.Remedy{policy.Caller.Changes(parameter + "_token")}
	}
	return []policy.Remedy{policy.Caller.Changes("subject_token")}
}

// remedy has what could be changed about a refusal, by its rule.
var remedy = map[string][]policy.Remedy{
	"unauthorized_client":  {policy.ClientOwner.Changes("spec.identity.tokenExchange")},
	"audience_denied":      {policy.ClientOwner.Changes("spec.identity.tokenExchange")},
	"invalid_client":       {policy.ClientOwner.Changes("spec"), policy.Administrator.Changes("app enable")},
	"client_not_found":     {policy.ClientOwner.Changes("spec.identity.oidc.clientId")},
	"audience_unknown":     {policy.APIOwner.Changes("spec.identity.resource.audience"), policy.ClientOwner.Changes("spec.identity.tokenExchange.audience")},
	"scope_malformed":      {policy.Caller.Changes("scope")},
	"scope_denied":         {policy.ClientOwner.Changes("spec.identity.tokenExchange.scopes"), policy.Caller.Changes("scope")},
	"scope_unknown":        {policy.APIOwner.Changes("spec.identity.resource.scopes"), policy.Caller.Changes("scope")},
	"scope_not_agreed":     {policy.APIOwner.Changes("app agree"), policy.Administrator.Changes("app agree")},
	"subject_holder":       {policy.SubjectOwner.Changes("spec.identity.oidc.mayAct"), policy.Caller.Changes("subject_token")},
	"subject_scope":        {policy.Caller.Changes("subject_token"), policy.SubjectOwner.Changes("spec.identity.oidc.scopes")},
	"actor_mode":           {policy.ClientOwner.Changes("spec.identity.tokenExchange.mode"), policy.Caller.Changes("actor_token")},
	"person":               {policy.Administrator.Changes("person enable"), policy.Administrator.Changes("idp enable")},
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
	"subject_connection_disabled":  {policy.Administrator.Changes("idp enable")},
	"subject_not_allowed":          {policy.Administrator.Changes("exchange.clients")},
	"subject_connection":           {policy.Administrator.Changes("exchange.clients"), policy.Administrator.Changes("idp disable")},
	"subject_typ":                  {policy.Administrator.Changes("exchange.types"), policy.Caller.Changes("subject_token_type")},
	"subject_unknown":              {policy.ThePerson.Changes("sign-in")},
	"subject_revoked":              {policy.Caller.Changes("subject_token")}, // one that is made a minute later
}
