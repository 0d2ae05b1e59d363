// Package traces keeps sign-ins that were traced, step by step, until they expire.
package traces

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
	"github.com/gatehouse-io/gatehouse/internal/trace"
)

// Store is the traces of a database: trace.Store.
type Store struct{ *sqldb.DB }

var _ trace.Store = (*Store)(nil)

// traceOrder begins the cursors of lists of traces.
const traceOrder = "traces"

// SaveTrace implements trace.Store. It keeps the newest of the connection.
func (db *Store) SaveTrace(ctx context.Context, t trace.Trace) error {
	shown := t
	shown.Document, shown.Attributes, shown.Mapping = "", nil, nil
	hidden := trace.Trace{Document: t.Document, Attributes: t.Attributes, Mapping: t.Mapping}
	head, err := json.Marshal(shown)
	if err != nil {
		return fmt.Errorf("encode trace: %w", err)
	}
	rest, err := json.Marshal(hidden)
	if err != nil {
		return fmt.Errorf("encode trace: %w", err)
	}
	failed, _ := t.Failed() // of none the name is empty
	return db.Transact(ctx, func(x *sqldb.Tx) error {
		_, err := x.ExecContext(ctx, `INSERT INTO traces (id, at, connection, kind, rule, check_name, passed, head, rest, expires)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO UPDATE SET at = excluded.at, kind = excluded.kind, rule = excluded.rule,
			check_name = excluded.check_name, passed = excluded.passed, head = excluded.head, rest = excluded.rest, expires = excluded.expires`,
			t.ID, sqldb.Micros(t.Time), t.Connection, string(t.Kind), t.Rule, failed.Name, t.Passed, string(head), string(rest), sqldb.Micros(t.Expires))
		if err != nil {
			return err
		}
		_, err = x.ExecContext(ctx, `DELETE FROM traces WHERE id IN (SELECT id FROM traces WHERE connection = $1 ORDER BY at DESC, id DESC LIMIT $3 OFFSET $2)`,
			t.Connection, trace.Most, sqldb.PruneBatch)
		return err
	})
}

// Trace implements trace.Store.
func (db *Store) Trace(ctx context.Context, id string) (trace.Trace, error) {
	var t trace.Trace
	var head, rest string
	err := db.Read.QueryRowContext(ctx, `SELECT head, rest FROM traces WHERE id = $1 AND expires > $2`, id, sqldb.Micros(db.Now())).Scan(&head, &rest)
	if errors.Is(err, sql.ErrNoRows) {
		return t, trace.ErrNotFound
	}
	if err != nil {
		return t, sqldb.Translate(err)
	}
	for _, part := range []string{head, rest} {
		var some trace.Trace
		if err := json.Unmarshal([]byte(part), &some); err != nil {
			return t, fmt.Errorf("decode trace: %w", err)
		}
		if some.ID != "" {
			t = some
			continue
		}
		t.Document, t.Attributes, t.Mapping = some.Document, some.Attributes, some.Mapping
	}
	return t, nil
}

// SearchTraces implements trace.Store.
func (db *Store) SearchTraces(ctx context.Context, q trace.Query) ([]trace.Trace, string, error) {
	w := &sqldb.Where{}
	w.Add(`expires > ?`, sqldb.Micros(db.Now()))
	for column, value := range map[string]string{`connection`: q.Connection, `kind`: string(q.Kind), `rule`: q.Rule, `check_name`: q.Check} {
		if value != "" {
			w.Add(column+` = ?`, value)
		}
	}
	if q.Passed != nil {
		w.Add(`passed = ?`, *q.Passed)
	}
	if !q.From.IsZero() {
		w.Add(`at >= ?`, sqldb.Micros(q.From))
	}
	if !q.To.IsZero() {
		w.Add(`at < ?`, sqldb.Micros(q.To))
	}
	if q.After != "" {
		parts, ok := sqldb.ParseCursor(q.After, traceOrder, 2)
		if !ok {
			return nil, "", trace.ErrCursor
		}
		at, err := strconv.ParseInt(parts[0], 10, 64)
		if err != nil {
			return nil, "", trace.ErrCursor
		}
		w.Add(`(at, id) < (?, ?)`, at, parts[1])
	}
	limit := sqldb.Limit(q.Limit)
	rows, err := sqldb.List(ctx, db.DB, func(rows *sql.Rows) (t trace.Trace, err error) {
		var head string
		if err := rows.Scan(&head); err != nil {
			return t, err
		}
		if err := json.Unmarshal([]byte(head), &t); err != nil {
			return t, fmt.Errorf("decode trace: %w", err)
		}
		return t, nil
	}, `SELECT head FROM traces`+w.String()+` ORDER BY at DESC, id DESC LIMIT `+strconv.Itoa(limit+1), w.Args...)
	if err != nil {
		return nil, "", err
	}
	cut, next := sqldb.Page(rows, limit, func(last trace.Trace) string {
		return sqldb.Cursor(traceOrder, strconv.FormatInt(sqldb.Micros(last.Time), 10), last.ID)
	})
	return cut, next, nil
}
