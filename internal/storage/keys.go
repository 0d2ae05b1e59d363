package storage

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/revoke"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

var (
	_ keys.Store   = (*DB)(nil)
	_ revoke.Store = (*DB)(nil)
)

// keyShelf is a table of signing keys.
type keyShelf struct {
	db    *DB
	table string
}

// SAMLKeys keeps the keys that sign SAML messages, apart from those of tokens: a
// replica of a version without them never comes upon one.
func (db *DB) SAMLKeys() keys.Store { return keyShelf{db, "saml_keys"} }

func (db *DB) tokenKeys() keyShelf { return keyShelf{db, "signing_keys"} }

func scanKey(rows *sql.Rows) (keys.Record, error) {
	var r keys.Record
	var body string
	if err := rows.Scan(&body); err != nil {
		return r, err
	}
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		return r, fmt.Errorf("decode signing key: %w", err)
	}
	return r, nil
}

// Keys implements keys.Store.
func (db *DB) Keys(ctx context.Context) ([]keys.Record, error) { return db.tokenKeys().Keys(ctx) }

// Rotate implements keys.Store.
func (db *DB) Rotate(ctx context.Context, change keys.Change) error {
	return db.tokenKeys().Rotate(ctx, change)
}

func (k keyShelf) all() string { return `SELECT body FROM ` + k.table + ` ORDER BY published, id` }

// Keys implements keys.Store.
func (k keyShelf) Keys(ctx context.Context) ([]keys.Record, error) {
	return sqldb.Collect(ctx, k.db.Read, scanKey, k.all())
}

// Rotate implements keys.Store. The row that counts apps is not locked by it: the
// lock is the counter of its own, made here on first use.
func (k keyShelf) Rotate(ctx context.Context, change keys.Change) error {
	return k.db.Transact(ctx, func(t *sqldb.Tx) error {
		_, err := t.ExecContext(ctx, `INSERT INTO counters (name, number) VALUES ('keys', 1) ON CONFLICT (name) DO UPDATE SET number = counters.number + 1`)
		if err != nil {
			return err
		}
		current, err := sqldb.Collect(ctx, t, scanKey, k.all())
		if err != nil {
			return err
		}
		next, events, err := change(current)
		if err != nil {
			return err
		}
		t.Tell(events...)
		if _, err := t.ExecContext(ctx, `DELETE FROM `+k.table); err != nil {
			return err
		}
		for _, r := range next {
			body, err := json.Marshal(r)
			if err != nil {
				return fmt.Errorf("encode signing key: %w", err)
			}
			_, err = t.ExecContext(ctx, `INSERT INTO `+k.table+` (id, body, published) VALUES ($1, $2, $3)`, r.ID, string(body), sqldb.Micros(r.Published))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

const selectRevocations = `SELECT number, kind, ref, raised, event FROM revocations WHERE `

func scanRevocation(rows *sql.Rows) (revoke.Entry, error) {
	var e revoke.Entry
	var kind string
	var number, raised int64
	err := rows.Scan(&number, &kind, &e.Ref.ID, &raised, &e.Event)
	e.Number, e.Ref.Kind, e.Raised = uint64(number), identity.Kind(kind), sqldb.FromMicros(raised)
	return e, err
}

// Head implements revoke.Store.
func (db *DB) Head(ctx context.Context) (uint64, error) {
	var n int64
	err := db.Read.QueryRowContext(ctx, `SELECT number FROM counters WHERE name = 'revocation'`).Scan(&n)
	return uint64(n), sqldb.Translate(err)
}

// Since implements revoke.Store.
func (db *DB) Since(ctx context.Context, after uint64, limit int) ([]revoke.Entry, error) {
	return sqldb.Collect(ctx, db.Read, scanRevocation, selectRevocations+`number > $1 ORDER BY number LIMIT $2`, int64(after), limit)
}

// Recent implements revoke.Store. The entries run up to the head without a gap:
// the head is read first, and what is raised after it belongs to Since.
func (db *DB) Recent(ctx context.Context, since time.Time) ([]revoke.Entry, uint64, error) {
	head, err := db.Head(ctx)
	if err != nil {
		return nil, 0, err
	}
	// By number, not by time: an event's time is its maker's clock, the order is not.
	entries, err := sqldb.Collect(ctx, db.Read, scanRevocation, selectRevocations+
		`number >= (SELECT COALESCE(MIN(number), $2 + 1) FROM revocations WHERE raised >= $1) AND number <= $2 ORDER BY number`, sqldb.Micros(since), int64(head))
	return entries, head, err
}
