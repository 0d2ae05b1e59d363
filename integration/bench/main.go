// Command bench measures what the broker costs beside what it cannot do without:
// raw cryptography and a bare HTTP server, all in one run, since only ratios mean
// something on another machine.
//
// The broker and the bare server are processes of their own; cpu_us_per_op is
// their CPU time alone, not the load generator's. Load goes to loopback, for a
// fixed time, and stops by itself.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"text/tabwriter"
	"time"
)

// Row is one line of bench.json.
type Row struct {
	Name string `json:"name"`
	// CPU is the server process's time per operation, in microseconds.
	CPU float64 `json:"cpu_us_per_op"`
	// Floor is what the operation cannot do without: the sum of the raw rows that
	// FloorOf names. Ratio is CPU / Floor.
	Floor   float64 `json:"floor_us"`
	FloorOf string  `json:"floor_of"`
	Ratio   float64 `json:"ratio"`
	RPS     float64 `json:"rps"`
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
}

// bench is one run.
type bench struct {
	workers int
	length  time.Duration
	rows    []Row
}

func main() {
	out := flag.String("out", "bench.json", "where the rows go")
	run := flag.String("run", "", "regular expression of the rows to run; floors always run")
	echo := flag.String("echo", "", "internal: be the bare server on this address")
	workers := flag.Int("workers", 16, "concurrent clients")
	length := flag.Duration("length", 4*time.Second, "how long each row is measured")
	flag.Parse()
	if *echo != "" {
		fail(serveEcho(*echo))
		return
	}
	wanted, err := regexp.Compile(*run)
	fail(err)
	b := &bench{workers: *workers, length: *length}
	fail(b.run(context.Background(), wanted))
	fail(b.write(*out))
}

func (b *bench) run(ctx context.Context, wanted *regexp.Regexp) error {
	if err := b.rawCrypto(); err != nil {
		return err
	}
	if err := b.bareServer(ctx); err != nil {
		return err
	}
	return b.broker(ctx, wanted)
}

// floor sums rows by name.
func (b *bench) floor(names ...string) (sum float64, of string) {
	for i, name := range names {
		if i > 0 {
			of += " + "
		}
		of += name
		for _, r := range b.rows {
			if r.Name == name {
				sum += r.CPU
			}
		}
	}
	return sum, of
}

func (b *bench) add(r Row) {
	if r.Floor > 0 {
		r.Ratio = r.CPU / r.Floor
	}
	b.rows = append(b.rows, r)
}

func (b *bench) write(file string) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "name\tcpu µs/op\tfloor µs\tratio\trps\tp50 ms\tp99 ms\tfloor\t")
	for _, r := range b.rows {
		_, _ = fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%.2f\t%.0f\t%.2f\t%.2f\t%s\t\n", r.Name, r.CPU, r.Floor, r.Ratio, r.RPS, r.P50, r.P99, r.FloorOf)
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
