package queues

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/signal"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// OutboxQueue returns the outbox as people look after it.
func (db *Store) OutboxQueue() event.Queue { return outbox{queue{db, "outbox"}} }

// JobQueue returns the jobs as people look after them.
func (db *Store) JobQueue() job.Queue { return jobs{queue{db, "jobs"}} }

// open is the condition of the index over what is not settled.
const open = `state <> 'done' AND state <> 'discarded'`

// states are the conditions of each state that people see.
var states = map[event.State]string{
	"":              open,
	event.Waiting:   `state = 'waiting' AND reason = ''`,
	event.Retrying:  `state = 'waiting' AND reason <> ''`,
	event.Buried:    `state = 'buried'`,
	event.Done:      `state = 'done'`,
	event.Discarded: `state = 'discarded'`,
}

// stateOf names the state of a row, which tells no retry from a first try.
func stateOf(state, reason string) event.State {
	if state == "waiting" && reason != "" {
		return event.Retrying
	}
	return event.State(state)
}

// queueWhere returns the conditions of a list, whose order is that of the ids.
func queueWhere(id string, state event.State, after string) (*sqldb.Where, error) {
	var w sqldb.Where
	if id != "" {
		w.Add(`id = ?`, id)
		return &w, nil
	}
	condition, ok := states[state]
	if !ok {
		return nil, event.ErrState
	}
	w.Add(condition)
	if after != "" {
		parts, ok := sqldb.ParseCursor(after, "id", 1)
		if !ok {
			return nil, event.ErrCursor
		}
		w.Add(`id > ?`, parts[0])
	}
	return &w, nil
}

// SearchQueue implements event.Queue.
func (o outbox) SearchQueue(ctx context.Context, q event.QueueQuery) (events []event.Queued, next string, err error) {
	w, err := queueWhere(q.ID, q.State, q.After)
	if err != nil {
		return nil, "", err
	}
	limit := sqldb.Limit(q.Limit)
	events, err = sqldb.List(ctx, o.db.DB, func(rows *sql.Rows) (event.Queued, error) {
		var e event.Queued
		var body, state, done string
		var due, created int64
		if err := rows.Scan(&body, &state, &e.Attempts, &e.Reason, &done, &due, &created); err != nil {
			return e, err
		}
		e.Done = handled(done)
		e.State, e.Due, e.Created = stateOf(state, e.Reason), sqldb.FromMicros(due), sqldb.FromMicros(created)
		if err := json.Unmarshal([]byte(body), &e.Event); err != nil {
			return e, fmt.Errorf("decode event: %w", err)
		}
		return e, nil
	}, `SELECT body, state, attempt, reason, done, due, created FROM outbox`+w.String()+` ORDER BY id LIMIT `+strconv.Itoa(limit+1), w.Args...)
	if err != nil {
		return nil, "", err
	}
	events, next = sqldb.Page(events, limit, func(last event.Queued) string { return sqldb.Cursor("id", last.Event.ID) })
	return events, next, nil
}

// about selects jobs by whom they were to tell, and of what. The key of a logout ends with
// the client, and begins with the session that ended or with the event that took an app from
// somebody; that of a signal begins with its stream and its id.
func about(w *sqldb.Where, q job.Query) {
	if q.Client != "" {
		w.Add(`(queue || '' = ? AND substr(dedup, length(dedup) - length(CAST(? AS TEXT))) = '/' || CAST(? AS TEXT)
			OR queue || '' = ? AND EXISTS (SELECT 1 FROM signal_streams s WHERE s.client = ? AND dedup >= s.id || '/' AND dedup < s.id || '0'))`,
			grant.LogoutQueue, q.Client, q.Client, signal.RefusedQueue, q.Client)
	}
	if q.Stream != "" {
		w.Add(`queue || '' = ? AND dedup >= ? AND dedup < ?`, signal.RefusedQueue, q.Stream+"/", q.Stream+"0")
	}
	if q.Cause != "" {
		w.Add(`id IN (
			SELECT j.id FROM sessions s CROSS JOIN jobs j WHERE s.ended <> 0 AND s.ended_by = ? AND j.queue = ? AND j.dedup >= s.id || '/' AND j.dedup < s.id || '0'
			UNION ALL SELECT j.id FROM jobs j WHERE j.queue = ? AND j.dedup >= ? AND j.dedup < ?
			UNION ALL SELECT j.id FROM signal_sets x CROSS JOIN jobs j WHERE x.event = ? AND x.state = 'refused' AND j.queue = ?
				AND j.dedup >= x.stream || '/' || x.id || '/' AND j.dedup < x.stream || '/' || x.id || '0')`,
			q.Cause, grant.LogoutQueue, grant.LogoutQueue, q.Cause+"/", q.Cause+"0", q.Cause, signal.RefusedQueue)
	}
}

