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
