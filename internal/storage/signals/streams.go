// Package signals keeps the streams of Shared Signals, the security event tokens that
// wait in them, and whom receivers know.
package signals

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/signal"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// Store is the signals of a database: signal.Store.
type Store struct{ *sqldb.DB }

var _ signal.Store = (*Store)(nil)

// selectStream reads the columns of a stream, and since when its oldest SET waits.
const selectStream = `SELECT body, client, app, secret, version, waiting, due, failures, error, failed, delivered, dropped, refused, delivered_at, verified,
	COALESCE((SELECT x.issued FROM signal_sets x WHERE x.stream = s.id AND x.state = 'waiting' ORDER BY x.seq LIMIT 1), 0) FROM signal_streams s WHERE `

func scanStream(scan func(...any) error, also ...any) (signal.Stream, error) {
	var s signal.Stream
	var body string
	var due, failed, deliveredAt, verified, oldest int64
	var progress signal.Progress
	var client, app string
	var secret []byte
	var version int64
	err := scan(append([]any{
		&body, &client, &app, &secret, &version, &progress.Waiting, &due, &progress.Failures, &progress.Error, &failed,
		&progress.Delivered, &progress.Dropped, &progress.Refused, &deliveredAt, &verified, &oldest,
	}, also...)...)
	if errors.Is(err, sql.ErrNoRows) {
		return s, signal.ErrNotFound
	}
	if err != nil {
		return s, sqldb.Translate(err)
	}
	if err := json.Unmarshal([]byte(body), &s); err != nil {
		return s, fmt.Errorf("decode stream: %w", err)
	}
	progress.Next, progress.FailedAt, progress.DeliveredAt = sqldb.FromMicros(due), sqldb.FromMicros(failed), sqldb.FromMicros(deliveredAt)
	progress.Verified, progress.Oldest = sqldb.FromMicros(verified), sqldb.FromMicros(oldest)
	s.Client, s.App, s.Authorization, s.Version, s.Progress = client, app, secret, version, progress
	return s, nil
}

func scanStreams(rows *sql.Rows) (signal.Stream, error) { return scanStream(rows.Scan) }

// streamBody is what of a stream is one text.
func streamBody(s signal.Stream) (string, error) {
	s.Progress = signal.Progress{}
	body, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("encode stream: %w", err)
	}
	return string(body), nil
}

