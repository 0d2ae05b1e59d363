package storage

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

var _ admin.Store = (*DB)(nil)

func scanToken(scan func(...any) error) (admin.Token, error) {
	var t admin.Token
	var body string
	var used int64
	err := scan(&body, &t.Hash, &used)
	if err != nil {
		return t, err
	}
	if err := json.Unmarshal([]byte(body), &t); err != nil {
		return t, fmt.Errorf("decode API token: %w", err)
	}
	if used > 0 {
		t.LastUsed = sqldb.FromMicros(used)
	}
	return t, nil
}

// APIToken implements admin.Store.
func (db *DB) APIToken(ctx context.Context, hash []byte) (admin.Token, error) {
	t, err := scanToken(db.Read.QueryRowContext(ctx, `SELECT body, hash, last_used FROM api_tokens WHERE hash = $1`, hash).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return t, admin.ErrTokenNotFound
	}
	return t, sqldb.Translate(err)
}

// APITokens implements admin.Store.
func (db *DB) APITokens(ctx context.Context) ([]admin.Token, error) {
	return sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (admin.Token, error) { return scanToken(rows.Scan) },
		`SELECT body, hash, last_used FROM api_tokens ORDER BY created DESC, id`)
}

// CreateToken implements admin.Store.
func (db *DB) CreateToken(ctx context.Context, t admin.Token, events []event.Event) error {
	body, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("encode API token: %w", err)
	}
	return db.Transact(ctx, func(x *sqldb.Tx) error {
		x.Tell(events...)
		_, err := x.ExecContext(ctx, `INSERT INTO api_tokens (id, hash, body, created) VALUES ($1, $2, $3, $4)`, t.ID, t.Hash, string(body), sqldb.Micros(t.Created))
		return err
	})
}

// tokens lists the tokens within a transaction.
func tokens(ctx context.Context, t *sqldb.Tx) ([]admin.Token, error) {
	return sqldb.Collect(ctx, t, func(rows *sql.Rows) (admin.Token, error) { return scanToken(rows.Scan) }, `SELECT body, hash, last_used FROM api_tokens ORDER BY id`)
}

// endTokens removes the tokens of an owner who was disabled: enabled again, they
// make new ones, since somebody else may have got hold of the old.
func endTokens(ctx context.Context, t *sqldb.Tx, owner identity.Ref) error {
	all, err := tokens(ctx, t)
	if err != nil {
		return err
	}
	for _, token := range all {
		if token.Owner != owner {
			continue
		}
		if _, err := t.ExecContext(ctx, `DELETE FROM api_tokens WHERE id = $1`, token.ID); err != nil {
			return err
		}
	}
	return nil
}

// leaveTokens takes an app that is removed out of the tokens that are for it: who
// has one has no say in the next app of that name.
func leaveTokens(ctx context.Context, t *sqldb.Tx, app string) error {
	all, err := tokens(ctx, t)
	if err != nil {
		return err
	}
	for _, token := range all {
		i := slices.Index(token.Apps, app)
		if i < 0 {
			continue
		}
		token.Apps = slices.Delete(token.Apps, i, i+1)
		body, err := json.Marshal(token)
		if err != nil {
			return fmt.Errorf("encode API token: %w", err)
		}
		if _, err := t.ExecContext(ctx, `UPDATE api_tokens SET body = $2 WHERE id = $1`, token.ID, string(body)); err != nil {
			return err
		}
	}
	return nil
}

// RevokeToken implements admin.Store.
func (db *DB) RevokeToken(ctx context.Context, id string, events []event.Event) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		t.Tell(events...)
		return sqldb.OneRow(admin.ErrTokenNotFound)(t.ExecContext(ctx, `DELETE FROM api_tokens WHERE id = $1`, id))
	})
}

