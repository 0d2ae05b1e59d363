package storage_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-io/gatehouse/internal/activity"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// TestAPageOfIssuedTokensReadsFewOfThem has PostgreSQL count what it reads for a page
// of the tokens of one of several clients. By its estimates a join of moments and
// entries is best made by reading every entry.
func TestAPageOfIssuedTokensReadsFewOfThem(t *testing.T) {
	const tokens, clients, limit, most = 20_000, 20, 50, 600
	now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	var query string
	var args []any
	o := storage.Options{
		Driver: storage.Postgres, DSN: testkit.Postgres(t), Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
		Listed: func(q string, a []any) { query, args = q, a },
	}
	db, err := storage.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	client := func(i int) identity.Ref { return identity.Client(fmt.Sprintf("client-%d", i%clients)) }
	var events []event.Event
	for i := range tokens {
		at := now.Add(time.Duration(i-tokens) * time.Second)
		events = append(events, event.New(at, "token.issued", identity.Actor{Ref: client(i)}, identity.Ref{Kind: identity.KindToken, ID: identity.NewOrderedID(at)}))
	}
	if err := db.Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	for sealed := 1; sealed > 0; {
		if sealed, err = (&audit.Sealer{Store: db, Signer: heads{}, Now: o.Now}).Seal(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := (&activity.Counter{Store: db, Now: o.Now}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.Exec(t.Context(), `ANALYZE`); err != nil {
		t.Fatal(err)
	}
	page, _, err := db.Page(t.Context(), audit.Query{Actor: client(0).String(), Limit: limit})
	if err != nil || len(page) != limit || page[0].ID <= page[limit-1].ID {
		t.Fatalf("%d entries, %v", len(page), err)
	}
	if n := rowsRead(t, o.DSN, query, args); n > most {
		t.Errorf("%d rows are read for %d of %d entries", n, limit, tokens)
	}
	if n := rowsRead(t, o.DSN, `SELECT body FROM audit WHERE actor = $1 ORDER BY body LIMIT 10`, []any{client(0).String()}); n < tokens {
		t.Errorf("control: a query that reads all is counted as %d", n)
	}
}

// heads signs nothing.
type heads struct{}

// SignHead implements audit.Signer.
func (heads) SignHead(_ context.Context, head []byte) (string, []byte, error) { return "k", head, nil }

// planned is a step of PostgreSQL's plan, as it was run.
type planned struct {
	Table   string    `json:"Relation Name"`
	Rows    float64   `json:"Actual Rows"`
	Removed float64   `json:"Rows Removed by Filter"`
	Loops   float64   `json:"Actual Loops"`
	Plans   []planned `json:"Plans"`
}

// read counts the rows that the step and those below it took out of tables.
func (p planned) read() (n int) {
	if p.Table != "" {
		n = int((p.Rows + p.Removed) * p.Loops)
	}
	for _, below := range p.Plans {
		n += below.read()
	}
	return n
}

// rowsRead runs a query and returns how many rows of tables it took.
func rowsRead(t *testing.T, dsn, query string, args []any) int {
	t.Helper()
	on, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = on.Close(t.Context()) }()
	var text string
	if err := on.QueryRow(t.Context(), `EXPLAIN (ANALYZE, FORMAT JSON) `+query, append([]any{pgx.QueryExecModeExec}, args...)...).Scan(&text); err != nil {
		t.Fatalf("%v\n%s", err, query)
	}
	var plan []struct{ Plan planned }
	if err := json.Unmarshal([]byte(text), &plan); err != nil {
		t.Fatal(err)
	}
	return plan[0].Plan.read()
}
