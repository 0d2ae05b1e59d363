package record_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
)

// ledger has operations, the latest first.
type ledger struct {
	record.Store
	all  []record.Outcome
	read int
}

func (l *ledger) Outcomes(_ context.Context, _, after string, limit int) ([]record.Outcome, error) {
	i := slices.IndexFunc(l.all, func(o record.Outcome) bool { return o.ID == after }) + 1
	page := l.all[i:min(i+limit, len(l.all))]
	l.read += len(page)
	return page, nil
}

func (l *ledger) Outcome(_ context.Context, id string) (record.Outcome, error) {
	for _, o := range l.all {
		if o.ID == id {
			return o, nil
		}
	}
	return record.Outcome{}, record.ErrNoOperation
}

func newLedger(n int, kind func(i int) record.Outcome) (*ledger, *record.Service) {
	l := &ledger{}
	for i := range n {
		o := kind(i)
		o.ID, o.Connection = fmt.Sprintf("%05d", i), "acme"
		l.all = append(l.all, o)
	}
	return l, record.NewService(record.Options{Store: l, Now: time.Now})
}

func TestOperationsAreSelectedPageByPageAndNoneIsLost(t *testing.T) {
	_, s := newLedger(1000, func(i int) record.Outcome {
		o := record.Outcome{Status: 200, Operation: record.Operation{Kind: "Okta: list users", Method: "GET", Path: "/Users"}}
		switch {
		case i%7 == 0:
			o.Kind, o.Changed = "Okta: Rename, path-less", true
		case i%5 == 0:
			o.Status, o.Code = 409, "uniqueness"
		}
		return o
	})
	for what, c := range map[string]struct {
		q    record.OutcomeQuery
		want int
	}{
		"all":                       {record.OutcomeQuery{}, 1000},
		"what changed something":    {record.OutcomeQuery{Result: record.Changed}, 143},
		"what was refused":          {record.OutcomeQuery{Result: record.Refused}, 171},
		"what read":                 {record.OutcomeQuery{Result: record.Read}, 686},
		"by a word, in any case":    {record.OutcomeQuery{Text: " rename "}, 143},
		"by a code":                 {record.OutcomeQuery{Text: "uniqueness"}, 171},
		"by an id":                  {record.OutcomeQuery{Text: "00042"}, 1},
		"by two things at once":     {record.OutcomeQuery{Text: "rename", Result: record.Refused}, 0},
		"what is in none of them":   {record.OutcomeQuery{Text: "nothing of this"}, 0},
		"by the path with its verb": {record.OutcomeQuery{Text: "get /users", Result: record.Changed}, 143},
	} {
		for _, limit := range []int{1, 7, 143, 1000} {
			q, seen := c.q, map[string]bool{}
			q.Connection, q.Limit = "acme", limit
			for {
				page, next, err := s.Outcomes(t.Context(), q)
				if err != nil || len(page) > limit {
					t.Fatalf("%s by %d: %d, %v", what, limit, len(page), err)
				}
				for _, o := range page {
					if seen[o.ID] {
						t.Fatalf("%s by %d: %s comes twice", what, limit, o.ID)
					}
					seen[o.ID] = true
				}
				if q.After = next; next == "" {
					break
				}
			}
			if len(seen) != c.want {
				t.Errorf("%s by %d: %d, want %d", what, limit, len(seen), c.want)
			}
		}
	}
}

func TestAPageOfRareOperationsReadsABoundedNumber(t *testing.T) {
	l, s := newLedger(50_000, func(int) record.Outcome { return record.Outcome{Status: 200} })
	page, next, err := s.Outcomes(t.Context(), record.OutcomeQuery{Connection: "acme", Text: "rare", Limit: 50})
	if err != nil || len(page) != 0 || next == "" || l.read > 5_500 {
		t.Errorf("%d are read for %v, going on behind %q, %v", l.read, page, next, err)
	}
	pages := 1
	for q := (record.OutcomeQuery{Connection: "acme", Text: "49999", Limit: 50}); next != "" && len(page) == 0; pages++ {
		if page, q.After, err = s.Outcomes(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		next = q.After
	}
	if len(page) != 1 || pages > 12 {
		t.Errorf("the oldest is found on page %d: %v", pages, page)
	}
}

func TestAnOperationIsShownOfItsOwnConnectionAlone(t *testing.T) {
	_, s := newLedger(1, func(int) record.Outcome { return record.Outcome{Detail: strings.Repeat("d", 3)} })
	if o, err := s.Outcome(t.Context(), "acme", "00000"); err != nil || o.Detail != "ddd" {
		t.Errorf("its own: %+v, %v", o, err)
	}
	if _, err := s.Outcome(t.Context(), "other", "00000"); !errors.Is(err, record.ErrNoOperation) {
		t.Errorf("another's: %v", err)
	}
}
