package backups

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/backup"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// ErrNewer refuses a backup of a schema that this version does not know.
var ErrNewer = fault.New(fault.Conflict, "backup_newer", "the backup was made by a newer version: restore it with that one")

// restoring is where a backup is read into, beside the database that it will
// replace: a folder in the data directory, or a schema.
const restoring = "gatehouse_restoring"

// Restoring is a database that a backup was read into. Nobody sees it before Finish.
type Restoring struct {
	*sqldb.DB
	Header backup.Header
	Rows   backup.Counts

	target sqldb.Options
	gone   bool
}

// BeginRestore reads a whole backup into a new database beside the one that o names
// and brings it to the newest schema. Nothing else is touched; Abandon undoes it.
func BeginRestore(ctx context.Context, o sqldb.Options, in *backup.Reader) (*Restoring, error) {
	r := &Restoring{target: o, Header: in.Header()}
	if err := r.clear(ctx); err != nil {
		return nil, err
	}
	staged := o
	if o.Driver == sqldb.SQLite {
		staged.Dir = filepath.Join(o.Dir, restoring)
		if err := os.Mkdir(staged.Dir, 0o700); err != nil {
			return nil, fmt.Errorf("restore: %w", err)
		}
	} else {
		staged.Schema = restoring
	}
	var err error
	if r.DB, err = sqldb.Connect(staged); err == nil {
		err = r.fill(ctx, in)
	}
	if err != nil {
		return nil, errors.Join(err, r.Abandon(context.WithoutCancel(ctx)))
	}
	return r, nil
}

// clear removes what a restore that was broken off left behind.
func (r *Restoring) clear(ctx context.Context) error {
	if r.target.Driver == sqldb.SQLite {
		if err := os.RemoveAll(filepath.Join(r.target.Dir, restoring)); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
		return nil
	}
	return r.onTarget(ctx, func(t *sql.Tx) error {
		_, err := t.ExecContext(ctx, `DROP SCHEMA IF EXISTS `+restoring+` CASCADE`)
		return err
	})
}

// onTarget runs statements on the PostgreSQL database in one transaction.
func (r *Restoring) onTarget(ctx context.Context, do func(*sql.Tx) error) error {
	on, err := sql.Open("pgx", r.target.DSN)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	defer func() { _ = on.Close() }() // the commit tells what matters
	t, err := on.BeginTx(ctx, nil)
	if err != nil {
		return sqldb.Translate(err)
	}
	defer func() { _ = t.Rollback() }() // after a commit it does nothing
	if err := do(t); err != nil {
		return sqldb.Translate(err)
	}
	return sqldb.Translate(t.Commit())
}

func (r *Restoring) fill(ctx context.Context, in *backup.Reader) error {
	if r.target.Driver == sqldb.Postgres {
		if _, err := r.Write.ExecContext(ctx, `CREATE SCHEMA `+restoring); err != nil {
			return sqldb.Translate(err)
		}
	}
	p, err := r.Provider()
	if err != nil {
		return err
	}
	if sources := p.ListSources(); r.Header.Migration > sources[len(sources)-1].Version {
		return ErrNewer
	}
	if _, err := p.UpTo(ctx, r.Header.Migration); err != nil {
		return fmt.Errorf("migrate: %w", sqldb.Translate(err))
	}
	if err := r.load(ctx, in); err != nil {
		return err
	}
	return r.Prepare(ctx)
}

// load writes every row in one transaction.
func (r *Restoring) load(ctx context.Context, in *backup.Reader) error {
	have, err := tables(ctx, r.DB)
	if err != nil {
		return err
	}
	t, err := r.Write.BeginTx(ctx, nil)
	if err != nil {
		return sqldb.Translate(err)
	}
	defer func() { _ = t.Rollback() }() // after a commit it does nothing
	l := &loader{ctx: ctx, tx: t, have: have}
	if r.Rows, err = in.Each(l); err == nil {
		err = l.flush()
	}
	if err != nil {
		return err
	}
	return sqldb.Translate(t.Commit())
}

// batchRows is how many rows one statement inserts at most; a statement has at most
// batchValues values, which both engines take.
const (
	batchRows   = 200
	batchValues = 20000
)

