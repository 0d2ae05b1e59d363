// Command lists measures how long the first page of every list of an administrator
// takes with 100,000 people, 5,000 groups and 1,000,000 audit entries, on SQLite
// and on PostgreSQL: the time of the query and of decoding what it answers, without
// HTTP, beside its CPU time. It fills two databases with made-up rows in bulk, which takes minutes, and
// removes them, but for those that it is told of: they are filled once.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/storage"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// goal is how long a first page may take.
const goal = 50 * time.Millisecond

// times is how often each list is read.
const times = 20

func main() {
	var s sizes
	flag.IntVar(&s.people, "people", 100_000, "people")
	flag.IntVar(&s.groups, "groups", 5_000, "groups, of which one has everybody")
	flag.IntVar(&s.apps, "apps", 20_000, "apps")
	flag.IntVar(&s.entries, "entries", 1_000_000, "audit entries")
	engine := flag.String("engine", "", "sqlite or postgres; both unless told")
	flag.StringVar(&s.dir, "dir", "", "folder of the SQLite database, which stays; a temporary one unless told")
	flag.StringVar(&s.dsn, "dsn", "", "PostgreSQL database, which stays; a server of its own unless told")
	flag.Parse()
	h := &host{}
	err := measure(h, s, *engine)
	h.close()
	if err != nil {
		fmt.Fprintln(os.Stderr, "lists:", err)
		os.Exit(1)
	}
}

func measure(h *host, s sizes, engine string) error {
	slow := 0
	for _, driver := range []string{storage.SQLite, storage.Postgres} {
		if engine != "" && engine != driver {
			continue
		}
		o := storage.Options{Driver: driver, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler), AnswerTime: time.Minute}
		o.DSN, o.Dir = s.dsn, s.dir
		switch {
		case driver == storage.Postgres && s.dsn == "":
			o.DSN = testkit.Postgres(h)
		case driver == storage.SQLite && s.dir == "":
			o.Dir = h.folder()
		}
		n, err := one(h.Context(), o, s)
		if err != nil {
			return fmt.Errorf("%s: %w", driver, err)
		}
		slow += n
	}
	if slow > 0 {
		return fmt.Errorf("%d lists take longer than %s", slow, goal)
	}
	return nil
}

// one fills a database and measures it, and returns how many lists are too slow.
func one(ctx context.Context, o storage.Options, s sizes) (slow int, err error) {
	began := time.Now()
	db, err := storage.Open(ctx, o)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	f, err := fill(ctx, o, s)
	if err != nil {
		return 0, err
	}
	filled := time.Now()
	if err := f.derive(ctx, db, o); err != nil {
		return 0, err
	}
	fmt.Printf("%s: %d people, %d groups, %d audit entries in %s; deriving people took %s\n", o.Driver, s.people, s.groups, s.entries,
		filled.Sub(began).Round(time.Second), time.Since(filled).Round(time.Second))
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "list\trows\tcpu ms\tmin ms\tp50 ms\tmax ms\t")
	m, err := newMeter(ctx, o)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	for _, l := range f.lists(db) {
		took, cpu, rows, err := repeat(ctx, m, l)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", l.name, err)
		}
		mark := ""
		if took[len(took)/2] > goal {
			slow, mark = slow+1, "too slow"
		}
		_, _ = fmt.Fprintf(w, "%s\t%d\t%.1f\t%.1f\t%.1f\t%.1f\t%s\n", l.name, rows, ms(cpu), ms(took[0]), ms(took[len(took)/2]), ms(took[len(took)-1]), mark)
	}
	return slow, w.Flush()
}

// repeat reads a list several times and returns how long each took, sorted, and the
// CPU time of one.
func repeat(ctx context.Context, m *meter, l list) (took []time.Duration, cpu time.Duration, rows int, err error) {
	if rows, err = l.read(ctx); err == nil { // warms up
		err = m.refresh(ctx)
	}
	before := m.used()
	for range times {
		began := time.Now()
		if err == nil {
			rows, err = l.read(ctx)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took, (m.used() - before) / times, rows, err
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// host implements testkit.T for a program.
type host struct{ cleanups []func() }

// Helper implements testkit.T.
func (h *host) Helper() {}

// Fatal implements testkit.T.
func (h *host) Fatal(args ...any) {
	fmt.Fprintln(os.Stderr, args...)
	h.close()
	os.Exit(1)
}

// Fatalf implements testkit.T.
func (h *host) Fatalf(format string, args ...any) { h.Fatal(fmt.Sprintf(format, args...)) }

// Cleanup implements testkit.T.
func (h *host) Cleanup(f func()) { h.cleanups = append(h.cleanups, f) }

// Context implements testkit.T.
func (h *host) Context() context.Context { return context.Background() }

func (h *host) folder() string {
	dir, err := os.MkdirTemp("", "gatehouse-lists-")
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (h *host) close() {
	for _, f := range slices.Backward(h.cleanups) {
		f()
	}
	h.cleanups = nil
}
