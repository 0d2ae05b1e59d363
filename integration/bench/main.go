// Command bench measures what the broker costs beside what it cannot do without:
// raw cryptography and a bare HTTP server, all in one run, since only ratios mean
// something on another machine.
//
// The broker and the bare server are processes of their own; cpu_us_per_op is
// their CPU time alone, not the load generator's. Load goes to loopback, for a
// fixed time, and stops by itself. Everything is measured in several rounds, one
// after the other, and a row is the median of its rounds: what else the machine
// does then falls on the floors as on what stands beside them.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// collectRarely is by how many percent the heap of the load generator grows before it
// is collected: it has few megabytes, and would be all the time, on the cores that the
// broker runs on.
const collectRarely = 2000

// Row is one line of bench.json.
type Row struct {
	Name string `json:"name"`
	// CPU is the server process's time per operation, in microseconds.
	CPU float64 `json:"cpu_us_per_op"`
	// Floor is what the operation cannot do without: the sum of the raw rows that
	// FloorOf names, "a + b". Ratio is CPU / Floor.
	Floor   float64 `json:"floor_us"`
	FloorOf string  `json:"floor_of"`
	Ratio   float64 `json:"ratio"`
	RPS     float64 `json:"rps"`
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
	// Alloc is the memory that one operation allocates, in KB, where it is measured.
	Alloc float64 `json:"alloc_kb_per_op,omitempty"`
	// Servers is the CPU time of PostgreSQL and Redis per operation, in microseconds.
	Servers float64 `json:"servers_us_per_op,omitempty"`
}

// bench is one run.
type bench struct {
	workers int
	// length is how long a row is measured, over all rounds.
	length  time.Duration
	rounds  int
	binary  string // the broker's; built when empty
	places  []place
	targets []*target
	rows    []Row // in the order of the first round, one for each round
}

// part is what a round measures: it adds its rows.
type part func() error

func main() {
	out := flag.String("out", "bench.json", "where the rows go")
	run := flag.String("run", "", "regular expression of the rows to run; floors always run")
	echo := flag.String("echo", "", "internal: be the bare server on this address")
	workers := flag.Int("workers", 32, "concurrent clients")
	length := flag.Duration("length", 5*time.Second, "how long each row is measured")
	rounds := flag.Int("rounds", 5, "in how many rounds")
	binary := flag.String("broker", "", "the broker's binary; built when not given")
	apps := flag.Int("apps", 100_000, "how many apps are many")
	people := flag.Int("people", 1_000_000, "how many people are many")
	flag.Parse()
	if *echo != "" {
		fail(serveEcho(*echo))
		return
	}
	debug.SetGCPercent(collectRarely)
	wanted, err := regexp.Compile(*run)
	fail(err)
	b := &bench{workers: *workers, length: *length, rounds: *rounds, binary: *binary, places: places(*apps, *people)}
	fail(b.run(context.Background(), wanted.MatchString))
	fail(b.write(*out))
}

func (b *bench) run(ctx context.Context, wanted func(string) bool) error {
	raw, err := b.rawCrypto()
	if err != nil {
		return err
	}
	saml, err := b.saml(wanted)
	if err != nil {
		return err
	}
	bare, stopBare, err := b.bareServer(ctx)
	if err != nil {
		return err
	}
	defer stopBare()
	broker, stopBroker, err := b.broker(ctx, wanted)
	if err != nil {
		return err
	}
	defer stopBroker()
	err = b.elsewhere(ctx, wanted, func(others []part) error {
		parts := append([]part{raw, saml, bare, broker}, others...)
		for range b.rounds {
			for _, measure := range parts {
				if err := measure(); err != nil {
					return err
				}
			}
		}
		return nil
	})
	b.settle()
	return err
}

// settle makes one row of those of all rounds.
func (b *bench) settle() {
	var settled []Row
	for _, r := range b.rows {
		if slices.ContainsFunc(settled, func(s Row) bool { return s.Name == r.Name }) {
			continue
		}
		r.CPU, r.RPS = b.median(r.Name, func(r Row) float64 { return r.CPU }), b.median(r.Name, func(r Row) float64 { return r.RPS })
		r.P50, r.P99 = b.median(r.Name, func(r Row) float64 { return r.P50 }), b.median(r.Name, func(r Row) float64 { return r.P99 })
		r.Servers = b.median(r.Name, func(r Row) float64 { return r.Servers })
		for name := range strings.SplitSeq(r.FloorOf, " + ") {
			r.Floor += b.median(name, func(r Row) float64 { return r.CPU })
		}
		if r.Floor > 0 {
			r.Ratio = r.CPU / r.Floor
		}
		settled = append(settled, r)
	}
	b.rows = settled
}

// median is that of one figure of a row in all rounds.
func (b *bench) median(name string, figure func(Row) float64) float64 {
	var all []float64
	for _, r := range b.rows {
		if r.Name == name {
			all = append(all, figure(r))
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func (b *bench) add(r Row) { b.rows = append(b.rows, r) }

func (b *bench) write(file string) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "name\tcpu µs/op\tfloor µs\tratio\trps\tp50 ms\tp99 ms\talloc KB\tservers µs\tfloor\t")
	for _, r := range b.rows {
		_, _ = fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%.2f\t%.0f\t%.2f\t%.2f\t%.0f\t%.1f\t%s\t\n", r.Name, r.CPU, r.Floor, r.Ratio, r.RPS, r.P50, r.P99, r.Alloc, r.Servers, r.FloorOf)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print rows: %w", err)
	}
	body, err := json.MarshalIndent(b.rows, "", "  ")
	if err != nil {
		return fmt.Errorf("rows: %w", err)
	}
	if err := os.WriteFile(file, append(body, '\n'), 0o600); err != nil {
		return fmt.Errorf("write rows: %w", err)
	}
	return nil
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
