package signals

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/signal"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

const selectSet = `SELECT stream, id, event, txn, type, subject, claims, control, issued, state, refusals, reason, settled FROM signal_sets WHERE `

func scanSet(rows *sql.Rows) (signal.Set, error) {
	var s signal.Set
	var subject, claims, state string
	var issued, settled int64
	err := rows.Scan(&s.Stream, &s.ID, &s.Event, &s.Transaction, &s.Type, &subject, &claims, &s.Control, &issued, &state, &s.Refusals, &s.Reason, &settled)
	s.Subject, s.Claims, s.State, s.Issued, s.Settled = []byte(subject), []byte(claims), signal.SetState(state), sqldb.FromMicros(issued), sqldb.FromMicros(settled)
	return s, err
}

// QueueSets implements signal.Backlog.
func (db *Store) QueueSets(ctx context.Context, sets []signal.Set, most int) error {
	if len(sets) == 0 {
		return nil
	}
	// Streams are locked in one order, so that no two changes wait for each other.
	sets = slices.Clone(sets)
	slices.SortStableFunc(sets, func(a, b signal.Set) int { return cmp.Compare(a.Stream, b.Stream) })
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		for len(sets) > 0 {
			stream := sets[0].Stream
			n := slices.IndexFunc(sets, func(s signal.Set) bool { return s.Stream != stream })
			if n < 0 {
				n = len(sets)
			}
			err := lockStream(ctx, t, stream)
			if err == nil {
				err = queueSets(ctx, t, stream, sets[:n], most)
			}
			if err != nil && !errors.Is(err, signal.ErrNotFound) {
				return err
			}
			sets = sets[n:]
		}
		return nil
	})
}

// queueSets adds SETs to a stream that is locked.
func queueSets(ctx context.Context, t *sqldb.Tx, stream string, sets []signal.Set, most int) error {
	for _, s := range sets {
		if err := queueSet(ctx, t, s); err != nil {
			return err
		}
	}
	if len(sets) == 0 {
		return nil
	}
	var waiting int64
	if err := t.QueryRowContext(ctx, `SELECT waiting FROM signal_streams WHERE id = $1`, stream).Scan(&waiting); err != nil {
		return err
	}
	return dropWaiting(ctx, t, stream, waiting-int64(most), t.Now())
}

func queueSet(ctx context.Context, t *sqldb.Tx, s signal.Set) error {
	var there int
	err := t.QueryRowContext(ctx, `SELECT 1 FROM signal_sets WHERE stream = $1 AND id = $2`, s.Stream, s.ID).Scan(&there)
	if err == nil {
		return nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	var control, seq int64
	if s.Control {
		control = 1
	}
	err = t.QueryRowContext(ctx, `UPDATE signal_streams SET last = last + 1, waiting = waiting + 1, control = control + $2
		WHERE id = $1 AND (status <> 'disabled' OR $2 = 1) RETURNING last`, s.Stream, control).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // it is disabled
	}
	if err != nil {
		return err
	}
	_, err = t.ExecContext(ctx, `INSERT INTO signal_sets (stream, id, seq, event, txn, type, subject, claims, control, issued, state)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'waiting')`,
		s.Stream, s.ID, seq, s.Event, s.Transaction, s.Type, string(s.Subject), string(s.Claims), s.Control, sqldb.Micros(s.Issued))
	return err
}

// dropWaiting gives up the oldest n SETs of a stream that are not about the stream.
func dropWaiting(ctx context.Context, t *sqldb.Tx, stream string, n int64, at time.Time) error {
	if n <= 0 {
		return nil
	}
	r, err := t.ExecContext(ctx, `UPDATE signal_sets SET state = 'dropped', settled = $2 WHERE stream = $1 AND id IN (
		SELECT id FROM signal_sets WHERE stream = $1 AND state = 'waiting' AND NOT control ORDER BY seq LIMIT $3)`, stream, sqldb.Micros(at), n)
	if err != nil {
		return err
	}
	dropped, err := r.RowsAffected()
	if err != nil {
		return err
	}
	_, err = t.ExecContext(ctx, `UPDATE signal_streams SET waiting = waiting - $2, dropped = dropped + $2 WHERE id = $1`, stream, dropped)
	return err
}

