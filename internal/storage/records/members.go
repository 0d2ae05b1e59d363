package records

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/storage/access"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

var _ record.MemberStore = Store{}

// member is a member as it is stored: an id of ours, or of one that is pending the
// value that the client gave.
type member struct {
	id, person string
	kind       record.Kind
	pending    bool
	assumed    bool // that it was in the group
}

func valuesOfMembers(members []record.Member) []string {
	values := make([]string, len(members))
	for i, m := range members {
		values[i] = m.Value
	}
	return values
}

// changeMembers changes a group's members as sets and reports whether any differ. known
// are what the values of change.Add stand for, as far as that is known.
func changeMembers(ctx context.Context, t *sqldb.Tx, op record.Operation, group string, change record.Members, known map[string]member) (bool, error) {
	if change.IsZero() {
		return false, nil
	}
	add := membersBy(known, valuesOfMembers(change.Add))
	remove, err := removals(ctx, t, op.Connection, group, change)
	if err == nil && change.Replace {
		add, remove, err = replacement(ctx, t, group, add)
	}
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
	if n := peopleIn(removed); n > 0 {
		if err := gone(ctx, t, op, 0, n); err != nil {
			return false, err
		}
	}
	return len(removed)+len(added) > 0, membersChanged(ctx, t, op, group, added, removed)
}

// removals are the ids, or pending values, of the members that a change names to go.
func removals(ctx context.Context, t *sqldb.Tx, connection, group string, change record.Members) ([]string, error) {
	if change.Replace {
		return nil, nil
	}
	ids := valuesOfMembers(change.Remove) // one that was named by what it is called elsewhere may be pending still
	resolved, err := resolve(ctx, t, connection, ids)
	for _, m := range resolved {
		ids = append(ids, m.id)
	}
	slices.Sort(ids)
	return slices.Compact(ids), err
}

// errMoved is that a member was not there any more that a change counted on.
var errMoved = errors.New("storage: a member went meanwhile")

// replacement is what differs between the members that a group has and all that it
// shall have. It fails with errMoved for one that was there when it was looked for.
func replacement(ctx context.Context, t *sqldb.Tx, group string, all []member) (add []member, remove []string, err error) {
	stays := make(map[string]bool, len(all))
	for _, m := range all {
		stays[m.id] = true
	}
	open, err := sqldb.Collect(ctx, t, sqldb.ScanID, `SELECT member FROM record_members WHERE group_id = $1 AND until = 0`, group)
	if err != nil {
		return nil, nil, err
	}
	there := make(map[string]bool, len(open))
	for _, id := range open {
		if there[id] = true; !stays[id] {
			remove = append(remove, id)
		}
	}
	for _, m := range all {
		switch {
		case there[m.id]:
		case m.assumed:
			return nil, nil, errMoved
		default:
			add = append(add, m)
		}
	}
	return add, remove, nil
}

// staying returns what a group has of values as they are: who stays in it is not looked
// for again, and not locked.
func staying(ctx context.Context, t *sqldb.Tx, connection, group string, values []string) (map[string]member, error) {
	wanted := make(map[string]bool, len(values))
	for _, v := range values {
		wanted[v] = true
	}
	open, err := sqldb.Collect(ctx, t, scanMember, `SELECT member, kind, person, pending FROM record_members WHERE group_id = $1 AND connection = $2 AND until = 0 AND NOT pending`, group, connection)
	known := make(map[string]member, len(open))
	for _, m := range open {
		if m.assumed = true; wanted[m.id] {
			known[m.id] = m
		}
	}
	return known, err
}

func removeMembers(ctx context.Context, t *sqldb.Tx, op record.Operation, group string, ids []string) ([]member, error) {
	var removed []member
	for part := range slices.Chunk(ids, t.Most()) {
		condition, args := sqldb.Among(t, `member`, []any{group, sqldb.Micros(op.Time), op.ID}, part)
		some, err := sqldb.Collect(ctx, t, scanMember, `UPDATE record_members SET until = $2, closed = $3 WHERE group_id = $1 AND until = 0 AND `+
			condition+` RETURNING member, kind, person, pending`, args...)
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
	for part := range slices.Chunk(members, sqldb.MostColumns) { // rows take many times what members do
		rows := make([][]any, len(part))
		for i, m := range part {
			rows[i] = []any{group, m.id, sqldb.Micros(op.Time), op.ID, op.Connection, string(m.kind), m.person, m.pending}
		}
		for len(rows) > 0 {
			text, args, n := t.Insertion(insertMember, rows)
			some, err := sqldb.Collect(ctx, t, scanMember, text+` ON CONFLICT DO NOTHING RETURNING member, kind, person, pending`, args...)
			if err != nil {
				return nil, err
			}
			added, rows = append(added, some...), rows[n:]
		}
	}
	return added, nil
}

const insertMember = `INSERT INTO record_members (group_id, member, since, opened, connection, kind, person, pending) VALUES `

// membersChanged does what changed members mean: they are counted and told of.
func membersChanged(ctx context.Context, t *sqldb.Tx, op record.Operation, group string, added, removed []member) error {
	if len(added)+len(removed) == 0 {
		return nil
	}
	if err := MayTouchGroup(ctx, t, op, group); err != nil {
		return err
	}
	if err := countMembers(ctx, t, op, group, peopleIn(added)-peopleIn(removed)); err != nil {
		return err
	}
	t.Tell(op.MembersChanged(group, ids(added), ids(removed)))
	gone, within := who(removed)
	return access.MembersLost(ctx, t, op, group, gone, within)
}

func peopleIn(members []member) (n int64) {
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

// who are the people among members, and whether there are groups.
func who(members []member) (people []string, within bool) {
	for _, m := range members {
		if m.kind == record.KindGroup {
			within = true
		} else if m.person != "" {
			people = append(people, m.person)
		}
	}
	return people, within
}
