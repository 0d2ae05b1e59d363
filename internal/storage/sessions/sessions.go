// Package sessions keeps browser sessions and the apps that take part in them.
package sessions

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// Store is the sessions of a database: session.Store.
type Store struct{ *sqldb.DB }

var _ session.Store = (*Store)(nil)

// selectSession reads the columns apart from the body that a revocation changes.
const selectSession = `SELECT body, secret_hash, ended, ended_by, version FROM sessions WHERE `

// scanSession scans a session and what else the query selects.
func scanSession(scan func(...any) error, also ...any) (session.Session, error) {
	var s session.Session
	var body string
	var hash []byte
	var ended, version int64
	var endedBy string
	if err := scan(append([]any{&body, &hash, &ended, &endedBy, &version}, also...)...); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			return s, session.ErrNotFound
		}
		return s, sqldb.Translate(err)
	}
	if err := json.Unmarshal([]byte(body), &s); err != nil {
		return s, fmt.Errorf("decode session: %w", err)
	}
	s.SecretHash, s.Ended, s.EndedBy, s.Version = hash, sqldb.FromMicros(ended), endedBy, version
	return s, nil
}

// CreateSession implements session.Store.
func (db *Store) CreateSession(ctx context.Context, s session.Session, events []event.Event) error {
	body, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode session: %w", err)
	}
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		t.Tell(events...)
		_, err := t.ExecContext(ctx, `INSERT INTO sessions (id, secret_hash, person, connection, body, expires, created, upstream, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1)`,
			s.ID, s.SecretHash, s.Person, s.Authentication.Connection, string(body), sqldb.Micros(s.Until()), sqldb.Micros(s.Created), upstreamName(s))
		return err
	})
}

// Session implements session.Store.
func (db *Store) Session(ctx context.Context, id string) (session.Session, error) {
	return scanSession(db.Read.QueryRowContext(ctx, selectSession+`id = $1`, id).Scan)
}

// SessionBySecret implements session.Store.
func (db *Store) SessionBySecret(ctx context.Context, hash []byte) (session.Session, error) {
	return scanSession(db.Read.QueryRowContext(ctx, selectSession+`secret_hash = $1`, hash).Scan)
}

// UpdateSession implements session.Store.
func (db *Store) UpdateSession(ctx context.Context, id string, change func(session.Session) (session.Session, []event.Event, error)) (session.Session, error) {
	var next session.Session
	err := db.Transact(ctx, func(t *sqldb.Tx) error {
		old, err := scanSession(t.QueryRowContext(ctx, selectSession+`id = $1`+t.ForUpdate(), id).Scan)
		if err != nil {
			return err
		}
		var events []event.Event
		if next, events, err = change(old); err != nil {
			return err
		}
		t.Tell(events...)
		next.Version = old.Version + 1
		body, err := json.Marshal(next)
		if err != nil {
			return fmt.Errorf("encode session: %w", err)
		}
		_, err = t.ExecContext(ctx, `UPDATE sessions SET secret_hash = $2, body = $3, expires = $4, upstream = $5, version = $6 WHERE id = $1`,
			id, next.SecretHash, string(body), sqldb.Micros(next.Until()), upstreamName(next), next.Version)
		return err
	})
	return next, err
}

// SessionsOf implements session.Store.
func (db *Store) SessionsOf(ctx context.Context, person string) ([]session.Session, error) {
	return sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (session.Session, error) { return scanSession(rows.Scan) },
		selectSession+`person = $1 AND ended = 0 ORDER BY expires DESC, id`, person)
}

// SessionsNamed implements session.Store.
func (db *Store) SessionsNamed(ctx context.Context, connection, name string) ([]session.Session, error) {
	return sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (session.Session, error) { return scanSession(rows.Scan) },
		selectSession+`connection = $1 AND upstream = $2 AND upstream <> '' AND ended = 0 ORDER BY id`, connection, name)
}

