package identity_test

import (
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/identity"
)

func TestOrderedIDsSortByTimeAndDiffer(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	last, seen := "", map[string]bool{}
	for _, step := range []time.Duration{0, time.Microsecond, 31 * time.Microsecond, time.Second, time.Hour, 10_000 * time.Hour} {
		at = at.Add(step)
		id, twin := identity.NewOrderedID(at), identity.NewOrderedID(at)
		if id == twin || len(id) != 28 || id[:12] != twin[:12] || seen[id] {
			t.Errorf("%s %s", id, twin)
		}
		if step > 0 && id[:12] <= last {
			t.Errorf("%s after %s comes before %s", id, step, last)
		}
		last, seen[id] = id[:12], true
	}
	if id := identity.NewOrderedID(time.Time{}); id[:12] != "000000000000" {
		t.Errorf("%s before 1970", id)
	}
}
