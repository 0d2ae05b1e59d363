// Package auditlog keeps the audit log and its seals, searches it, and keeps what is
// counted of it: figures, and what the exchange tree is found by. Entries are written by
// the database itself, in the transaction of the change that they tell of.
package auditlog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// Store is the audit log of a database: audit.Store, activity.Store and grant.NodeStore.
type Store struct{ *sqldb.DB }

var (
	_ audit.Store      = (*Store)(nil)
	_ audit.CheckStore = (*Store)(nil)
)

// Append implements audit.Store.
func (db *Store) Append(ctx context.Context, events []event.Event) error {
	return db.Transact(ctx, func(t *sqldb.Tx) error { t.Tell(events...); return nil })
}

func scanEntry(rows *sql.Rows) (audit.Entry, error) {
	var e audit.Entry
	var body []byte
	if err := rows.Scan(&body, &e.Digest, &e.Seal); err != nil {
		return e, err
	}
	if err := json.Unmarshal(body, &e.Event); err != nil {
		return e, fmt.Errorf("decode audit entry: %w", err)
	}
	return e, nil
}

// Leaves implements audit.Store.
func (db *Store) Leaves(ctx context.Context, n int) ([]audit.Leaf, error) {
	return sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (l audit.Leaf, err error) {
		err = rows.Scan(&l.ID, &l.Digest)
		return l, err
	}, `SELECT id, digest FROM audit WHERE seal = 0 ORDER BY id LIMIT $1`, n)
}

// Entry returns one entry of the audit log, or audit.ErrEntryNotFound.
func (db *Store) Entry(ctx context.Context, id string) (audit.Entry, error) {
	found, err := sqldb.Collect(ctx, db.Read, scanEntry, `SELECT body, digest, seal FROM audit WHERE id = $1`, id)
	if err == nil && len(found) == 0 {
		err = audit.ErrEntryNotFound
	}
	if err != nil {
		return audit.Entry{}, err
	}
	return found[0], nil
}

// Unsealed implements audit.Store.
func (db *Store) Unsealed(ctx context.Context, after string, n int) ([]audit.Entry, error) {
	return sqldb.Collect(ctx, db.Read, scanEntry, `SELECT body, digest, seal FROM audit WHERE seal = 0 AND id > $1 ORDER BY id LIMIT $2`, after, n)
}

// Chain implements audit.Store.
func (db *Store) Chain(ctx context.Context, seal audit.Seal, ids []string) error {
	body, err := json.Marshal(seal)
	if err != nil {
		return fmt.Errorf("encode seal: %w", err)
	}
	taken := fault.New(fault.Conflict, "seal_taken", "another replica sealed meanwhile")
	return db.Transact(ctx, func(t *sqldb.Tx) error {
		_, err := t.ExecContext(ctx, `INSERT INTO seals (number, body) VALUES ($1, $2)`, seal.Number, string(body))
		if _, duplicate := sqldb.IsDuplicate(err); duplicate {
			return taken
		}
		if err != nil {
			return err
		}
		return markSealed(ctx, t, seal.Number, ids, taken)
	})
}

// markSealed seals the entries with these ids, which are in order. As nobody else can
// have sealed one of them under another number, as many rows as ids between the
// first and the last are those; else an entry was committed late, and each is named.
func markSealed(ctx context.Context, t *sqldb.Tx, number int64, ids []string, taken error) error {
	r, err := t.ExecContext(ctx, `UPDATE audit SET seal = $1 WHERE seal = 0 AND id >= $2 AND id <= $3`, number, ids[0], ids[len(ids)-1])
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n == int64(len(ids)) {
		return err
	}
	if _, err := t.ExecContext(ctx, `UPDATE audit SET seal = 0 WHERE seal = $1 AND seal <> 0`, number); err != nil {
		return err
	}
	list := make([]any, 1, len(ids)+1)
	list[0] = number
	marks := make([]string, len(ids))
	for i, id := range ids {
		list, marks[i] = append(list, id), "$"+strconv.Itoa(i+2)
	}
	if r, err = t.ExecContext(ctx, `UPDATE audit SET seal = $1 WHERE seal = 0 AND id IN (`+strings.Join(marks, ",")+`)`, list...); err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n != int64(len(ids)) {
		return errors.Join(taken, err)
	}
	return nil
}

