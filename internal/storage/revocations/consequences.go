package revocations

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/signal"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// Consequences lists what a revocation leads to, by the id of its event: what its own
// transaction did, and then each of the named handlers of the outbox.
func (db *Store) Consequences(ctx context.Context, id string, handlers []string) ([]grant.Consequence, error) {
	all := []grant.Consequence{}
	for _, of := range []struct{ name, query string }{
		{grant.EndedSessions, `SELECT count(*) FROM sessions WHERE ended <> 0 AND ended_by = $1`},
		{grant.EndedGrants, `SELECT count(*) FROM families WHERE ended <> 0 AND ended_by = $1`},
		{grant.Raised, `SELECT count(*) FROM revocations WHERE event = $1`},
	} {
		c := grant.Consequence{Name: of.name, State: grant.ConsequenceDone}
		if err := db.Read.QueryRowContext(ctx, of.query, id).Scan(&c.Done); err != nil {
			return nil, sqldb.Translate(err)
		}
		all = append(all, c)
	}
	row, done, err := db.handling(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, name := range handlers {
		c := grant.Consequence{Name: name, State: row.State, Reason: row.Reason}
		if slices.Contains(done, name) {
			c.State, c.Reason = grant.ConsequenceDone, ""
		}
		if err := db.count(ctx, &c, id); err != nil {
			return nil, err
		}
		if c.State == grant.ConsequenceDone && c.Waiting > 0 {
			c.State = grant.ConsequenceWaiting
		} else if c.State == grant.ConsequenceDone && c.Failed > 0 {
			c.State = grant.ConsequenceFailed
		}
		all = append(all, c)
	}
	return all, nil
}

// handling says how far an event in the outbox is: one that is not there was done long ago.
func (db *Store) handling(ctx context.Context, id string) (c grant.Consequence, done []string, err error) {
	var state, names string
	c.State = grant.ConsequenceDone
	err = db.Read.QueryRowContext(ctx, `SELECT state, reason, done FROM outbox WHERE id = $1`, id).Scan(&state, &c.Reason, &names)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return c, nil, nil
	case err != nil:
		return c, nil, sqldb.Translate(err)
	}
	switch event.State(state) {
	case event.Waiting, event.Retrying:
		if c.State = grant.ConsequenceWaiting; c.Reason != "" {
			c.State = grant.ConsequenceRetrying
		}
	case event.Buried, event.Discarded:
		c.State = grant.ConsequenceFailed
	case event.Done:
		c.Reason = ""
	}
	return c, strings.Split(names, "\n"), nil
}

// count counts what a consequence is made of.
func (db *Store) count(ctx context.Context, c *grant.Consequence, id string) error {
	switch c.Name {
	case grant.LogoutOfApps:
		p, err := db.Progress(ctx, id)
		c.Done, c.Waiting, c.Failed, c.Discarded, c.Untold = int64(p.Told), int64(p.Waiting), int64(p.Failed), int64(p.Discarded), int64(p.Untold)
		return err
	case grant.SharedSignals:
		_, err := sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (none struct{}, err error) {
			var state signal.SetState
			var n int64
			err = rows.Scan(&state, &n)
			switch state {
			case signal.SetDelivered:
				c.Done += n
			case signal.SetWaiting:
				c.Waiting += n
			case signal.SetRefused, signal.SetDropped:
				c.Failed += n
			}
			return none, err
		}, `SELECT state, count(*) FROM signal_sets WHERE event = $1 GROUP BY state`, id)
		return err
	case grant.OwnersSucceed:
		return sqldb.Translate(db.Read.QueryRowContext(ctx, `SELECT count(*) FROM app_owner_turns WHERE cause = $1`, id).Scan(&c.Done))
	case grant.RequestsWithdraw:
		return sqldb.Translate(db.Read.QueryRowContext(ctx, `SELECT count(*) FROM admin_changes WHERE cause = $1 AND cause <> ''`, id).Scan(&c.Done))
	}
	return nil
}

// RevocationsOf lists the events that revoked something, newest first: up to limit after
// the cursor of the page before. It fails with event.ErrCursor.
func (db *Store) RevocationsOf(ctx context.Context, ref identity.Ref, after string, limit int) (events []string, next string, err error) {
	var w sqldb.Where
	w.Add(`kind = ? AND ref = ?`, string(ref.Kind), ref.ID)
	if after != "" {
		parts, ok := sqldb.ParseCursor(after, "revocations", 1)
		if !ok {
			return nil, "", event.ErrCursor
		}
		n, err := strconv.ParseInt(parts[0], 10, 64)
		if err != nil {
			return nil, "", event.ErrCursor
		}
		w.Add(`number < ?`, n)
	}
	type row struct {
		number int64
		event  string
	}
	limit = sqldb.Limit(limit)
	rows, err := sqldb.List(ctx, db.DB, func(rows *sql.Rows) (r row, err error) {
		err = rows.Scan(&r.number, &r.event)
		return r, err
	}, `SELECT number, event FROM revocations`+w.String()+` ORDER BY number DESC LIMIT `+strconv.Itoa(limit+1), w.Args...)
	if err != nil {
		return nil, "", err
	}
	rows, next = sqldb.Page(rows, limit, func(last row) string { return sqldb.Cursor("revocations", strconv.FormatInt(last.number, 10)) })
	for _, r := range rows {
		events = append(events, r.event)
	}
	return events, next, nil
}
