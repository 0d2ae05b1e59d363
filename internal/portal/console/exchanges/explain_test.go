package exchanges

import "testing"

// TestEveryStepOfAnExchangeHasWords keeps what a page says beside what the grant takes.
func TestEveryStepOfAnExchangeHasWords(t *testing.T) {
	for _, step := range []string{"client", "request", "subject", "audience", "holder", "line", "actor", "scope", "person", "once", "life"} {
		if stepText(step).English() == step {
			t.Errorf("%s has none", step)
		}
	}
}
