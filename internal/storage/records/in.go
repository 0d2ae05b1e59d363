package records

import (
	"context"
	"database/sql"
	"strconv"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// Members implements record.MemberStore.
func (db Store) Members(ctx context.Context, connection string, groups ...string) (map[string][]record.Member, error) {
	all, n := map[string][]record.Member{}, 0
	args := []any{connection}
	for _, g := range sqldb.Padded(groups) {
		args = append(args, g)
	}
	if len(groups) == 0 {
		return all, nil
	}
	args = append(args, record.MaxMembers+1)
	_, err := sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (struct{}, error) {
		var group string
		var m record.Member
		err := rows.Scan(&group, &m.Value, &m.Kind, &m.Pending, &m.Display)
		all[group], n = append(all[group], m), n+1
		return struct{}{}, err
	}, `SELECT m.group_id, m.member, m.kind, m.pending, coalesce(u.user_name, g.display, '') FROM record_members m
		LEFT JOIN record_users u ON u.id = m.member AND m.kind = 'user' LEFT JOIN record_groups g ON g.id = m.member AND m.kind = 'group'
		WHERE m.connection = $1 AND m.until = 0 AND m.group_id IN (`+sqldb.Numbered(2, len(args)-2)+`) ORDER BY m.group_id, m.member LIMIT $`+strconv.Itoa(len(args)), args...)
	if err == nil && n > record.MaxMembers {
		err = record.ErrCost.At("members")
	}
	return all, err
}

// GroupsOf implements record.MemberStore.
func (db Store) GroupsOf(ctx context.Context, connection string, users ...string) (map[string][]record.In, error) {
	all := map[string][]record.In{}
	if len(users) == 0 {
		return all, nil
	}
	args := []any{record.MaxDepth, connection}
	for _, u := range sqldb.Padded(users) {
		args = append(args, u)
	}
	_, err := sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (struct{}, error) {
		var user string
		var in record.In
		var depth int
		err := rows.Scan(&user, &in.ID, &in.Display, &depth)
		in.Direct = depth == 1
		all[user] = append(all[user], in)
		return struct{}{}, err
	}, `WITH RECURSIVE up (member, id, depth) AS (
		SELECT m.member, m.group_id, 1 FROM record_members m WHERE m.connection = $2 AND m.until = 0 AND m.member IN (`+sqldb.Numbered(3, len(args)-2)+`)
		UNION SELECT up.member, m.group_id, up.depth + 1 FROM up JOIN record_members m ON m.member = up.id AND m.until = 0 AND m.kind = 'group' WHERE up.depth <= $1)
		SELECT up.member, up.id, g.display, min(up.depth) FROM up JOIN record_groups g ON g.id = up.id GROUP BY up.member, up.id, g.display ORDER BY up.member, up.id`, args...)
	return all, err
}
