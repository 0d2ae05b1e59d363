package access

import (
	"context"
	"maps"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// letInByAny lists the apps that a pushed group, or one that it is in, could let people
// into.
func letInByAny(ctx context.Context, t *sqldb.Tx, connection, group string) ([]string, error) {
	up, err := sqldb.Collect(ctx, t, sqldb.ScanID, WalkUp+`SELECT DISTINCT id FROM up ORDER BY id`, group, record.MaxDepth)
	apps := map[string]bool{}
	for i := 0; err == nil && i < len(up); i++ {
		err = letInByGroup(ctx, t, apps, identity.GroupRef{Connection: connection, ID: up[i]})
	}
	return slices.Sorted(maps.Keys(apps)), err
}

// letInByGroup adds the apps that a group could let people into, by its name or by
// an assignment.
func letInByGroup(ctx context.Context, t *sqldb.Tx, apps map[string]bool, g identity.GroupRef) error {
	found, err := sqldb.Collect(ctx, t, sqldb.ScanID, `SELECT DISTINCT app FROM assignments WHERE kind = 'group' AND connection = $1 AND group_id = $2 AND ended = 0`, g.Connection, g.ID)
	if err != nil {
		return err
	}
	name, err := NameOf(ctx, t, g, t.ForShare())
	if err != nil {
		return err
	}
	if name != "" {
		more, err := LetInBy(ctx, t, name)
		if err != nil {
			return err
		}
		found = append(found, more...)
	}
	for _, id := range found {
		apps[id] = true
	}
	return nil
}

// LetInBy lists the apps that a group's name lets people into, or all if that is not
// known of each.
func LetInBy(ctx context.Context, t *sqldb.Tx, name string) ([]string, error) {
	current, err := AppsDerived(ctx, t)
	if err != nil {
		return nil, err
	}
	if !current {
		return sqldb.Collect(ctx, t, sqldb.ScanID, `SELECT id FROM apps ORDER BY id`)
	}
	return sqldb.Collect(ctx, t, sqldb.ScanID, `SELECT app FROM app_groups WHERE name = $1 ORDER BY app`, name)
}
