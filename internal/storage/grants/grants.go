// Package grants keeps consents, codes, and families of refresh tokens.
package grants

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/storage/sessions"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// Store is the grants of a database: grant.Store.
type Store struct{ *sqldb.DB }

var _ grant.Store = (*Store)(nil)

// CreateCode implements grant.Store.
func (db *Store) CreateCode(ctx context.Context, c grant.Code) error {
	body, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode code: %w", err)
	}
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		_, err := t.ExecContext(ctx, `INSERT INTO codes (hash, grant_id, body, expires) VALUES ($1, $2, $3, $4)`, c.Hash, c.Grant, string(body), sqldb.Micros(c.Expires))
		return err
	})
}

// RedeemCode implements grant.Store.
func (db *Store) RedeemCode(ctx context.Context, hash []byte, actor identity.Actor, now time.Time, redeem func(grant.Code) (grant.Redemption, error)) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		c, used, err := code(ctx, t, hash)
		if err != nil {
			return err
		}
		if used {
			t.Tell(replayed(now, actor, c.Grant, c.Subject, "code"))
			return sqldb.Keep(grant.ErrReplayed)
		}
		r, err := redeem(c)
		if err != nil {
			return err
		}
		t.Tell(r.Events...)
		if _, err := t.ExecContext(ctx, `UPDATE codes SET used = $2 WHERE hash = $1`, hash, sqldb.Micros(now)); err != nil {
			return err
		}
		return redeemed(ctx, t, c, r, now)
	})
}

func code(ctx context.Context, t *sqldb.Tx, hash []byte) (c grant.Code, used bool, err error) {
	var body string
	var at int64
	err = t.QueryRowContext(ctx, `SELECT body, used FROM codes WHERE hash = $1`+t.ForUpdate(), hash).Scan(&body, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return c, false, grant.ErrUnknown
	}
	if err == nil {
		err = json.Unmarshal([]byte(body), &c)
	}
	c.Hash = hash
	return c, at != 0, err
}