// SearchJobs implements job.Queue.
func (j jobs) SearchJobs(ctx context.Context, q job.Query) (list []job.Queued, next string, err error) {
	w, err := queueWhere(q.ID, q.State, q.After)
	if err != nil {
		return nil, "", err
	}
	if q.Queue != "" {
		w.Add(`queue || '' = ?`, q.Queue) // the order is that of another index
	}
	about(w, q)
	limit := sqldb.Limit(q.Limit)
	list, err = sqldb.List(ctx, j.db.DB, func(rows *sql.Rows) (job.Queued, error) {
		var one job.Queued
		var state string
		var due, deadline, created int64
		err := rows.Scan(&one.ID, &one.Queue, &one.Key, &state, &one.Attempts, &one.Reason, &due, &deadline, &created)
		one.State = stateOf(state, one.Reason)
		one.Due, one.Deadline, one.Created = sqldb.FromMicros(due), sqldb.FromMicros(deadline), sqldb.FromMicros(created)
		return one, err
	}, `SELECT id, queue, dedup, state, attempt, reason, due, deadline, created FROM jobs`+w.String()+` ORDER BY id LIMIT `+strconv.Itoa(limit+1), w.Args...)
	if err != nil {
		return nil, "", err
	}
	list, next = sqldb.Page(list, limit, func(last job.Queued) string { return sqldb.Cursor("id", last.ID) })
	return list, next, nil
}

// QueueBacklog implements event.Queue and job.Queue.
func (q queue) QueueBacklog(ctx context.Context) (event.Backlog, error) {
	var b event.Backlog
	_, err := sqldb.List(ctx, q.db.DB, func(rows *sql.Rows) (none struct{}, err error) {
		var state string
		var retried bool
		var n, oldest int64
		if err := rows.Scan(&state, &retried, &n, &oldest); err != nil {
			return none, err
		}
		switch {
		case state == "buried":
			b.Buried = n
		case retried:
			b.Retrying = n
		default:
			b.Waiting = n
		}
		if at := sqldb.FromMicros(oldest); state == "waiting" && !at.IsZero() && (b.Oldest.IsZero() || at.Before(b.Oldest)) {
			b.Oldest = at
		}
		return none, nil
	}, `SELECT state, reason <> '' AS retried, count(*), min(created) FROM `+q.table+` WHERE `+open+` GROUP BY state, retried`)
	return b, err
}

// settle changes a row that is not settled, and writes the event that tells of it.
func (q queue) settle(ctx context.Context, id string, told event.Event, set string, values ...any) error {
	return q.db.Transact(ctx, func(t *sqldb.Tx) error {
		var state, reason string
		err := t.QueryRowContext(ctx, `SELECT state, reason FROM `+q.table+` WHERE id = $1`+t.ForUpdate(), id).Scan(&state, &reason)
		if errors.Is(err, sql.ErrNoRows) {
			return event.ErrQueuedNotFound
		}
		if err != nil {
			return err
		}
		if state != "waiting" && state != "buried" {
			return event.ErrQueuedDone
		}
		t.Tell(told.With("state", string(stateOf(state, reason)), "reason", reason))
		_, err = t.ExecContext(ctx, `UPDATE `+q.table+` SET `+set+` WHERE id = $1`, append([]any{id}, values...)...)
		return err
	})
}

// Again implements event.Queue.
func (o outbox) Again(ctx context.Context, id string, now time.Time, told event.Event) error {
	return o.settle(ctx, id, told, `state = 'waiting', due = $2, attempt = 0`, sqldb.Micros(now))
}

// Again implements job.Queue.
func (j jobs) Again(ctx context.Context, id string, now, deadline time.Time, told event.Event) error {
	return j.settle(ctx, id, told, `state = 'waiting', due = $2, attempt = 0, deadline = CASE WHEN deadline < $3 THEN $3 ELSE deadline END`,
		sqldb.Micros(now), sqldb.Micros(deadline))
}

// Drop implements event.Queue and job.Queue.
func (q queue) Drop(ctx context.Context, id string, told event.Event) error {
	return q.settle(ctx, id, told, `state = 'discarded', due = 0`)
}
