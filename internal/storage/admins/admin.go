// Package admins keeps who has which role, and changes that wait for a second person. No
// change takes the last admin away.
package admins

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage/access"
	"github.com/gatehouse-io/gatehouse/internal/storage/people"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// Store is the roles and the changes that wait in a database.
type Store struct{ *sqldb.DB }

// Assignments implements admin.Store.
func (db *Store) Assignments(ctx context.Context) ([]admin.Assignment, error) {
	return sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (admin.Assignment, error) {
		var a admin.Assignment
		var created int64
		err := rows.Scan(&a.Person, &a.Role, &created)
		a.Created = sqldb.FromMicros(created)
		return a, err
	}, `SELECT person, role, created FROM role_assignments ORDER BY role, person`)
}

// Assign implements admin.Store.
func (db *Store) Assign(ctx context.Context, a admin.Assignment, events []event.Event) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		t.Tell(events...)
		_, err := t.ExecContext(ctx, `INSERT INTO role_assignments (person, role, created) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
			a.Person, string(a.Role), sqldb.Micros(a.Created))
		return err
	})
}

// RoleHolders implements admin.Store.
func (db *Store) RoleHolders(ctx context.Context, q admin.RoleQuery) ([]directory.Person, string, error) {
	holds := people.Condition{
		People: `SELECT person FROM role_assignments WHERE role = ?`,
		Meets:  `SELECT 1 FROM role_assignments WHERE person = @ AND role = ?`,
		Args:   []any{string(q.Role)},
	}
	if len(q.Groups) > 0 {
		members := people.MembersOf(q.Groups...)
		holds.People += ` UNION ALL ` + members.People
		holds.Meets = `SELECT CASE WHEN EXISTS (` + holds.Meets + `) OR EXISTS (` + members.Meets + `) THEN 1 END`
		holds.Args = append(holds.Args, members.Args...)
	}
	s := people.Search{Conditions: []people.Condition{holds}, Limit: sqldb.Limit(q.Limit), After: q.After}
	return s.Run(ctx, db.DB)
}

// Unassign implements admin.Store.
func (db *Store) Unassign(ctx context.Context, person string, role admin.Role, keep admin.Admins, events []event.Event) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		return KeepAdmin(ctx, t, keep, func() error {
			t.Tell(events...)
			return sqldb.OneRow(admin.ErrNotAssigned)(t.ExecContext(ctx, `DELETE FROM role_assignments WHERE person = $1 AND role = $2`, person, string(role)))
		})
	})
}

// DisablePerson implements admin.Store.
func (db *Store) DisablePerson(ctx context.Context, id string, keep admin.Admins, change func(directory.Person) (directory.Person, []event.Event, error)) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		return KeepAdmin(ctx, t, keep, func() error {
			_, err := people.Change(ctx, t, id, change)
			return err
		})
	})
}

// MapGroup implements admin.Store.
func (db *Store) MapGroup(ctx context.Context, m directory.Mapping, keep admin.Admins, events []event.Event) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		return KeepAdmin(ctx, t, keep, func() error { return people.SetMapping(ctx, t, m, events) })
	})
}

// UnmapGroup implements admin.Store.
func (db *Store) UnmapGroup(ctx context.Context, g identity.GroupRef, keep admin.Admins, events []event.Event) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		return KeepAdmin(ctx, t, keep, func() error { return people.RemoveMapping(ctx, t, g, events) })
	})
}

// KeepAdmin makes a change unless it takes the last admin away. The lock of one row
// keeps two changes from each counting on the admin whom the other one removes.
func KeepAdmin(ctx context.Context, t *sqldb.Tx, keep admin.Admins, change func() error) error {
	if _, err := t.ExecContext(ctx, `UPDATE counters SET number = number + 1 WHERE name = 'admins'`); err != nil {
		return err
	}
	before, err := hasAdmin(ctx, t, keep)
	if err != nil {
		return err
	}
	if err := change(); err != nil {
		return err
	}
	after, err := hasAdmin(ctx, t, keep)
	if err == nil && before && !after {
		err = admin.ErrLastAdmin
	}
	return err
}

// hasAdmin reports whether anybody is an admin who is enabled and has not left.
func hasAdmin(ctx context.Context, t *sqldb.Tx, who admin.Admins) (has bool, err error) {
	has, err = hasHolder(ctx, t, func(directory.Person, identity.GroupRef) bool { return true }, `SELECT p.body, p.version, '', '' FROM role_assignments a
		JOIN people p ON p.id = a.person WHERE a.role = $1 AND NOT p.disabled`, string(admin.Admin))
	for i := 0; err == nil && !has && i < len(who.Groups); i++ {
		has, err = hasMember(ctx, t, who.Groups[i], who.Now)
	}
	return has, err
}

// hasMember reports whether an enabled person who has not left is a member of a group
// of this name. Until when a membership holds that a sign-in told of is in the person's
// row alone.
func hasMember(ctx context.Context, t *sqldb.Tx, name string, now time.Time) (bool, error) {
	has, err := hasHolder(ctx, t, func(p directory.Person, g identity.GroupRef) bool {
		return slices.ContainsFunc(p.Groups, func(m directory.Membership) bool { return m.Group == g && m.Holds(now) })
	}, `SELECT p.body, p.version, m.connection, m.group_id FROM group_mappings g
		CROSS JOIN memberships m CROSS JOIN people p WHERE g.name = $1 AND m.connection = g.connection AND m.group_id = g.group_id
		AND p.id = m.person AND NOT p.disabled`, name)
	if err != nil || has {
		return has, err
	}
	in := people.RecordedIn(`SELECT connection, group_id AS id FROM group_mappings WHERE name = ?`, name)
	var w sqldb.Where
	return hasHolder(ctx, t, func(directory.Person, identity.GroupRef) bool { return true }, `SELECT p.body, p.version, '', '' FROM (`+w.Bind(in.People, in.Args...)+
		`) AS recorded JOIN people p ON p.id = recorded.person WHERE NOT p.disabled`, w.Args...)
}

// hasHolder reports whether one of the people whom a query selects, each with a group,
// has not left and is one that is meant.
func hasHolder(ctx context.Context, t *sqldb.Tx, meant func(directory.Person, identity.GroupRef) bool, query string, args ...any) (has bool, err error) {
	rows, err := t.QueryContext(ctx, query, args...)
	if err != nil {
		return false, err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what matters
	for !has && rows.Next() {
		var g identity.GroupRef
		p, err := access.ScanPeople(rows, &g.Connection, &g.ID)
		if err != nil {
			return false, err
		}
		has = !p.Left() && meant(p, g)
	}
	return has, rows.Err()
}
