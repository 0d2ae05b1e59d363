package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage"
	"github.com/gatehouse-io/gatehouse/internal/trace"
)

func saveTrace(t *testing.T, db *storage.DB, one trace.Trace) {
	t.Helper()
	if err := db.SaveTrace(t.Context(), one); err != nil {
		t.Fatal(err)
	}
}

func tracesFound(t *testing.T, db *storage.DB) {
	const there = "traced"
	for i := range 4 {
		one := trace.Trace{
			ID: fmt.Sprintf("TRAC-ED00-000%d", i), Time: now.Add(time.Duration(i) * time.Minute), Expires: now.Add(time.Hour), Connection: there, Kind: trace.SignIn,
			Rule: "idp_untrusted", Detail: "no", Checks: []identity.Check{{Name: "issuer", Passed: true}, {Name: "audience", Expected: "a", Got: "b"}},
			Document: "the document", Attributes: map[string]any{"sub": "alice"}, Mapping: []trace.Mapped{{Field: "name", From: "name"}},
		}
		if i == 3 {
			one.Kind, one.Passed, one.Rule, one.Checks = trace.Test, true, "", one.Checks[:1]
		}
		saveTrace(t, db, one)
	}
	saveTrace(t, db, trace.Trace{ID: "OVER-0000-0000", Time: now, Expires: now, Connection: there})
	yes, no := true, false
	for _, c := range []struct {
		q    trace.Query
		want []string
	}{
		{trace.Query{}, []string{"3", "2", "1", "0"}},
		{trace.Query{Kind: trace.Test}, []string{"3"}},
		{trace.Query{Passed: &yes}, []string{"3"}},
		{trace.Query{Passed: &no, From: now.Add(time.Minute)}, []string{"2", "1"}},
		{trace.Query{Rule: "idp_untrusted", To: now.Add(time.Minute)}, []string{"0"}},
		{trace.Query{Check: "audience"}, []string{"2", "1", "0"}},
		{trace.Query{Check: "issuer"}, nil},
	} {
		c.q.Connection = there
		for _, limit := range []int{1, 3, 100} {
			c.q.Limit = limit
			got := pages(t, func(after string) ([]trace.Trace, string, error) {
				c.q.After = after
				return db.SearchTraces(t.Context(), c.q)
			}, func(one trace.Trace) string { return one.ID[13:] }, nil)
			if !slices.Equal(got, c.want) {
				t.Errorf("%+v: %q, want %q", c.q, got, c.want)
			}
		}
	}
	one, err := db.Trace(t.Context(), "TRAC-ED00-0001")
	if err != nil || one.Document != "the document" || one.Attributes["sub"] != "alice" || len(one.Mapping) != 1 || len(one.Checks) != 2 || !one.Time.Equal(now.Add(time.Minute)) {
		t.Errorf("%+v %v", one, err)
	}
	for _, gone := range []string{"OVER-0000-0000", "none"} {
		if _, err := db.Trace(t.Context(), gone); !errors.Is(err, trace.ErrNotFound) {
			t.Errorf("%s: %v", gone, err)
		}
	}
	if _, _, err := db.SearchTraces(t.Context(), trace.Query{After: "x"}); !errors.Is(err, trace.ErrCursor) {
		t.Errorf("a cursor that is none: %v", err)
	}
	if err := db.Prune(t.Context(), now.Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if left, _, err := db.SearchTraces(t.Context(), trace.Query{Connection: there}); err != nil || len(left) != 0 {
		t.Errorf("%d are left, %v", len(left), err)
	}
}

func tracesBounded(t *testing.T, db *storage.DB) {
	for i := range trace.Most + 3 {
		saveTrace(t, db, trace.Trace{ID: fmt.Sprintf("MANY-%04d-0000", i), Time: now.Add(time.Duration(i) * time.Second), Expires: now.Add(time.Hour), Connection: "many"})
	}
	saveTrace(t, db, trace.Trace{ID: "OTHR-0000-0000", Time: now, Expires: now.Add(time.Hour), Connection: "other"})
	for id, there := range map[string]bool{"MANY-0002-0000": false, "MANY-0003-0000": true, "OTHR-0000-0000": true} {
		if _, err := db.Trace(t.Context(), id); (err == nil) != there {
			t.Errorf("%s: %v", id, err)
		}
	}
}