// NextSets implements signal.Backlog.
func (db *Store) NextSets(ctx context.Context, stream string, n int) ([]signal.Set, error) {
	return sqldb.Collect(ctx, db.Read, scanSet, selectSet+`stream = $1 AND state = 'waiting'
		AND (control OR EXISTS (SELECT 1 FROM signal_streams s WHERE s.id = $1 AND s.status = 'enabled')) ORDER BY seq LIMIT $2`, stream, n)
}

// SettleSets implements signal.Backlog.
func (db *Store) SettleSets(ctx context.Context, stream string, ids []string, as signal.SetState, reason string, at time.Time) (settled []string, err error) {
	err = db.Transact(ctx, func(t *sqldb.Tx) error {
		settled = nil
		if err := lockStream(ctx, t, stream); err != nil {
			if errors.Is(err, signal.ErrNotFound) {
				return nil
			}
			return err
		}
		var control int64
		for _, id := range ids {
			var is bool
			err := t.QueryRowContext(ctx, `UPDATE signal_sets SET state = $3, reason = $4, settled = $5 WHERE stream = $1 AND id = $2 AND state = 'waiting' RETURNING control`,
				stream, id, string(as), reason, sqldb.Micros(at)).Scan(&is)
			switch {
			case errors.Is(err, sql.ErrNoRows):
				continue
			case err != nil:
				return err
			case is:
				control++
			}
			settled = append(settled, id)
		}
		if len(settled) == 0 {
			return nil
		}
		counted := map[signal.SetState]string{
			signal.SetDelivered: `delivered = delivered + $2, delivered_at = $4, failures = 0`, signal.SetRefused: `refused = refused + $2, failed = $4`,
		}[as]
		_, err := t.ExecContext(ctx, `UPDATE signal_streams SET waiting = waiting - $2, control = control - $3, `+counted+` WHERE id = $1`,
			stream, len(settled), control, sqldb.Micros(at))
		return err
	})
	return settled, err
}

// RefuseSet implements signal.Backlog.
func (db *Store) RefuseSet(ctx context.Context, stream, id, reason string) (refusals int, err error) {
	err = db.Write.QueryRowContext(ctx, `UPDATE signal_sets SET refusals = refusals + 1, reason = $3 WHERE stream = $1 AND id = $2 AND state = 'waiting' RETURNING refusals`,
		stream, id, reason).Scan(&refusals)
	if errors.Is(err, sql.ErrNoRows) {
		err = signal.ErrNotFound
	}
	return refusals, sqldb.Translate(err)
}

// RequeueSet implements signal.Backlog.
func (db *Store) RequeueSet(ctx context.Context, stream, id string) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		if err := lockStream(ctx, t, stream); err != nil {
			return err
		}
		var status signal.Status
		if err := t.QueryRowContext(ctx, `SELECT status FROM signal_streams WHERE id = $1`, stream).Scan(&status); err != nil {
			return err
		}
		if status == signal.Disabled {
			return signal.ErrDisabled
		}
		err := sqldb.OneRow(signal.ErrNotFound)(t.ExecContext(ctx, `UPDATE signal_sets SET state = 'waiting', refusals = 0, settled = 0,
			seq = (SELECT last + 1 FROM signal_streams WHERE id = $1) WHERE stream = $1 AND id = $2 AND state = 'refused'`, stream, id))
		if err != nil {
			return err
		}
		_, err = t.ExecContext(ctx, `UPDATE signal_streams SET last = last + 1, waiting = waiting + 1, due = 0,
			control = control + CASE WHEN (SELECT control FROM signal_sets WHERE stream = $1 AND id = $2) THEN 1 ELSE 0 END WHERE id = $1`, stream, id)
		return err
	})
}

