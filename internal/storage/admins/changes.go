package admins

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

var _ admin.ChangeStore = (*Store)(nil)

func scanChange(scan func(...any) error) (admin.Change, error) {
	var c admin.Change
	var body string
	if err := scan(&body); err != nil {
		return c, err
	}
	if err := json.Unmarshal([]byte(body), &c); err != nil {
		return c, fmt.Errorf("decode change: %w", err)
	}
	return c, nil
}

// CreateChange implements admin.ChangeStore.
func (db *Store) CreateChange(ctx context.Context, c admin.Change, events []event.Event) error {
	body, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode change: %w", err)
	}
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		t.Tell(events...)
		_, err := t.ExecContext(ctx, `INSERT INTO admin_changes (id, state, expires, body) VALUES ($1, $2, $3, $4)`,
			c.ID, string(c.State), sqldb.Micros(c.Expires), string(body))
		return err
	})
}

// Change implements admin.ChangeStore.
func (db *Store) Change(ctx context.Context, id string) (admin.Change, error) {
	c, err := scanChange(db.Read.QueryRowContext(ctx, `SELECT body FROM admin_changes WHERE id = $1`, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return c, admin.ErrChangeNotFound
	}
	return c, sqldb.Translate(err)
}

// Changes implements admin.ChangeStore.
func (db *Store) Changes(ctx context.Context, q admin.ChangeQuery, now time.Time) ([]admin.Change, error) {
	return sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (admin.Change, error) { return scanChange(rows.Scan) },
		`SELECT body FROM admin_changes WHERE ($1 = '' OR id < $1) AND ($2 = 0 OR (state = 'waiting' AND expires > $3)) ORDER BY id DESC LIMIT $4`,
		q.After, number(q.Waiting), sqldb.Micros(now), q.Limit)
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// UpdateChange implements admin.ChangeStore. The state is compared and swapped, so
// that of two decisions one wins.
func (db *Store) UpdateChange(ctx context.Context, id string, change func(admin.Change) (admin.Change, []event.Event, error)) (admin.Change, error) {
	var next admin.Change
	err := db.Transact(ctx, func(t *sqldb.Tx) error {
		old, err := scanChange(t.QueryRowContext(ctx, `SELECT body FROM admin_changes WHERE id = $1`, id).Scan)
		if errors.Is(err, sql.ErrNoRows) {
			return admin.ErrChangeNotFound
		}
		if err != nil {
			return err
		}
		var events []event.Event
		if next, events, err = change(old); err != nil {
			return err
		}
		body, err := json.Marshal(next)
		if err != nil {
			return fmt.Errorf("encode change: %w", err)
		}
		t.Tell(events...)
		return sqldb.OneRow(admin.ErrChangeDecided)(t.ExecContext(ctx, `UPDATE admin_changes SET state = $2, body = $3, cause = $5 WHERE id = $1 AND state = $4`,
			id, string(next.State), string(body), string(old.State), next.Cause))
	})
	return next, err
}
