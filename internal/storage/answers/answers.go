// Package answers keeps what was answered to a request that may be sent again with the
// same idempotency key.
package answers

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// Store is the answers of a database.
type Store struct{ *sqldb.DB }

// ClaimAnswer takes (scope, key) for a request with this fingerprint until it
// expires: see rest.Answers.
func (db *Store) ClaimAnswer(ctx context.Context, scope, key string, fingerprint []byte, now, expires time.Time) (claimed bool, first, sealed []byte, err error) {
	err = db.Transact(ctx, func(t *sqldb.Tx) error {
		r, err := t.ExecContext(ctx, `INSERT INTO api_answers (scope, name, fingerprint, expires) VALUES ($1, $2, $3, $4)
			ON CONFLICT (scope, name) DO UPDATE SET fingerprint = excluded.fingerprint, expires = excluded.expires, answer = NULL
			WHERE api_answers.expires <= $5`, scope, key, fingerprint, sqldb.Micros(expires), sqldb.Micros(now))
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		if claimed = n == 1; claimed || err != nil {
			return err
		}
		err = t.QueryRowContext(ctx, `SELECT fingerprint, answer FROM api_answers WHERE scope = $1 AND name = $2`, scope, key).Scan(&first, &sealed)
		if errors.Is(err, sql.ErrNoRows) {
			return nil // released just now: whoever asks again gets it
		}
		return err
	})
	return claimed, first, sealed, err
}

// KeepAnswer stores the sealed answer of a claim.
func (db *Store) KeepAnswer(ctx context.Context, scope, key string, sealed []byte) error {
	_, err := db.Write.ExecContext(ctx, `UPDATE api_answers SET answer = $3 WHERE scope = $1 AND name = $2`, scope, key, sealed)
	return sqldb.Translate(err)
}

// ReleaseAnswer gives a claim up.
func (db *Store) ReleaseAnswer(ctx context.Context, scope, key string) error {
	_, err := db.Write.ExecContext(ctx, `DELETE FROM api_answers WHERE scope = $1 AND name = $2 AND answer IS NULL`, scope, key)
	return sqldb.Translate(err)
}
