package revocations

import (
	"context"
	"fmt"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// hitColumns are the columns that carry what can be switched off, in sessions and
// in families.
var hitColumns = map[identity.Kind][2]string{
	identity.KindPerson:     {"person", "person"},
	identity.KindConnection: {"connection", "connection"},
	identity.KindSession:    {"id", "session"},
	identity.KindApp:        {"", "app"},
	identity.KindClient:     {"", "client"},
	identity.KindGrant:      {"", "id"},
	identity.KindInstall:    {"", "person"},
}

// Hit counts what carries an id and is in use at now: people with a session or a
// grant, sessions, grants, and the internal ids of the apps that have a grant.
func (db *Store) Hit(ctx context.Context, ref identity.Ref, now time.Time) (people, sessions, grants int, apps []string, err error) {
	columns, ok := hitColumns[ref.Kind]
	if !ok {
		return 0, 0, 0, nil, fmt.Errorf("nothing carries a %s", ref.Kind)
	}
	args := []any{ref.ID, sqldb.Micros(now)}
	families := ` FROM families WHERE ended = 0 AND expires > $2 AND ` + columns[1] + ` = $1`
	if person, app, ok := identity.SplitInstall(ref); ok {
		args = []any{person, sqldb.Micros(now), app}
		families += ` AND app = $3`
	}
	if ref.Kind == identity.KindSession {
		families += ` AND NOT offline` // those outlive it
	}
	who := `SELECT DISTINCT person` + families
	if columns[0] != "" {
		live := ` FROM sessions WHERE ended = 0 AND expires > $2 AND ` + columns[0] + ` = $1`
		who += ` UNION SELECT person` + live
		if err := db.Read.QueryRowContext(ctx, `SELECT count(*)`+live, ref.ID, sqldb.Micros(now)).Scan(&sessions); err != nil {
			return 0, 0, 0, nil, sqldb.Translate(err)
		}
	}
	if err = db.Read.QueryRowContext(ctx, `SELECT count(*)`+families, args...).Scan(&grants); err == nil {
		err = db.Read.QueryRowContext(ctx, `SELECT count(*) FROM (`+who+`) AS hit`, args...).Scan(&people)
	}
	if err == nil {
		apps, err = sqldb.Collect(ctx, db.Read, sqldb.ScanID, `SELECT DISTINCT app`+families+` ORDER BY app`, args...)
	}
	return people, sessions, grants, apps, sqldb.Translate(err)
}
