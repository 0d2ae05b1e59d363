// Package backups reads a whole database and puts one in its place, and knows how far a
// database has come.
package backups

import (
	"context"
	"database/sql"
	"fmt"
	"io"

	"github.com/gatehouse-io/gatehouse/internal/backup"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// Store is what a backup is made of: all rows of a database.
type Store struct{ *sqldb.DB }

// Dump writes every row that was committed at one moment, while writers go on, and
// returns what it wrote. On PostgreSQL the moment is a REPEATABLE READ snapshot, on
// SQLite a read transaction on the write-ahead log.
func (db *Store) Dump(ctx context.Context, w io.Writer) (h backup.Header, counts backup.Counts, err error) {
	tables, err := Contents(ctx, db.DB)
	if err != nil {
		return h, nil, err
	}
	snapshot, err := db.Read.BeginTx(ctx, &sql.TxOptions{Isolation: db.snapshotIsolation(), ReadOnly: true})
	if err != nil {
		return h, nil, sqldb.Translate(err)
	}
	defer func() { _ = snapshot.Rollback() }() // only read from
	h = backup.Header{Taken: db.Now().UTC(), Engine: db.Driver()}
	var mark Mark
	if err = snapshot.QueryRowContext(ctx, readMark).Scan(&mark.Era, &mark.Generation, &mark.Revocation, &mark.Seal); err == nil {
		err = snapshot.QueryRowContext(ctx, `SELECT max(version_id) FROM goose_db_version WHERE is_applied`).Scan(&h.Migration)
	}
	if err != nil {
		return h, nil, sqldb.Translate(err)
	}
	h.Era, h.Generation = mark.Era, mark.Generation
	out, err := backup.NewWriter(w, h)
	if err != nil {
		return h, nil, err
	}
	for _, t := range tables {
		if err := dumpTable(ctx, snapshot, t, out); err != nil {
			return h, nil, fmt.Errorf("back up %s: %w", t.Name, err)
		}
	}
	counts, err = out.Close()
	return h, counts, err
}

// snapshotIsolation is what makes all statements of a transaction see one moment:
// on SQLite every transaction does.
func (db *Store) snapshotIsolation() sql.IsolationLevel {
	if db.Postgres() {
		return sql.LevelRepeatableRead
	}
	return sql.LevelDefault
}

func dumpTable(ctx context.Context, snapshot *sql.Tx, t backup.Table, out *backup.Writer) error {
	if err := out.Table(t); err != nil {
		return err
	}
	rows, err := snapshot.QueryContext(ctx, `SELECT `+names(t.Columns)+` FROM `+quoted(t.Name)) //nolint:gosec // G202: names of the engine's own catalogue
	if err != nil {
		return sqldb.Translate(err)
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what matters
	cells := make([]any, len(t.Columns))
	for i, c := range t.Columns {
		cells[i] = cell(c.Kind)
	}
	values := make([]any, len(cells))
	for rows.Next() {
		if err := rows.Scan(cells...); err != nil {
			return sqldb.Translate(err)
		}
		for i, c := range cells {
			values[i] = content(c)
		}
		if err := out.Row(values); err != nil {
			return err
		}
	}
	return sqldb.Translate(rows.Err())
}

// cell is what a value of the kind is scanned into, content what was.
func cell(kind backup.Kind) any {
	switch kind {
	case backup.Integer:
		return new(sql.NullInt64)
	case backup.Boolean:
		return new(sql.NullBool)
	case backup.Bytes:
		return new(nullBytes)
	case backup.Text:
	}
	return new(sql.NullString)
}

func content(c any) any {
	switch v := c.(type) {
	case *sql.NullInt64:
		if v.Valid {
			return v.Int64
		}
	case *sql.NullBool:
		if v.Valid {
			return v.Bool
		}
	case *sql.NullString:
		if v.Valid {
			return v.String
		}
	case *nullBytes:
		if v.valid {
			return v.bytes
		}
	}
	return nil
}

// nullBytes is scanned from bytes or NULL. No bytes at all are not NULL, which the driver
// of SQLite tells apart, and a []byte would not.
type nullBytes struct {
	bytes []byte
	valid bool
}

// Scan implements sql.Scanner.
func (b *nullBytes) Scan(from any) error {
	of, ok := from.([]byte)
	if from != nil && !ok {
		return fmt.Errorf("%T is not bytes", from)
	}
	b.valid, b.bytes = ok, append([]byte{}, of...)
	return nil
}
