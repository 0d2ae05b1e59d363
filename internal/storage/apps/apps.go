// Package apps keeps apps, and finds them.
package apps

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/storage/access"
	"github.com/gatehouse-io/gatehouse/internal/storage/apitokens"
	"github.com/gatehouse-io/gatehouse/internal/storage/connections"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// Store is the apps of a database: catalog.Store.
type Store struct{ *sqldb.DB }

var _ catalog.Store = (*Store)(nil)

const selectApp = `SELECT body, secrets, agreements, version FROM apps WHERE name = $1`

// App implements catalog.Store.
func (db *Store) App(ctx context.Context, name string) (catalog.App, error) {
	return access.ScanApp(db.Read.QueryRowContext(ctx, selectApp, name).Scan)
}

// Apps implements catalog.Store.
func (db *Store) Apps(ctx context.Context) ([]catalog.App, error) {
	return scanApps(ctx, db.Read, `ORDER BY name`)
}

// scanApps reads the apps a that the rest of a query selects.
func scanApps(ctx context.Context, from sqldb.Querier, rest string, args ...any) ([]catalog.App, error) {
	return sqldb.Collect(ctx, from, func(rows *sql.Rows) (catalog.App, error) { return access.ScanApp(rows.Scan) },
		`SELECT a.body, a.secrets, a.agreements, a.version FROM apps a `+rest, args...)
}

// atOnce is how many apps are read by one statement.
const atOnce = 500

// Stamps implements registry.Store.
func (db *Store) Stamps(ctx context.Context) ([]catalog.Stamp, int64, error) {
	// The generation is read first: apps that are newer than it are read again,
	// apps that are older than it would never be.
	generation, err := db.Generation(ctx)
	if err != nil {
		return nil, 0, err
	}
	stamps, err := sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (s catalog.Stamp, err error) {
		err = rows.Scan(&s.ID, &s.Version)
		return s, err
	}, `SELECT id, version FROM apps ORDER BY name`)
	return stamps, generation, err
}

// AppsByID implements registry.Store.
func (db *Store) AppsByID(ctx context.Context, ids []string, each func(catalog.App)) error {
	for part := range slices.Chunk(ids, atOnce) {
		args := make([]any, len(part))
		for i, id := range part {
			args[i] = id
		}
		apps, err := scanApps(ctx, db.Read, `WHERE id IN (`+sqldb.Numbered(1, len(args))+`)`, args...)
		if err != nil {
			return err
		}
		for _, a := range apps {
			each(a)
		}
	}
	return nil
}

// Generation implements registry.Store.
func (db *Store) Generation(ctx context.Context) (int64, error) {
	var n int64
	err := db.Read.QueryRowContext(ctx, `SELECT number FROM counters WHERE name = 'apps'`).Scan(&n)
	return n, sqldb.Translate(err)
}

// ApplyApp implements catalog.Store.
func (db *Store) ApplyApp(ctx context.Context, name string, change func(*catalog.App) (catalog.App, []event.Event, error)) (catalog.App, error) {
	var next catalog.App
	err := db.Transact(ctx, func(t *sqldb.Tx) error {
		// Counting first locks the set: two first applications wait for each other.
		if err := countApps(ctx, t); err != nil {
			return err
		}
		var old *catalog.App
		found, err := access.ScanApp(t.QueryRowContext(ctx, selectApp, name).Scan)
		switch {
		case err == nil:
			old = &found
		case !errors.Is(err, catalog.ErrAppNotFound):
			return err
		}
		var events []event.Event
		if next, events, err = change(old); err != nil {
			return err
		}
		t.Tell(events...)
		next.Version = found.Version + 1
		if err := saveApp(ctx, t, next); err != nil {
			return err
		}
		if err := released(ctx, t, old, &next); err != nil || old == nil {
			return err
		}
		return freed(ctx, t, old, &next)
	})
	return next, err
}

// freed keeps what others said of the client_id and the audience that an app gives up from
// meaning whoever has them next. next is nil for an app that is removed.
func freed(ctx context.Context, t *sqldb.Tx, old, next *catalog.App) error {
	client, audience := old.ClientID(), old.Audience()
	if next != nil && next.ClientID() == client && next.Audience() == audience {
		return nil
	}
	apps, err := scanApps(ctx, t, `WHERE id <> $1 ORDER BY name`, old.ID)
	if err != nil {
		return err
	}
	for _, a := range catalog.Freed(append(apps, *old), old, next) {
		a.Version++
		if err := saveApp(ctx, t, a); err != nil {
			return err
		}
	}
	if client == "" || next != nil && next.ClientID() == client {
		return nil
	}
	return connections.GiveUp(ctx, t, client, old.ID)
}

// countApps advances the generation, and with it the counters of those that app_groups
// is derived from and that app_facts and app_owners have, unless they have stayed behind.
func countApps(ctx context.Context, t *sqldb.Tx) error {
	_, err := t.ExecContext(ctx, `UPDATE counters SET number = number + 1 WHERE name = 'apps'`)
	if err != nil {
		return err
	}
	_, err = t.ExecContext(ctx, `UPDATE counters SET number = number + 1 WHERE name IN ('apps_derived', 'app_facts', 'app_owners')
		AND number + 1 = (SELECT a.number FROM counters a WHERE a.name = 'apps')`)
	return err
}

