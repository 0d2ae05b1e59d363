package sqldb

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// Querier is a pool or a transaction.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Collect runs a query and scans every row.
func Collect[T any](ctx context.Context, on Querier, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	if b, ok := on.(bounded); ok {
		var cancel context.CancelFunc
		ctx, cancel = b.bound(ctx)
		defer cancel()
	}
	rows, err := on.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, Translate(err)
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what matters
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, Translate(err)
		}
		all = append(all, v)
	}
	return all, Translate(rows.Err())
}

// ScanID scans the one text that a query selects.
func ScanID(rows *sql.Rows) (id string, err error) {
	err = rows.Scan(&id)
	return id, err
}

// ScanCount scans the one number that a query selects.
func ScanCount(rows *sql.Rows) (n int64, err error) {
	err = rows.Scan(&n)
	return n, err
}

// OneRow returns missing unless a statement changed a row.
func OneRow(missing error) func(sql.Result, error) error {
	return func(r sql.Result, err error) error {
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		if err == nil && n == 0 {
			return missing
		}
		return err
	}
}

// How many rows one statement inserts: up to fewRows as many as there are, above that
// 32, 64 or MostRows.
const (
	fewRows  = 16
	MostRows = 128
)

// JSON is v as JSON: what is kept of it.
func JSON(v any) string {
	body, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("sqldb: encode: %v", err)) // plain structs always marshal
	}
	return string(body)
}

// InsertRows inserts rows of one table with statements of so many rows that their texts
// are few enough to stay prepared. insert ends with VALUES, and rest stands after the
// rows.
func (t *Tx) InsertRows(ctx context.Context, insert, rest string, rows [][]any) error {
	for len(rows) > 0 {
		text, args, n := t.Insertion(insert, rows)
		if _, err := t.ExecContext(ctx, text+rest, args...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// Rows are rows of one table: see InsertRows.
type Rows struct {
	Insert, Rest string
	Rows         [][]any
}

// InsertAll is InsertRows for several tables, in their order. PostgreSQL gets all with one
// round trip.
func (t *Tx) InsertAll(ctx context.Context, all ...Rows) error {
	if t.conn == nil {
		for _, of := range all {
			if err := t.InsertRows(ctx, of.Insert, of.Rest, of.Rows); err != nil {
				return err
			}
		}
		return nil
	}
	var b pgx.Batch
	for _, of := range all {
		for rows := of.Rows; len(rows) > 0; {
			text, args, n := t.Insertion(of.Insert, rows)
			b.Queue(text+of.Rest, args...)
			rows = rows[n:]
		}
	}
	if b.Len() == 0 {
		return nil
	}
	return t.conn.Raw(func(on any) error {
		c, ok := on.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("insert: the driver's connection is a %T", on)
		}
		return c.Conn().SendBatch(t.ctx, &b).Close()
	})
}
