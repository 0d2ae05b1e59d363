// Package apitokens keeps API tokens, and ends those of who or what is gone.
package apitokens

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// Store is the API tokens of a database.
type Store struct{ *sqldb.DB }

func scanToken(scan func(...any) error) (admin.Token, error) {
	var t admin.Token
	var body string
	var used int64
	err := scan(&body, &t.Hash, &used)
	if err != nil {
		return t, err
	}
	if err := json.Unmarshal([]byte(body), &t); err != nil {
		return t, fmt.Errorf("decode API token: %w", err)
	}
	if used > 0 {
		t.LastUsed = sqldb.FromMicros(used)
	}
	return t, nil
}

// APIToken implements admin.Store.
func (db *Store) APIToken(ctx context.Context, hash []byte) (admin.Token, error) {
	t, err := scanToken(db.Read.QueryRowContext(ctx, `SELECT body, hash, last_used FROM api_tokens WHERE hash = $1`, hash).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return t, admin.ErrTokenNotFound
	}
	return t, sqldb.Translate(err)
}

// APITokens implements admin.Store.
func (db *Store) APITokens(ctx context.Context) ([]admin.Token, error) {
	return sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (admin.Token, error) { return scanToken(rows.Scan) },
		`SELECT body, hash, last_used FROM api_tokens ORDER BY created DESC, id`)
}

// CreateToken implements admin.Store.
func (db *Store) CreateToken(ctx context.Context, t admin.Token, events []event.Event) error {
	body, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("encode API token: %w", err)
	}
	return db.Transact(ctx, func(x *sqldb.Tx) error {
		x.Tell(events...)
		_, err := x.ExecContext(ctx, `INSERT INTO api_tokens (id, hash, body, created) VALUES ($1, $2, $3, $4)`, t.ID, t.Hash, string(body), sqldb.Micros(t.Created))
		return err
	})
}

// tokens lists the tokens within a transaction.
func tokens(ctx context.Context, t *sqldb.Tx) ([]admin.Token, error) {
	return sqldb.Collect(ctx, t, func(rows *sql.Rows) (admin.Token, error) { return scanToken(rows.Scan) }, `SELECT body, hash, last_used FROM api_tokens ORDER BY id`)
}

// End removes the tokens of an owner who was disabled: enabled again, they
// make new ones, since somebody else may have got hold of the old.
func End(ctx context.Context, t *sqldb.Tx, owner identity.Ref) error {
	all, err := tokens(ctx, t)
	if err != nil {
		return err
	}
	for _, token := range all {
		if token.Owner != owner {
			continue
		}
		if _, err := t.ExecContext(ctx, `DELETE FROM api_tokens WHERE id = $1`, token.ID); err != nil {
			return err
		}
	}
	return nil
}

// Leave takes an app that is removed out of the tokens that are for it: who
// has one has no say in the next app of that name.
func Leave(ctx context.Context, t *sqldb.Tx, app string) error {
	all, err := tokens(ctx, t)
	if err != nil {
		return err
	}
	for _, token := range all {
		i := slices.Index(token.Apps, app)
		if i < 0 {
			continue
		}
		token.Apps = slices.Delete(token.Apps, i, i+1)
		body, err := json.Marshal(token)
		if err != nil {
			return fmt.Errorf("encode API token: %w", err)
		}
		if _, err := t.ExecContext(ctx, `UPDATE api_tokens SET body = $2 WHERE id = $1`, token.ID, string(body)); err != nil {
			return err
		}
	}
	return nil
}

// RevokeToken implements admin.Store.
func (db *Store) RevokeToken(ctx context.Context, id string, events []event.Event) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		t.Tell(events...)
		return sqldb.OneRow(admin.ErrTokenNotFound)(t.ExecContext(ctx, `DELETE FROM api_tokens WHERE id = $1`, id))
	})
}

// TouchToken implements admin.Store.
func (db *Store) TouchToken(ctx context.Context, id string, at time.Time) error {
	_, err := db.Write.ExecContext(ctx, `UPDATE api_tokens SET last_used = $2 WHERE id = $1`, id, sqldb.Micros(at))
	return sqldb.Translate(err)
}
