// Package imports keeps files on their way into the directory, line by line.
package imports

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/porting"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// Store is the imports of a database: porting.Store.
type Store struct{ *sqldb.DB }

var _ porting.Store = (*Store)(nil)

// Record implements porting.Store.
func (db *Store) Record(ctx context.Context, events []event.Event) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error { t.Tell(events...); return nil })
}

const selectImport = `SELECT body, place, version FROM imports WHERE `

func readImport(scan func(...any) error) (i porting.Import, err error) {
	var body string
	var version int64
	if err := scan(&body, &i.After, &version); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			return i, porting.ErrNotFound
		}
		return i, sqldb.Translate(err)
	}
	if err := json.Unmarshal([]byte(body), &i); err != nil {
		return i, fmt.Errorf("decode import: %w", err)
	}
	i.Version = version
	return i, nil
}

// CreateImport implements porting.Store.
func (db *Store) CreateImport(ctx context.Context, i porting.Import, events []event.Event) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		t.Tell(events...)
		_, err := t.ExecContext(ctx, `INSERT INTO imports (id, state, body, place, created, version) VALUES ($1, $2, $3, $4, $5, 1)`,
			i.ID, string(i.State), sqldb.JSON(i), []byte{}, sqldb.Micros(i.Created))
		return err
	})
}

// Import implements porting.Store.
func (db *Store) Import(ctx context.Context, id string) (porting.Import, error) {
	return readImport(db.Read.QueryRowContext(ctx, selectImport+`id = $1`, id).Scan)
}

// Imports implements porting.Store. Ids sort by their time.
func (db *Store) Imports(ctx context.Context, after string, limit int) ([]porting.Import, error) {
	return sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (porting.Import, error) { return readImport(rows.Scan) },
		selectImport+`(id < $1 OR $1 = '') ORDER BY id DESC LIMIT $2`, after, limit)
}

// Unfinished implements porting.Store.
func (db *Store) Unfinished(ctx context.Context) (id string, err error) {
	err = db.Read.QueryRowContext(ctx, `SELECT id FROM imports WHERE state = 'checking' OR state = 'applying' ORDER BY id LIMIT 1`).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, sqldb.Translate(err)
}

// Readings implements porting.Store. There are few.
func (db *Store) Readings(ctx context.Context) ([]porting.Import, error) {
	return sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (porting.Import, error) { return readImport(rows.Scan) }, selectImport+`state = 'reading' ORDER BY id`)
}

// UpdateImport implements porting.Store.
func (db *Store) UpdateImport(ctx context.Context, id string, change func(porting.Import) (porting.Import, []event.Event, error)) (porting.Import, error) {
	var next porting.Import
	err := db.Transact(ctx, func(t *sqldb.Tx) error {
		old, err := readImport(t.QueryRowContext(ctx, selectImport+`id = $1`+t.ForUpdate(), id).Scan)
		if err != nil {
			return err
		}
		var events []event.Event
		if next, events, err = change(old); err != nil {
			return err
		}
		t.Tell(events...)
		next.Version = old.Version + 1
		return saveImport(ctx, t, next)
	})
	return next, err
}

// saveImport writes an import of a version, if the row is of the one before.
func saveImport(ctx context.Context, t *sqldb.Tx, i porting.Import) error {
	if i.After == nil {
		i.After = []byte{}
	}
	return sqldb.OneRow(porting.ErrState)(t.ExecContext(ctx, `UPDATE imports SET state = $2, body = $3, place = $4, version = $5 WHERE id = $1 AND version = $6`,
		i.ID, string(i.State), sqldb.JSON(i), i.After, i.Version, i.Version-1))
}

