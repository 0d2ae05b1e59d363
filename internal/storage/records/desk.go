package records

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage/records/index"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

var _ record.Store = Store{}

func scanSCIMToken(scan func(...any) error) (record.Token, error) {
	var t record.Token
	var body string
	var used int64
	if err := scan(&body, &t.Hash, &used); err != nil {
		return t, err
	}
	if err := json.Unmarshal([]byte(body), &t); err != nil {
		return t, fmt.Errorf("decode SCIM token: %w", err)
	}
	if used > 0 {
		t.LastUsed = sqldb.FromMicros(used)
	}
	return t, nil
}

const selectSCIMTokens = `SELECT body, hash, last_used FROM record_tokens WHERE connection = $1 ORDER BY created DESC, id`

// CreateToken implements record.TokenStore.
func (db Store) CreateToken(ctx context.Context, n record.Token, now time.Time, events []event.Event) error {
	body, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("encode SCIM token: %w", err)
	}
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		if err := lockCounter(ctx, t, "scim-tokens/"+n.Connection); err != nil {
			return err
		}
		all, err := sqldb.Collect(ctx, t, func(rows *sql.Rows) (record.Token, error) { return scanSCIMToken(rows.Scan) }, selectSCIMTokens, n.Connection)
		if err != nil {
			return err
		}
		if good := slices.DeleteFunc(all, func(t record.Token) bool { return !now.Before(t.Expires) }); len(good) >= record.MaxTokens {
			return record.ErrTokenLimit
		}
		t.Tell(events...)
		_, err = t.ExecContext(ctx, `INSERT INTO record_tokens (id, connection, hash, body, created) VALUES ($1, $2, $3, $4, $5)`,
			n.ID, n.Connection, n.Hash, string(body), sqldb.Micros(n.Created))
		return err
	})
}

// Tokens implements record.TokenStore.
func (db Store) Tokens(ctx context.Context, connection string) ([]record.Token, error) {
	return sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (record.Token, error) { return scanSCIMToken(rows.Scan) }, selectSCIMTokens, connection)
}

// Token implements record.TokenStore.
func (db Store) Token(ctx context.Context, hash []byte) (record.Token, error) {
	t, err := scanSCIMToken(db.Read.QueryRowContext(ctx, `SELECT body, hash, last_used FROM record_tokens WHERE hash = $1`, hash).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return t, record.ErrTokenNotFound
	}
	return t, sqldb.Translate(err)
}

// RevokeToken implements record.TokenStore.
func (db Store) RevokeToken(ctx context.Context, connection, id string, events []event.Event) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		t.Tell(events...)
		return sqldb.OneRow(record.ErrTokenNotFound)(t.ExecContext(ctx, `DELETE FROM record_tokens WHERE connection = $1 AND id = $2`, connection, id))
	})
}

// TouchToken implements record.TokenStore.
func (db Store) TouchToken(ctx context.Context, id string, at time.Time) error {
	_, err := db.Write.ExecContext(ctx, `UPDATE record_tokens SET last_used = $2 WHERE id = $1 AND last_used < $2`, id, sqldb.Micros(at))
	return sqldb.Translate(err)
}

// SaveOutcomes implements record.OperationStore.
func (db Store) SaveOutcomes(ctx context.Context, all []record.Outcome) error {
	rows := make([][]any, len(all))
	for i, o := range all {
		var err error
		if rows[i], err = operationRow(o); err != nil {
			return err
		}
	}
	return db.Transact(ctx, func(t *sqldb.Tx) error { return t.InsertRows(ctx, insertOperation, ` ON CONFLICT DO NOTHING`, rows) })
}

func scanOutcome(scan func(...any) error) (o record.Outcome, err error) {
	var body string
	if err := scan(&body); err != nil {
		return o, err
	}
	if err := json.Unmarshal([]byte(body), &o); err != nil {
		return o, fmt.Errorf("decode operation: %w", err)
	}
	return o, nil
}

// Outcomes implements record.OperationStore.
func (db Store) Outcomes(ctx context.Context, connection, after string, limit int) ([]record.Outcome, error) {
	query, args := `SELECT body FROM record_operations WHERE connection = $1`, []any{connection}
	if after != "" {
		query, args = query+` AND id < $2`, append(args, after)
	}
	return sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (record.Outcome, error) { return scanOutcome(rows.Scan) },
		query+` ORDER BY id DESC LIMIT $`+strconv.Itoa(len(args)+1), append(args, limit)...)
}

// Outcome implements record.OperationStore.
func (db Store) Outcome(ctx context.Context, id string) (record.Outcome, error) {
	o, err := scanOutcome(db.Read.QueryRowContext(ctx, `SELECT body FROM record_operations WHERE id = $1`, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return o, record.ErrNoOperation
	}
	return o, sqldb.Translate(err)
}

const selectState = `SELECT connection, halted_by, ` + guardColumns + ` FROM record_guards`

func scanState(scan func(...any) error) (s record.State, err error) {
	var g guard
	g, err = scanGuard(func(to ...any) error { return scan(append([]any{&s.Connection, &s.By}, to...)...) })
	s.Halted, s.OpenUntil, s.Began = sqldb.FromMicros(g.halted), sqldb.FromMicros(g.openUntil), sqldb.FromMicros(g.began)
	s.People, s.Members, s.PeopleGone, s.MembersGone = g.people, g.members, g.peopleGone, g.membersGone
	return s, err
}

// State implements record.GuardStore.
func (db Store) State(ctx context.Context, connection string) (record.State, error) {
	s, err := scanState(db.Read.QueryRowContext(ctx, selectState+` WHERE connection = $1`, connection).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return record.State{Connection: connection}, nil
	}
	return s, sqldb.Translate(err)
}

// Halted implements record.GuardStore.
func (db Store) Halted(ctx context.Context) ([]record.State, error) {
	return sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (record.State, error) { return scanState(rows.Scan) }, selectState+` WHERE halted <> 0 ORDER BY connection`)
}

