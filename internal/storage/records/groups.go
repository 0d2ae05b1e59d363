package records

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/storage/people"
	"github.com/gatehouse-io/gatehouse/internal/storage/records/index"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

var _ record.GroupStore = Store{}

// GroupColumns are what ScanGroup reads of record_groups, which is called r.
const GroupColumns = `r.id, r.connection, r.external_id, r.display, r.body, r.created, r.updated, r.version`

// ScanGroup reads a group, and what else the query selects.
func ScanGroup(scan func(...any) error, also ...any) (record.Group, error) {
	var g record.Group
	var external []byte
	var body string
	var created, updated int64
	err := scan(append([]any{&g.ID, &g.Connection, &external, &g.DisplayName, &body, &created, &updated, &g.Version}, also...)...)
	if err != nil {
		return g, err
	}
	g.ExternalID, g.Created, g.Updated = string(external), sqldb.FromMicros(created), sqldb.FromMicros(updated)
	if err := json.Unmarshal([]byte(body), &g.Attributes); err != nil {
		return g, fmt.Errorf("decode group: %w", err)
	}
	return g, nil
}

const selectGroupRecord = `SELECT ` + GroupColumns + ` FROM record_groups r WHERE r.id = $1 AND r.connection = $2 AND r.deleted = 0`

// Group implements record.GroupStore.
func (db Store) Group(ctx context.Context, connection, id string) (record.Group, error) {
	g, err := ScanGroup(db.Read.QueryRowContext(ctx, selectGroupRecord, id, connection).Scan)
	return g, missingGroup(err)
}

func missingGroup(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return record.ErrGroupNotFound
	}
	return sqldb.Translate(err)
}

// Groups implements record.GroupStore.
func (db Store) Groups(ctx context.Context, connection string, q record.Query) (record.Page[record.Group], error) {
	return index.Page(ctx, db.DB, index.Groups, connection, q, index.Reading[record.Group]{
		Columns: GroupColumns, Scan: ScanGroup, ID: func(g record.Group) string { return g.ID },
	})
}

// CreateGroup implements record.GroupStore.
func (db Store) CreateGroup(ctx context.Context, op record.Operation, g record.Group, members []record.Member) (record.Group, bool, error) {
	made, err := db.Create(ctx, op.Connection, []record.New{{Operation: op, Group: &g, Members: members}})
	if err != nil {
		return record.Group{}, false, err
	}
	return made[0].Group, made[0].Existed, made[0].Err
}

// createGroup makes one group within a transaction. A fault of record is the group's
// own, any other error the transaction's.
func createGroup(ctx context.Context, t *sqldb.Tx, op record.Operation, g record.Group, found []member) (record.Group, bool, error) {
	g.Connection, g.Created, g.Updated, g.Version = op.Connection, op.Time, op.Time, 1
	body, err := json.Marshal(g.Attributes)
	if err != nil {
		return g, false, fmt.Errorf("encode group: %w", err)
	}
	there, err := sameGroup(ctx, t, g)
	if err != nil {
		return g, false, err
	}
	if there.ID != "" {
		same, err := isSame(ctx, t, there, g, string(body), found)
		if err == nil && !same {
			err = takenBy(there, g)
		}
		return there, same, err
	}
	_, err = t.ExecContext(ctx, `INSERT INTO record_groups (id, connection, external_id, display, display_key, body, created, updated, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $7, 1)`, g.ID, g.Connection, []byte(g.ExternalID), g.DisplayName, NameKey(g.DisplayName), string(body), sqldb.Micros(g.Created))
	if err == nil {
		err = index.Add(ctx, t, op.Connection, g.ID, index.OfGroup(g))
	}
	if err == nil {
		err = showGroup(ctx, t, g)
	}
	if err == nil {
		err = operation(ctx, t, op, "Group/"+g.ID)
	}
	if err != nil {
		return g, false, err
	}
	t.Tell(op.GroupMade(g))
	if err := arrived(ctx, t, op, arrival{id: g.ID, external: g.ExternalID, kind: record.KindGroup}); err != nil {
		return g, false, err
	}
	return g, false, addMembers(ctx, t, op, g.ID, found)
}

