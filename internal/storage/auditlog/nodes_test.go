package auditlog

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/activity"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// TestASearchThatFindsLittleStopsAndGoesOn has one node of somebody's behind more seals
// than a search looks at.
func TestASearchThatFindsLittleStopsAndGoesOn(t *testing.T) {
	now := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	opened, err := sqldb.Open(t.Context(), sqldb.Options{Driver: sqldb.SQLite, Dir: t.TempDir(), Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	db := &Store{opened}
	long := now.Add(-48 * time.Hour)
	token := identity.Ref{Kind: identity.KindToken, ID: identity.NewOrderedID(long)}
	issued := event.New(long, "token.issued", identity.Actor{Ref: identity.Client("c")}, token, "mode", "delegation", "person", "nora", "life", "1m0s")
	if err := db.Append(t.Context(), []event.Event{issued}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Write.ExecContext(t.Context(), `UPDATE audit SET seal = 1`); err != nil {
		t.Fatal(err)
	}
	facts := activity.Exchanged{Newest: issued.ID, Facts: []uint64{grant.NodeFact{Name: "person", Value: "nora"}.Hash()}}
	if err := db.AddFigures(t.Context(), activity.Batch{Seal: 1, Exchanged: facts}); err != nil {
		t.Fatal(err)
	}
	_, err = db.Write.ExecContext(t.Context(), `INSERT INTO exchanged (seal, newest, facts) WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i <= $1) SELECT i, $2, X'' FROM n`,
		mostSeals+10, identity.OrderedAt(now))
	if err == nil {
		_, err = db.Write.ExecContext(t.Context(), `UPDATE counters SET number = $1 WHERE name = 'activity'`, mostSeals+11)
	}
	if err != nil {
		t.Fatal(err)
	}
	first, next, err := db.SearchNodes(t.Context(), grant.NodeQuery{Person: "nora"}, now)
	if err != nil || len(first) != 0 || next == "" {
		t.Fatalf("looked at everything: %v, %q, %v", first, next, err)
	}
	second, last, err := db.SearchNodes(t.Context(), grant.NodeQuery{Person: "nora", After: next}, now)
	if err != nil || len(second) != 1 || second[0].ID != token.ID || last != "" {
		t.Errorf("%+v, %q, %v", second, last, err)
	}
	if live, next, err := db.SearchNodes(t.Context(), grant.NodeQuery{Person: "nora", Live: true, Limit: 1}, now.Add(time.Hour)); err != nil || len(live) != 0 || next != "" {
		t.Errorf("what lives is not behind all that was: %v, %q, %v", live, next, err)
	}
}

// TestAPageReadsTheEntriesOfFewSeals has a node of somebody's in each of more seals than are
// read for a page: it is short, and those behind it have the rest.
func TestAPageReadsTheEntriesOfFewSeals(t *testing.T) {
	const seals = 3*mostOpened + 1
	now := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	opened, err := sqldb.Open(t.Context(), sqldb.Options{Driver: sqldb.SQLite, Dir: t.TempDir(), Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	db := &Store{opened}
	var want []string
	for i := range seals {
		at := now.Add(time.Duration(i-seals) * time.Minute)
		token := identity.Ref{Kind: identity.KindToken, ID: identity.NewOrderedID(at)}
		issued := event.New(at, "token.issued", identity.Actor{Ref: identity.Client("c")}, token, "mode", "delegation", "person", "nora", "life", "1m0s")
		if err := db.Append(t.Context(), []event.Event{issued}); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Write.ExecContext(t.Context(), `UPDATE audit SET seal = $1 WHERE seal = 0`, i+1); err != nil {
			t.Fatal(err)
		}
		facts := activity.Exchanged{Newest: issued.ID, Facts: []uint64{grant.NodeFact{Name: "person", Value: "nora"}.Hash()}}
		if err := db.AddFigures(t.Context(), activity.Batch{Seal: int64(i + 1), Exchanged: facts}); err != nil {
			t.Fatal(err)
		}
		want = append([]string{token.ID}, want...)
	}
	var got []string
	for after, pages := "", 0; pages == 0 || after != ""; pages++ {
		page, next, err := db.SearchNodes(t.Context(), grant.NodeQuery{Person: "nora", After: after}, now)
		if err != nil || len(page) > mostOpened {
			t.Fatalf("page %d has %d nodes, %v", pages, len(page), err)
		}
		for _, n := range page {
			got = append(got, n.ID)
		}
		after = next
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d nodes are found, want %d, the newest first", len(got), len(want))
	}
}
