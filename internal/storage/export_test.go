package storage

import (
	"cmp"
	"context"

	"github.com/gatehouse-io/gatehouse/internal/backup"
	"github.com/gatehouse-io/gatehouse/internal/storage/backups"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// To migrates an open database up or down to a level.
func (db *DB) To(ctx context.Context, level int64) error {
	p, err := db.db.Provider()
	if err != nil {
		return err
	}
	if now, err := p.GetDBVersion(ctx); err != nil || now < level {
		_, upErr := p.UpTo(ctx, level)
		return cmp.Or(err, upErr)
	}
	_, err = p.DownTo(ctx, level)
	return err
}

// Newest is the level of the newest migration.
func (db *DB) Newest() (int64, error) {
	p, err := db.db.Provider()
	if err != nil {
		return 0, err
	}
	all := p.ListSources()
	return all[len(all)-1].Version, nil
}

// Contents are the tables that a backup would have now.
func (db *DB) Contents(ctx context.Context) ([]backup.Table, error) {
	return backups.Contents(ctx, db.db)
}

// Blank connects to a database without migrating it.
func Blank(o Options) (*DB, error) {
	db, err := sqldb.Connect(o)
	return &DB{db: db}, err
}

// Exec runs a statement.
func (db *DB) Exec(ctx context.Context, statement string) error {
	_, err := db.db.Write.ExecContext(ctx, statement)
	return err
}

// Left counts the rows of which a job has something to make up for.
func (db *DB) Left(ctx context.Context) (n int, err error) {
	err = db.db.Read.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM people WHERE derived <> version) + (SELECT count(*) FROM sessions WHERE created = 0)`).Scan(&n)
	return n, err
}
