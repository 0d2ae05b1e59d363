package app

import (
	"sync"
	"time"
)

const (
	// backlash is how far the machine's clock may lie behind the time that has
	// passed without anybody minding: it is put right by small steps all the time.
	backlash = time.Second
	// patience is how long a clock that was set back is taken for a mistake that
	// somebody puts right.
	patience = 15 * time.Minute
	// slower is by which part our clock is slowed down after that, until the machine's
	// has caught up: ten minutes take a hundred.
	slower = 10
)

// clock is the broker's time. It follows the machine's clock forward, and back to
// where it would be had it not been moved. It never follows it behind the time that
// has passed since the start: what is over stays over. It then runs slower until
// the two agree, as adjtime(3) does.
type clock struct {
	// machine returns the machine's time, and what has passed since any moment by a
	// clock that nobody sets.
	machine func() (wall time.Time, passed time.Duration)
	// setBack, if set, is told when the machine's clock was set back, and how far.
	setBack func(time.Duration)

	mu    sync.Mutex
	line  time.Time     // the time by what has passed
	last  time.Duration // when line was read
	lower bool          // the machine's clock is behind line
	since time.Duration // when that began
}

// newClock returns a clock that follows wall; nil is the machine's own.
func newClock(wall func() time.Time) *clock {
	began := time.Now()
	c := &clock{machine: func() (time.Time, time.Duration) {
		now := time.Now() // once: the time of every request is asked for several times
		return now.Round(0), now.Sub(began)
	}}
	if wall != nil {
		c.machine = func() (time.Time, time.Duration) { return wall().Round(0), time.Since(began) }
	}
	c.line, _ = c.machine()
	return c
}

// now is the time.
func (c *clock) now() time.Time {
	t, behind := c.read()
	if behind > 0 && c.setBack != nil {
		c.setBack(behind)
	}
	return t
}

// read returns the time; behind is not 0 at the moment in which the machine's
// clock is first found to be set back.
func (c *clock) read() (t time.Time, behind time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall, passed := c.machine()
	step := passed - c.last
	c.last, c.line = passed, c.line.Add(step)
	gap := c.line.Sub(wall)
	if gap <= backlash {
		c.lower = false
		return wall, 0
	}
	if !c.lower {
		c.lower, c.since, behind = true, passed, gap
	}
	if passed-c.since > patience {
		c.line = c.line.Add(-step / slower)
	}
	return c.line, behind
}

// ahead is how far our time is ahead of the machine's clock, which was set back.
func (c *clock) ahead() time.Duration {
	t, _ := c.read()
	wall, _ := c.machine()
	return max(0, t.Sub(wall))
}
