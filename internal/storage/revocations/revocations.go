// Package revocations reads the revocation sequence, and what a revocation would end or
// has ended. The database itself writes it: an event that revokes takes the next number.
package revocations

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/revoke"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// Store is the revocations of a database: revoke.Store.
type Store struct{ *sqldb.DB }

var _ revoke.Store = (*Store)(nil)

// RaisedSince reports whether any of the refs was revoked at or after a time, by the
// clocks of those who revoked. It is for what carries no revocation number, since
// another issuer made it.
func (db *Store) RaisedSince(ctx context.Context, since time.Time, refs ...identity.Ref) (raised bool, err error) {
	if len(refs) == 0 {
		return false, nil
	}
	args, rows := []any{sqldb.Micros(since)}, make([]string, len(refs))
	for i, ref := range refs {
		rows[i] = fmt.Sprintf("($%d, $%d)", len(args)+1, len(args)+2)
		args = append(args, string(ref.Kind), ref.ID)
	}
	err = db.Read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM revocations WHERE (kind, ref) IN (VALUES `+strings.Join(rows, ", ")+`) AND raised >= $1)`, args...).Scan(&raised)
	return raised, sqldb.Translate(err)
}

// Head implements revoke.Store.
func (db *Store) Head(ctx context.Context) (uint64, error) {
	var n int64
	err := db.Read.QueryRowContext(ctx, `SELECT number FROM counters WHERE name = 'revocation'`).Scan(&n)
	return uint64(n), sqldb.Translate(err)
}

// Since implements revoke.Store.
func (db *Store) Since(ctx context.Context, after uint64, limit int) ([]revoke.Entry, error) {
	return sqldb.Collect(ctx, db.Read, scanRevocation, selectRevocations+`number > $1 ORDER BY number LIMIT $2`, int64(after), limit)
}

// Recent implements revoke.Store. The entries run up to the head without a gap:
// the head is read first, and what is raised after it belongs to Since.
func (db *Store) Recent(ctx context.Context, since time.Time) ([]revoke.Entry, uint64, error) {
	head, err := db.Head(ctx)
	if err != nil {
		return nil, 0, err
	}
	// By number, not by time: an event's time is its maker's clock, the order is not.
	entries, err := sqldb.Collect(ctx, db.Read, scanRevocation, selectRevocations+
		`number >= (SELECT COALESCE(MIN(number), $2 + 1) FROM revocations WHERE raised >= $1) AND number <= $2 ORDER BY number`, sqldb.Micros(since), int64(head))
	return entries, head, err
}

func scanRevocation(rows *sql.Rows) (revoke.Entry, error) {
	var e revoke.Entry
	var kind string
	var number, raised int64
	err := rows.Scan(&number, &kind, &e.Ref.ID, &raised, &e.Event)
	e.Number, e.Ref.Kind, e.Raised = uint64(number), identity.Kind(kind), sqldb.FromMicros(raised)
	return e, err
}

const selectRevocations = `SELECT number, kind, ref, raised, event FROM revocations WHERE `
