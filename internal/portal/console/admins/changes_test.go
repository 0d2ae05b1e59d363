package admins

import (
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/admin"
)

func TestEveryStateOfAChangeIsCalledByAWordOfItsOwn(t *testing.T) {
	called := map[string]admin.ChangeState{}
	for _, state := range admin.ChangeStates() {
		word := changeTag(state).Text.English()
		if other, twice := called[word]; twice || word == "" {
			t.Errorf("%s and %s are both %q", state, other, word)
		}
		called[word] = state
	}
}
