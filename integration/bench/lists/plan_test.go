package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-io/gatehouse/internal/storage"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// grows are the tables that a list must not read all of. Groups are few, and words
// are looked for in each.
var grows = []string{
	"people", "person_words", "identities", "memberships", "sessions", "participants", "families", "consents", "outbox", "jobs", "audit", "issued_tokens", "seals",
	"signin_hours", "token_hours", "token_days", "assignments", "record_users", "record_values", "record_members", "app_owners", "signal_streams",
}

// counts are the lists that are numbers: of what is live, which an index has alone.
func counts(name string) bool {
	return strings.HasPrefix(name, "number of") || strings.Contains(name, "backlog") || name == "audit, its state"
}

// TestNoListReadsAWholeTable explains every query of every list on both engines,
// with so many people that big groups are walked and small ones sorted.
func TestNoListReadsAWholeTable(t *testing.T) {
	if testing.Short() {
		t.Skip("one statement after the other: there is nothing at once here for `make race` to see, and filling takes it minutes")
	}
	for engine, o := range map[string]storage.Options{
		storage.SQLite:   {Driver: storage.SQLite, Dir: t.TempDir()},
		storage.Postgres: {Driver: storage.Postgres, DSN: testkit.Postgres(t)},
	} {
		t.Run(engine, func(t *testing.T) {
			e := &explainer{t: t, engine: engine}
			o.Now, o.Log, o.Listed = func() time.Time { return now }, slog.New(slog.DiscardHandler), e.explain
			db, err := storage.Open(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			f, err := fill(t.Context(), o, sizes{people: 2_500, groups: 50, entries: 3_000, apps: 200})
			if err == nil {
				err = f.derive(t.Context(), db, o)
			}
			if err != nil {
				t.Fatal(err)
			}
			e.open(o)
			for _, l := range f.lists(db) {
				if e.list = l.name; counts(l.name) {
					continue
				}
				if _, err := l.read(t.Context()); err != nil {
					t.Errorf("%s: %v", l.name, err)
				}
			}
			if e.explained < len(f.lists(db))/2 {
				t.Errorf("only %d queries were explained", e.explained)
			}
			e.list = "control"
			e.control = true
			if e.explain(`SELECT body FROM people WHERE body LIKE '%x%' ORDER BY version LIMIT 10`, nil); !e.caught {
				t.Error("a query that reads everybody is not caught")
			}
		})
	}
}

// explainer asks an engine how it would run a query.
type explainer struct {
	t         *testing.T
	engine    string
	on        *sql.Conn // nil until there are rows
	list      string
	explained int
	// control makes a fault something to be caught.
	control, caught bool
}

func (e *explainer) open(o storage.Options) {
	pool, err := open(o)
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { _ = pool.Close() })
	if e.on, err = pool.Conn(e.t.Context()); err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { _ = e.on.Close() })
	if e.engine == storage.Postgres {
		// So few rows would be read whole, and joined so; what is left of that is what
		// no index can do.
		if _, err := e.on.ExecContext(e.t.Context(), `SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off`); err != nil {
			e.t.Fatal(err)
		}
	}
}

func (e *explainer) fault(what, query string) {
	if e.caught = true; !e.control {
		e.t.Errorf("%s: %s\n%s", e.list, what, query)
	}
}

// explain implements storage.Options.Listed.
func (e *explainer) explain(query string, args []any) {
	if e.on == nil {
		return
	}
	e.explained++
	if e.engine == storage.Postgres {
		e.postgres(query, args)
	} else {
		e.sqlite(query, args)
	}
}

// unsealed is an index that may be read whole: it has the entries of a second or two.
const unsealed = "audit_unsealed"

// sqlite refuses a scan of a table, and one of an index that is sorted thereafter.
func (e *explainer) sqlite(query string, args []any) {
	rows, err := e.on.QueryContext(context.Background(), `EXPLAIN QUERY PLAN `+query, args...)
	if err != nil {
		e.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	scanned := map[int]string{} // by the step that it is part of
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			e.t.Fatal(err)
		}
		words := strings.Fields(step)
		switch {
		case strings.Contains(step, unsealed):
		case words[0] == "SCAN" && slices.Contains(grows, tableOf(words[1])) && !strings.Contains(step, "INDEX"):
			e.fault(step, query)
		case words[0] == "SCAN" && slices.Contains(grows, tableOf(words[1])):
			scanned[parent] = step
		case strings.HasPrefix(step, "USE TEMP B-TREE") && scanned[parent] != "":
			e.fault(scanned[parent]+", and it is sorted", query)
		}
	}
	if err := rows.Err(); err != nil {
		e.t.Fatal(err)
	}
}

// tableOf resolves the aliases that the queries use.
func tableOf(name string) string {
	if table, ok := map[string]string{"p": "people", "s": "sessions", "m": "memberships", "f": "families", "c": "consents", "a": "audit", "r": "record_users", "v": "record_values", "e": "record_values"}[name]; ok {
		return table
	}
	return name
}

// node is a step of PostgreSQL's plan.
type node struct {
	Type      string `json:"Node Type"`
	Relation  string `json:"Relation Name"`
	Index     string `json:"Index Name"`
	Condition string `json:"Index Cond"`
	Plans     []node `json:"Plans"`
}

func (e *explainer) postgres(query string, args []any) {
	var text string
	err := e.on.QueryRowContext(context.Background(), `EXPLAIN (FORMAT JSON) `+query, append([]any{pgx.QueryExecModeExec}, args...)...).Scan(&text)
	if err != nil {
		e.t.Fatalf("%s: %v\n%s", e.list, err, query)
	}
	var plan []struct{ Plan node }
	if err := json.Unmarshal([]byte(text), &plan); err != nil {
		e.t.Fatal(err)
	}
	e.walk(plan[0].Plan, false, query)
}

// walk refuses a scan of a table, and one of a whole index unless a limit ends it.
func (e *explainer) walk(n node, limited bool, query string) {
	switch n.Type {
	case "Limit":
		limited = true
	case "Sort", "Hash", "Aggregate", "HashAggregate", "Materialize", "Hash Join", "Merge Join", "Incremental Sort":
		limited = n.Type == "Incremental Sort" && limited
	case "Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan":
		whole := n.Type == "Seq Scan" || strings.HasPrefix(n.Type, "Index") && n.Condition == "" && !limited
		if whole && n.Index != unsealed && slices.Contains(grows, n.Relation) {
			e.fault(n.Type+" of "+n.Relation, query)
		}
	}
	for _, child := range n.Plans {
		e.walk(child, limited, query)
	}
}
