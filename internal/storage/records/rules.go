package records

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/storage/access"
	"github.com/gatehouse-io/gatehouse/internal/storage/admins"
	"github.com/gatehouse-io/gatehouse/internal/storage/people"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// KeepChange and keepOperation are how long an operation is kept: one that changed something for who asks why, others
// for who looks at what goes wrong.
const (
	KeepChange    = 400 * 24 * time.Hour
	keepOperation = 7 * 24 * time.Hour
)

// operation keeps an operation that changed something.
func operation(ctx context.Context, t *sqldb.Tx, op record.Operation, resource string) error {
	row, err := operationRow(op.Done(resource))
	if err != nil {
		return err
	}
	return t.InsertRows(ctx, insertOperation, onOperation, [][]any{row})
}

// An operation of which a part was kept before, such as a change within a bulk, is
// what it ended as.
const (
	insertOperation = `INSERT INTO record_operations (id, connection, body, changed, expires) VALUES `
	onOperation     = ` ON CONFLICT (id) DO UPDATE SET body = excluded.body, changed = excluded.changed, expires = excluded.expires`
)

func operationRow(o record.Outcome) ([]any, error) {
	body, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("encode operation: %w", err)
	}
	keep := keepOperation
	if o.Changed {
		keep = KeepChange
	}
	return []any{o.ID, o.Connection, string(body), o.Changed, sqldb.Micros(o.Time.Add(keep))}, nil
}

// mayTouch fails unless the connection may change the person.
func mayTouch(ctx context.Context, t *sqldb.Tx, op record.Operation, person string) error {
	if op.Policy.Touch {
		return nil
	}
	has, err := people.AnyRole(ctx, t, op.Policy.Roles, person)
	if err == nil && has {
		err = record.ErrProtected
	}
	return err
}

// mayName fails where a user's external id is the subject of somebody whom the
// connection may not change: with their next sign-in the record would be theirs, and
// whether they are active with it.
func mayName(ctx context.Context, t *sqldb.Tx, op record.Operation, u record.User) error {
	var owner string
	err := t.QueryRowContext(ctx, `SELECT person FROM identities WHERE connection = $1 AND subject = $2`, op.Connection, u.ExternalID).Scan(&owner)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil || owner == u.Person:
		return err
	}
	return mayTouch(ctx, t, op, owner)
}

// MayTouchGroup fails unless the connection may change the group: neither it nor one
// that it is in is protected, or makes a role.
func MayTouchGroup(ctx context.Context, t *sqldb.Tx, op record.Operation, group string) error {
	if op.Policy.Touch {
		return nil
	}
	names := op.Policy.Roles
	if len(names) == 0 {
		names = []string{""}
	}
	args := []any{group, record.MaxDepth, op.Connection}
	for _, r := range sqldb.Padded(names) {
		args = append(args, r)
	}
	var protected bool
	err := t.QueryRowContext(ctx, access.WalkUp+`SELECT EXISTS (SELECT 1 FROM up JOIN group_mappings g ON g.connection = $3 AND g.group_id = up.id AND g.name IN (`+sqldb.Numbered(4, len(args)-3)+`))
		OR EXISTS (SELECT 1 FROM up JOIN record_protected p ON p.kind = 'group' AND p.ref = $3 || '/' || up.id)`, args...).Scan(&protected)
	if err == nil && protected {
		err = record.ErrProtected
	}
	return err
}

// lastAdmin makes a change of a person: where the connection may change admins, one of
// them has to remain.
func lastAdmin(ctx context.Context, t *sqldb.Tx, op record.Operation, change func() error) error {
	if !op.Policy.Touch {
		return change()
	}
	return admins.KeepAdmin(ctx, t, admin.Admins{Groups: op.Policy.Admins, Now: op.Time}, change)
}

// guard is what a connection took away within its window.
type guard struct {
	halted, openUntil, began                 int64
	people, members, peopleGone, membersGone int64
}

const guardColumns = `halted, open_until, began, people, members, people_gone, members_gone`

func scanGuard(scan func(...any) error) (g guard, err error) {
	err = scan(&g.halted, &g.openUntil, &g.began, &g.people, &g.members, &g.peopleGone, &g.membersGone)
	return g, err
}

// gone counts what a connection takes away, and fails with record.ErrHalted where that
// is too much.
func gone(ctx context.Context, t *sqldb.Tx, op record.Operation, people, members int64) error {
	_, err := t.ExecContext(ctx, `INSERT INTO record_guards (connection) VALUES ($1) ON CONFLICT DO NOTHING`, op.Connection)
	if err != nil {
		return err
	}
	g, err := scanGuard(t.QueryRowContext(ctx, `SELECT `+guardColumns+` FROM record_guards WHERE connection = $1`+t.ForUpdate(), op.Connection).Scan)
	if err != nil {
		return err
	}
	now := sqldb.Micros(op.Time)
	if now >= g.began+op.Policy.Guard.Window.Microseconds() {
		if g, err = window(ctx, t, op.Connection, g, now, people); err != nil {
			return err
		}
	}
	g.peopleGone += people
	g.membersGone += members
	most := op.Policy.Guard
	if now >= g.openUntil && most.Share > 0 && (people > 0 && g.peopleGone > most.Most(g.people) || members > 0 && g.membersGone > most.Most(g.members)) {
		return record.ErrHalted
	}
	_, err = t.ExecContext(ctx, `UPDATE record_guards SET began = $2, people = $3, members = $4, people_gone = $5, members_gone = $6 WHERE connection = $1`,
		op.Connection, g.began, g.people, g.members, g.peopleGone, g.membersGone)
	return err
}

// window begins a new window with what the connection has now. Who left in this
// transaction was there when it began.
func window(ctx context.Context, t *sqldb.Tx, connection string, g guard, now, people int64) (guard, error) {
	next := guard{halted: g.halted, openUntil: g.openUntil, began: now}
	err := t.QueryRowContext(ctx, `SELECT count(*) FROM record_users WHERE connection = $1 AND deleted = 0 AND active`, connection).Scan(&next.people)
	if err == nil {
		err = t.QueryRowContext(ctx, `SELECT coalesce(sum(members), 0) FROM upstream_groups u WHERE connection = $1
			AND EXISTS (SELECT 1 FROM record_groups r WHERE r.id = u.group_id)`, connection).Scan(&next.members)
	}
	next.people += people
	return next, err
}

// isHalted reports whether the connection may change nothing.
func isHalted(ctx context.Context, t *sqldb.Tx, connection string) error {
	var halted int64
	err := t.QueryRowContext(ctx, `SELECT halted FROM record_guards WHERE connection = $1`, connection).Scan(&halted)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err == nil && halted != 0:
		return record.ErrHalted
	}
	return err
}
