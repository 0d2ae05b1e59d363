package apps

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/catalog/ownership"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

var _ ownership.Store = (*Store)(nil)

const selectOwnership = `SELECT app, body FROM app_owners`

func scanOwnership(scan func(...any) error) (o ownership.Ownership, err error) {
	var app, body string
	if err := scan(&app, &body); err != nil {
		return o, err
	}
	if err := json.Unmarshal([]byte(body), &o); err != nil {
		return o, fmt.Errorf("decode owner: %w", err)
	}
	o.App = app
	return o, nil
}

func declared(a catalog.App) ownership.Owners {
	return ownership.Owners{Primary: a.Manifest.Spec.Owner.Primary, Secondary: a.Manifest.Spec.Owner.Secondary}
}

// saveAppOwner writes who answers for an app with its next release, and returns it.
func saveAppOwner(ctx context.Context, t *sqldb.Tx, a catalog.App) (ownership.Ownership, error) {
	o, err := scanOwnership(t.QueryRowContext(ctx, selectOwnership+` WHERE app = $1`+t.ForUpdate(), a.ID).Scan)
	team := a.Manifest.Spec.Owner.Team
	switch {
	case errors.Is(err, sql.ErrNoRows):
		o = ownership.Declare(a.ID, a.Name, team, declared(a), a.Updated)
	case err != nil:
		return o, err
	default:
		o = o.Released(a.Name, team, declared(a), a.Updated)
	}
	return o, putOwnership(ctx, t, o, a.Version)
}

func putOwnership(ctx context.Context, t *sqldb.Tx, o ownership.Ownership, version int64) error {
	body, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("encode owner: %w", err)
	}
	orphaned := int64(0)
	if o.State == ownership.Orphaned {
		orphaned = sqldb.Micros(o.Since)
	}
	_, err = t.ExecContext(ctx, `INSERT INTO app_owners (app, name, primary_owner, orphaned, turned, body) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (app) DO UPDATE SET name = excluded.name, primary_owner = excluded.primary_owner, orphaned = excluded.orphaned, turned = excluded.turned, body = excluded.body`,
		o.App, o.Name, []byte(ownership.Key(o.Primary)), orphaned, version, string(body))
	return err
}

// knowOwners writes the rows of apps that a broker wrote which knew nothing of them.
func (db *Store) knowOwners(ctx context.Context) error {
	return db.know(ctx, derived{
		table:   `app_owners`,
		missing: `LEFT JOIN app_owners o ON o.app = a.id AND o.turned = a.version WHERE o.app IS NULL`,
		strays:  `app NOT IN (SELECT id FROM apps)`,
		save: func(ctx context.Context, t *sqldb.Tx, a catalog.App) error {
			_, err := saveAppOwner(ctx, t, a)
			return err
		},
	})
}

// Ownership implements ownership.Store.
func (db *Store) Ownership(ctx context.Context, app string) (ownership.Ownership, error) {
	if err := db.knowOwners(ctx); err != nil {
		return ownership.Ownership{}, err
	}
	o, err := scanOwnership(db.Read.QueryRowContext(ctx, selectOwnership+` WHERE name = $1`, app).Scan)
	return o, missingOwner(err)
}

func missingOwner(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return catalog.ErrAppNotFound
	}
	return sqldb.Translate(err)
}

// Ownerships implements ownership.Store.
func (db *Store) Ownerships(ctx context.Context, q ownership.Query) ([]ownership.Ownership, error) {
	if err := db.knowOwners(ctx); err != nil {
		return nil, err
	}
	var w sqldb.Where
	if q.Primary != "" {
		w.Add(`primary_owner = ?`, []byte(ownership.Key(q.Primary)))
	}
	if q.Orphaned {
		w.Add(`orphaned <> 0`)
	}
	if len(q.Apps) > 0 {
		names := make([]any, len(q.Apps))
		for i, name := range q.Apps {
			names[i] = name
		}
		w.Add(`name IN (?`+strings.Repeat(`, ?`, len(names)-1)+`)`, names...)
	}
	if q.After != "" {
		w.Add(`name > ?`, q.After)
	}
	return sqldb.List(ctx, db.DB, func(rows *sql.Rows) (ownership.Ownership, error) { return scanOwnership(rows.Scan) },
		selectOwnership+w.String()+` ORDER BY name LIMIT `+strconv.Itoa(q.Limit), w.Args...)
}

// UpdateOwnership implements ownership.Store. What it came of is noted once.
func (db *Store) UpdateOwnership(ctx context.Context, app string, change func(ownership.Ownership) (ownership.Ownership, []event.Event, error)) (next ownership.Ownership, err error) {
	if err := db.knowOwners(ctx); err != nil {
		return next, err
	}
	err = db.Transact(ctx, func(t *sqldb.Tx) error {
		var turned int64
		old, err := scanOwnership(func(into ...any) error {
			return t.QueryRowContext(ctx, `SELECT app, body, turned FROM app_owners WHERE name = $1`+t.ForUpdate(), app).Scan(append(into, &turned)...)
		})
		if err != nil {
			return missingOwner(err)
		}
		var events []event.Event
		if next, events, err = change(old); err != nil {
			return err
		}
		t.Tell(events...)
		if err := putOwnership(ctx, t, next, turned); err != nil {
			return err
		}
		_, err = t.ExecContext(ctx, `INSERT INTO app_owner_turns (cause, app, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, next.Cause, next.App, sqldb.Micros(next.Since))
		if err == nil {
			_, err = t.ExecContext(ctx, `UPDATE app_facts SET owner = $2 WHERE app = $1`, next.App, ownerFact(next))
		}
		return err
	})
	return next, err
}

// ownerFact is what apps are found by of who answers for them.
func ownerFact(o ownership.Ownership) string { return sqldb.Fold(o.Team + " " + o.Primary) }

// CountOrphaned implements ownership.Store.
func (db *Store) CountOrphaned(ctx context.Context) (n int64, err error) {
	if err := db.knowOwners(ctx); err != nil {
		return 0, err
	}
	err = db.Read.QueryRowContext(ctx, `SELECT count(*) FROM app_owners WHERE orphaned <> 0`).Scan(&n)
	return n, sqldb.Translate(err)
}
