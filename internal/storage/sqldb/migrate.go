package sqldb

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/gatehouse-io/gatehouse/internal/storage/migrations"
)

// DryRun returns the names of the migrations that Open would run, in order.
func DryRun(ctx context.Context, o Options) ([]string, error) {
	if there, err := o.Exists(); err != nil || !there {
		return everyMigration(), err
	}
	db, err := Connect(o)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }() // nothing was written
	p, err := db.Provider()
	if err != nil {
		return nil, err
	}
	all, err := p.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the schema's state: %w", Translate(err))
	}
	var pending []string
	for _, m := range all {
		if m.State == goose.StatePending {
			pending = append(pending, filepath.Base(m.Source.Path))
		}
	}
	return pending, nil
}

// everyMigration names all of them, in order.
func everyMigration() []string {
	entries, _ := fs.ReadDir(migrations.Files(), ".") // embedded: it is there
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// migrate brings the schema up to date. On PostgreSQL replicas wait for each
// other by an advisory lock; on SQLite the data directory has one owner.
func (db *DB) migrate(ctx context.Context) error {
	p, err := db.Provider()
	if err != nil {
		return err
	}
	done, err := p.Up(ctx)
	if err != nil {
		return fmt.Errorf("migrate: %w", Translate(err))
	}
	for _, m := range done {
		db.o.Log.InfoContext(ctx, "migrated", "migration", filepath.Base(m.Source.Path))
	}
	return nil
}

// Provider makes the migrations of this database, of any level.
func (db *DB) Provider() (*goose.Provider, error) {
	options := []goose.ProviderOption{goose.WithSlog(db.o.Log), goose.WithVerbose(false)}
	dialect, on := goose.DialectSQLite3, db.Write.DB
	if db.o.Driver == Postgres {
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return nil, fmt.Errorf("migrate: %w", err)
		}
		dialect, options = goose.DialectPostgres, append(options, goose.WithSessionLocker(locker))
	}
	p, err := goose.NewProvider(dialect, on, migrations.Files(), options...)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	return p, nil
}
