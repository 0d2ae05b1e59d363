package records

import (
	"context"
	"log/slog"
	"sync/atomic"
)

// growth is how many records this process made, and how many there were when PostgreSQL
// last looked at their tables.
type growth struct{ made, seen atomic.Int64 }

// firstLook is how many records are made before PostgreSQL looks at their tables.
const firstLook = 500

// grown has PostgreSQL look at what was pushed each time that it has doubled. It would
// by itself in a minute or two, and until then believes that a connection has few
// records and reads all of them for each that is looked for. A failure is its own: the
// records are made.
func (db Store) grown(ctx context.Context, n int) {
	made, seen := db.growth.made.Add(int64(n)), db.growth.seen.Load()
	if !db.Postgres() || made < max(2*seen, firstLook) || !db.growth.seen.CompareAndSwap(seen, made) {
		return
	}
	ctx = context.WithoutCancel(ctx)
	known, err := db.counted(ctx)
	switch {
	case err == nil && known >= made: // what this process made is not the most of it
		db.growth.seen.Store(known)
	case err == nil:
		_, err = db.Write.ExecContext(ctx, `ANALYZE record_users, record_groups, record_members, record_values`)
	}
	if err != nil {
		db.Log().WarnContext(ctx, "PostgreSQL does not know yet how much was pushed", slog.Any("error", err))
	}
}

// counted is how many users PostgreSQL saw when it looked last.
func (db Store) counted(ctx context.Context) (n int64, err error) {
	err = db.Read.QueryRowContext(ctx, `SELECT reltuples::bigint FROM pg_class WHERE oid = 'record_users'::regclass`).Scan(&n)
	return n, err
}
