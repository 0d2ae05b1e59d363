package people

import (
	"context"
	"database/sql"
	"errors"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage/access"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// Mappings implements directory.GroupStore.
func (db *Store) Mappings(ctx context.Context) ([]directory.Mapping, error) {
	return sqldb.Collect(ctx, db.Read, access.ScanMapping, access.SelectMappings)
}

// SetMapping implements directory.GroupStore.
func (db *Store) SetMapping(ctx context.Context, m directory.Mapping, events []event.Event) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error { return SetMapping(ctx, t, m, events) })
}

// SetMapping gives a group a name here, or another, and takes what the name before gave.
func SetMapping(ctx context.Context, t *sqldb.Tx, m directory.Mapping, events []event.Event) error {
	t.Tell(events...)
	before, err := access.NameOf(ctx, t, m.Group, t.ForUpdate())
	if err != nil {
		return err
	}
	_, err = t.ExecContext(ctx, `INSERT INTO group_mappings (connection, group_id, name) VALUES ($1, $2, $3)
		ON CONFLICT (connection, group_id) DO UPDATE SET name = excluded.name`, m.Group.Connection, m.Group.ID, m.Name)
	if err != nil {
		return err
	}
	if err := knowGroup(ctx, t, m.Group); err != nil {
		return err
	}
	return renamed(ctx, t, m.Group, before, m.Name)
}

// renamed keeps a mapping that changed, and takes what the name before gave.
func renamed(ctx context.Context, t *sqldb.Tx, g identity.GroupRef, before, after string) error {
	if before == after {
		return nil
	}
	if err := access.Remember(ctx, t, access.Turn{Kind: access.PastMapping, Ref: access.MappingRef(g), Before: before, After: after}); err != nil || before == "" {
		return err
	}
	apps, err := access.LetInBy(ctx, t, before)
	if err != nil {
		return err
	}
	for _, app := range apps {
		if err := access.BeginSweep(ctx, t, access.Sweep{App: app, Mapping: &directory.Mapping{Group: g, Name: before}}); err != nil {
			return err
		}
	}
	return nil
}

// RemoveMapping implements directory.GroupStore.
func (db *Store) RemoveMapping(ctx context.Context, group identity.GroupRef, events []event.Event) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error { return RemoveMapping(ctx, t, group, events) })
}

// RemoveMapping takes a group's name, and what it gave. It fails with
// directory.ErrMappingNotFound.
func RemoveMapping(ctx context.Context, t *sqldb.Tx, group identity.GroupRef, events []event.Event) error {
	t.Tell(events...)
	before, err := access.NameOf(ctx, t, group, t.ForUpdate())
	if err != nil {
		return err
	}
	err = sqldb.OneRow(directory.ErrMappingNotFound)(
		t.ExecContext(ctx, `DELETE FROM group_mappings WHERE connection = $1 AND group_id = $2`, group.Connection, group.ID))
	if err != nil {
		return err
	}
	return renamed(ctx, t, group, before, "")
}

// ConnectionStates implements directory.ConnectionStore.
func (db *Store) ConnectionStates(ctx context.Context) ([]directory.ConnectionState, error) {
	return sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (directory.ConnectionState, error) {
		var s directory.ConnectionState
		err := rows.Scan(&s.ID, &s.Disabled)
		return s, err
	}, `SELECT id, disabled FROM connection_states ORDER BY id`)
}

// SetConnectionState implements directory.ConnectionStore.
func (db *Store) SetConnectionState(ctx context.Context, s directory.ConnectionState, events []event.Event) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		t.Tell(events...)
		var was sql.NullBool
		err := t.QueryRowContext(ctx, `SELECT disabled FROM connection_states WHERE id = $1`+t.ForUpdate(), s.ID).Scan(&was)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err := access.Remember(ctx, t, access.Turn{Kind: access.PastConnection, Ref: s.ID, Before: sqldb.JSON(was.Bool), After: sqldb.JSON(s.Disabled)}); err != nil {
			return err
		}
		_, err = t.ExecContext(ctx, `INSERT INTO connection_states (id, disabled) VALUES ($1, $2)
			ON CONFLICT (id) DO UPDATE SET disabled = excluded.disabled`, s.ID, s.Disabled)
		return err
	})
}
