package storage

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// The sizes of a list's pages.
const (
	defaultPage = 100
	maxPage     = 1000
)

// pruneBatch bounds what one statement deletes, so that no writer waits long.
const pruneBatch = 1000

// pageOf is how many rows a page has that was asked for n.
func pageOf(n int) int {
	if n <= 0 {
		return defaultPage
	}
	return min(n, maxPage)
}

// where gathers conditions and the values that they bind. A text marks a value
// with "?"; what comes from outside is always bound.
type where struct {
	conditions []string
	args       []any
}

// bind replaces the marks of a text by numbers and keeps the values.
func (w *where) bind(text string, values ...any) string {
	for _, v := range values {
		w.args = append(w.args, v)
		text = strings.Replace(text, "?", "$"+strconv.Itoa(len(w.args)), 1)
	}
	return text
}

// add adds a condition that all rows of the list meet.
func (w *where) add(condition string, values ...any) {
	w.conditions = append(w.conditions, w.bind(condition, values...))
}

// String returns the conditions as a clause, empty without any.
func (w *where) String() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return ` WHERE ` + strings.Join(w.conditions, ` AND `)
}

// listing runs a query whose text depends on what was asked for. Such texts are
// not kept prepared, where they would crowd out those of every request, and
// PostgreSQL plans them for their values.
func listing[T any](ctx context.Context, db *DB, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	if db.o.Listed != nil {
		db.o.Listed(query, args)
	}
	if db.postgres() {
		args = append([]any{pgx.QueryExecModeExec}, args...)
	}
	return collect(ctx, unprepared{db.read}, scan, query, args...)
}

// page cuts what was read with one row too many to the page, and returns the
// cursor of the page after it.
func page[T any](rows []T, limit int, cursor func(last T) string) (cut []T, next string) {
	if len(rows) <= limit {
		return rows, ""
	}
	return rows[:limit], cursor(rows[limit-1])
}

// encodeCursor makes a cursor of what a row is sorted by. Callers begin with the
// order, so that a cursor of another one is refused.
func encodeCursor(parts ...string) string {
	text, err := json.Marshal(parts)
	if err != nil {
		panic(err) // strings always encode
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// decodeCursor returns the parts after the first, which must be order; ok is false
// for what encodeCursor did not make of as many parts.
func decodeCursor(cursor, order string, n int) (parts []string, ok bool) {
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || json.Unmarshal(text, &parts) != nil || len(parts) != n+1 || parts[0] != order {
		return nil, false
	}
	for _, p := range parts {
		if strings.ContainsRune(p, 0) {
			return nil, false // PostgreSQL has no such text
		}
	}
	return parts[1:], true
}

// likeSpecial escapes what LIKE gives a meaning.
var likeSpecial = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)