// CountUnsealed returns how many entries no seal covers yet.
func (db *Store) CountUnsealed(ctx context.Context) (n int64, err error) {
	err = db.Read.QueryRowContext(ctx, `SELECT count(*) FROM audit WHERE seal = 0`).Scan(&n)
	return n, sqldb.Translate(err)
}

// OldestUnsealed returns the time of the oldest entry that no seal covers yet, or
// the zero time when all are covered.
func (db *Store) OldestUnsealed(ctx context.Context) (time.Time, error) {
	var at int64
	err := db.Read.QueryRowContext(ctx, `SELECT COALESCE(min(at), 0) FROM audit WHERE seal = 0`).Scan(&at)
	if err != nil || at == 0 {
		return time.Time{}, sqldb.Translate(err)
	}
	return sqldb.FromMicros(at), nil
}

func scanSeal(row sqldb.Row) (s audit.Seal, ok bool, err error) {
	var body string
	switch err := row.Scan(&body); {
	case errors.Is(err, sql.ErrNoRows):
		return s, false, nil
	case err != nil:
		return s, false, sqldb.Translate(err)
	}
	if err := json.Unmarshal([]byte(body), &s); err != nil {
		return s, false, fmt.Errorf("decode seal: %w", err)
	}
	return s, true, nil
}

// checkName is what the last audit.Check is kept under.
const checkName = "audit_check"

// LastCheck implements audit.CheckStore.
func (db *Store) LastCheck(ctx context.Context) (c audit.Check, ok bool, err error) {
	var body string
	switch err := db.Read.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = $1`, checkName).Scan(&body); {
	case errors.Is(err, sql.ErrNoRows):
		return c, false, nil
	case err != nil:
		return c, false, sqldb.Translate(err)
	}
	if err := json.Unmarshal([]byte(body), &c); err != nil {
		return c, false, fmt.Errorf("decode the check of the audit log: %w", err)
	}
	return c, true, nil
}

// SaveCheck implements audit.CheckStore.
func (db *Store) SaveCheck(ctx context.Context, c audit.Check) error {
	body, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode the check of the audit log: %w", err)
	}
	_, err = db.Write.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, checkName, string(body))
	return sqldb.Translate(err)
}

// LastSeal implements audit.Store.
func (db *Store) LastSeal(ctx context.Context) (audit.Seal, bool, error) {
	return scanSeal(db.Read.QueryRowContext(ctx, `SELECT body FROM seals ORDER BY number DESC LIMIT 1`))
}

func (db *Store) seal(ctx context.Context, n int64) (audit.Seal, error) {
	s, ok, err := scanSeal(db.Read.QueryRowContext(ctx, `SELECT body FROM seals WHERE number = $1`, n))
	if err == nil && !ok {
		err = fault.New(fault.NotFound, "seal_not_found", "there is no seal %d", n)
	}
	return s, err
}

// Sealed implements audit.Store.
func (db *Store) Sealed(ctx context.Context, n int64) (audit.Seal, []audit.Entry, error) {
	s, err := db.seal(ctx, n)
	if err != nil {
		return s, nil, err
	}
	entries, err := sqldb.Collect(ctx, db.Read, scanEntry, `SELECT body, digest, seal FROM audit WHERE seal = $1 AND seal <> 0 ORDER BY id`, n)
	return s, entries, err
}

// SealedBodies implements audit.Chain.
func (db *Store) SealedBodies(ctx context.Context, n int64) (audit.Seal, []audit.Body, error) {
	s, err := db.seal(ctx, n)
	if err != nil {
		return s, nil, err
	}
	bodies, err := sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (b audit.Body, err error) {
		err = rows.Scan(&b.ID, &b.Body, &b.Digest)
		return b, err
	}, `SELECT id, body, digest FROM audit WHERE seal = $1 AND seal <> 0 ORDER BY id`, n)
	return s, bodies, err
}
