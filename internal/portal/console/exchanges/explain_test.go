package exchanges

import (
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/policy"
)

// TestEveryStepOfAnExchangeHasWords keeps what a page says beside what the grant takes and
// the API answers.
func TestEveryStepOfAnExchangeHasWords(t *testing.T) {
	for _, step := range []string{"client", "request", "subject", "audience", "holder", "line", "actor", "scope", "person", "once", "life"} {
		if said := stepText(step).English(); said == step || said != policy.Question(step) {
			t.Errorf("%s: %q", step, said)
		}
	}
	if policy.Question("another") != "another" {
		t.Error("a step that is not known has another name")
	}
}

// TestEveryRuleThatCanRefuseAnExplainedExchangeHasWords lists the rules that are about more
// than how a token was sent: an explanation sends none.
func TestEveryRuleThatCanRefuseAnExplainedExchangeHasWords(t *testing.T) {
	for _, rule := range []string{
		"unauthorized_client", "invalid_client", "client_not_found", "subject_expired", "token_expired", "subject_revoked", "subject_client", "subject_scope", "subject_holder",
		"subject_app", "may_act", "depth", "loop", "audience_denied", "audience_unknown", "scope_malformed", "scope_denied", "scope_unknown", "scope_not_agreed", "person",
		"not_entitled_subject", "not_entitled_client", "not_entitled_target",
	} {
		if ruleText(rule).Empty() {
			t.Errorf("%s has none", rule)
		}
	}
}
