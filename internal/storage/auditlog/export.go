package auditlog

import (
	"context"
	"database/sql"
	"errors"

	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

var _ audit.Followed = (*Store)(nil)

// exported names the counter of a target.
func exported(target string) string { return "exported:" + target }

// Exported implements audit.Followed.
func (db *Store) Exported(ctx context.Context, target string) (seal int64, err error) {
	err = db.Read.QueryRowContext(ctx, `SELECT number FROM counters WHERE name = $1`, exported(target)).Scan(&seal)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return seal, sqldb.Translate(err)
}

// SetExported implements audit.Followed.
func (db *Store) SetExported(ctx context.Context, target string, from, to int64) error {
	r, err := db.Write.ExecContext(ctx, `INSERT INTO counters (name, number) VALUES ($1, $3)
		ON CONFLICT (name) DO UPDATE SET number = excluded.number WHERE counters.number = $2`, exported(target), from, to)
	if err != nil {
		return sqldb.Translate(err)
	}
	if n, err := r.RowsAffected(); err != nil || n != 1 {
		return errors.Join(audit.ErrFollowed, err)
	}
	return nil
}
