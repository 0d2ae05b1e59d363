package auditlog

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/activity"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// aDay is what hours are summed to, in UTC.
const aDay = 24 * time.Hour

// daysClosed reads where the days end that are summed, as microseconds.
const daysClosed = `SELECT number FROM counters WHERE name = 'token_days'`

// CloseDay implements activity.Store. A broker that knows nothing of days would add to
// hours alone: a day is closed when nobody counts it any more.
func (db *Store) CloseDay(ctx context.Context, until time.Time) (closed bool, err error) {
	if end, err := nextDay(ctx, db.Read); err != nil || end.IsZero() || end.After(until) {
		return false, err
	}
	err = db.Transact(ctx, func(t *sqldb.Tx) error {
		// Whoever adds figures begins with this row: none are added to a day while it is
		// summed.
		if _, err := t.ExecContext(ctx, `UPDATE counters SET number = number WHERE name = 'activity'`); err != nil {
			return err
		}
		end, err := nextDay(ctx, t)
		if err != nil || end.IsZero() || end.After(until) {
			return err
		}
		closed = true
		day := sqldb.Micros(end.Add(-aDay))
		_, err = t.ExecContext(ctx, `INSERT INTO token_days (day, app, client, grant_type, count)
			SELECT CAST($1 AS BIGINT), app, client, grant_type, CAST(sum(count) AS BIGINT) FROM token_hours WHERE hour >= $1 AND hour < $2 GROUP BY app, client, grant_type`,
			day, sqldb.Micros(end))
		if err == nil {
			_, err = t.ExecContext(ctx, `UPDATE counters SET number = $1 WHERE name = 'token_days'`, sqldb.Micros(end))
		}
		return err
	})
	return closed, err
}

// nextDay returns the end of the first day with figures that is not summed, zero for
// none.
func nextDay(ctx context.Context, on interface {
	QueryRowContext(ctx context.Context, query string, args ...any) sqldb.Row
},
) (end time.Time, err error) {
	var first int64
	err = on.QueryRowContext(ctx, `SELECT COALESCE((SELECT min(hour) FROM token_hours WHERE hour >= (`+daysClosed+`)), -1)`).Scan(&first)
	if err != nil || first < 0 {
		return time.Time{}, sqldb.Translate(err)
	}
	return sqldb.FromMicros(first).Truncate(aDay).Add(aDay), nil
}

// addToDays adds to days that are closed what is counted late.
func addToDays(ctx context.Context, t *sqldb.Tx, all []activity.Tokens) error {
	if len(all) == 0 {
		return nil
	}
	var closed int64
	if err := t.QueryRowContext(ctx, daysClosed).Scan(&closed); err != nil {
		return fmt.Errorf("days: %w", err)
	}
	for _, k := range all {
		if sqldb.Micros(k.Hour) >= closed {
			continue
		}
		_, err := t.ExecContext(ctx, `INSERT INTO token_days (day, app, client, grant_type, count) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (day, app, client, grant_type) DO UPDATE SET count = token_days.count + excluded.count`,
			sqldb.Micros(k.Hour.Truncate(aDay)), k.App, k.Client, k.GrantType, k.Count)
		if err != nil {
			return err
		}
	}
	return nil
}

// TokenTotals implements activity.Figures: whole days that are closed are read as
// such, and hours before and after them.
func (db *Store) TokenTotals(ctx context.Context, from, to time.Time) ([]activity.Tokens, error) {
	var closed int64
	if err := db.Read.QueryRowContext(ctx, daysClosed).Scan(&closed); err != nil {
		return nil, sqldb.Translate(err)
	}
	from, to = wholeHours(from, to)
	begin := from.Add(aDay - 1).Truncate(aDay)
	end := to.Truncate(aDay)
	if last := sqldb.FromMicros(closed); end.After(last) {
		end = last
	}
	if !begin.Before(end) {
		begin, end = from, from // no day is whole and closed
	}
	return sqldb.Collect(ctx, db.Read, scanTokens, `SELECT 0, app, client, grant_type, CAST(sum(count) AS BIGINT) AS total FROM (
		SELECT app, client, grant_type, count FROM token_days WHERE day >= $1 AND day < $2
		UNION ALL SELECT app, client, grant_type, count FROM token_hours WHERE hour >= $3 AND hour < $1
		UNION ALL SELECT app, client, grant_type, count FROM token_hours WHERE hour >= $2 AND hour < $4) AS parts
		GROUP BY app, client, grant_type ORDER BY total DESC, app, client, grant_type LIMIT `+strconv.Itoa(mostKinds),
		sqldb.Micros(begin), sqldb.Micros(end), sqldb.Micros(from), sqldb.Micros(to))
}