// DropSets implements signal.Backlog.
func (db *Store) DropSets(ctx context.Context, before, now time.Time, limit int) (n int, err error) {
	type old struct {
		stream, id string
		control    bool
	}
	err = db.Transact(ctx, func(t *sqldb.Tx) error {
		n = 0
		all, err := sqldb.Collect(ctx, t, func(rows *sql.Rows) (o old, err error) {
			err = rows.Scan(&o.stream, &o.id, &o.control)
			return o, err
		}, `SELECT stream, id, control FROM signal_sets WHERE state = 'waiting' AND issued < $1 ORDER BY stream LIMIT $2`, sqldb.Micros(before), limit)
		if err != nil {
			return err
		}
		for _, o := range all {
			control := 0
			if o.control {
				control = 1
			}
			if err := lockStream(ctx, t, o.stream); err != nil {
				return err
			}
			r, err := t.ExecContext(ctx, `UPDATE signal_sets SET state = 'dropped', settled = $3 WHERE stream = $1 AND id = $2 AND state = 'waiting'`, o.stream, o.id, sqldb.Micros(now))
			if err != nil {
				return err
			}
			dropped, err := r.RowsAffected()
			if err != nil {
				return err
			}
			_, err = t.ExecContext(ctx, `UPDATE signal_streams SET waiting = waiting - $2, dropped = dropped + $2, control = control - $3 * $2 WHERE id = $1`, o.stream, dropped, control)
			if err != nil {
				return err
			}
		}
		n = len(all)
		return nil
	})
	return n, err
}

// RecentSets implements signal.Backlog.
func (db *Store) RecentSets(ctx context.Context, stream string, limit int) ([]signal.Set, error) {
	return sqldb.Collect(ctx, db.Read, scanSet, selectSet+`stream = $1 ORDER BY seq DESC LIMIT $2`, stream, limit)
}

// NoteSubjects implements signal.Subjects.
func (db *Store) NoteSubjects(ctx context.Context, subjects []signal.Subject) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		for _, s := range subjects {
			_, err := t.ExecContext(ctx, `INSERT INTO signal_subjects (receiver, app, person, session, via, connection, seen) VALUES ($1, $2, $3, $4, $5, $6, $7)
				ON CONFLICT (receiver, person, session, via) DO UPDATE SET app = excluded.app, seen = excluded.seen WHERE signal_subjects.seen < excluded.seen OR signal_subjects.app <> excluded.app`,
				s.Receiver, s.App, s.Person, s.Session, s.Via, s.Connection, sqldb.Micros(s.Seen))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// SubjectsWith implements signal.Subjects.
func (db *Store) SubjectsWith(ctx context.Context, about signal.Subject, after *signal.Subject, limit int) ([]signal.Subject, error) {
	var w sqldb.Where
	w.Add(`TRUE`)
	for _, c := range []struct{ column, value string }{
		{"receiver", about.Receiver}, {"person", about.Person}, {"session", about.Session}, {"via", about.Via}, {"connection", about.Connection},
	} {
		if c.value != "" {
			w.Add(c.column+` = ? AND `+c.column+` <> ''`, c.value) // the second is what partial indexes ask for
		}
	}
	if after != nil {
		w.Add(`(receiver, person, session, via) > (?, ?, ?, ?)`, after.Receiver, after.Person, after.Session, after.Via)
	}
	query := `SELECT receiver, app, person, session, via, connection, seen FROM signal_subjects` + w.String() + w.Bind(` ORDER BY receiver, person, session, via LIMIT ?`, limit)
	return sqldb.List(ctx, db.DB, func(rows *sql.Rows) (s signal.Subject, err error) {
		var seen int64
		err = rows.Scan(&s.Receiver, &s.App, &s.Person, &s.Session, &s.Via, &s.Connection, &seen)
		s.Seen = sqldb.FromMicros(seen)
		return s, err
	}, query, w.Args...)
}