// sameGroup returns the group that has what is unique of g, without an id if none has:
// the external id, or for a group without one the name among those without.
func sameGroup(ctx context.Context, t *sqldb.Tx, g record.Group) (record.Group, error) {
	query := `SELECT ` + GroupColumns + ` FROM record_groups r WHERE r.connection = $1 AND r.deleted = 0 AND `
	key := NameKey(g.DisplayName)
	if g.ExternalID != "" {
		query += `r.external_id = $2 AND length(r.external_id) > 0`
		key = []byte(g.ExternalID)
	} else {
		query += `r.display_key = $2 AND length(r.external_id) = 0`
	}
	there, err := ScanGroup(t.QueryRowContext(ctx, query, g.Connection, key).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return record.Group{}, nil
	}
	return there, err
}

func takenBy(there, g record.Group) error {
	if g.ExternalID != "" && there.ExternalID == g.ExternalID {
		return record.ErrTaken.At("externalId")
	}
	return record.ErrTaken.At("displayName")
}

// isSame reports whether a group is as it would be made, down to its members.
func isSame(ctx context.Context, t *sqldb.Tx, there, g record.Group, body string, members []member) (bool, error) {
	is, err := json.Marshal(there.Attributes)
	if err != nil {
		return false, fmt.Errorf("encode group: %w", err)
	}
	if there.DisplayName != g.DisplayName || there.ExternalID != g.ExternalID || string(is) != body {
		return false, nil
	}
	open, err := sqldb.Collect(ctx, t, sqldb.ScanID, `SELECT member FROM record_members WHERE group_id = $1 AND until = 0`, there.ID)
	wanted := make([]string, len(members))
	for i, m := range members {
		wanted[i] = m.id
	}
	slices.Sort(open)
	slices.Sort(wanted)
	return slices.Equal(open, slices.Compact(wanted)), err
}

// UpdateGroup implements record.GroupStore.
func (db Store) UpdateGroup(ctx context.Context, op record.Operation, connection, id string, want record.Match, change record.GroupChange) (record.Group, error) {
	var next record.Group
	for assume := true; ; assume = false {
		err := db.Transact(ctx, func(t *sqldb.Tx) (err error) {
			next, err = changeGroup(ctx, t, op, connection, id, want, change, assume)
			return err
		})
		if !assume || !errors.Is(err, errMoved) {
			return next, taken(err)
		}
	}
}

// changeGroup changes a group in a transaction. assume says that who is in it may be
// taken to stay in it, where all members are replaced.
func changeGroup(ctx context.Context, t *sqldb.Tx, op record.Operation, connection, id string, want record.Match, change record.GroupChange, assume bool) (record.Group, error) {
	if err := isHalted(ctx, t, connection); err != nil {
		return record.Group{}, err
	}
	known, err := newMembers(ctx, t, connection, id, change.Members, assume) // before the group, by the order of locks
	if err != nil {
		return record.Group{}, err
	}
	if change.Change != nil { // it may be called anew, and arrive where a group waits
		if err := arrives(ctx, t, connection); err != nil {
			return record.Group{}, err
		}
	}
	old, err := lockGroup(ctx, t, connection, id, want)
	if err != nil {
		return old, err
	}
	next := old
	if change.Change != nil {
		if next, err = change.Change(old); err != nil {
			return next, err
		}
		next.ID, next.Connection, next.Created, next.Version = old.ID, old.Connection, old.Created, old.Version
	}
	moved, err := changeMembers(ctx, t, op, id, change.Members, known)
	if err != nil {
		return next, err
	}
	renamed, err := updateGroup(ctx, t, op, old, &next, moved)
	if err != nil || !moved && !renamed {
		return next, err
	}
	return next, operation(ctx, t, op, "Group/"+id)
}

// newMembers are what the values stand for that a change adds.
func newMembers(ctx context.Context, t *sqldb.Tx, connection, group string, change record.Members, assume bool) (known map[string]member, err error) {
	values := valuesOfMembers(change.Add)
	known = map[string]member{}
	if change.Replace && assume && len(values) > 0 {
		if known, err = staying(ctx, t, connection, group, values); err != nil {
			return nil, err
		}
	}
	return known, resolveNew(ctx, t, connection, known, values)
}

func lockGroup(ctx context.Context, t *sqldb.Tx, connection, id string, want record.Match) (record.Group, error) {
	g, err := ScanGroup(t.QueryRowContext(ctx, selectGroupRecord+t.ForUpdate(), id, connection).Scan)
	if err != nil {
		return g, missingGroup(err)
	}
	if want != 0 && int64(want) != g.Version {
		return g, record.ErrVersion
	}
	return g, nil
}