// upstreamName is what the upstream calls the person of a session, empty for nothing.
func upstreamName(s session.Session) string {
	if s.Authentication.Upstream == nil {
		return ""
	}
	return s.Authentication.Upstream.Name
}

// ExpiredSessions implements session.Store. The column expires is Session.Until.
func (db *Store) ExpiredSessions(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return sqldb.Collect(ctx, db.Read, sqldb.ScanID, `SELECT id FROM sessions WHERE ended = 0 AND expires <= $1 ORDER BY expires LIMIT $2`, sqldb.Micros(now), limit)
}

// SessionsEndedBy implements session.Store.
func (db *Store) SessionsEndedBy(ctx context.Context, eventID, after string, limit int) ([]string, error) {
	return sqldb.Collect(ctx, db.Read, sqldb.ScanID, `SELECT id FROM sessions WHERE ended <> 0 AND ended_by = $1 AND id > $2 ORDER BY id LIMIT $3`, eventID, after, limit)
}

// Join implements session.Store.
func (db *Store) Join(ctx context.Context, p session.Participant) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error { return Join(ctx, t, p) })
}

// Join has an app take part in a session, in the transaction that gives it a code; one
// that does already goes on. Where another app had the client_id when it took part, that
// one is told nothing of the session any more.
func Join(ctx context.Context, t *sqldb.Tx, p session.Participant) error {
	_, err := t.ExecContext(ctx, `INSERT INTO participants (session, client, app, first) VALUES ($1, $2, $3, $4)
		ON CONFLICT (session, client) DO UPDATE SET app = excluded.app, first = excluded.first WHERE participants.app <> excluded.app`,
		p.Session, p.Client, p.App, sqldb.Micros(p.First))
	return err
}

// Attend records that an app which speaks SAML takes part in the session, together
// with the events, and returns as what. What a session has of the app already stays,
// so that a sign-out names what the app was told first; only a name of another
// format, after the app's manifest changed, replaces it. It fails with
// session.ErrNotFound for a session that has ended.
func (db *Store) Attend(ctx context.Context, p session.Participant, events []event.Event) (session.Participant, error) {
	err := db.Transact(ctx, func(t *sqldb.Tx) error {
		var live int
		err := t.QueryRowContext(ctx, `SELECT 1 FROM sessions WHERE id = $1 AND ended = 0`+t.ForUpdate(), p.Session).Scan(&live)
		if errors.Is(err, sql.ErrNoRows) {
			return session.ErrNotFound
		}
		if err != nil {
			return err
		}
		t.Tell(events...)
		var first int64
		err = t.QueryRowContext(ctx, `INSERT INTO participants (session, client, app, first, name_id, name_format, session_index) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (session, client) DO UPDATE SET
				name_id = CASE WHEN participants.name_format = excluded.name_format THEN participants.name_id ELSE excluded.name_id END,
				session_index = CASE WHEN participants.session_index = '' THEN excluded.session_index ELSE participants.session_index END,
				name_format = excluded.name_format, app = excluded.app
			RETURNING first, name_id, session_index`,
			p.Session, p.Client, p.App, sqldb.Micros(p.First), p.NameID, p.NameFormat, p.SessionIndex).Scan(&first, &p.NameID, &p.SessionIndex)
		p.First = sqldb.FromMicros(first)
		return err
	})
	return p, err
}

// Participants implements session.Store.
func (db *Store) Participants(ctx context.Context, id string) ([]session.Participant, error) {
	return sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (session.Participant, error) {
		var p session.Participant
		var first int64
		err := rows.Scan(&p.Session, &p.Client, &p.App, &first, &p.NameID, &p.NameFormat, &p.SessionIndex)
		p.First = sqldb.FromMicros(first)
		return p, err
	}, `SELECT session, client, app, first, name_id, name_format, session_index FROM participants WHERE session = $1 ORDER BY client`, id)
}
