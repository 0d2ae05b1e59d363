package storage

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/bits"
	"slices"
)

// querier is a pool or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// collect runs a query and scans every row.
func collect[T any](ctx context.Context, on querier, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	if b, ok := on.(bounded); ok {
		var cancel context.CancelFunc
		ctx, cancel = b.bound(ctx)
		defer cancel()
	}
	rows, err := on.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, translate(err)
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what matters
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, translate(err)
		}
		all = append(all, v)
	}
	return all, translate(rows.Err())
}

func scanID(rows *sql.Rows) (id string, err error) {
	err = rows.Scan(&id)
	return id, err
}

func scanCount(rows *sql.Rows) (n int64, err error) {
	err = rows.Scan(&n)
	return n, err
}

// oneRow returns missing unless a statement changed a row.
func oneRow(missing error) func(sql.Result, error) error {
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
// 32, 64 or mostRows.
const (
	fewRows  = 16
	mostRows = 128
)

// text is v as JSON: what is kept of it.
func text(v any) string {
	body, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("history: %v", err)) // plain structs always marshal
	}
	return string(body)
}

// insertRows inserts rows of one table with statements of so many rows that their texts
// are few enough to stay prepared. insert ends with VALUES, and rest stands after the
// rows.
func (t *tx) insertRows(ctx context.Context, insert, rest string, rows [][]any) error {
	rows, err := t.inColumns(ctx, insert, rest, rows)
	if err != nil {
		return err
	}
	for len(rows) > 0 {
		n := len(rows)
		if n > fewRows {
			n = min(1<<(bits.Len(uint(n))-1), mostRows)
		}
		if _, err := t.ExecContext(ctx, insert+t.marks(n, len(rows[0]))+rest, slices.Concat(rows[:n]...)...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}
