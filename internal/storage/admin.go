package storage

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/event"
)

var _ admin.Store = (*DB)(nil)

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
		t.LastUsed = fromMicros(used)
	}
	return t, nil
}

// Token implements admin.Store.
func (db *DB) Token(ctx context.Context, hash []byte) (admin.Token, error) {
	t, err := scanToken(db.read.QueryRowContext(ctx, `SELECT body, hash, last_used FROM api_tokens WHERE hash = $1`, hash).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return t, admin.ErrTokenNotFound
	}
	return t, translate(err)
}

// Tokens implements admin.Store.
func (db *DB) Tokens(ctx context.Context) ([]admin.Token, error) {
	return collect(ctx, db.read, func(rows *sql.Rows) (admin.Token, error) { return scanToken(rows.Scan) },
		`SELECT body, hash, last_used FROM api_tokens ORDER BY created DESC, id`)
}

// CreateToken implements admin.Store.
func (db *DB) CreateToken(ctx context.Context, t admin.Token, events []event.Event) error {
	body, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("encode API token: %w", err)
	}
	return db.change(ctx, func(x *tx) error {
		x.tell(events...)
		_, err := x.ExecContext(ctx, `INSERT INTO api_tokens (id, hash, body, created) VALUES ($1, $2, $3, $4)`, t.ID, t.Hash, string(body), micros(t.Created))
		return err
	})
}

// RevokeToken implements admin.Store.
func (db *DB) RevokeToken(ctx context.Context, id string, events []event.Event) error {
	return db.change(ctx, func(t *tx) error {
		t.tell(events...)
		return oneRow(admin.ErrTokenNotFound)(t.ExecContext(ctx, `DELETE FROM api_tokens WHERE id = $1`, id))
	})
}

// TouchToken implements admin.Store.
func (db *DB) TouchToken(ctx context.Context, id string, at time.Time) error {
	_, err := db.write.ExecContext(ctx, `UPDATE api_tokens SET last_used = $2 WHERE id = $1`, id, micros(at))
	return translate(err)
}

// Assignments implements admin.Store.
func (db *DB) Assignments(ctx context.Context) ([]admin.Assignment, error) {
	return collect(ctx, db.read, func(rows *sql.Rows) (admin.Assignment, error) {
		var a admin.Assignment
		var created int64
		err := rows.Scan(&a.Person, &a.Role, &created)
		a.Created = fromMicros(created)
		return a, err
	}, `SELECT person, role, created FROM role_assignments ORDER BY role, person`)
}

// Assign implements admin.Store.
func (db *DB) Assign(ctx context.Context, a admin.Assignment, events []event.Event) error {
	return db.change(ctx, func(t *tx) error {
		t.tell(events...)
		_, err := t.ExecContext(ctx, `INSERT INTO role_assignments (person, role, created) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
			a.Person, string(a.Role), micros(a.Created))
		return err
	})
}

// Unassign implements admin.Store.
func (db *DB) Unassign(ctx context.Context, person string, role admin.Role, events []event.Event) error {
	return db.change(ctx, func(t *tx) error {
		t.tell(events...)
		return oneRow(admin.ErrNotAssigned)(t.ExecContext(ctx, `DELETE FROM role_assignments WHERE person = $1 AND role = $2`, person, string(role)))
	})
}
