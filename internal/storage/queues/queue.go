// Package queues keeps what waits until it is due: events in the outbox and jobs, and
// the leases of what runs at one replica at a time.
package queues

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// Store is the queues of a database.
type Store struct{ *sqldb.DB }

// Outbox returns the view of the database that the dispatcher claims events from.
func (db *Store) Outbox() event.Outbox { return outbox{queue{db, "outbox"}} }

// Jobs returns the view of the database that the runner claims jobs from.
func (db *Store) Jobs() job.Store { return jobs{queue{db, "jobs"}} }

// queue is what the two tables have in common: a row waits until it is due, is
// leased by pushing due ahead, and is finished, retried or set aside.
type queue struct {
	db    *Store
	table string // outbox or jobs: never from outside
}

// claim leases up to n due rows and returns what returning selects of them.
func (q queue) claim(now time.Time, n int, lease time.Duration, returning string) (query string, args []any) {
	skip := ""
	if q.db.Postgres() {
		skip = ` FOR UPDATE SKIP LOCKED`
	}
	return `UPDATE ` + q.table + ` SET due = $1, attempt = attempt + 1 WHERE id IN (
		SELECT id FROM ` + q.table + ` WHERE state = 'waiting' AND due <= $2 ORDER BY due LIMIT $3` + skip + `)
		RETURNING ` + returning, []any{sqldb.Micros(now.Add(lease)), sqldb.Micros(now), n}
}

// Hold implements event.Outbox and job.Store.
func (q queue) Hold(ctx context.Context, ids []string, until time.Time) error {
	args, places := []any{sqldb.Micros(until)}, make([]string, len(ids))
	for i, id := range ids {
		args = append(args, id)
		places[i] = fmt.Sprintf("$%d", len(args))
	}
	if len(ids) == 0 {
		return nil
	}
	_, err := q.db.Write.ExecContext(ctx, `UPDATE `+q.table+` SET due = $1 WHERE state = 'waiting' AND id IN (`+strings.Join(places, ", ")+`)`, args...)
	return sqldb.Translate(err)
}

// Finish implements event.Outbox.
func (o outbox) Finish(ctx context.Context, id string) error { return o.set(ctx, id, "done", 0, "") }

// Finish implements job.Store.
func (j jobs) Finish(ctx context.Context, id, needless string) error {
	return j.set(ctx, id, "done", 0, needless)
}

// Retry implements job.Store.
func (j jobs) Retry(ctx context.Context, id string, at time.Time, reason string) error {
	return j.set(ctx, id, "waiting", sqldb.Micros(at), reason)
}

// Bury implements job.Store.
func (j jobs) Bury(ctx context.Context, id, reason string) error {
	return j.set(ctx, id, "buried", 0, reason)
}

func (q queue) set(ctx context.Context, id, state string, due int64, reason string) error {
	_, err := q.db.Write.ExecContext(ctx, `UPDATE `+q.table+` SET state = $2, due = $3, reason = $4 WHERE id = $1`, id, state, due, reason)
	return sqldb.Translate(err)
}

type outbox struct{ queue }

// Retry implements event.Outbox.
func (o outbox) Retry(ctx context.Context, id string, at time.Time, reason string, done []string) error {
	return o.put(ctx, id, "waiting", sqldb.Micros(at), reason, done)
}

// Bury implements event.Outbox.
func (o outbox) Bury(ctx context.Context, id, reason string, done []string) error {
	return o.put(ctx, id, "buried", 0, reason, done)
}

func (o outbox) put(ctx context.Context, id, state string, due int64, reason string, done []string) error {
	_, err := o.db.Write.ExecContext(ctx, `UPDATE outbox SET state = $2, due = $3, reason = $4, done = $5 WHERE id = $1`, id, state, due, reason, strings.Join(done, "\n"))
	return sqldb.Translate(err)
}

// handled reads the names of handlers.
func handled(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// Claim implements event.Outbox.
func (o outbox) Claim(ctx context.Context, now time.Time, n int, lease time.Duration) ([]event.Delivery, error) {
	query, args := o.claim(now, n, lease, `body, attempt, done`)
	return sqldb.Collect(ctx, o.db.Write, func(rows *sql.Rows) (event.Delivery, error) {
		var d event.Delivery
		var body, done string
		if err := rows.Scan(&body, &d.Attempt, &done); err != nil {
			return d, err
		}
		d.Done = handled(done)
		if err := json.Unmarshal([]byte(body), &d.Event); err != nil {
			return d, fmt.Errorf("decode event: %w", err)
		}
		return d, nil
	}, query, args...)
}

// OutboxBacklog tells how many events wait and how long the oldest has waited.
func (db *Store) OutboxBacklog(ctx context.Context, now time.Time) (waiting int, oldest time.Duration, err error) {
	var first sql.NullInt64
	err = db.Read.QueryRowContext(ctx, `SELECT count(*), min(created) FROM outbox WHERE state = 'waiting'`).Scan(&waiting, &first)
	if first.Valid {
		oldest = now.Sub(sqldb.FromMicros(first.Int64))
	}
	return waiting, oldest, sqldb.Translate(err)
}

type jobs struct{ queue }

// Enqueue implements job.Store.
func (j jobs) Enqueue(ctx context.Context, list []job.Job) error {
	return j.db.Transact(ctx, func(t *sqldb.Tx) error { return Enqueue(ctx, t, list...) })
}

// Enqueue adds jobs in the transaction that they follow from.
func Enqueue(ctx context.Context, t *sqldb.Tx, list ...job.Job) error {
	created := t.Now()
	for _, one := range list {
		id := one.ID
		if id == "" {
			id = identity.NewOrderedID(created)
		}
		_, err := t.ExecContext(ctx, `INSERT INTO jobs (id, queue, dedup, payload, state, due, deadline, attempt, created) VALUES ($1, $2, $3, $4, 'waiting', $5, $6, 0, $7)
			ON CONFLICT (queue, dedup) DO NOTHING`, id, one.Queue, one.Key, one.Payload, sqldb.Micros(one.RunAt), sqldb.Micros(one.Deadline), sqldb.Micros(created))
		if err != nil {
			return err
		}
	}
	return nil
}

// Claim implements job.Store.
func (j jobs) Claim(ctx context.Context, now time.Time, n int, lease time.Duration) ([]job.Job, error) {
	query, args := j.claim(now, n, lease, `id, queue, dedup, payload, due, deadline, attempt, reason`)
	return sqldb.Collect(ctx, j.db.Write, func(rows *sql.Rows) (job.Job, error) {
		var one job.Job
		var due, deadline int64
		err := rows.Scan(&one.ID, &one.Queue, &one.Key, &one.Payload, &due, &deadline, &one.Attempt, &one.LastError)
		one.RunAt, one.Deadline = sqldb.FromMicros(due), sqldb.FromMicros(deadline)
		return one, err
	}, query, args...)
}

// Lease implements job.Store.
func (j jobs) Lease(ctx context.Context, name, holder string, now time.Time, ttl time.Duration) (bool, error) {
	r, err := j.db.Write.ExecContext(ctx, `INSERT INTO leases (name, holder, until) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
		WHERE leases.holder = excluded.holder OR leases.until <= $4 OR leases.until > $5`,
		// What lasts longer than a lease does was taken by a clock that was ahead.
		name, holder, sqldb.Micros(now.Add(ttl)), sqldb.Micros(now), sqldb.Micros(now.Add(ttl+time.Minute)))
	if err != nil {
		return false, sqldb.Translate(err)
	}
	n, err := r.RowsAffected()
	return n == 1, sqldb.Translate(err)
}
