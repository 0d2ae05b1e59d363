package storage

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// RaisedSince reports whether any of the refs was revoked at or after a time, by the
// clocks of those who revoked. It is for what carries no revocation number, since
// another issuer made it.
func (db *DB) RaisedSince(ctx context.Context, since time.Time, refs ...identity.Ref) (raised bool, err error) {
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