func redeemed(ctx context.Context, t *sqldb.Tx, c grant.Code, r grant.Redemption, now time.Time) error {
	if r.Joins && c.Subject.Session != "" {
		p := session.Participant{Session: c.Subject.Session, App: c.Subject.App, Client: c.Subject.Client, First: now}
		if err := sessions.Join(ctx, t, p); err != nil {
			return err
		}
	}
	if r.Family == nil {
		return nil
	}
	f := *r.Family
	body, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encode family: %w", err)
	}
	_, err = t.ExecContext(ctx, `INSERT INTO families (id, person, session, connection, app, client, offline, body, last_use, expires)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, f.ID, f.Subject.Person, f.Subject.Session, f.Subject.Connection,
		f.Subject.App, f.Subject.Client, f.Offline, string(body), sqldb.Micros(f.LastUse), sqldb.Micros(f.Expires))
	if err != nil {
		return err
	}
	return insertRefresh(ctx, t, *r.First)
}

func insertRefresh(ctx context.Context, t *sqldb.Tx, r grant.RefreshToken) error {
	_, err := t.ExecContext(ctx, `INSERT INTO refresh_tokens (hash, family, issued, expires) VALUES ($1, $2, $3, $4)`,
		r.Hash, r.Family, sqldb.Micros(r.Issued), sqldb.Micros(r.Expires))
	return err
}

// replayed is the event that ends a grant whose code or token came twice.
func replayed(now time.Time, actor identity.Actor, id string, s grant.Subject, what string) event.Event {
	return event.New(now, "grant.replayed", actor, identity.Grant(id), "what", what, "person", s.Person, "client", s.Client).
		Revoking(identity.Grant(id))
}

const selectRefresh = `SELECT r.family, r.issued, r.expires, r.used, r.successor, f.body, f.last_use, f.ended, f.ended_by
	FROM refresh_tokens r JOIN families f ON f.id = r.family WHERE r.hash = $1`

func scanRefresh(row sqldb.Row, hash []byte) (grant.RefreshToken, grant.Family, error) {
	r := grant.RefreshToken{Hash: hash}
	var f grant.Family
	var issued, expires, used, lastUse, ended int64
	var body, endedBy string
	err := row.Scan(&r.Family, &issued, &expires, &used, &r.Successor, &body, &lastUse, &ended, &endedBy)
	if errors.Is(err, sql.ErrNoRows) {
		return r, f, grant.ErrUnknown
	}
	if err != nil {
		return r, f, sqldb.Translate(err)
	}
	if err := json.Unmarshal([]byte(body), &f); err != nil {
		return r, f, fmt.Errorf("decode family: %w", err)
	}
	r.Issued, r.Expires, r.Used = sqldb.FromMicros(issued), sqldb.FromMicros(expires), sqldb.FromMicros(used)
	f.LastUse, f.Ended, f.EndedBy = sqldb.FromMicros(lastUse), sqldb.FromMicros(ended), endedBy
	return r, f, nil
}

// Refresh implements grant.Store.
func (db *Store) Refresh(ctx context.Context, hash []byte) (grant.RefreshToken, grant.Family, error) {
	return scanRefresh(db.Read.QueryRowContext(ctx, selectRefresh, hash), hash)
}

// RotateRefresh implements grant.Store.
func (db *Store) RotateRefresh(ctx context.Context, hash []byte, actor identity.Actor, now time.Time, rotate func(grant.RefreshToken, grant.Family) (grant.Rotation, error)) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		old, family, err := scanRefresh(t.QueryRowContext(ctx, selectRefresh+t.ForUpdate(), hash), hash)
		if err != nil {
			return err
		}
		r, err := rotate(old, family)
		if errors.Is(err, grant.ErrReplayed) {
			t.Tell(replayed(now, actor, family.ID, family.Subject, "refresh token"))
			return sqldb.Keep(err)
		}
		if err != nil {
			return err
		}
		t.Tell(r.Events...)
		if r.Next == nil {
			return nil
		}
		return replaceRefresh(ctx, t, old, r, now)
	})
}

func replaceRefresh(ctx context.Context, t *sqldb.Tx, old grant.RefreshToken, r grant.Rotation, now time.Time) error {
	err := sqldb.OneRow(grant.ErrReplayed)(t.ExecContext(ctx,
		`UPDATE refresh_tokens SET used = $2, successor = $3 WHERE hash = $1 AND used = 0`, old.Hash, sqldb.Micros(now), r.Successor))
	if err != nil {
		return err
	}
	if err := insertRefresh(ctx, t, *r.Next); err != nil {
		return err
	}
	_, err = t.ExecContext(ctx, `UPDATE families SET last_use = $2 WHERE id = $1`, old.Family, sqldb.Micros(now))
	return err
}

const selectFamily = `SELECT body, last_use, ended, ended_by FROM families WHERE `

func scanFamily(scan func(...any) error) (grant.Family, error) {
	var f grant.Family
	var body, endedBy string
	var lastUse, ended int64
	if err := scan(&body, &lastUse, &ended, &endedBy); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			return f, grant.ErrUnknown
		}
		return f, sqldb.Translate(err)
	}
	if err := json.Unmarshal([]byte(body), &f); err != nil {
		return f, fmt.Errorf("decode family: %w", err)
	}
	f.LastUse, f.Ended, f.EndedBy = sqldb.FromMicros(lastUse), sqldb.FromMicros(ended), endedBy
	return f, nil
}

// Families implements grant.Store.
func (db *Store) Families(ctx context.Context, person string) ([]grant.Family, error) {
	return sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (grant.Family, error) { return scanFamily(rows.Scan) },
		selectFamily+`person = $1 AND ended = 0 ORDER BY last_use DESC, id`, person)
}

// Family implements grant.Store.
func (db *Store) Family(ctx context.Context, id string) (grant.Family, error) {
	return scanFamily(db.Read.QueryRowContext(ctx, selectFamily+`id = $1`, id).Scan)
}

// Consent implements grant.Store.
func (db *Store) Consent(ctx context.Context, person, app string) (c grant.Consent, ok bool, err error) {
	var scopes string
	var given int64
	err = db.Read.QueryRowContext(ctx, `SELECT scopes, given FROM consents WHERE person = $1 AND app = $2`, person, app).Scan(&scopes, &given)
	if errors.Is(err, sql.ErrNoRows) {
		return c, false, nil
	}
	c = grant.Consent{Person: person, App: app, Scopes: strings.Fields(scopes), Given: sqldb.FromMicros(given)}
	return c, err == nil, sqldb.Translate(err)
}

// Consents implements grant.Store.
func (db *Store) Consents(ctx context.Context, person string) ([]grant.Consent, error) {
	return sqldb.Collect(ctx, db.Read, scanConsent, `SELECT person, app, scopes, given FROM consents WHERE person = $1 ORDER BY app`, person)
}

func scanConsent(rows *sql.Rows) (grant.Consent, error) {
	var c grant.Consent
	var scopes string
	var given int64
	err := rows.Scan(&c.Person, &c.App, &scopes, &given)
	c.Scopes, c.Given = strings.Fields(scopes), sqldb.FromMicros(given)
	return c, err
}

// Withdraw implements grant.Store.
func (db *Store) Withdraw(ctx context.Context, person, app string, actor identity.Actor, now time.Time) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		families, err := sqldb.Collect(ctx, t, sqldb.ScanID,
			`SELECT id FROM families WHERE person = $1 AND app = $2 AND ended = 0 ORDER BY id`+t.ForUpdate(), person, app)
		if err != nil {
			return err
		}
		for _, id := range families {
			t.Tell(event.New(now, "grant.revoked", actor, identity.Grant(id), "person", person, "app", app).Revoking(identity.Grant(id)))
		}
		r, err := t.ExecContext(ctx, `DELETE FROM consents WHERE person = $1 AND app = $2`, person, app)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return err
		}
		// What it holds without a refresh token is of no family.
		t.Tell(event.New(now, "consent.withdrawn", actor, identity.App(app), "person", person).Revoking(identity.Install(person, app)))
		return nil
	})
}

// SaveConsent implements grant.Store.
func (db *Store) SaveConsent(ctx context.Context, c grant.Consent, events []event.Event) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		t.Tell(events...)
		_, err := t.ExecContext(ctx, `INSERT INTO consents (person, app, scopes, given) VALUES ($1, $2, $3, $4)
			ON CONFLICT (person, app) DO UPDATE SET scopes = excluded.scopes, given = excluded.given`,
			c.Person, c.App, strings.Join(c.Scopes, " "), sqldb.Micros(c.Given))
		return err
	})
}

// Record implements grant.Store.
func (db *Store) Record(ctx context.Context, events []event.Event) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error { t.Tell(events...); return nil })
}
