package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxShown is how many violations of a part are printed in full.
const maxShown = 20

// report counts what happened. It is safe for concurrent use.
type report struct {
	out io.Writer

	mu         sync.Mutex
	part       string
	began      time.Time
	shown      int
	counts     map[string]int // of the part
	total      map[string]int
	violations int
	durations  map[string][]time.Duration // of the part
}

// The counters that the sum names.
const (
	kills    = "kills"
	acks     = "acknowledged writes"
	lost     = "lost"
	twice    = "accepted twice"
	broken   = "audit broken"
	replays  = "replays refused"
	faults   = "faults"
	turns    = "key rotations"
	restarts = "rolling restarts"
	refused  = "valid refused"
)

func newReport(out io.Writer) *report {
	return &report{out: out, total: map[string]int{}}
}

func (r *report) begin(part string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.part, r.began, r.shown = part, time.Now(), 0
	r.counts, r.durations = map[string]int{}, map[string][]time.Duration{}
}

// count adds to a counter of the part and of the whole.
func (r *report) count(what string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[what] += n
	r.total[what] += n
}

// took notes how long something took.
func (r *report) took(what string, d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.durations[what] = append(r.durations[what], d)
}

// violation is something that must never be.
func (r *report) violation(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.violations++
	if r.shown++; r.shown <= maxShown {
		_, _ = fmt.Fprintf(r.out, "  VIOLATION: %s\n", strings.TrimSpace(fmt.Sprintf(format, args...)))
	}
}

// wrong is a violation of a kind that the sum names.
func (r *report) wrong(kind, format string, args ...any) {
	r.count(kind, 1)
	r.violation(kind+": "+format, args...)
}

// note prints a line.
func (r *report) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, _ = fmt.Fprintf(r.out, "  "+format+"\n", args...)
}

// end prints what the part came to.
func (r *report) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	var line []string
	for _, what := range slices.Sorted(maps.Keys(r.counts)) {
		line = append(line, grouped(r.counts[what])+" "+what)
	}
	for _, what := range slices.Sorted(maps.Keys(r.durations)) {
		d := slices.Sorted(slices.Values(r.durations[what]))
		line = append(line, fmt.Sprintf("%s %s median, %s p99, %s longest of %d", what, round(d[len(d)/2]), round(d[len(d)*99/100]), round(d[len(d)-1]), len(d)))
	}
	_, _ = fmt.Fprintf(r.out, "%s (%s): %s\n", r.part, time.Since(r.began).Round(time.Second), strings.Join(line, ", "))
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// failed reports whether there was any violation.
func (r *report) failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.violations > 0
}

// sum is the last line.
func (r *report) sum() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	whole := "audit whole"
	if r.total[broken] > 0 {
		whole = "audit BROKEN"
	}
	return fmt.Sprintf("chaos: %d kills, %s acknowledged writes, %d lost, %d accepted twice, %s, %d faults, %d key rotations, %d rolling restarts, %d valid refused, %d violations",
		r.total[kills], grouped(r.total[acks]), r.total[lost], r.total[twice], whole, r.total[faults], r.total[turns], r.total[restarts], r.total[refused], r.violations)
}

// grouped writes thousands apart.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
