package records

import (
	"context"
	"database/sql"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// goneSince are those of connection $1 who left since $2 and whose name and external id
// nobody has taken since.
const goneSince = ` FROM record_users r
	WHERE r.connection = $1 AND r.left_at <> 0 AND r.left_at >= $2 AND NOT r.active AND (r.deleted = 0 OR NOT EXISTS (
		SELECT 1 FROM record_users o WHERE o.connection = r.connection AND o.deleted = 0 AND (o.name_key = r.name_key OR length(r.external_id) > 0 AND o.external_id = r.external_id)))`

// Gone implements record.DeskStore.
func (db Store) Gone(ctx context.Context, connection string, since time.Time, limit int) (some []record.User, all int64, err error) {
	some, err = sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (record.User, error) { return ScanUser(rows.Scan) },
		`SELECT `+UserColumns+goneSince+` ORDER BY r.id LIMIT $3`, connection, sqldb.Micros(since), limit)
	if err == nil {
		err = sqldb.Translate(db.Read.QueryRowContext(ctx, `SELECT count(*)`+goneSince, connection, sqldb.Micros(since)).Scan(&all))
	}
	return some, all, err
}

// Protected implements record.DeskStore.
func (db Store) Protected(ctx context.Context, what identity.Ref) (is bool, err error) {
	err = db.Read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM record_protected WHERE kind = $1 AND ref = $2)`, string(what.Kind), what.ID).Scan(&is)
	return is, sqldb.Translate(err)
}

// Nested implements record.DeskStore.
func (db Store) Nested(ctx context.Context, connection, group string, limit int) (within, around []record.In, err error) {
	scan := func(rows *sql.Rows) (in record.In, err error) {
		in.Direct = true
		err = rows.Scan(&in.ID, &in.Display)
		return in, err
	}
	const open = ` WHERE m.connection = $1 AND m.until = 0 AND m.kind = 'group' AND g.deleted = 0 AND `
	within, err = sqldb.Collect(ctx, db.Read, scan, `SELECT g.id, g.display FROM record_members m JOIN record_groups g ON g.id = m.member`+open+`m.group_id = $2 ORDER BY g.display, g.id LIMIT $3`, connection, group, limit)
	if err == nil {
		around, err = sqldb.Collect(ctx, db.Read, scan, `SELECT g.id, g.display FROM record_members m JOIN record_groups g ON g.id = m.group_id`+open+`m.member = $2 ORDER BY g.display, g.id LIMIT $3`, connection, group, limit)
	}
	return within, around, err
}
