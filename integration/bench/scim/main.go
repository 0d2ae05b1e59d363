// Command scim measures what identity providers feel of a broker that holds many people:
// how long it looks for one among few and among many, what a change of a large group
// costs beside one of a small group, how many people a second come in one by one and in
// bulk, and what requests do that are as large as they may be. Client, broker and
// database are processes of this machine, and everything goes over HTTP.
//
// It fills its databases through the product's own batches, and removes them. What an
// identity provider is promised are PostgreSQL's rows; those of SQLite, with fewer
// people, are to be known.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/gatehouse-io/gatehouse/integration/live"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// sizes are how much there is.
type sizes struct {
	// few is how many people there are first, people how many then.
	few, people int
	// groups is how many there are with small members each, and big how many members
	// one more has.
	groups, small, big int
	// length is how long each import is measured.
	length time.Duration
}

func main() {
	s := sizes{small: 10}
	flag.IntVar(&s.few, "few", 1_000, "people that are few")
	flag.IntVar(&s.people, "people", 200_000, "people that are many, on PostgreSQL")
	lite := flag.Int("sqlite", 20_000, "people that are many, on SQLite; 0 leaves SQLite out")
	flag.IntVar(&s.groups, "groups", 5_000, "groups of ten")
	flag.IntVar(&s.big, "big", 100_000, "members of a large group, half of the people at most")
	flag.DurationVar(&s.length, "length", 10*time.Second, "how long each import is measured")
	binary := flag.String("broker", "", "the broker's binary; built when not given")
	flag.Parse()
	r := &report{}
	err := live.Play(context.Background(), *binary, func(on *live.Stage) error { return measure(on, storage.Postgres, s, r) })
	if s.people = *lite; err == nil && s.people > 0 {
		r.told = true
		err = live.Play(context.Background(), *binary, func(on *live.Stage) error { return measure(on, storage.SQLite, s, r) })
	}
	if err == nil {
		err = r.verdict()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "scim:", err)
		os.Exit(1)
	}
}

// measure fills a database and measures it.
func measure(on *live.Stage, driver string, s sizes, r *report) error {
	s.big = min(s.big, s.people/2)
	s.groups = min(s.groups, s.people/s.small)
	p, err := open(on, driver)
	if err != nil {
		return err
	}
	f := &filler{sizes: s, place: p}
	began := time.Now()
	if err := f.fill(s.few); err != nil {
		return err
	}
	few := &bench{filler: f}
	if err := p.serve(few.looking); err != nil {
		return err
	}
	if err := f.fill(s.people); err != nil {
		return err
	}
	if err := f.addGroups(); err != nil {
		return err
	}
	if err := p.tend(); err != nil {
		return err
	}
	r.begin(driver, s, time.Since(began))
	many := &bench{filler: f, report: r, few: few.looked}
	if err := p.serve(many.all); err != nil {
		return err
	}
	return r.print()
}

// report gathers rows.
type report struct {
	rows   []row
	missed int
	told   bool // of what is only told, and has no target
}

// row is one figure.
type row struct {
	name, value, target, detail string
	ok                          bool
}

func (r *report) begin(driver string, s sizes, took time.Duration) {
	fmt.Printf("%s: %d people, %d groups of %d, one of %d, filled in %s\n", driver, s.people, s.groups, s.small, s.big, took.Round(time.Second))
}

// most adds a figure that is to be target at most, least one that is to be at least so
// much; format writes both.
func (r *report) most(name, format string, value, target float64, detail string) {
	r.rows = append(r.rows, row{name, fmt.Sprintf(format, value), "≤ " + fmt.Sprintf(format, target), detail, value <= target})
}

func (r *report) least(name, format string, value, target float64, detail string) {
	r.rows = append(r.rows, row{name, fmt.Sprintf(format, value), "≥ " + fmt.Sprintf(format, target), detail, value >= target})
}

func (r *report) print() error {
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "row\tvalue\ttarget\t\tdetail")
	for _, one := range r.rows {
		mark := "ok"
		switch {
		case r.told:
			one.target, mark = "", ""
		case !one.ok:
			mark = "too slow"
			r.missed++
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", one.name, one.value, one.target, mark, one.detail)
	}
	r.rows = nil
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print rows: %w", err)
	}
	return nil
}

func (r *report) verdict() error {
	if r.missed > 0 {
		return fmt.Errorf("%d rows miss their target", r.missed)
	}
	return nil
}