// TouchToken implements admin.Store.
func (db *DB) TouchToken(ctx context.Context, id string, at time.Time) error {
	_, err := db.Write.ExecContext(ctx, `UPDATE api_tokens SET last_used = $2 WHERE id = $1`, id, sqldb.Micros(at))
	return sqldb.Translate(err)
}

// Assignments implements admin.Store.
func (db *DB) Assignments(ctx context.Context) ([]admin.Assignment, error) {
	return sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (admin.Assignment, error) {
		var a admin.Assignment
		var created int64
		err := rows.Scan(&a.Person, &a.Role, &created)
		a.Created = sqldb.FromMicros(created)
		return a, err
	}, `SELECT person, role, created FROM role_assignments ORDER BY role, person`)
}

// Assign implements admin.Store.
func (db *DB) Assign(ctx context.Context, a admin.Assignment, events []event.Event) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		t.Tell(events...)
		_, err := t.ExecContext(ctx, `INSERT INTO role_assignments (person, role, created) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
			a.Person, string(a.Role), sqldb.Micros(a.Created))
		return err
	})
}

// RoleHolders implements admin.Store.
func (db *DB) RoleHolders(ctx context.Context, q admin.RoleQuery) ([]directory.Person, string, error) {
	holds := condition{
		`SELECT person FROM role_assignments WHERE role = ?`, `SELECT 1 FROM role_assignments WHERE person = @ AND role = ?`, []any{string(q.Role)},
	}
	if len(q.Groups) > 0 {
		members := membersOf(q.Groups...)
		holds.people += ` UNION ALL ` + members.people
		holds.meets = `SELECT CASE WHEN EXISTS (` + holds.meets + `) OR EXISTS (` + members.meets + `) THEN 1 END`
		holds.args = append(holds.args, members.args...)
	}
	s := peopleSearch{conditions: []condition{holds}, limit: sqldb.Limit(q.Limit), after: q.After}
	return s.run(ctx, db)
}

// Unassign implements admin.Store.
func (db *DB) Unassign(ctx context.Context, person string, role admin.Role, keep admin.Admins, events []event.Event) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		return keepAdmin(ctx, t, keep, func() error {
			t.Tell(events...)
			return sqldb.OneRow(admin.ErrNotAssigned)(t.ExecContext(ctx, `DELETE FROM role_assignments WHERE person = $1 AND role = $2`, person, string(role)))
		})
	})
}

// DisablePerson implements admin.Store.
func (db *DB) DisablePerson(ctx context.Context, id string, keep admin.Admins, change func(directory.Person) (directory.Person, []event.Event, error)) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		return keepAdmin(ctx, t, keep, func() error {
			_, err := changePerson(ctx, t, id, change)
			return err
		})
	})
}

// MapGroup implements admin.Store.
func (db *DB) MapGroup(ctx context.Context, m directory.Mapping, keep admin.Admins, events []event.Event) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		return keepAdmin(ctx, t, keep, func() error { return setMapping(ctx, t, m, events) })
	})
}

// UnmapGroup implements admin.Store.
func (db *DB) UnmapGroup(ctx context.Context, g identity.GroupRef, keep admin.Admins, events []event.Event) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		return keepAdmin(ctx, t, keep, func() error { return removeMapping(ctx, t, g, events) })
	})
}

// keepAdmin makes a change unless it takes the last admin away. The lock of one row
// keeps two changes from each counting on the admin whom the other one removes.
func keepAdmin(ctx context.Context, t *sqldb.Tx, keep admin.Admins, change func() error) error {
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
	in := recordedIn(`SELECT connection, group_id AS id FROM group_mappings WHERE name = ?`, name)
	var w sqldb.Where
	return hasHolder(ctx, t, func(directory.Person, identity.GroupRef) bool { return true }, `SELECT p.body, p.version, '', '' FROM (`+w.Bind(in.people, in.args...)+
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
		p, err := scanPeople(rows, &g.Connection, &g.ID)
		if err != nil {
			return false, err
		}
		has = !p.Left() && meant(p, g)
	}
	return has, rows.Err()
}