// CreateStream implements signal.Streams.
func (db *Store) CreateStream(ctx context.Context, s signal.Stream, most int, events []event.Event) error {
	body, err := streamBody(s)
	if err != nil {
		return err
	}
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		t.Tell(events...)
		var there int
		// Two that are made at once are counted one after the other.
		if err := t.QueryRowContext(ctx, `SELECT 1 FROM apps WHERE id = $1`+t.ForUpdate(), s.App).Scan(&there); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err := t.QueryRowContext(ctx, `SELECT count(*) FROM signal_streams WHERE client = $1 AND app = $2`, s.Client, s.App).Scan(&there); err != nil {
			return err
		}
		if there >= most {
			return signal.ErrTooMany
		}
		_, err := t.ExecContext(ctx, `INSERT INTO signal_streams (id, client, app, body, secret, method, status, created, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			s.ID, s.Client, s.App, body, s.Authorization, s.Method, string(s.Status), sqldb.Micros(s.Created), s.Version)
		if err != nil {
			return err
		}
		return noteSignedIn(ctx, t, s)
	})
}

// noteSignedIn makes subjects of the people who are signed in to the client already.
func noteSignedIn(ctx context.Context, t *sqldb.Tx, s signal.Stream) error {
	for _, statement := range []string{
		`INSERT INTO signal_subjects (receiver, app, person, session, via, connection, seen)
			SELECT p.client, p.app, s.person, s.id, p.client, s.connection, CAST($3 AS BIGINT) FROM participants p JOIN sessions s ON s.id = p.session
			WHERE p.app = $1 AND p.client = $2 AND s.ended = 0 ON CONFLICT (receiver, person, session, via) DO UPDATE SET app = excluded.app`,
		`INSERT INTO signal_subjects (receiver, app, person, session, via, connection, seen)
			SELECT client, app, person, session, client, min(connection), CAST($3 AS BIGINT) FROM families
			WHERE app = $1 AND client = $2 AND ended = 0 GROUP BY client, app, person, session
			ON CONFLICT (receiver, person, session, via) DO UPDATE SET app = excluded.app`,
	} {
		if _, err := t.ExecContext(ctx, statement, s.App, s.Client, sqldb.Micros(s.Created)); err != nil {
			return err
		}
	}
	return nil
}

// Stream implements signal.Streams.
func (db *Store) Stream(ctx context.Context, id string) (signal.Stream, error) {
	return scanStream(db.Read.QueryRowContext(ctx, selectStream+`s.id = $1`, id).Scan)
}

// StreamsOf implements signal.Streams.
func (db *Store) StreamsOf(ctx context.Context, client string) ([]signal.Stream, error) {
	return sqldb.Collect(ctx, db.Read, scanStreams, selectStream+`s.client = $1 ORDER BY s.created, s.id`, client)
}

// Receivers implements signal.Streams.
func (db *Store) Receivers(ctx context.Context) ([]string, error) {
	return sqldb.Collect(ctx, db.Read, sqldb.ScanID, `SELECT DISTINCT client FROM signal_streams ORDER BY client`)
}

// UpdateStream implements signal.Streams.
func (db *Store) UpdateStream(ctx context.Context, id string, change func(signal.Stream) (signal.Change, error)) (signal.Stream, error) {
	var next signal.Stream
	err := db.Transact(ctx, func(t *sqldb.Tx) error {
		if err := lockStream(ctx, t, id); err != nil {
			return err
		}
		old, err := scanStream(t.QueryRowContext(ctx, selectStream+`s.id = $1`, id).Scan)
		if err != nil {
			return err
		}
		c, err := change(old)
		if err != nil {
			return err
		}
		t.Tell(c.Events...)
		next = c.Stream
		next.Version = old.Version + 1
		body, err := streamBody(next)
		if err != nil {
			return err
		}
		// What was changed may be why pushes failed: the next one is due at once.
		_, err = t.ExecContext(ctx, `UPDATE signal_streams SET body = $2, secret = $3, method = $4, status = $5, version = $6, verified = $7, due = 0 WHERE id = $1`,
			id, body, next.Authorization, next.Method, string(next.Status), next.Version, sqldb.Micros(next.Verified))
		if err == nil && c.Drop {
			err = dropWaiting(ctx, t, id, next.Waiting, next.Updated)
		}
		if err == nil {
			err = queueSets(ctx, t, id, c.Sets, signal.MostWaiting)
		}
		return err
	})
	if err != nil {
		return next, err
	}
	return db.Stream(ctx, id)
}

// lockStream keeps others off the SETs of a stream until the transaction ends.
func lockStream(ctx context.Context, t *sqldb.Tx, id string) error {
	var found string
	err := t.QueryRowContext(ctx, `SELECT id FROM signal_streams WHERE id = $1`+t.ForUpdate(), id).Scan(&found)
	if errors.Is(err, sql.ErrNoRows) {
		return signal.ErrNotFound
	}
	return err
}

// RemoveStream implements signal.Streams. Whom it heard of is pruned later.
func (db *Store) RemoveStream(ctx context.Context, id string, events []event.Event) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		t.Tell(events...)
		if err := sqldb.OneRow(signal.ErrNotFound)(t.ExecContext(ctx, `DELETE FROM signal_streams WHERE id = $1`, id)); err != nil {
			return err
		}
		_, err := t.ExecContext(ctx, `DELETE FROM signal_sets WHERE stream = $1`, id)
		return err
	})
}

// SearchStreams implements signal.Streams.
func (db *Store) SearchStreams(ctx context.Context, q signal.Query) (streams []signal.Stream, next string, err error) {
	limit := sqldb.Limit(q.Limit)
	var w sqldb.Where
	w.Add(`TRUE`)
	if q.Client != "" {
		w.Add(`s.client = ?`, q.Client)
	}
	if q.Status != "" {
		w.Add(`s.status = ?`, string(q.Status))
	}
	if q.Failing != nil {
		w.Add(map[bool]string{true: `s.failures > 0`, false: `s.failures = 0`}[*q.Failing])
	}
	if q.After != "" {
		parts, ok := sqldb.ParseCursor(q.After, "created", 2)
		at, err := int64(0), error(nil)
		if ok {
			at, err = strconv.ParseInt(parts[0], 10, 64)
		}
		if !ok || err != nil {
			return nil, "", signal.ErrCursor
		}
		w.Add(`(s.created, s.id) < (?, ?)`, at, parts[1])
	}
	rows, err := sqldb.List(ctx, db.DB, scanStreams, selectStream+w.String()[len(` WHERE `):]+` ORDER BY s.created DESC, s.id DESC LIMIT `+strconv.Itoa(limit+1), w.Args...)
	if err != nil {
		return nil, "", err
	}
	cut, next := sqldb.Page(rows, limit, func(last signal.Stream) string {
		return sqldb.Cursor("created", strconv.FormatInt(sqldb.Micros(last.Created), 10), last.ID)
	})
	return cut, next, nil
}

// ClaimStreams implements signal.Backlog. A lease that is over says when a stream had its
// last turn.
func (db *Store) ClaimStreams(ctx context.Context, now time.Time, n, each int, lease time.Duration) ([]signal.Stream, error) {
	skip := ""
	if db.Postgres() {
		skip = ` FOR UPDATE SKIP LOCKED`
	}
	ids, err := sqldb.Collect(ctx, db.Write, sqldb.ScanID, `UPDATE signal_streams SET leased = $1 WHERE id IN (
		SELECT id FROM signal_streams WHERE leased <= $3 AND id IN (
			SELECT id FROM (
				SELECT s.id, row_number() OVER (PARTITION BY s.client ORDER BY s.leased, s.id) AS turn,
					(SELECT count(*) FROM signal_streams o WHERE o.client = s.client AND o.leased > $3) AS taken
				FROM signal_streams s WHERE s.waiting > 0 AND s.method = $2 AND (s.status = 'enabled' OR s.control > 0) AND s.leased <= $3 AND s.due <= $3
			) due WHERE turn + taken <= $5)
		ORDER BY leased, id LIMIT $4`+skip+`) RETURNING id`, sqldb.Micros(now.Add(lease)), signal.Push, sqldb.Micros(now), n, each)
	if err != nil {
		return nil, err
	}
	streams := make([]signal.Stream, 0, len(ids))
	for _, id := range ids {
		s, err := db.Stream(ctx, id)
		switch {
		case errors.Is(err, signal.ErrNotFound):
		case err != nil:
			return nil, err
		default:
			s.Leased = now.Add(lease)
			streams = append(streams, s)
		}
	}
	return streams, nil
}

// HoldStream implements signal.Backlog.
func (db *Store) HoldStream(ctx context.Context, stream string, leased, until time.Time) (bool, error) {
	r, err := db.Write.ExecContext(ctx, `UPDATE signal_streams SET leased = $3 WHERE id = $1 AND leased = $2`, stream, sqldb.Micros(leased), sqldb.Micros(until))
	if err != nil {
		return false, sqldb.Translate(err)
	}
	n, err := r.RowsAffected()
	return n == 1, sqldb.Translate(err)
}

// ReleaseStream implements signal.Backlog.
func (db *Store) ReleaseStream(ctx context.Context, stream string, leased, next time.Time, failure string, at time.Time) error {
	var err error
	if failure == "" {
		_, err = db.Write.ExecContext(ctx, `UPDATE signal_streams SET leased = $4, due = $2, failures = 0, error = '', failed = 0 WHERE id = $1 AND leased = $3`,
			stream, sqldb.Micros(next), sqldb.Micros(leased), sqldb.Micros(at))
	} else {
		_, err = db.Write.ExecContext(ctx, `UPDATE signal_streams SET leased = $4, due = $2, failures = failures + 1, error = $3, failed = $4 WHERE id = $1 AND leased = $5`,
			stream, sqldb.Micros(next), failure, sqldb.Micros(at), sqldb.Micros(leased))
	}
	return sqldb.Translate(err)
}

// SignalBacklog implements signal.Backlog.
func (db *Store) SignalBacklog(ctx context.Context) (waiting, failing int64, err error) {
	err = db.Read.QueryRowContext(ctx, `SELECT COALESCE(sum(waiting), 0), count(CASE WHEN failures > 0 THEN 1 END) FROM signal_streams`).Scan(&waiting, &failing)
	return waiting, failing, sqldb.Translate(err)
}
