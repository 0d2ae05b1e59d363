// Package sqldb is the database below every part of storage, and knows none of them: it
// opens SQLite or PostgreSQL, migrates, reads, and changes.
//
// A change ([DB.Transact]) and the events that tell of it are one transaction. Writing
// an event makes its audit entry, its outbox row when somebody handles its type, and
// for every id that it revokes the next number of the revocation sequence and the end
// of the sessions and refresh families that carry the id. After the commit of anything
// that revoked, Options.Raised runs before the caller gets its answer.
//
// What a part needs besides: [Collect] and [List] read rows, [Where], [Page] and
// [Cursor] make lists of what was asked for, [Tx.InsertRows] inserts many rows with few
// texts, [Words] and [Fold] are what people look for things by, and [Translate] makes
// the failure of a driver one of ours.
//
// Times are microseconds since 1970 in UTC ([Micros]); 0 is the zero time.
package sqldb

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"
	_ "modernc.org/sqlite"           // registers the driver "sqlite"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// The values of Options.Driver.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// readers is how many connections read at once, writers how many change something at
// once on PostgreSQL: SQLite has one. They are apart, since a change that is under way
// reads what it depends on: with one pool, as many changes as it has connections would
// each wait for one more.
const (
	readers = 16
	writers = 16
)

// ErrUnavailable is what every method fails with when the database does not answer.
var ErrUnavailable = fault.New(fault.Unavailable, "store_unavailable", "the database does not answer, try again")

// Options say where the rows are. Driver, Now and Log are required.
type Options struct {
	Driver string
	// Dir is the folder of the SQLite file, DSN PostgreSQL's connection string.
	Dir, DSN string
	// OutboxTypes are the event types that have a handler.
	OutboxTypes []string
	// OutboxWanted says of an event of one of these types whether its handler has anything
	// to do with it now; nil says so of all.
	OutboxWanted func(typ string) bool
	// OutboxRevoking has the outbox keep every event that revokes something, too.
	OutboxRevoking bool
	// Raised runs after the commit of an event that revoked something; nil for none.
	Raised func(context.Context) error
	// Queued runs after the commit of an event with a handler; nil for none.
	Queued func()
	// Listed is told of the query of a list before it runs, such as to explain it; nil
	// for nobody.
	Listed func(query string, args []any)
	// AnswerTime bounds every statement and transaction; 0 means 10 s. A database
	// that stands still then counts as not answering.
	AnswerTime time.Duration
	Now        func() time.Time
	Log        *slog.Logger

	// Schema is where PostgreSQL's tables are when a restore puts them aside.
	Schema string
}

// DB is an open database of the newest schema.
type DB struct {
	o Options
	// Read is for statements that change nothing, Write for one that changes something
	// by itself and tells of no event. On SQLite Write has one connection: writers queue
	// here instead of failing.
	Read, Write *Pool

	turn   turn // of SQLite's writers
	outbox map[string]bool
	era    string
}

// Open connects, migrates under a lock and returns the database.
func Open(ctx context.Context, o Options) (*DB, error) {
	db, err := Connect(o)
	if err != nil {
		return nil, err
	}
	if err := db.Prepare(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// ErrNoDatabase refuses to look into a database that nobody made.
var ErrNoDatabase = fault.New(fault.NotFound, "database_missing", "there is no database here; look at data_dir and database in the configuration")

// ErrSchema refuses to look into a database whose schema is another version's.
var ErrSchema = fault.New(fault.Conflict, "database_schema", "the database's schema is not up to date; run broker migrate")

// Inspect connects to a database that is there and up to date. It makes nothing
// and migrates nothing, so that whoever only looks never finds what they made.
func Inspect(ctx context.Context, o Options) (*DB, error) {
	there, err := o.Exists()
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, fmt.Errorf("%w: %s", ErrNoDatabase, o.Dir)
	}
	pending, err := DryRun(ctx, o)
	if err != nil {
		return nil, err
	}
	if len(pending) > 0 {
		return nil, ErrSchema
	}
	return Connect(o)
}

// Exists reports whether there is a database: SQLite would make one by itself.
func (o Options) Exists() (bool, error) {
	if o.Driver != SQLite {
		return true, nil
	}
	_, err := os.Stat(filepath.Join(o.Dir, File))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("open the database: %w", err)
	}
	return true, nil
}

