package storage

import (
	"context"
	"database/sql"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Mappings implements directory.GroupStore.
func (db *DB) Mappings(ctx context.Context) ([]directory.Mapping, error) {
	return collect(ctx, db.read, func(rows *sql.Rows) (directory.Mapping, error) {
		var m directory.Mapping
		err := rows.Scan(&m.Group.Connection, &m.Group.ID, &m.Name)
		return m, err
	}, `SELECT connection, group_id, name FROM group_mappings ORDER BY connection, group_id`)
}

// SetMapping implements directory.GroupStore.
func (db *DB) SetMapping(ctx context.Context, m directory.Mapping, events []event.Event) error {
	return db.change(ctx, func(t *tx) error { return t.setMapping(ctx, m, events) })
}

func (t *tx) setMapping(ctx context.Context, m directory.Mapping, events []event.Event) error {
	t.tell(events...)
	_, err := t.ExecContext(ctx, `INSERT INTO group_mappings (connection, group_id, name) VALUES ($1, $2, $3)
		ON CONFLICT (connection, group_id) DO UPDATE SET name = excluded.name`, m.Group.Connection, m.Group.ID, m.Name)
	if err != nil {
		return err
	}
	return t.knowGroup(ctx, m.Group)
}

// RemoveMapping implements directory.GroupStore.
func (db *DB) RemoveMapping(ctx context.Context, group identity.GroupRef, events []event.Event) error {
	return db.change(ctx, func(t *tx) error { return t.removeMapping(ctx, group, events) })
}

func (t *tx) removeMapping(ctx context.Context, group identity.GroupRef, events []event.Event) error {
	t.tell(events...)
	return oneRow(directory.ErrMappingNotFound)(
		t.ExecContext(ctx, `DELETE FROM group_mappings WHERE connection = $1 AND group_id = $2`, group.Connection, group.ID))
}

// oneRow returns missing unless a statement changed a row.
func oneRow(missing error) func(sql.Result, error) error {
	return func(r sql.Result, err error) error {
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		if err == nil && n == 0 {
			return missing
		}
		return err
	}
}

// ConnectionStates implements directory.ConnectionStore.
func (db *DB) ConnectionStates(ctx context.Context) ([]directory.ConnectionState, error) {
	return collect(ctx, db.read, func(rows *sql.Rows) (directory.ConnectionState, error) {
		var s directory.ConnectionState
		err := rows.Scan(&s.ID, &s.Disabled)
		return s, err
	}, `SELECT id, disabled FROM connection_states ORDER BY id`)
}

// SetConnectionState implements directory.ConnectionStore.
func (db *DB) SetConnectionState(ctx context.Context, s directory.ConnectionState, events []event.Event) error {
	return db.change(ctx, func(t *tx) error {
		t.tell(events...)
		_, err := t.ExecContext(ctx, `INSERT INTO connection_states (id, disabled) VALUES ($1, $2)
			ON CONFLICT (id) DO UPDATE SET disabled = excluded.disabled`, s.ID, s.Disabled)
		return err
	})
}
