// Package connections keeps the identity providers that were connected here.
package connections

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// Store is the connections of a database: connection.Store.
type Store struct{ *sqldb.DB }

var _ connection.Store = (*Store)(nil)

const selectConnections = `SELECT body, secret, version FROM connections ORDER BY id`

func scanConnection(rows *sql.Rows) (connection.Record, error) {
	var r connection.Record
	var body string
	if err := rows.Scan(&body, &r.Secret, &r.Version); err != nil {
		return r, err
	}
	version := r.Version
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		return r, fmt.Errorf("decode connection: %w", err)
	}
	r.Version = version
	return r, nil
}

// Connections implements connection.Store.
func (db *Store) Connections(ctx context.Context) ([]connection.Record, error) {
	return sqldb.Collect(ctx, db.Read, scanConnection, selectConnections)
}

// ChangeConnections implements connection.Store. The lock is a counter's row, made
// here on first use.
func (db *Store) ChangeConnections(ctx context.Context, change func([]connection.Record) (connection.Change, error)) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		_, err := t.ExecContext(ctx, `INSERT INTO counters (name, number) VALUES ('connections', 1) ON CONFLICT (name) DO UPDATE SET number = counters.number + 1`)
		if err != nil {
			return err
		}
		all, err := sqldb.Collect(ctx, t, scanConnection, selectConnections)
		if err != nil {
			return err
		}
		next, err := change(all)
		if err != nil || next.Record.Settings.ID == "" {
			return err
		}
		t.Tell(next.Events...)
		return putConnection(ctx, t, next)
	})
}

// HasPeople implements connection.Store.
func (db *Store) HasPeople(ctx context.Context, id string) (has bool, err error) {
	err = db.Read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM identities WHERE connection = $1)`, id).Scan(&has)
	return has, sqldb.Translate(err)
}

func putConnection(ctx context.Context, t *sqldb.Tx, c connection.Change) error {
	body, err := json.Marshal(c.Record)
	if err != nil {
		return fmt.Errorf("encode connection: %w", err)
	}
	id := c.Record.Settings.ID
	_, err = t.ExecContext(ctx, `INSERT INTO connections (id, body, secret, version) VALUES ($1, $2, $3, 1)
		ON CONFLICT (id) DO UPDATE SET body = excluded.body, secret = excluded.secret, version = connections.version + 1`, id, string(body), c.Record.Secret)
	if err == nil && !c.Keep { // that only notes a connection of the configuration
		err = name(ctx, t, id, named(c.Record))
	}
	switch {
	case err != nil:
	case !c.Record.Removed.IsZero() && c.Keep:
	case !c.Record.Removed.IsZero():
		_, err = t.ExecContext(ctx, `DELETE FROM connection_states WHERE id = $1`, id)
	case c.Disabled != nil:
		_, err = t.ExecContext(ctx, `INSERT INTO connection_states (id, disabled) VALUES ($1, $2)
			ON CONFLICT (id) DO UPDATE SET disabled = excluded.disabled`, id, *c.Disabled)
	}
	return err
}
