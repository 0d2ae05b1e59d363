package sqldb

import (
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// Many rows reach PostgreSQL as one array for each column: one text for any number of
// them, which stays prepared, one round trip instead of one for each 128 rows, and a
// fraction of the work on both sides.

// MostColumns is how many rows one statement inserts as columns.
const MostColumns = 8192

// Insertion returns the text and the arguments that insert the first n of the rows.
// insert ends with VALUES.
func (t *Tx) Insertion(insert string, rows [][]any) (text string, args []any, n int) {
	if n = len(rows); t.db.o.Driver == SQLite {
		insert = orFail(insert)
	}
	if n <= fewRows {
		return insert + marks(t.db.o.Driver, n, len(rows[0])), slices.Concat(rows...), n
	}
	if t.db.o.Driver == Postgres {
		n = min(n, MostColumns)
		if columns := columnsOf(rows[:n]); columns != nil {
			return strings.TrimSuffix(insert, `VALUES `) + `SELECT * FROM ` + unnested(columns), columns, n
		}
	}
	n = min(1<<(bits.Len(uint(len(rows)))-1), MostRows)
	return insert + marks(t.db.o.Driver, n, len(rows[0])), slices.Concat(rows[:n]...), n
}

// orFail has SQLite leave the rows before one that cannot be inserted. Otherwise it keeps a
// copy of each page that the statement changes, to take them back: a fifth of the work,
// for nothing, since whoever inserts rolls back, as PostgreSQL makes them.
func orFail(insert string) string {
	return strings.Replace(insert, `INSERT INTO`, `INSERT OR FAIL INTO`, 1)
}

// columnsOf turns rows into columns, nil where a column has values of several types, or
// of one that no array is made of.
func columnsOf(rows [][]any) []any {
	columns := make([]any, len(rows[0]))
	for i, first := range rows[0] {
		var ok bool
		switch first.(type) {
		case string:
			columns[i], ok = columnOf[string](rows, i)
		case []byte:
			columns[i], ok = columnOf[[]byte](rows, i)
		case bool:
			columns[i], ok = columnOf[bool](rows, i)
		case int64:
			columns[i], ok = columnOf[int64](rows, i)
		case int:
			columns[i], ok = numbersOf(rows, i)
		}
		if !ok {
			return nil
		}
	}
	return columns
}

func columnOf[T any](rows [][]any, i int) (column []T, ok bool) {
	column = make([]T, len(rows))
	for at, row := range rows {
		if column[at], ok = row[i].(T); !ok {
			return nil, false
		}
	}
	return column, true
}

// numbersOf is columnOf for what the driver knows an array of.
func numbersOf(rows [][]any, i int) (column []int64, ok bool) {
	column = make([]int64, len(rows))
	for at, row := range rows {
		n, ok := row[i].(int)
		if !ok {
			return nil, false
		}
		column[at] = int64(n)
	}
	return column, true
}

// unnested are columns as rows again: "unnest($1::text[], $2::bigint[])".
func unnested(columns []any) string {
	types := make([]string, len(columns))
	for i, c := range columns {
		of := `bigint`
		switch c.(type) {
		case []string:
			of = `text`
		case [][]byte:
			of = `bytea`
		case []bool:
			of = `boolean`
		}
		types[i] = `$` + strconv.Itoa(i+1) + `::` + of + `[]`
	}
	return `unnest(` + strings.Join(types, `, `) + `)`
}

// Among is the condition that a column has one of the values, and the arguments with
// them: one array where the engine takes one, of which any number has one text.
func Among[T string | []byte](t *Tx, column string, args []any, values []T) (string, []any) {
	if t.db.o.Driver == Postgres {
		return column + ` = ANY($` + strconv.Itoa(len(args)+1) + `)`, append(args, values)
	}
	first := len(args) + 1
	for _, v := range values {
		args = append(args, v)
	}
	for n := len(values); n&(n-1) != 0; n++ { // few texts, as of Padded
		args = append(args, values[len(values)-1])
	}
	return column + ` IN (` + Numbered(first, len(args)+1-first) + `)`, args
}

// Most is how many values one statement looks for.
func (t *Tx) Most() int {
	if t.db.o.Driver == Postgres {
		return MostColumns
	}
	return MostValues
}
