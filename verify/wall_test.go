package verify

import (
	"strings"
	"testing"
	"time"
)

// A machine that was asleep for an hour has a monotonic clock that was, too: by it, what
// the broker said before is of a moment ago, and nothing that was revoked since is known.
func TestHowOldTheBrokersWordIsIsToldByTheWallClock(t *testing.T) {
	f, now := feed{stale: defaultStaleness}, time.Now()
	if !strings.Contains(now.String(), " m=") {
		t.Fatal("control: the clock of this machine is not monotonic")
	}
	if err := f.apply(news{era: "era"}, 0, now, now); err != nil {
		t.Fatal(err)
	}
	if err := f.fresh(now); err != nil {
		t.Errorf("control: a moment after its word: %v", err)
	}
	if said := f.current.String(); strings.Contains(said, " m=") {
		t.Errorf("the broker's word is of %s", said)
	}
}
