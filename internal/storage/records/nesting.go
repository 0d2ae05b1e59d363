package records

import (
	"context"
	"database/sql"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/storage/access"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// walkDown walks down from a group as access.WalkUp does up.
const walkDown = `WITH RECURSIVE down (id, depth) AS (SELECT CAST($1 AS TEXT), 1 UNION SELECT m.member, down.depth + 1 FROM down
		JOIN record_members m ON m.group_id = down.id AND m.until = 0 AND m.kind = 'group' WHERE down.depth <= $2) `

// nests refuses members that are groups which the group is in, or too deep ones. Two
// changes of what is within what wait for each other.
func nests(ctx context.Context, t *sqldb.Tx, connection, group string, members []member) error {
	var inner []string
	for _, m := range members {
		if m.kind == record.KindGroup {
			inner = append(inner, m.id)
		}
	}
	if len(inner) == 0 {
		return nil
	}
	if err := lockCounter(ctx, t, "nesting/"+connection); err != nil {
		return err
	}
	above := 0
	outer, err := sqldb.Collect(ctx, t, func(rows *sql.Rows) (id string, err error) {
		var depth int
		err = rows.Scan(&id, &depth)
		above = max(above, depth)
		return id, err
	}, access.WalkUp+`SELECT id, depth FROM up`, group, record.MaxDepth)
	if err != nil {
		return err
	}
	for _, id := range inner {
		var below int
		if err := t.QueryRowContext(ctx, walkDown+`SELECT max(depth) FROM down`, id, record.MaxDepth).Scan(&below); err != nil {
			return err
		}
		if slices.Contains(outer, id) || above+below > record.MaxDepth {
			return record.ErrNesting
		}
	}
	return nil
}
