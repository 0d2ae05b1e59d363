package auditlog

import (
	"context"
	"database/sql"
	"strconv"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/activity"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

var (
	_ activity.Store   = (*Store)(nil)
	_ activity.Figures = (*Store)(nil)
)

// CountedSeal implements activity.Store.
func (db *Store) CountedSeal(ctx context.Context) (n int64, err error) {
	err = db.Read.QueryRowContext(ctx, `SELECT number FROM counters WHERE name = 'activity'`).Scan(&n)
	return n, sqldb.Translate(err)
}

// Facts implements activity.Store.
func (db *Store) Facts(ctx context.Context, n int64, each func(activity.Fact)) (ok bool, err error) {
	err = db.Read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM seals WHERE number = $1)`, n).Scan(&ok)
	if err != nil || !ok {
		return false, sqldb.Translate(err)
	}
	_, err = sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (none struct{}, err error) {
		var f activity.Fact
		var at int64
		if err := rows.Scan(&f.ID, &f.Type, &at, &f.Actor, (*sql.RawBytes)(&f.Body)); err != nil {
			return none, err
		}
		f.Time = sqldb.FromMicros(at)
		each(f)
		return none, nil
	}, `SELECT id, type, at, actor, body FROM audit WHERE seal = $1 AND seal <> 0 AND type IN ('token.issued', 'person.signed_in', 'signin.failed', 'signin.refused')`, n)
	return err == nil, err
}

// AddFigures implements activity.Store.
func (db *Store) AddFigures(ctx context.Context, b activity.Batch) error {
	counted := fault.New(fault.Conflict, "seal_counted", "another replica counted meanwhile")
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		err := sqldb.OneRow(counted)(t.ExecContext(ctx, `UPDATE counters SET number = $1 WHERE name = 'activity' AND number = $1 - 1`, b.Seal))
		for i := 0; err == nil && i < len(b.SignIns); i++ {
			s := b.SignIns[i]
			_, err = t.ExecContext(ctx, `INSERT INTO signin_hours (hour, connection, outcome, reason, count) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (hour, connection, outcome, reason) DO UPDATE SET count = signin_hours.count + excluded.count`,
				sqldb.Micros(s.Hour), s.Connection, s.Outcome, s.Reason, s.Count)
		}
		for i := 0; err == nil && i < len(b.Tokens); i++ {
			k := b.Tokens[i]
			_, err = t.ExecContext(ctx, `INSERT INTO token_hours (hour, app, client, grant_type, count) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (hour, app, client, grant_type) DO UPDATE SET count = token_hours.count + excluded.count`,
				sqldb.Micros(k.Hour), k.App, k.Client, k.GrantType, k.Count)
		}
		if err == nil {
			err = addToDays(ctx, t, b.Tokens)
		}
		if err != nil {
			return err
		}
		issued := make([][]any, len(b.Issued))
		for i, one := range b.Issued {
			issued[i] = []any{one.Actor, one.Moment}
		}
		if err = t.InsertRows(ctx, `INSERT INTO issued_tokens (actor_ref, entry) VALUES `, ` ON CONFLICT DO NOTHING`, issued); err != nil || b.Exchanged.Newest == "" {
			return err
		}
		_, err = t.ExecContext(ctx, `INSERT INTO exchanged (seal, newest, facts) VALUES ($1, $2, $3)`, b.Seal, b.Exchanged.Newest, packFacts(b.Exchanged.Facts))
		return err
	})
}

// ForgetFigures implements activity.Store.
func (db *Store) ForgetFigures(ctx context.Context, before time.Time) (all bool, err error) {
	all = true
	before = before.Truncate(time.Hour)
	for statement, end := range map[string]time.Time{
		`DELETE FROM signin_hours WHERE (hour, connection, outcome, reason) IN (SELECT hour, connection, outcome, reason FROM signin_hours WHERE hour < $1 LIMIT $2)`: before,
		`DELETE FROM token_hours WHERE (hour, app, client, grant_type) IN (SELECT hour, app, client, grant_type FROM token_hours WHERE hour < $1 LIMIT $2)`:           before,
		`DELETE FROM token_days WHERE (day, app, client, grant_type) IN (SELECT day, app, client, grant_type FROM token_days WHERE day <= $1 LIMIT $2)`:               before.Add(-aDay),
	} {
		r, err := db.Write.ExecContext(ctx, statement, sqldb.Micros(end), sqldb.PruneBatch)
		if err != nil {
			return false, sqldb.Translate(err)
		}
		n, err := r.RowsAffected()
		if err != nil {
			return false, sqldb.Translate(err)
		}
		all = all && n < sqldb.PruneBatch
	}
	return all, nil
}

// wholeHours widens a span to the hours that it touches.
func wholeHours(from, to time.Time) (time.Time, time.Time) {
	return from.Truncate(time.Hour), to.Add(time.Hour - 1).Truncate(time.Hour)
}

// hours returns the condition of a span of hours.
func hours(from, to time.Time) (condition string, args []any) {
	from, to = wholeHours(from, to)
	return ` WHERE hour >= $1 AND hour < $2 `, []any{sqldb.Micros(from), sqldb.Micros(to)}
}

// mostKinds bounds a list of totals.
const mostKinds = 1000

func (db *Store) signIns(ctx context.Context, columns, rest string, from, to time.Time) ([]activity.SignIns, error) {
	condition, args := hours(from, to)
	return sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (activity.SignIns, error) {
		var s activity.SignIns
		var hour int64
		err := rows.Scan(&hour, &s.Connection, &s.Outcome, &s.Reason, &s.Count)
		s.Hour = sqldb.FromMicros(hour)
		return s, err
	}, `SELECT `+columns+`, CAST(sum(count) AS BIGINT) AS total FROM signin_hours`+condition+rest, args...)
}

// SignInHours implements activity.Figures.
func (db *Store) SignInHours(ctx context.Context, from, to time.Time) ([]activity.SignIns, error) {
	return db.signIns(ctx, `hour, '', outcome, ''`, `GROUP BY hour, outcome ORDER BY hour, outcome`, from, to)
}

// SignInTotals implements activity.Figures.
func (db *Store) SignInTotals(ctx context.Context, from, to time.Time) ([]activity.SignIns, error) {
	return db.signIns(ctx, `0, connection, outcome, reason`,
		`GROUP BY connection, outcome, reason ORDER BY total DESC, connection, outcome, reason LIMIT `+strconv.Itoa(mostKinds), from, to)
}

func scanTokens(rows *sql.Rows) (activity.Tokens, error) {
	var k activity.Tokens
	var hour int64
	err := rows.Scan(&hour, &k.App, &k.Client, &k.GrantType, &k.Count)
	k.Hour = sqldb.FromMicros(hour)
	return k, err
}

// TokenHours implements activity.Figures.
func (db *Store) TokenHours(ctx context.Context, from, to time.Time) ([]activity.Tokens, error) {
	condition, args := hours(from, to)
	return sqldb.Collect(ctx, db.Read, scanTokens, `SELECT hour, '', '', grant_type, CAST(sum(count) AS BIGINT) FROM token_hours`+condition+
		`GROUP BY hour, grant_type ORDER BY hour, grant_type`, args...)
}
