package facts

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/storage/access"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// appAt reads which release of the app was in force.
func (db *Store) appAt(ctx context.Context, f *entitlement.Facts) error {
	m, err := db.releaseAt(ctx, f.AppName, f.Standing.At)
	if err != nil {
		return err
	}
	var a catalog.App
	if m.Body != "" {
		if err := json.Unmarshal([]byte(m.Body), &a); err != nil {
			return fmt.Errorf("decode what an app was: %w", err)
		}
	}
	if a.ID == "" || a.Created.After(f.Standing.At) {
		f.Absent = true
		f.Obstacles = append(f.Obstacles, entitlement.Obstacle{Code: entitlement.AppAbsent})
		return nil
	}
	spec := a.Manifest.Spec
	f.App, f.Title, f.Owner, f.Entitlements = a.ID, a.Manifest.Metadata.Title, spec.Owner, spec.Entitlements
	f.Release = entitlement.Release{Digest: a.Digest, Version: spec.Version, Since: m.Since, Event: m.Opened}
	f.Scopes = a.Scopes()
	if a.Disabled {
		f.Shut = true
		f.Obstacles = append(f.Obstacles, entitlement.Obstacle{Code: entitlement.AppDisabled, Since: m.Since, Event: m.Opened})
	}
	for _, missing := range a.Manifest.Missing() {
		f.Shut = true
		f.Obstacles = append(f.Obstacles, entitlement.Obstacle{Code: entitlement.AppIncomplete, What: missing})
	}
	return nil
}

// releaseAt finds the app that had the name at the time: an app that took it over from
// another has another id.
func (db *Store) releaseAt(ctx context.Context, name string, at time.Time) (access.Moment, error) {
	var m access.Moment
	var since int64
	err := db.Read.QueryRowContext(ctx, `SELECT since, opened, body FROM history WHERE kind = $1 AND name = $2 AND name <> '' AND since <= $3 AND (until = 0 OR until > $3) ORDER BY since DESC LIMIT 1`,
		access.PastApp, name, sqldb.Micros(at)).Scan(&since, &m.Opened, &m.Body)
	m.Since = sqldb.FromMicros(since)
	if !errors.Is(err, sql.ErrNoRows) {
		return m, sqldb.Translate(err)
	}
	app, err := db.apps().App(ctx, name)
	if err == nil {
		return access.Past(ctx, db.DB, access.PastApp, app.ID, at, access.AppState(&app))
	}
	if !errors.Is(err, catalog.ErrAppNotFound) {
		return m, err
	}
	var one int
	if was := db.Read.QueryRowContext(ctx, `SELECT 1 FROM history WHERE kind = $1 AND name = $2 AND name <> '' LIMIT 1`, access.PastApp, name).Scan(&one); !errors.Is(was, sql.ErrNoRows) {
		return access.Moment{}, sqldb.Translate(was) // it has been, and was not at the time
	}
	return m, err
}
