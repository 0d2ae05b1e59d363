package revocations

import (
	"context"
	"database/sql"
	"errors"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// Progress tells how far the consequences of a revocation are, by the id of its event.
func (db *Store) Progress(ctx context.Context, id string) (p grant.Progress, err error) {
	var state event.State
	switch err = db.Read.QueryRowContext(ctx, `SELECT state FROM outbox WHERE id = $1`, id).Scan(&state); {
	case errors.Is(err, sql.ErrNoRows): // nobody waits for it, or it was done long ago
		p.Queued = true
	case err != nil:
		return p, sqldb.Translate(err)
	default:
		p.Queued = state != event.Waiting
	}
	if err := db.Read.QueryRowContext(ctx, `SELECT count(*) FROM sessions WHERE ended <> 0 AND ended_by = $1`, id).Scan(&p.Sessions); err != nil {
		return p, sqldb.Translate(err)
	}
	// The keys of jobs begin with the session that ended, or with the event that took an
	// app from somebody.
	_, err = sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (none struct{}, err error) {
		var state event.State
		var needless bool
		var n int
		err = rows.Scan(&state, &needless, &n)
		switch state {
		case event.Done:
			if needless {
				p.Untold += n
			} else {
				p.Told += n
			}
		case event.Waiting, event.Retrying:
			p.Waiting += n
		case event.Buried:
			p.Failed += n
		case event.Discarded:
			p.Failed, p.Discarded = p.Failed+n, p.Discarded+n
		}
		return none, err
	}, `SELECT state, reason <> '' AS needless, count(*) FROM (
			SELECT j.state, j.reason FROM sessions s CROSS JOIN jobs j WHERE s.ended <> 0 AND s.ended_by = $1 AND j.queue = $2 AND j.dedup >= s.id || '/' AND j.dedup < s.id || '0'
			UNION ALL SELECT state, reason FROM jobs WHERE queue = $2 AND dedup >= $1 || '/' AND dedup < $1 || '0') AS logouts GROUP BY state, needless`, id, grant.LogoutQueue)
	return p, err
}
