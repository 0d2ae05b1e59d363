// Package keystore keeps the keys that tokens and SAML messages are signed with.
package keystore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// Store is the signing keys of a database: it is keys.Store for those of tokens.
type Store struct{ *sqldb.DB }

var _ keys.Store = (*Store)(nil)

// keyShelf is a table of signing keys.
type keyShelf struct {
	db    *Store
	table string
}

// SAMLKeys keeps the keys that sign SAML messages, apart from those of tokens: a
// replica of a version without them never comes upon one.
func (db *Store) SAMLKeys() keys.Store { return keyShelf{db, "saml_keys"} }

func (db *Store) tokenKeys() keyShelf { return keyShelf{db, "signing_keys"} }

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
func (db *Store) Keys(ctx context.Context) ([]keys.Record, error) { return db.tokenKeys().Keys(ctx) }

// Rotate implements keys.Store.
func (db *Store) Rotate(ctx context.Context, change keys.Change) error {
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
