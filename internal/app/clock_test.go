package app

import (
	"testing"
	"time"
)

func TestTheClockGoesForwardAndNeverBehindWhatHasPassed(t *testing.T) {
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	var passed, moved, told time.Duration
	c := newClock(func() time.Time { return noon })
	c.machine = func() (time.Time, time.Duration) { return noon.Add(passed + moved), passed }
	c.setBack = func(d time.Duration) { told += d }
	const move = 10 * time.Minute
	for _, step := range []struct {
		what         string
		passes, move time.Duration
		want         time.Duration // after noon
	}{
		{"nothing happens", time.Minute, 0, time.Minute},
		{"ten minutes forward are followed", time.Second, move, time.Minute + time.Second + move},
		{"and the way back to where it would be", time.Second, 0, time.Minute + 2*time.Second},
		{"a small step back is followed", 0, -backlash, time.Minute + time.Second},
		{"ten minutes back are not", 10 * time.Second, -move, time.Minute + 12*time.Second},
		{"for a while, since it may be a mistake", patience, -move, patience + time.Minute + 12*time.Second},
		{"then it runs slower", 10 * time.Second, -move, patience + time.Minute + 21*time.Second},
		{"until the two agree", 100 * time.Minute, -move, patience + 91*time.Minute + 21*time.Second},
	} {
		passed += step.passes
		moved = step.move
		if got := c.now().Sub(noon); got != step.want {
			t.Errorf("%s: %s after noon, want %s", step.what, got, step.want)
		}
	}
	if told != move {
		t.Errorf("told of %s, once", told)
	}
	if got := c.ahead(); got != 0 {
		t.Errorf("%s ahead of a clock that agrees", got)
	}
}