// released keeps what an app was, notes which groups it lets in now, and takes what its
// release before gave and the next does not.
func released(ctx context.Context, t *sqldb.Tx, old, next *catalog.App) error {
	err := access.Remember(ctx, t, access.Turn{Kind: access.PastApp, Ref: next.ID, Name: next.Name, Before: access.AppState(old), After: access.AppState(next)})
	if err != nil {
		return err
	}
	if err := deriveApp(ctx, t, next); err != nil || old == nil {
		return err
	}
	before, after := old.Manifest.Spec.Entitlements, next.Manifest.Spec.Entitlements
	if !narrower(before, after) {
		return nil
	}
	return access.BeginSweep(ctx, t, access.Sweep{App: next.ID, Release: true, Entitlements: before})
}

// narrower reports whether a release gives less than the one before it: a group, or a
// role that somebody may have by name, is gone.
func narrower(before, after []catalog.Entitlement) bool {
	return slices.ContainsFunc(before, func(b catalog.Entitlement) bool {
		i := slices.IndexFunc(after, func(a catalog.Entitlement) bool { return a.Name == b.Name })
		return i < 0 || slices.ContainsFunc(b.Groups, func(g string) bool { return !slices.Contains(after[i].Groups, g) })
	})
}

// deriveApp writes which groups' names let people into the app.
func deriveApp(ctx context.Context, t *sqldb.Tx, a *catalog.App) error {
	if _, err := t.ExecContext(ctx, `DELETE FROM app_groups WHERE app = $1`, a.ID); err != nil {
		return err
	}
	var rows [][]any
	for _, e := range a.Manifest.Spec.Entitlements {
		for _, g := range e.Groups {
			rows = append(rows, []any{g, a.ID})
		}
	}
	return t.InsertRows(ctx, `INSERT INTO app_groups (name, app) VALUES `, ` ON CONFLICT DO NOTHING`, rows)
}

// DeriveApps notes which groups' names let people into which app, for apps that a broker
// wrote that did not know how.
func (db *Store) DeriveApps(ctx context.Context) error {
	current, err := access.AppsDerived(ctx, db.Read)
	if err != nil || current {
		return sqldb.Translate(err)
	}
	err = db.Transact(ctx, func(t *sqldb.Tx) error {
		_, err := t.ExecContext(ctx, `UPDATE counters SET number = (SELECT a.number FROM counters a WHERE a.name = 'apps') WHERE name = 'apps_derived'`)
		if err != nil {
			return err
		}
		apps, err := scanApps(ctx, t, `ORDER BY name`)
		for i := 0; err == nil && i < len(apps); i++ {
			err = deriveApp(ctx, t, &apps[i])
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("derive apps: %w", err)
	}
	return nil
}

func saveApp(ctx context.Context, t *sqldb.Tx, a catalog.App) error {
	bare := a
	bare.Agreements = nil // a column of their own, which an older broker leaves as it is
	body, err := json.Marshal(bare)
	if err != nil {
		return fmt.Errorf("encode app: %w", err)
	}
	agreements, err := json.Marshal(a.Agreements)
	if err != nil {
		return fmt.Errorf("encode app: %w", err)
	}
	secrets, err := json.Marshal(a.Secrets)
	if err != nil {
		return fmt.Errorf("encode app: %w", err)
	}
	var client, audience sql.NullString
	client.String = a.ClientID()
	client.Valid = client.String != ""
	if r := a.Manifest.Spec.Identity.Resource; r != nil {
		audience = sql.NullString{String: r.Audience, Valid: r.Audience != ""}
	}
	_, err = t.ExecContext(ctx, `INSERT INTO apps (id, name, client_id, audience, body, secrets, agreements, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (name) DO UPDATE SET client_id = excluded.client_id, audience = excluded.audience, body = excluded.body,
		secrets = excluded.secrets, agreements = excluded.agreements, version = excluded.version`, a.ID, a.Name, client, audience, string(body), string(secrets), string(agreements), a.Version)
	switch detail, duplicate := sqldb.IsDuplicate(err); {
	case duplicate && strings.Contains(detail, "audience"):
		return catalog.ErrAudienceTaken
	case duplicate && a.Manifest.Spec.Identity.SAML != nil:
		return catalog.ErrEntityIDTaken
	case duplicate:
		return catalog.ErrClientIDTaken
	case err != nil:
		return err
	}
	o, err := saveAppOwner(ctx, t, a)
	if err != nil {
		return err
	}
	return saveAppFacts(ctx, t, a, o)
}

// RemoveApp implements catalog.Store.
func (db *Store) RemoveApp(ctx context.Context, name string, events func(catalog.App) []event.Event) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		if err := countApps(ctx, t); err != nil {
			return err
		}
		a, err := access.ScanApp(t.QueryRowContext(ctx, selectApp, name).Scan)
		if err != nil {
			return err
		}
		t.Tell(events(a)...)
		if err := access.Remember(ctx, t, access.Turn{Kind: access.PastApp, Ref: a.ID, Name: a.Name, Before: access.AppState(&a)}); err != nil {
			return err
		}
		if _, err := t.ExecContext(ctx, `DELETE FROM app_groups WHERE app = $1`, a.ID); err != nil {
			return err
		}
		if err := apitokens.Leave(ctx, t, name); err != nil {
			return err
		}
		if _, err = t.ExecContext(ctx, `DELETE FROM apps WHERE name = $1`, name); err == nil {
			_, err = t.ExecContext(ctx, `DELETE FROM app_facts WHERE name = $1`, name)
		}
		if err == nil {
			_, err = t.ExecContext(ctx, `DELETE FROM app_owners WHERE app = $1`, a.ID)
		}
		if err != nil {
			return err
		}
		return freed(ctx, t, &a, nil)
	})
}
