package sqldb

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Driver is which of the engines this is: SQLite or Postgres.
func (db *DB) Driver() string { return db.o.Driver }

// Postgres reports whether this is PostgreSQL.
func (db *DB) Postgres() bool { return db.o.Driver == Postgres }

// Postgres reports whether this is PostgreSQL.
func (t *Tx) Postgres() bool { return t.db.Postgres() }

// Marks returns the marks of some rows of columns.
func (t *Tx) Marks(rows, columns int) string { return marks(t.db.o.Driver, rows, columns) }

// ForUpdate locks the selected row where several writers run at once.
func (t *Tx) ForUpdate() string {
	if t.Postgres() {
		return ` FOR UPDATE`
	}
	return ``
}

// ForShare locks what a decision rests on until the transaction ends, so that two changes
// do not each count on what the other one takes away.
func (t *Tx) ForShare() string {
	if t.Postgres() {
		return ` FOR SHARE`
	}
	return ``
}

// IsDuplicate reports whether err is a broken unique constraint; detail names it.
func IsDuplicate(err error) (detail string, ok bool) {
	if pg, is := errors.AsType[*pgconn.PgError](err); is && pg.Code == "23505" {
		return pg.ConstraintName, true
	}
	if lite, is := errors.AsType[*sqlite.Error](err); is &&
		(lite.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || lite.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY) {
		return lite.Error(), true
	}
	return "", false
}

// marks returns the marks of some rows: "($1, $2), ($3, $4)". SQLite looks up a
// mark with a number among all names of the statement, and only counts a plain one,
// which many rows at once feel.
func marks(driver string, rows, columns int) string {
	var b strings.Builder
	for i := range rows * columns {
		if i%columns == 0 {
			b.WriteString(strings.Repeat(`, `, min(i, 1)) + `(`)
		} else {
			b.WriteString(`, `)
		}
		if driver == SQLite {
			b.WriteByte('?')
		} else {
			b.WriteString(`$` + strconv.Itoa(i+1))
		}
		if i%columns == columns-1 {
			b.WriteByte(')')
		}
	}
	return b.String()
}

// Numbered returns n marks from number first on: "$2, $3".
func Numbered(first, n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(`, `, min(i, 1)) + `$` + strconv.Itoa(first+i))
	}
	return b.String()
}

// Padded repeats the last value until there are 1, 2, 4, … of them, so that few texts
// of statements look for many.
func Padded[T any](values []T) []T {
	all := slices.Clone(values)
	for n := len(all); n&(n-1) != 0; n = len(all) {
		all = append(all, all[n-1])
	}
	return all
}

// MostValues is how many values one statement looks for.
const MostValues = 256

// Micros is a time as rows have it: microseconds since 1970, 0 for the zero time.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// FromMicros is the time that Micros made n of, in UTC.
func FromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}
