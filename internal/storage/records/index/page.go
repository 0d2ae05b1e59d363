package index

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/scim/filter"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// filterTime is how long a filter may look.
const filterTime = 3 * time.Second

// list is a list of records as it is read.
type list struct {
	db     *sqldb.DB
	kind   Kind
	q      record.Query
	w      sqldb.Where
	sort   string // what it is sorted by, besides the id
	text   bool   // that it may be NULL: what has no value
	offset int
}

// Reading is how the records of one kind are read.
type Reading[T any] struct {
	// Columns are what Scan reads of the table, which is called r.
	Columns string
	// Scan reads a record, and what else the query selects.
	Scan func(scan func(...any) error, also ...any) (T, error)
	// ID is what a record is called.
	ID func(T) string
}

// Page is the part that q asks for of a connection's records of a kind.
func Page[T any](ctx context.Context, db *sqldb.DB, kind Kind, connection string, q record.Query, read Reading[T]) (record.Page[T], error) {
	l := list{db: db, kind: kind, q: q}
	count := q.Count
	if count < 0 {
		count = record.DefaultCount
	}
	count = min(count, record.MaxCount)
	var page record.Page[T]
	if err := l.conditions(connection); err != nil {
		return page, err
	}
	ctx, cancel := context.WithTimeout(ctx, filterTime)
	defer cancel()
	counting, args := l.w.String(), slices.Clone(l.w.Args)
	if err := l.position(); err != nil {
		return page, err
	}
	var err error
	if page.Items, page.Next, err = items(ctx, &l, count, read); err != nil {
		return page, tooLong(err)
	}
	if page.Next == "" && count > 0 && q.Cursor == "" && (len(page.Items) > 0 || l.offset == 0) {
		page.Total = l.offset + len(page.Items)
		return page, nil
	}
	n, err := sqldb.List(ctx, db, sqldb.ScanCount, `SELECT count(*) FROM `+kind.table+` r`+counting, args...)
	if err != nil {
		return page, tooLong(err)
	}
	page.Total = int(n[0])
	return page, nil
}

// items reads up to count records, and the cursor of those after them.
func items[T any](ctx context.Context, l *list, count int, read Reading[T]) (all []T, next string, err error) {
	if count <= 0 {
		return nil, "", nil
	}
	var last lastRow
	n := 0
	all, err = sqldb.List(ctx, l.db, func(rows *sql.Rows) (T, error) {
		var key lastRow
		item, err := read.Scan(rows.Scan, &key.key)
		if n++; n <= count {
			last, last.id = key, read.ID(item)
		}
		return item, err
	}, `SELECT `+read.Columns+`, `+l.sort+` FROM `+l.kind.table+` r`+l.w.String()+l.order()+` LIMIT `+strconv.Itoa(count+1)+` OFFSET `+strconv.Itoa(l.offset), l.w.Args...)
	if err != nil || len(all) <= count {
		return all, "", err
	}
	return all[:count], l.cursor(last, count), nil
}

// lastRow is what the last row of a page is sorted by: a number, or bytes, or nothing.
type lastRow struct {
	key any
	id  string
}

// tooLong turns a filter that looked too long into what its client is told.
func tooLong(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return record.ErrCost.At("filter")
	}
	return err
}

func (l *list) conditions(connection string) error {
	l.w.Add(`r.connection = ?`, connection)
	l.w.Add(`r.deleted = 0`)
	c := compiler{Where: &l.w, db: l.db, kind: l.kind, connection: connection}
	return c.filter(l.q.Filter)
}

// position sets the order and where the page begins.
func (l *list) position() error {
	if err := l.sorting(); err != nil {
		return err
	}
	l.offset = max(l.q.Start, 1) - 1
	if l.q.Cursor == "" {
		return nil
	}
	l.offset = 0
	parts, ok := sqldb.ParseCursor(l.q.Cursor, l.name(), 2)
	if !ok {
		return directory.ErrCursor
	}
	if l.text {
		n, err := strconv.Atoi(parts[0])
		if err != nil || n < 0 {
			return directory.ErrCursor
		}
		l.offset = n
		return nil
	}
	key, err := sortedBy(parts[0])
	if err != nil {
		return directory.ErrCursor
	}
	beyond := ` > `
	if l.q.Descending {
		beyond = ` < `
	}
	l.w.Add(`(`+l.sort+`, r.id)`+beyond+`(?, ?)`, key, parts[1])
	return nil
}

// sorting sets what the list is sorted by.
func (l *list) sorting() error {
	if l.q.SortBy.IsZero() {
		l.sort = `r.created`
		return nil
	}
	if c, ok := l.kind.column(l.q.SortBy); ok {
		l.sort = c.name
		if c.as == flagColumn {
			l.sort = `CASE WHEN r.active THEN 1 ELSE 0 END`
		}
		return nil
	}
	if l.q.SortBy.URN == "" && reserved[l.q.SortBy.Attribute] || l.q.SortOf.Type == filter.Complex {
		return record.ErrFilter.At("sortBy")
	}
	path := l.kind.prefix + l.q.SortBy.String()
	if l.q.SortOf.Type == filter.DateTime {
		path += timePath
	}
	l.text = true
	l.sort = l.w.Bind(`(SELECT v.key FROM record_values v WHERE v.record = r.id AND v.path = ? ORDER BY v.element LIMIT 1)`, path)
	return nil
}

// order sorts what has no value last, and first the other way round.
func (l *list) order() string {
	down := ``
	if l.q.Descending {
		down = ` DESC`
	}
	if !l.text {
		return ` ORDER BY ` + l.sort + down + `, r.id` + down
	}
	return ` ORDER BY CASE WHEN ` + l.sort + ` IS NULL THEN 1 ELSE 0 END` + down + `, ` + l.sort + down + `, r.id` + down
}

// name is what a cursor is good for.
func (l *list) name() string {
	return l.kind.prefix + l.q.SortBy.String() + strconv.FormatBool(l.q.Descending)
}

// cursor goes on behind a row; in an order that may lack a value, behind so many rows.
func (l *list) cursor(last lastRow, count int) string {
	if l.text {
		return sqldb.Cursor(l.name(), strconv.Itoa(l.offset+count), last.id)
	}
	switch key := last.key.(type) {
	case []byte:
		return sqldb.Cursor(l.name(), "b"+hex.EncodeToString(key), last.id)
	case string:
		return sqldb.Cursor(l.name(), "t"+key, last.id)
	case int64:
		return sqldb.Cursor(l.name(), "n"+strconv.FormatInt(key, 10), last.id)
	}
	return sqldb.Cursor(l.name(), "", last.id)
}

// sortedBy reads what cursor wrote.
func sortedBy(text string) (any, error) {
	if text == "" {
		return nil, directory.ErrCursor
	}
	switch rest := text[1:]; text[0] {
	case 'b':
		return hex.DecodeString(rest)
	case 't':
		return rest, nil
	case 'n':
		return strconv.ParseInt(rest, 10, 64)
	}
	return nil, directory.ErrCursor
}