// loader writes what a backup has.
type loader struct {
	ctx  context.Context //nolint:containedctx // a loader lives for one call
	tx   *sql.Tx
	have map[string][]backup.Column

	table backup.Table
	rows  int
	args  []any
}

// Table implements backup.Visitor. What a migration put into a table goes.
func (l *loader) Table(t backup.Table) error {
	if err := l.flush(); err != nil {
		return err
	}
	known := map[string]backup.Kind{}
	for _, c := range l.have[t.Name] {
		known[c.Name] = c.Kind
	}
	if len(t.Columns) == 0 || len(known) == 0 {
		return fault.New(fault.Invalid, backup.ErrFormat.Code, "the backup has a table %q that its schema does not", t.Name)
	}
	for _, c := range t.Columns {
		if known[c.Name] != c.Kind {
			return fault.New(fault.Invalid, backup.ErrFormat.Code, "the backup has a column %q of %q that its schema does not", c.Name, t.Name)
		}
	}
	l.table = t
	_, err := l.tx.ExecContext(l.ctx, `DELETE FROM `+quoted(t.Name)) //nolint:gosec // G202: the name was looked up in the catalogue
	return sqldb.Translate(err)
}

// Row implements backup.Visitor.
func (l *loader) Row(values []any) error {
	l.rows++
	if l.args = append(l.args, values...); l.rows < batchRows && len(l.args)+len(values) <= batchValues {
		return nil
	}
	return l.flush()
}

func (l *loader) flush() error {
	if l.rows == 0 {
		return nil
	}
	var b strings.Builder
	b.WriteString(`INSERT INTO ` + quoted(l.table.Name) + ` (` + names(l.table.Columns) + `) VALUES `)
	before := "("
	for i := range l.args {
		b.WriteString(before + "$" + strconv.Itoa(i+1))
		if before = ","; (i+1)%len(l.table.Columns) == 0 {
			before = "),("
		}
	}
	b.WriteString(")")
	_, err := l.tx.ExecContext(l.ctx, b.String(), l.args...)
	l.rows, l.args = 0, l.args[:0]
	if err != nil {
		return fmt.Errorf("restore %s: %w", l.table.Name, sqldb.Translate(err))
	}
	return nil
}

// Ended counts what BeginEra took away.
type Ended struct{ Sessions, Families, Tokens int64 }