// Halt implements record.GuardStore.
func (db Store) Halt(ctx context.Context, connection string, at time.Time, events []event.Event) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		by := ""
		if len(events) > 0 {
			by = events[0].Data["operation"]
		}
		r, err := t.ExecContext(ctx, `INSERT INTO record_guards (connection, halted, halted_by, began) VALUES ($1, $2, $3, $2)
			ON CONFLICT (connection) DO UPDATE SET halted = excluded.halted, halted_by = excluded.halted_by,
			began = CASE WHEN record_guards.began = 0 THEN excluded.began ELSE record_guards.began END WHERE record_guards.halted = 0`, connection, sqldb.Micros(at), by)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return err
		}
		t.Tell(events...)
		return nil
	})
}

// Resume implements record.GuardStore.
func (db Store) Resume(ctx context.Context, connection string, openUntil time.Time, events []event.Event) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		t.Tell(events...)
		return sqldb.OneRow(record.ErrNotHalted)(t.ExecContext(ctx, `UPDATE record_guards SET halted = 0, halted_by = '', open_until = $2, began = 0 WHERE connection = $1 AND halted <> 0`,
			connection, sqldb.Micros(openUntil)))
	})
}

// Undo implements record.GuardStore.
func (db Store) Undo(ctx context.Context, op record.Operation, connection string, since time.Time, limit int) (n int, err error) {
	err = db.Transact(ctx, func(t *sqldb.Tx) error {
		gone, err := sqldb.Collect(ctx, t, func(rows *sql.Rows) (record.User, error) { return ScanUser(rows.Scan) }, `SELECT `+UserColumns+goneSince+` ORDER BY r.id LIMIT $3`+t.ForUpdate(), connection, sqldb.Micros(since), limit)
		if err != nil {
			return err
		}
		for _, u := range gone {
			if err := bringBack(ctx, t, op, u); err != nil {
				return err
			}
		}
		if n = len(gone); n < limit {
			err = reopen(ctx, t, op, connection, since)
		}
		t.Tell(op.Undone(n))
		return err
	})
	return n, err
}

// bringBack makes a user active again who left, or was deleted.
func bringBack(ctx context.Context, t *sqldb.Tx, op record.Operation, u record.User) error {
	_, err := t.ExecContext(ctx, `UPDATE record_users SET active = $2, deleted = 0, left_at = 0, updated = $3, version = version + 1 WHERE id = $1`, u.ID, true, sqldb.Micros(op.Time))
	if err == nil {
		err = index.Add(ctx, t, u.Connection, u.ID, index.OfUser(u))
	}
	if err == nil {
		_, err = t.ExecContext(ctx, `UPDATE record_absences SET until = $2, closed = $3 WHERE record = $1 AND until = 0`, u.ID, sqldb.Micros(op.Time), op.ID)
	}
	if err != nil {
		return err
	}
	t.Tell(op.Returned(u))
	return updateRecorded(ctx, t, u.Person, func(p *directory.Person) {
		setRecord(p, directory.Record{Connection: u.Connection, ID: u.ID, Active: true})
		p.Updated = op.Time
	})
}

// reopen makes members of those again whose memberships were closed since a time.
func reopen(ctx context.Context, t *sqldb.Tx, op record.Operation, connection string, since time.Time) error {
	if err := operation(ctx, t, op, ""); err != nil {
		return err
	}
	type back struct{ group, person string }
	all, err := sqldb.Collect(ctx, t, func(rows *sql.Rows) (b back, err error) {
		err = rows.Scan(&b.group, &b.person)
		return b, err
	}, `INSERT INTO record_members (group_id, member, since, opened, connection, kind, person, pending)
		SELECT DISTINCT m.group_id, m.member, CAST($3 AS BIGINT), CAST($4 AS TEXT), m.connection, m.kind, m.person, m.pending FROM record_members m
		JOIN record_groups g ON g.id = m.group_id AND g.deleted = 0
		WHERE m.connection = $1 AND m.until >= $2 AND m.until <> 0 AND (m.kind <> 'user' OR EXISTS (SELECT 1 FROM record_users u WHERE u.id = m.member AND u.deleted = 0))
		AND (m.kind <> 'group' OR EXISTS (SELECT 1 FROM record_groups o WHERE o.id = m.member AND o.deleted = 0)) AND NOT m.pending
		ON CONFLICT DO NOTHING RETURNING group_id, person`, connection, sqldb.Micros(since), sqldb.Micros(op.Time), op.ID)
	if err != nil {
		return err
	}
	counts := map[string]int64{}
	for _, b := range all {
		if b.person != "" {
			counts[b.group]++
		}
	}
	for _, group := range slices.Sorted(maps.Keys(counts)) {
		_, err := t.ExecContext(ctx, `UPDATE record_groups SET version = version + 1, updated = $2 WHERE id = $1`, group, sqldb.Micros(op.Time))
		if err == nil {
			err = countMembers(ctx, t, op, group, counts[group])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Protect implements record.GuardStore.
func (db Store) Protect(ctx context.Context, what identity.Ref, on bool, at time.Time, events []event.Event) error {
	return db.Transact(ctx, func(t *sqldb.Tx) (err error) {
		t.Tell(events...)
		if on {
			_, err = t.ExecContext(ctx, `INSERT INTO record_protected (kind, ref, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, string(what.Kind), what.ID, sqldb.Micros(at))
		} else {
			_, err = t.ExecContext(ctx, `DELETE FROM record_protected WHERE kind = $1 AND ref = $2`, string(what.Kind), what.ID)
		}
		return err
	})
}