// DropLines implements porting.Store. Many lines go in several transactions.
func (db *Store) DropLines(ctx context.Context, id string, all bool, events []event.Event) error {
	which := ` AND outcome <> 'refused'`
	if all {
		which = ``
	}
	for _, statement := range []string{
		`DELETE FROM import_names WHERE import = $1 AND name IN (SELECT name FROM import_names WHERE import = $1 LIMIT $2)`,
		`DELETE FROM import_lines WHERE import = $1 AND place IN (SELECT place FROM import_lines WHERE import = $1` + which + ` LIMIT $2)`,
	} {
		for n := int64(sqldb.PruneBatch); n == sqldb.PruneBatch; {
			r, err := db.Write.ExecContext(ctx, statement, id, sqldb.PruneBatch)
			if err == nil {
				n, err = r.RowsAffected()
			}
			if err != nil {
				return sqldb.Translate(err)
			}
		}
	}
	if !all {
		return nil
	}
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		t.Tell(events...)
		_, err := t.ExecContext(ctx, `DELETE FROM imports WHERE id = $1`, id)
		return err
	})
}

// StageLines implements porting.Lineage.
func (db *Store) StageLines(ctx context.Context, id string, lines []porting.Staged) (map[porting.Kind]int, error) {
	refused := map[porting.Kind]int{}
	err := db.Transact(ctx, func(t *sqldb.Tx) error {
		clear(refused)
		i, err := readImport(t.QueryRowContext(ctx, selectImport+`id = $1`+t.ForUpdate(), id).Scan)
		if err == nil && i.State != porting.Reading {
			err = porting.ErrState
		}
		if err != nil {
			return err
		}
		taken, err := db.taken(ctx, t, id, lines)
		if err != nil {
			return err
		}
		var rows, names [][]any
		for _, l := range lines {
			if l.Trouble == nil {
				l = unique(l, taken)
			}
			body := ""
			if l.Trouble != nil {
				refused[l.Kind]++
			} else if body, err = encodeLine(l.Line); err != nil {
				return err
			}
			rows = append(rows, []any{id, l.Place, l.Seq, l.Number, string(l.Kind), string(l.Outcome), l.Ref, body, sqldb.JSON(l.Trouble)})
			for _, n := range keysOf(l) {
				if _, ok := taken[string(n)]; !ok {
					taken[string(n)] = l.Number
					names = append(names, []any{id, n, l.Place})
				}
			}
		}
		if err := t.InsertRows(ctx, `INSERT INTO import_lines (import, place, seq, number, kind, outcome, ref, body, fault) VALUES `, ``, rows); err != nil {
			return err
		}
		return t.InsertRows(ctx, `INSERT INTO import_names (import, name, place) VALUES `, ``, names)
	})
	return refused, err
}

// keysOf are the keys that a line has.
func keysOf(l porting.Staged) [][]byte {
	var all [][]byte
	for _, n := range l.Names {
		all = append(all, n.Key)
	}
	if l.Owner != nil {
		all = append(all, l.Owner)
	}
	return all
}

// unique refuses a line that has a name which another has.
func unique(l porting.Staged, taken map[string]int) porting.Staged {
	own := map[string]bool{}
	for _, n := range l.Names {
		other, ok := taken[string(n.Key)]
		if !ok && !own[string(n.Key)] {
			own[string(n.Key)] = true
			continue
		}
		if !ok {
			other = l.Number
		}
		return l.Twice(n.Pointer, other)
	}
	return l
}

// taken are the keys of lines that are staged, with the numbers of the lines.
func (db *Store) taken(ctx context.Context, on sqldb.Querier, id string, lines []porting.Staged) (map[string]int, error) {
	var keys [][]byte
	for _, l := range lines {
		keys = append(keys, keysOf(l)...)
	}
	named, err := namedLines(ctx, on, id, keys)
	all := map[string]int{}
	for k, n := range named {
		all[k] = n.Number
	}
	return all, err
}

// NamedLines implements porting.Lineage.
func (db *Store) NamedLines(ctx context.Context, id string, keys [][]byte) (map[string]porting.Named, error) {
	return namedLines(ctx, db.Read, id, keys)
}