// updateGroup writes what differs of a group; touch says that its members do.
func updateGroup(ctx context.Context, t *sqldb.Tx, op record.Operation, old record.Group, next *record.Group, touch bool) (differs bool, err error) {
	body, err := json.Marshal(next.Attributes)
	if err != nil {
		return false, fmt.Errorf("encode group: %w", err)
	}
	before, err := json.Marshal(old.Attributes)
	if err != nil {
		return false, fmt.Errorf("encode group: %w", err)
	}
	differs = string(before) != string(body) || next.ExternalID != old.ExternalID || next.DisplayName != old.DisplayName
	if !differs && !touch {
		*next = old
		return false, nil
	}
	next.Updated = op.Time
	next.Version++
	if !differs {
		_, err := t.ExecContext(ctx, `UPDATE record_groups SET updated = $2, version = $3 WHERE id = $1`, next.ID, sqldb.Micros(next.Updated), next.Version)
		return false, err
	}
	if err := MayTouchGroup(ctx, t, op, next.ID); err != nil {
		return true, err
	}
	_, err = t.ExecContext(ctx, `UPDATE record_groups SET external_id = $2, display = $3, display_key = $4, body = $5, updated = $6, version = $7 WHERE id = $1`,
		next.ID, []byte(next.ExternalID), next.DisplayName, NameKey(next.DisplayName), string(body), sqldb.Micros(next.Updated), next.Version)
	if err == nil {
		err = index.Change(ctx, t, op.Connection, next.ID, index.OfGroup(old), index.OfGroup(*next))
	}
	if err == nil && next.DisplayName != old.DisplayName {
		err = showGroup(ctx, t, *next)
	}
	t.Tell(op.GroupChanged(*next))
	if err == nil && next.ExternalID != old.ExternalID && next.ExternalID != "" {
		err = arrived(ctx, t, op, arrival{id: next.ID, external: next.ExternalID, kind: record.KindGroup})
	}
	return true, err
}

// showGroup writes what lists show of a group.
func showGroup(ctx context.Context, t *sqldb.Tx, g record.Group) error {
	_, err := t.ExecContext(ctx, `INSERT INTO upstream_groups (connection, group_id, display, folded, words, first_seen, last_seen) VALUES ($1, $2, $3, $4, $5, $6, $6)
		ON CONFLICT (connection, group_id) DO UPDATE SET display = excluded.display, folded = excluded.folded, words = excluded.words, last_seen = excluded.last_seen`,
		g.Connection, g.ID, sqldb.Cut(g.DisplayName, sqldb.MaxFolded), sqldb.Cut(sqldb.Fold(g.DisplayName), sqldb.MaxFolded), people.GroupWords(g.DisplayName+" "+g.ID), hour(g.Updated))
	return err
}

// DeleteGroup implements record.GroupStore.
func (db Store) DeleteGroup(ctx context.Context, op record.Operation, connection, id string, want record.Match) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		if err := isHalted(ctx, t, connection); err != nil {
			return err
		}
		g, err := lockGroup(ctx, t, connection, id, want)
		if err != nil {
			return err
		}
		if err := MayTouchGroup(ctx, t, op, id); err != nil {
			return err
		}
		if _, err = changeMembers(ctx, t, op, id, record.Members{Replace: true}, nil); err != nil {
			return err
		}
		if err := closeAll(ctx, t, op, id); err != nil {
			return err
		}
		_, err = t.ExecContext(ctx, `UPDATE record_groups SET deleted = $2, updated = $2, version = version + 1 WHERE id = $1`, id, sqldb.Micros(op.Time))
		if err == nil {
			err = index.Remove(ctx, t, id)
		}
		if err == nil { // one that is mapped is still shown, so that the mapping is
			_, err = t.ExecContext(ctx, `DELETE FROM upstream_groups WHERE connection = $1 AND group_id = $2 AND NOT EXISTS (
				SELECT 1 FROM group_mappings m WHERE m.connection = $1 AND m.group_id = $2)`, connection, id)
		}
		if err == nil {
			err = operation(ctx, t, op, "Group/"+id)
		}
		t.Tell(op.GroupDeleted(g))
		return err
	})
}
