// Command chaos takes away from a broker under load what it stands on, and counts
// what goes wrong: it kills the process, stops Redis and PostgreSQL, fills the
// disk, moves the clock, rotates keys and restarts replicas.
//
// What was acknowledged is written down in this process, outside of the broker's.
// Afterwards every acknowledgement must hold, nothing that is good once may be
// good twice, and the audit log must be whole. What was under way when it happened
// may be either done or not, but not half of it.
//
// It starts its servers on loopback and ends them by process id. The last line
// that it prints is the sum; it exits with 1 after any violation.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// minWorkers is how many clients there are at least.
const minWorkers = 16

// options are what a run is made of.
type options struct {
	rounds  int
	writes  int
	workers int
	parts   []string
}

// part is a scenario on a stage of its own.
type part struct {
	name string
	run  func(context.Context, options, *report) error
}

// parts are what there is, in the order it is run.
func parts() []part {
	return []part{
		{"kill-sqlite", killSQLite},
		{"kill-postgres", killPostgres},
		{"redis", redisFaults},
		{"postgres", postgresFaults},
		{"disk", diskFull},
		{"clock", clockMoves},
		{"replicas", replicasUnderLoad},
		{"revocations", revocationsEverywhere},
		{"leavers", leaversUnderKills},
	}
}

func main() {
	rounds := flag.Int("rounds", 200, "how often the process is killed, on each engine, things of each kind are revoked and people leave")
	writes := flag.Int("writes", 1000, "how many acknowledged writes lie between two kills at least")
	workers := flag.Int("workers", minWorkers+1, "how many clients there are")
	run := flag.String("run", "", "comma-separated parts, all unless told: kill-sqlite, kill-postgres, redis, postgres, disk, clock, replicas, revocations, leavers")
	serve := flag.String("serve", "", "internal: serve this configuration, by the clock that -clock moves")
	hands := flag.String("clock", "", "internal: the file that says how far the clock is moved")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *serve != "" {
		if err := serveByMovedClock(ctx, *serve, *hands); err != nil {
			fmt.Fprintln(os.Stderr, "chaos:", err)
			os.Exit(1)
		}
		return
	}
	o := options{rounds: *rounds, writes: *writes, workers: max(*workers, minWorkers)}
	if *run != "" {
		o.parts = strings.Split(*run, ",")
	}
	r := newReport(os.Stdout)
	runParts(ctx, o, r)
	fmt.Println(r.sum())
	if r.failed() {
		os.Exit(1)
	}
}

// runParts runs the wanted parts; one that cannot go on, or that there is not, is a
// violation.
func runParts(ctx context.Context, o options, r *report) {
	for _, name := range o.parts {
		if !slices.ContainsFunc(parts(), func(p part) bool { return p.name == name }) {
			r.violation("there is no part %q", name)
		}
	}
	for _, p := range parts() {
		if len(o.parts) > 0 && !slices.Contains(o.parts, p.name) {
			continue
		}
		r.begin(p.name)
		if err := p.run(ctx, o, r); err != nil {
			r.violation("%s broke off: %v", p.name, err)
		}
		r.end()
	}
}