func namedLines(ctx context.Context, on sqldb.Querier, id string, keys [][]byte) (map[string]porting.Named, error) {
	all := map[string]porting.Named{}
	for part := range slices.Chunk(keys, sqldb.MostValues) {
		args := []any{id}
		for _, k := range sqldb.Padded(part) {
			args = append(args, k)
		}
		_, err := sqldb.Collect(ctx, on, func(rows *sql.Rows) (struct{}, error) {
			var key []byte
			var n porting.Named
			err := rows.Scan(&key, &n.Number, &n.Refused, &n.Ref)
			all[string(key)] = n
			return struct{}{}, err
		}, `SELECT n.name, l.number, l.outcome = 'refused', l.ref FROM import_names n JOIN import_lines l ON l.import = n.import AND l.place = n.place
			WHERE n.import = $1 AND n.name IN (`+sqldb.Numbered(2, len(args)-1)+`)`, args...)
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// NextLines implements porting.Lineage.
func (db *Store) NextLines(ctx context.Context, id string, after []byte, limit int, outcomes ...porting.Outcome) ([]porting.Staged, error) {
	if after == nil {
		after = []byte{}
	}
	args := []any{id, after, limit}
	for _, o := range outcomes {
		args = append(args, string(o))
	}
	return sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (porting.Staged, error) {
		var l porting.Staged
		var body string
		if err := rows.Scan(&l.Place, &l.Seq, &l.Number, &l.Kind, &l.Outcome, &l.Ref, &body); err != nil {
			return l, err
		}
		var err error
		if l.Line, err = porting.Decode([]byte(body)); err != nil {
			return l, fmt.Errorf("decode line %d: %w", l.Number, err)
		}
		return l, nil
	}, `SELECT place, seq, number, kind, outcome, ref, body FROM import_lines WHERE import = $1 AND place > $2 AND outcome IN (`+sqldb.Numbered(4, len(outcomes))+`) ORDER BY place LIMIT $3`, args...)
}

// SettleLines implements porting.Lineage.
func (db *Store) SettleLines(ctx context.Context, i porting.Import, lines []porting.Staged) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		i.Version++
		if err := saveImport(ctx, t, i); err != nil {
			return err
		}
		var rows [][]any
		for _, l := range lines {
			body := ""
			if l.Outcome == porting.Create || l.Outcome == porting.Change {
				var err error
				if body, err = encodeLine(l.Line); err != nil {
					return err
				}
			}
			rows = append(rows, []any{i.ID, l.Place, l.Seq, l.Number, string(l.Kind), string(l.Outcome), l.Ref, body, sqldb.JSON(l.Trouble)})
		}
		return t.InsertRows(ctx, `INSERT INTO import_lines (import, place, seq, number, kind, outcome, ref, body, fault) VALUES `,
			` ON CONFLICT (import, place) DO UPDATE SET outcome = excluded.outcome, ref = excluded.ref, body = excluded.body, fault = excluded.fault`, rows)
	})
}

func encodeLine(l porting.Line) (string, error) {
	raw, err := json.Marshal(l)
	if err != nil {
		return "", fmt.Errorf("encode line: %w", err)
	}
	return string(raw), nil
}

// Faults implements porting.Lineage.
func (db *Store) Faults(ctx context.Context, id string, after, limit int) ([]porting.Fault, error) {
	return sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (porting.Fault, error) {
		var f porting.Fault
		var fault string
		if err := rows.Scan(&f.Seq, &f.Line, &f.Kind, &fault); err != nil {
			return f, err
		}
		if err := json.Unmarshal([]byte(fault), &f.Trouble); err != nil {
			return f, fmt.Errorf("decode the fault of line %s: %w", strconv.Itoa(f.Line), err)
		}
		return f, nil
	}, `SELECT seq, number, kind, fault FROM import_lines WHERE import = $1 AND outcome = 'refused' AND seq > $2 ORDER BY seq LIMIT $3`, id, after, limit)
}