// BeginEra gives the database a new era of the given generation: no session,
// refresh token, code or token of before counts any more. API tokens, which may
// have been revoked since, are deleted. taken is when the rows were read.
func (db *Store) BeginEra(ctx context.Context, generation int64, taken time.Time, actor identity.Actor) (Ended, error) {
	era, now := strings.ToLower(rand.Text()), db.Now()
	var ended Ended
	err := db.Transact(ctx, func(t *sqldb.Tx) error {
		e := event.New(now, "database.restored", actor, identity.Database()).Revoking(identity.Database())
		for _, s := range []struct {
			count     *int64
			statement string
			args      []any
		}{
			{nil, `UPDATE meta SET value = $1 WHERE name = 'era'`, []any{era}},
			{nil, `INSERT INTO meta (name, value) VALUES ('generation', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, []any{strconv.FormatInt(generation, 10)}},
			{&ended.Sessions, sqldb.EndSessions + `expires > 0`, []any{sqldb.Micros(now), e.ID}},
			{&ended.Families, sqldb.EndFamilies + `expires > 0`, []any{sqldb.Micros(now), e.ID}},
			{&ended.Tokens, `DELETE FROM api_tokens`, nil},
		} {
			r, err := t.ExecContext(ctx, s.statement, s.args...)
			if err == nil && s.count != nil {
				*s.count, err = r.RowsAffected()
			}
			if err != nil {
				return err
			}
		}
		e.Data = map[string]string{
			"taken": taken.UTC().Format(time.RFC3339), "generation": strconv.FormatInt(generation, 10),
			"sessions": strconv.FormatInt(ended.Sessions, 10), "families": strconv.FormatInt(ended.Families, 10), "api_tokens": strconv.FormatInt(ended.Tokens, 10),
		}
		t.Tell(e)
		return nil
	})
	if err == nil {
		db.SetEra(era)
	}
	return ended, err
}

// Abandon removes what was read, if it is still there.
func (r *Restoring) Abandon(ctx context.Context) error {
	if r.gone {
		return nil
	}
	r.gone = true
	var err error
	if r.DB != nil {
		err = r.Close()
	}
	return errors.Join(err, r.clear(ctx))
}

// Finish puts the database into its place at once and returns where the one that
// was there is kept: the name of a file or schema, "" for none.
func (r *Restoring) Finish(ctx context.Context) (kept string, err error) {
	r.gone = true
	if err := r.Close(); err != nil {
		return "", err
	}
	kept = "gatehouse_replaced_" + r.target.Now().UTC().Format("20060102_150405")
	if r.target.Driver == sqldb.SQLite {
		return r.moveFiles(kept + ".db")
	}
	return r.moveTables(ctx, kept)
}

// moveFiles replaces the database's file. A crash between the two leaves no
// database, which the mark outside of it makes a start refuse.
func (r *Restoring) moveFiles(kept string) (string, error) {
	at := func(parts ...string) string { return filepath.Join(append([]string{r.target.Dir}, parts...)...) }
	moved := ""
	for _, suffix := range []string{"-wal", "-shm", ""} {
		switch err := os.Rename(at(sqldb.File+suffix), at(kept+suffix)); {
		case err == nil:
			moved = kept
		case !errors.Is(err, os.ErrNotExist):
			return "", fmt.Errorf("restore: %w", err)
		}
	}
	// Closing wrote everything into the file; what it could not is in the log beside it.
	if err := os.Rename(at(restoring, sqldb.File+"-wal"), at(sqldb.File+"-wal")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return moved, fmt.Errorf("restore: %w", err)
	}
	if err := os.Rename(at(restoring, sqldb.File), at(sqldb.File)); err != nil {
		return moved, fmt.Errorf("restore: %w", err)
	}
	dir, err := os.Open(r.target.Dir)
	if err != nil {
		return moved, fmt.Errorf("restore: %w", err)
	}
	if err := errors.Join(dir.Sync(), dir.Close(), os.RemoveAll(at(restoring))); err != nil {
		return moved, fmt.Errorf("restore: %w", err)
	}
	return moved, nil
}

// moveTables replaces the database's tables in one transaction.
func (r *Restoring) moveTables(ctx context.Context, kept string) (moved string, err error) {
	return moved, r.onTarget(ctx, func(t *sql.Tx) error {
		var target string
		if err := t.QueryRowContext(ctx, `SELECT current_schema()`).Scan(&target); err != nil {
			return err
		}
		old, err := tablesOf(ctx, t, target)
		if err != nil {
			return err
		}
		if len(old) > 0 {
			moved = kept
			if _, err := t.ExecContext(ctx, `CREATE SCHEMA `+kept); err != nil {
				return err
			}
		}
		fresh, err := tablesOf(ctx, t, restoring)
		if err != nil {
			return err
		}
		if err := moveSchema(ctx, t, old, target, kept); err != nil {
			return err
		}
		if err := moveSchema(ctx, t, fresh, restoring, target); err != nil {
			return err
		}
		_, err = t.ExecContext(ctx, `DROP SCHEMA `+restoring) // fails unless everything has moved
		return err
	})
}

func tablesOf(ctx context.Context, t *sql.Tx, schema string) ([]string, error) {
	return sqldb.Collect(ctx, t, func(rows *sql.Rows) (name string, err error) { err = rows.Scan(&name); return name, err },
		`SELECT tablename FROM pg_tables WHERE schemaname = $1 ORDER BY tablename`, schema)
}

func moveSchema(ctx context.Context, t *sql.Tx, tables []string, from, to string) error {
	for _, name := range tables {
		if _, err := t.ExecContext(ctx, `ALTER TABLE `+quoted(from)+`.`+quoted(name)+` SET SCHEMA `+quoted(to)); err != nil {
			return err
		}
	}
	return nil
}
