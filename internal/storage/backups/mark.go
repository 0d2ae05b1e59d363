package backups

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// Mark is how far a database has come. It is kept outside of the database too, so
// that an older one which was put back shows.
type Mark struct {
	// Era is the database's random name; Generation counts the restores that led
	// to it.
	Era        string `json:"era"`
	Generation int64  `json:"generation"`
	// Revocation is the highest number of the revocation sequence, Seal that of the
	// audit log.
	Revocation int64 `json:"revocation"`
	Seal       int64 `json:"seal"`
}

// Behind reports whether a database at m is older than one that was at other, or
// another one altogether. Only a restore leads to a later generation.
func (m Mark) Behind(other Mark) bool {
	if c := cmp.Compare(m.Generation, other.Generation); c != 0 {
		return c < 0
	}
	return other.Era != "" && m.Era != other.Era || m.Revocation < other.Revocation || m.Seal < other.Seal
}

const readMark = `SELECT
	COALESCE((SELECT value FROM meta WHERE name = 'era'), ''),
	CAST(COALESCE((SELECT value FROM meta WHERE name = 'generation'), '0') AS BIGINT),
	COALESCE((SELECT number FROM counters WHERE name = 'revocation'), 0),
	COALESCE((SELECT max(number) FROM seals), 0)`

// Mark reads how far the database has come.
func (db *Store) Mark(ctx context.Context) (Mark, error) { return mark(ctx, db.DB) }

func mark(ctx context.Context, db *sqldb.DB) (m Mark, err error) {
	err = db.Read.QueryRowContext(ctx, readMark).Scan(&m.Era, &m.Generation, &m.Revocation, &m.Seal)
	return m, sqldb.Translate(err)
}

// ReadMark is Mark for a database that is not open, and is left as it is: neither
// made nor migrated. The zero Mark is of one that is empty.
func ReadMark(ctx context.Context, o sqldb.Options) (m Mark, err error) {
	if there, err := o.Exists(); err != nil || !there {
		return m, err
	}
	db, err := sqldb.Connect(o)
	if err != nil {
		return m, err
	}
	defer func() { _ = db.Close() }() // only read from
	have, err := tables(ctx, db)
	if err != nil {
		return m, err
	}
	if _, made := have["seals"]; !made {
		return m, nil
	}
	return mark(ctx, db)
}

// ErrOccupied refuses what needs a database that no broker runs on.
var ErrOccupied = fault.New(fault.Conflict, "database_in_use", "a broker is running on this database, or a restore is under way: stop all replicas first")

// presenceLock is the advisory lock that every broker on a PostgreSQL database
// shares, and that a restore has alone.
const presenceLock = 0x67617465 // "gate"

// Presence shows that a process uses the database. On SQLite the lock on the data
// directory does so already.
type Presence struct {
	db        *sql.DB
	conn      *sql.Conn
	exclusive bool
}

// Occupy takes a share of the database for a broker, or all of it for a restore.
// It fails with ErrOccupied.
func Occupy(ctx context.Context, o sqldb.Options, exclusive bool) (*Presence, error) {
	p := &Presence{exclusive: exclusive}
	if o.Driver != sqldb.Postgres {
		return p, nil
	}
	var err error
	if p.db, err = sql.Open("pgx", o.DSN); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	p.db.SetMaxOpenConns(1)
	if err := p.Hold(ctx); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// Hold makes sure that the share is still held: PostgreSQL drops it with the
// connection. It fails with ErrOccupied when a restore came in between, and with
// ErrUnavailable while the database does not answer.
func (p *Presence) Hold(ctx context.Context) error {
	if p.db == nil {
		return nil
	}
	if p.conn != nil {
		if p.conn.PingContext(ctx) == nil {
			return nil
		}
		_ = p.conn.Close() // it is broken
		p.conn = nil
	}
	conn, err := p.db.Conn(ctx)
	if err != nil {
		return sqldb.Translate(err)
	}
	query := `SELECT pg_try_advisory_lock_shared($1)`
	if p.exclusive {
		query = `SELECT pg_try_advisory_lock($1)`
	}
	var mine bool
	err = conn.QueryRowContext(ctx, query, presenceLock).Scan(&mine)
	if err == nil && mine {
		p.conn = conn
		return nil
	}
	_ = conn.Close() // the error tells what matters
	if err != nil {
		return sqldb.Translate(err)
	}
	return ErrOccupied
}

// Close gives the share back.
func (p *Presence) Close() error {
	if p == nil || p.db == nil {
		return nil
	}
	if p.conn != nil {
		// Whoever comes next need not wait for the server to notice the end.
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		_, _ = p.conn.ExecContext(ctx, `SELECT pg_advisory_unlock_all()`)
		cancel()
		_ = p.conn.Close() // closing the pool ends it
	}
	return p.db.Close()
}
