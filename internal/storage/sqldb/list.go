package sqldb

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

// PruneBatch bounds what one statement deletes, so that no writer waits long.
const PruneBatch = 1000

// Limit is how many rows a page has that was asked for n.
func Limit(n int) int {
	if n <= 0 {
		return defaultPage
	}
	return min(n, maxPage)
}

// Where gathers conditions and the values that they bind. A text marks a value
// with "?"; what comes from outside is always bound.
type Where struct {
	conditions []string
	Args       []any
}

// Bind replaces the marks of a text by numbers and keeps the values.
func (w *Where) Bind(text string, values ...any) string {
	for _, v := range values {
		w.Args = append(w.Args, v)
		text = strings.Replace(text, "?", "$"+strconv.Itoa(len(w.Args)), 1)
	}
	return text
}

// Add adds a condition that all rows of the list meet.
func (w *Where) Add(condition string, values ...any) {
	w.conditions = append(w.conditions, w.Bind(condition, values...))
}

// String returns the conditions as a clause, empty without any.
func (w *Where) String() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return ` WHERE ` + strings.Join(w.conditions, ` AND `)
}

// List runs a query whose text depends on what was asked for. Such texts are
// not kept prepared, where they would crowd out those of every request, and
// PostgreSQL plans them for their values.
func List[T any](ctx context.Context, db *DB, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	if db.o.Listed != nil {
		db.o.Listed(query, args)
	}
	if db.Postgres() {
		args = append([]any{pgx.QueryExecModeExec}, args...)
	}
	return Collect(ctx, unprepared{db.Read}, scan, query, args...)
}

// Page cuts what was read with one row too many to the page, and returns the
// cursor of the page after it.
func Page[T any](rows []T, limit int, cursor func(last T) string) (cut []T, next string) {
	if len(rows) <= limit {
		return rows, ""
	}
	return rows[:limit], cursor(rows[limit-1])
}

// Cursor makes a cursor of what a row is sorted by. Callers begin with the
// order, so that a cursor of another one is refused.
func Cursor(parts ...string) string {
	text, err := json.Marshal(parts)
	if err != nil {
		panic(err) // strings always encode
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// ParseCursor returns the parts after the first, which must be order; ok is false
// for what Cursor did not make of as many parts.
func ParseCursor(cursor, order string, n int) (parts []string, ok bool) {
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

// LikeSpecial escapes what LIKE gives a meaning, for ESCAPE '\'.
var LikeSpecial = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)