// Connect connects to a database and makes none of its tables: Prepare does.
func Connect(o Options) (*DB, error) {
	if o.AnswerTime == 0 {
		o.AnswerTime = 10 * time.Second
	}
	db := &DB{o: o, outbox: map[string]bool{}}
	for _, t := range o.OutboxTypes {
		db.outbox[t] = true
	}
	var err error
	switch o.Driver {
	case SQLite:
		if err = privateFile(o.Dir); err != nil {
			break
		}
		db.turn = make(turn, 1)
		if db.Read, err = sqlitePool(o, readers); err == nil {
			db.Write, err = sqlitePool(o, 1, sqliteWriting()...)
		}
	case Postgres:
		var c *pgx.ConnConfig
		if c, err = postgresConfig(o); err == nil {
			db.Read = newPool(stdlib.OpenDB(*c), readers, o)
			db.Write = newPool(stdlib.OpenDB(*c), writers, o)
		}
	default:
		err = fmt.Errorf("unknown driver %q", o.Driver)
	}
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	return db, nil
}

func sqlitePool(o Options, connections int, pragmas ...string) (*Pool, error) {
	on, err := sql.Open("sqlite", sqliteDSN(o.Dir, pragmas...))
	if err != nil {
		return nil, err
	}
	return newPool(on, connections, o), nil
}

// File is the database's name in the data directory.
const File = "gatehouse.db"

// privateFile makes the database's file for its owner alone; SQLite gives the
// files beside it the same mode.
func privateFile(dir string) error {
	f, err := os.OpenFile(filepath.Join(dir, File), os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // G304: a fixed name in the configured directory
	if err != nil {
		return err
	}
	return f.Close()
}

// sqliteDSN asks for what durability and several readers beside a writer need.
func sqliteDSN(dir string, pragmas ...string) string {
	pragmas = append([]string{"journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(10000)", "foreign_keys(1)"}, pragmas...)
	q := url.Values{"_pragma": pragmas, "_txlock": {"immediate"}}
	return "file:" + (&url.URL{Path: filepath.Join(dir, File)}).EscapedPath() + "?" + q.Encode()
}

// sqliteWriting is what the writer has more of: pages in memory, so that a change of many
// rows writes each page once. The log stays as long as SQLite has it: no other length was
// better for those who wait.
func sqliteWriting() []string { return []string{"cache_size(-16000)"} }

// connectTime is how long PostgreSQL may take to accept a connection, unless the
// connection string says otherwise.
const connectTime = 5 * time.Second

// postgresConfig reads the connection string, and has the tables in a schema of
// their own if they are put aside.
func postgresConfig(o Options) (*pgx.ConnConfig, error) {
	c, err := pgx.ParseConfig(o.DSN)
	if err != nil {
		return nil, err
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connectTime
	}
	if o.Schema != "" {
		c.RuntimeParams["search_path"] = o.Schema
	}
	// Compiling a statement takes longer than any of ours: a page of a large group took
	// 16 ms, and 125 before that for machine code. A pooler may refuse it as a parameter.
	c.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		return conn.Exec(ctx, `SET jit = off`).Close()
	}
	return c, nil
}

// Prepare brings the schema up to date, and notes what a new database knows of itself.
func (db *DB) Prepare(ctx context.Context) error {
	if err := db.migrate(ctx); err != nil {
		return err
	}
	_, err := db.Write.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ('era', $1) ON CONFLICT (name) DO NOTHING`, strings.ToLower(rand.Text()))
	if err == nil {
		err = db.Write.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = 'era'`).Scan(&db.era)
	}
	if err != nil {
		return Translate(err)
	}
	// Since when history is kept.
	_, err = db.Write.ExecContext(ctx, `UPDATE counters SET number = $1 WHERE name = 'history' AND number = 0`, Micros(db.o.Now()))
	return Translate(err)
}

// Era is this database's random name. What another era issued is refused.
func (db *DB) Era() string { return db.era }

// SetEra has the database be of another era from now on.
func (db *DB) SetEra(era string) { db.era = era }

// Now is what the time is by the database's clock.
func (db *DB) Now() time.Time { return db.o.Now() }

// Log is where the database tells what nobody waits for.
func (db *DB) Log() *slog.Logger { return db.o.Log }

// Ping fails when the database does not answer.
func (db *DB) Ping(ctx context.Context) error {
	var one int
	return Translate(db.Read.QueryRowContext(ctx, `SELECT 1`).Scan(&one))
}

// Close closes every connection.
func (db *DB) Close() error {
	var err error
	if db.Read != nil {
		err = db.Read.Close()
	}
	if db.Write != nil {
		err = errors.Join(err, db.Write.Close())
	}
	if err != nil {
		return fmt.Errorf("close the database: %w", err)
	}
	return nil
}

// Translate turns a failure of the driver, and an answer that did not come in
// time, into ErrUnavailable. Faults, an absent row and a caller who left pass.
func Translate(err error) error {
	if err == nil || errors.Is(err, sql.ErrNoRows) || errors.Is(err, context.Canceled) {
		return err
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	return fault.Wrap(err, ErrUnavailable.Kind, ErrUnavailable.Code, "%s", ErrUnavailable.Detail)
}
