package records

import (
	"context"
	"database/sql"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// A member that is not known waits for who arrives with its id or external id. On
// PostgreSQL either might not see the other while neither is committed, and so they take
// turns: who arrives holds a lock of the connection that others who arrive share, from
// before they look who waits; who is to wait needs it alone, from before they look a last
// time whether it is known. SQLite has one writer.

// arrivals is the name of the lock, before the connection.
const arrivals = `arrivals/`

// arrives takes the lock of who arrives, and fails with record.ErrHalted where the
// connection may change nothing.
func arrives(ctx context.Context, t *sqldb.Tx, connection string) error {
	if !t.Postgres() {
		return isHalted(ctx, t, connection)
	}
	var halted int64
	var locked any
	err := t.QueryRowContext(ctx, `SELECT pg_advisory_xact_lock_shared(hashtextextended($2, 0)), coalesce((SELECT halted FROM record_guards WHERE connection = $1), 0)`,
		connection, arrivals+connection).Scan(&locked, &halted)
	if err == nil && halted != 0 {
		err = record.ErrHalted
	}
	return err
}

// awaits takes the lock of who waits, and reports whether anybody may have arrived
// meanwhile.
func awaits(ctx context.Context, t *sqldb.Tx, connection string) (bool, error) {
	if !t.Postgres() {
		return false, nil
	}
	_, err := t.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, arrivals+connection)
	return true, err
}

// arrival is a user or a group that a pending member may have waited for.
type arrival struct {
	id, external, person string
	kind                 record.Kind
}

// named are the values that members may have waited for.
func (a arrival) named() []string {
	if a.external == "" {
		return []string{a.id}
	}
	return []string{a.id, a.external}
}

// waiting is a pending member: in which group, and what for.
type waiting struct{ group, value string }

// waitingFor returns who waits for one of the values.
func waitingFor(ctx context.Context, t *sqldb.Tx, connection string, values []string) ([]waiting, error) {
	condition, args := sqldb.Among(t, `member`, []any{connection}, values)
	return sqldb.Collect(ctx, t, func(rows *sql.Rows) (w waiting, err error) {
		err = rows.Scan(&w.group, &w.value)
		return w, err
	}, `SELECT group_id, member FROM record_members WHERE connection = $1 AND pending AND until = 0 AND `+condition, args...)
}

// arrived makes members of those who waited for what arrives.
func arrived(ctx context.Context, t *sqldb.Tx, op record.Operation, a arrival) error {
	all, err := waitingFor(ctx, t, op.Connection, a.named())
	if err != nil {
		return err
	}
	return settle(ctx, t, op, all, []arrival{a})
}

// settle turns those who waited for what arrived into members.
func settle(ctx context.Context, t *sqldb.Tx, op record.Operation, all []waiting, arrived []arrival) error {
	if len(all) == 0 {
		return nil
	}
	by := map[string]arrival{}
	for _, a := range arrived {
		for _, v := range a.named() {
			by[v] = a
		}
	}
	values := map[string][]string{}
	var groups []string
	for _, w := range all {
		if _, ok := by[w.value]; !ok {
			continue // it was not made after all
		}
		if values[w.group] == nil {
			groups = append(groups, w.group)
		}
		values[w.group] = append(values[w.group], w.value)
	}
	slices.Sort(groups) // the order in which they are locked
	for _, group := range groups {
		if err := settleIn(ctx, t, op, group, values[group], by); err != nil {
			return err
		}
	}
	return nil
}

func settleIn(ctx context.Context, t *sqldb.Tx, op record.Operation, group string, values []string, by map[string]arrival) error {
	_, err := t.ExecContext(ctx, `UPDATE record_groups SET version = version + 1, updated = $2 WHERE id = $1`, group, sqldb.Micros(op.Time))
	if err != nil {
		return err
	}
	gone, err := removeMembers(ctx, t, op, group, values)
	if err != nil {
		return err
	}
	members := make([]member, len(gone))
	for i, m := range gone { // not one that was removed meanwhile
		a := by[m.id]
		members[i] = member{id: a.id, person: a.person, kind: a.kind}
	}
	return addMembers(ctx, t, op, group, sortedMembers(members))
}
