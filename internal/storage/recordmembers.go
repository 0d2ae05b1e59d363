package storage

import (
	"context"
	"database/sql"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

var _ record.MemberStore = Records{}

// member is a member as it is stored: an id of ours, or of one that is pending the
// value that the client gave.
type member struct {
	id, person string
	kind       record.Kind
	pending    bool
}

// lookups finds what values of members are, the first way that knows one: a user or a
// group by its id, then by its external id.
var lookups = []struct {
	query string
	exact bool // by external id, which is bytes
}{
	{`SELECT id, id, 'user', person FROM record_users WHERE connection = $1 AND deleted = 0 AND id IN (`, false},
	{`SELECT id, id, 'group', '' FROM record_groups WHERE connection = $1 AND deleted = 0 AND id IN (`, false},
	{`SELECT external_id, id, 'user', person FROM record_users WHERE connection = $1 AND deleted = 0 AND length(external_id) > 0 AND external_id IN (`, true},
	{`SELECT external_id, id, 'group', '' FROM record_groups WHERE connection = $1 AND deleted = 0 AND length(external_id) > 0 AND external_id IN (`, true},
}

// resolve finds what members are, each once, in the order of their ids. Nobody removes
// them until the transaction ends.
func resolve(ctx context.Context, t *sqldb.Tx, connection string, members []record.Member) ([]member, error) {
	left := make([]string, 0, len(members))
	for _, m := range members {
		left = append(left, m.Value)
	}
	slices.Sort(left)
	left = slices.Compact(left)
	var found []member
	for _, by := range lookups {
		for part := range slices.Chunk(slices.Clone(left), sqldb.MostValues) {
			known, err := lookup(ctx, t, connection, by.query, by.exact, part)
			if err != nil {
				return nil, err
			}
			for _, k := range known {
				if i, ok := slices.BinarySearch(left, k.value); ok {
					left = slices.Delete(left, i, i+1)
					found = append(found, k.member)
				}
			}
		}
	}
	for _, value := range left {
		found = append(found, member{id: value, pending: true})
	}
	slices.SortFunc(found, func(a, b member) int { return strings.Compare(a.id, b.id) })
	return slices.CompactFunc(found, func(a, b member) bool { return a.id == b.id }), nil
}

type known struct {
	value string
	member
}

func lookup(ctx context.Context, t *sqldb.Tx, connection, query string, exact bool, values []string) ([]known, error) {
	args := []any{connection}
	for _, v := range sqldb.Padded(values) {
		if exact {
			args = append(args, []byte(v))
		} else {
			args = append(args, v)
		}
	}
	lock := `) ORDER BY id`
	if t.Postgres() {
		lock += ` FOR SHARE`
	}
	return sqldb.Collect(ctx, t, func(rows *sql.Rows) (k known, err error) {
		err = rows.Scan(&k.value, &k.id, &k.kind, &k.person)
		return k, err
	}, query+sqldb.Numbered(2, len(args)-1)+lock, args...)
}

// changeMembers changes a group's members as sets and reports whether any differ. add
// are the resolved ones of change.Add.
func changeMembers(ctx context.Context, t *sqldb.Tx, op record.Operation, group string, change record.Members, add []member) (bool, error) {
	if change.IsZero() {
		return false, nil
	}
	remove, err := removals(ctx, t, op.Connection, group, change, add)
	if err != nil {
		return false, err
	}
	removed, err := removeMembers(ctx, t, op, group, remove)
	if err != nil {
		return false, err
	}
	added, err := insertMembers(ctx, t, op, group, add)
	if err != nil {
		return false, err
	}
	if n := people(removed); n > 0 {
		if err := gone(ctx, t, op, 0, n); err != nil {
			return false, err
		}
	}
	return len(removed)+len(added) > 0, membersChanged(ctx, t, op, group, added, removed)
}

// removals are the ids, or pending values, of the members that go.
func removals(ctx context.Context, t *sqldb.Tx, connection, group string, change record.Members, add []member) ([]string, error) {
	if !change.Replace {
		resolved, err := resolve(ctx, t, connection, change.Remove)
		ids := make([]string, 0, len(resolved)+len(change.Remove))
		for _, m := range resolved {
			ids = append(ids, m.id)
		}
		for _, m := range change.Remove { // one that was named by what it is called elsewhere and is pending still
			ids = append(ids, m.Value)
		}
		slices.Sort(ids)
		return slices.Compact(ids), err
	}
	open, err := sqldb.Collect(ctx, t, sqldb.ScanID, `SELECT member FROM record_members WHERE group_id = $1 AND until = 0`, group)
	stays := make(map[string]bool, len(add))
	for _, m := range add {
		stays[m.id] = true
	}
	return slices.DeleteFunc(open, func(id string) bool { return stays[id] }), err
}

func removeMembers(ctx context.Context, t *sqldb.Tx, op record.Operation, group string, ids []string) ([]member, error) {
	var removed []member
	for part := range slices.Chunk(ids, sqldb.MostValues) {
		args := []any{group, sqldb.Micros(op.Time), op.ID}
		for _, id := range sqldb.Padded(part) {
			args = append(args, id)
		}
		some, err := sqldb.Collect(ctx, t, scanMember, `UPDATE record_members SET until = $2, closed = $3 WHERE group_id = $1 AND until = 0 AND member IN (`+
			sqldb.Numbered(4, len(args)-3)+`) RETURNING member, kind, person, pending`, args...)
		if err != nil {
			return nil, err
		}
		removed = append(removed, some...)
	}
	return removed, nil
}

func scanMember(rows *sql.Rows) (m member, err error) {
	err = rows.Scan(&m.id, &m.kind, &m.person, &m.pending)
	return m, err
}

// addMembers adds members to a group that was made in this transaction.
func addMembers(ctx context.Context, t *sqldb.Tx, op record.Operation, group string, members []member) error {
	added, err := insertMembers(ctx, t, op, group, members)
	if err != nil {
		return err
	}
	return membersChanged(ctx, t, op, group, added, nil)
}

// insertMembers adds those who are not there and returns them.
func insertMembers(ctx context.Context, t *sqldb.Tx, op record.Operation, group string, members []member) ([]member, error) {
	if err := nests(ctx, t, op.Connection, group, members); err != nil {
		return nil, err
	}
	var added []member
	for len(members) > 0 {
		part := members[:min(1<<(bits.Len(uint(len(members)))-1), sqldb.MostRows)]
		members = members[len(part):]
		args := make([]any, 0, memberColumns*len(part))
		for _, m := range part {
			args = append(args, group, m.id, sqldb.Micros(op.Time), op.ID, op.Connection, string(m.kind), m.person, m.pending)
		}
		some, err := sqldb.Collect(ctx, t, scanMember, `INSERT INTO record_members (group_id, member, since, opened, connection, kind, person, pending) VALUES `+
			t.Marks(len(part), memberColumns)+` ON CONFLICT DO NOTHING RETURNING member, kind, person, pending`, args...)
		if err != nil {
			return nil, err
		}
		added = append(added, some...)
	}
	return added, nil
}

const memberColumns = 8

// membersChanged does what changed members mean: they are counted and told of.
func membersChanged(ctx context.Context, t *sqldb.Tx, op record.Operation, group string, added, removed []member) error {
	if len(added)+len(removed) == 0 {
		return nil
	}
	if err := mayTouchGroup(ctx, t, op, group); err != nil {
		return err
	}
	if err := countMembers(ctx, t, op, group, people(added)-people(removed)); err != nil {
		return err
	}
	t.Tell(op.MembersChanged(group, ids(added), ids(removed)))
	return membersLost(ctx, t, op, group, removed)
}

func people(members []member) (n int64) {
	for _, m := range members {
		if m.person != "" {
			n++
		}
	}
	return n
}

func ids(members []member) []string {
	all := make([]string, len(members))
	for i, m := range members {
		all[i] = m.id
	}
	return all
}

// countMembers changes how many members lists show of a group.
func countMembers(ctx context.Context, t *sqldb.Tx, op record.Operation, group string, by int64) error {
	_, err := t.ExecContext(ctx, `UPDATE upstream_groups SET members = members + $3, last_seen = CASE WHEN last_seen < $4 THEN $4 ELSE last_seen END
		WHERE connection = $1 AND group_id = $2`, op.Connection, group, by, hour(op.Time))
	return err
}

func hour(t time.Time) int64 { return sqldb.Micros(t.Truncate(time.Hour)) }

// closeAll closes the memberships of who or what is removed.
func closeAll(ctx context.Context, t *sqldb.Tx, op record.Operation, id string) error {
	in, err := sqldb.Collect(ctx, t, sqldb.ScanID, `SELECT group_id FROM record_members WHERE member = $1 AND until = 0 ORDER BY group_id`, id)
	if err != nil {
		return err
	}
	for _, group := range in {
		_, err := t.ExecContext(ctx, `UPDATE record_groups SET version = version + 1, updated = $2 WHERE id = $1`, group, sqldb.Micros(op.Time))
		if err != nil {
			return err
		}
		removed, err := removeMembers(ctx, t, op, group, []string{id})
		if err == nil {
			err = membersChanged(ctx, t, op, group, nil, removed)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// arrival is a user or a group that a pending member may have waited for.
type arrival struct {
	id, external, person string
	kind                 record.Kind
}

// arrived makes members of those who waited for what arrives.
func arrived(ctx context.Context, t *sqldb.Tx, op record.Operation, all []arrival) error {
	by := map[string]arrival{}
	var values []string
	for _, a := range all {
		for _, v := range []string{a.id, a.external} {
			if v != "" {
				by[v], values = a, append(values, v)
			}
		}
	}
	type waits struct{ group, value string }
	for part := range slices.Chunk(values, sqldb.MostValues) {
		args := []any{op.Connection}
		for _, v := range sqldb.Padded(part) {
			args = append(args, v)
		}
		found, err := sqldb.Collect(ctx, t, func(rows *sql.Rows) (w waits, err error) {
			err = rows.Scan(&w.group, &w.value)
			return w, err
		}, `SELECT group_id, member FROM record_members WHERE connection = $1 AND pending AND until = 0 AND member IN (`+sqldb.Numbered(2, len(args)-1)+`) ORDER BY group_id, member`, args...)
		if err != nil {
			return err
		}
		for _, w := range found {
			if err := settle(ctx, t, op, w.group, w.value, by[w.value]); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle turns a pending member into a member.
func settle(ctx context.Context, t *sqldb.Tx, op record.Operation, group, value string, a arrival) error {
	_, err := t.ExecContext(ctx, `UPDATE record_groups SET version = version + 1, updated = $2 WHERE id = $1`, group, sqldb.Micros(op.Time))
	if err != nil {
		return err
	}
	if _, err := removeMembers(ctx, t, op, group, []string{value}); err != nil {
		return err
	}
	return addMembers(ctx, t, op, group, []member{{id: a.id, person: a.person, kind: a.kind}})
}

// Walks along groups within groups: up from one, and down from one, each with how deep.
const (
	walkUp = `WITH RECURSIVE up (id, depth) AS (SELECT CAST($1 AS TEXT), 1 UNION SELECT m.group_id, up.depth + 1 FROM up
		JOIN record_members m ON m.member = up.id AND m.until = 0 AND m.kind = 'group' WHERE up.depth <= $2) `
	walkDown = `WITH RECURSIVE down (id, depth) AS (SELECT CAST($1 AS TEXT), 1 UNION SELECT m.member, down.depth + 1 FROM down
		JOIN record_members m ON m.group_id = down.id AND m.until = 0 AND m.kind = 'group' WHERE down.depth <= $2) `
)

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
	}, walkUp+`SELECT id, depth FROM up`, group, record.MaxDepth)
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

// lockCounter makes those who lock the same name wait for each other.
func lockCounter(ctx context.Context, t *sqldb.Tx, name string) error {
	_, err := t.ExecContext(ctx, `INSERT INTO counters (name, number) VALUES ($1, 1) ON CONFLICT (name) DO UPDATE SET number = counters.number + 1`, name)
	return err
}
