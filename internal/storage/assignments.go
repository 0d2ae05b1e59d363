package storage

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/job"
)

var _ entitlement.Store = (*DB)(nil)

const selectAssignment = `SELECT body FROM assignments WHERE `

func scanAssignment(rows *sql.Rows) (entitlement.Assignment, error) { return readAssignment(rows.Scan) }

func readAssignment(scan func(...any) error) (a entitlement.Assignment, err error) {
	var body string
	if err := scan(&body); err != nil {
		return a, err
	}
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		return a, fmt.Errorf("decode assignment: %w", err)
	}
	return a, nil
}

// timerTries is how long the end of an assignment is tried after its time.
const timerTries = 30 * 24 * time.Hour

// AddAssignment implements entitlement.Store.
func (db *DB) AddAssignment(ctx context.Context, a entitlement.Assignment, events []event.Event) error {
	err := db.change(ctx, func(t *tx) error {
		t.tell(events...)
		if a.Whom.Person != "" {
			_, err := t.changePerson(ctx, a.Whom.Person, func(p directory.Person) (directory.Person, []event.Event, error) {
				p.Assigned = append(slices.Clip(p.Assigned), a.Assigned())
				return p, nil, nil
			})
			if err != nil {
				return err
			}
		}
		_, err := t.ExecContext(ctx, `INSERT INTO assignments (id, app, role, kind, whom, person, connection, group_id, attribute, body, created) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			a.ID, a.App, a.Role, a.Whom.Kind(), text(a.Whom), a.Whom.Person, a.Whom.Group.Connection, a.Whom.Group.ID, a.Whom.Attribute.Name, text(a), micros(a.Created))
		if err != nil || a.Until.IsZero() {
			return err
		}
		return t.enqueueJobs(ctx, job.Job{Queue: entitlement.EndQueue, Key: a.ID, Payload: []byte(a.ID), RunAt: a.Until, Deadline: a.Until.Add(timerTries)})
	})
	if _, duplicate := isDuplicate(err); duplicate {
		return entitlement.ErrAssignmentThere
	}
	return err
}

// EndAssignment implements entitlement.Store.
func (db *DB) EndAssignment(ctx context.Context, id string, change func(entitlement.Assignment) (entitlement.Assignment, []event.Event, error)) (entitlement.Assignment, error) {
	var next entitlement.Assignment
	err := db.change(ctx, func(t *tx) error {
		old, err := readAssignment(t.QueryRowContext(ctx, selectAssignment+`id = $1`+t.forUpdate(), id).Scan)
		if errors.Is(err, sql.ErrNoRows) {
			return entitlement.ErrAssignmentNotFound
		}
		if err != nil {
			return err
		}
		var events []event.Event
		if next, events, err = change(old); err != nil || next.Ended.IsZero() || !old.Ended.IsZero() {
			return err
		}
		t.tell(events...)
		if _, err := t.ExecContext(ctx, `UPDATE assignments SET body = $2, ended = $3 WHERE id = $1`, id, text(next), micros(next.Ended)); err != nil {
			return err
		}
		return t.unassign(ctx, old)
	})
	return next, err
}

// unassign takes from people what an assignment gave that has ended. One whose time is
// over gave it until now.
func (t *tx) unassign(ctx context.Context, a entitlement.Assignment) error {
	at, _ := t.cause()
	over := !a.Until.IsZero() && !at.Before(a.Until)
	a.Until = time.Time{}
	if a.Whom.Person == "" {
		return t.sweepNow(ctx, sweep{App: a.App, Rule: &a})
	}
	p, err := t.changePerson(ctx, a.Whom.Person, func(p directory.Person) (directory.Person, []event.Event, error) {
		p.Assigned = slices.DeleteFunc(slices.Clone(p.Assigned), func(one directory.Assigned) bool { return one.ID == a.ID })
		return p, nil, nil
	})
	if err != nil || !over {
		return err
	}
	had := p
	had.Assigned = append(slices.Clip(p.Assigned), a.Assigned())
	return t.rowMoved(ctx, &had, &p)
}

// reassign makes the person's row have their assignments again.
func (t *tx) reassign(ctx context.Context, p *directory.Person) error {
	all, err := collect(ctx, t, scanAssignment, selectAssignment+`person = $1 AND ended = 0 ORDER BY id`, p.ID)
	p.Assigned = nil
	for i := range all {
		p.Assigned = append(p.Assigned, all[i].Assigned())
	}
	return err
}

// Assignment implements entitlement.Store.
func (db *DB) Assignment(ctx context.Context, id string) (entitlement.Assignment, error) {
	a, err := readAssignment(db.read.QueryRowContext(ctx, selectAssignment+`id = $1`, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		err = entitlement.ErrAssignmentNotFound
	}
	return a, translate(err)
}

// RuleAssignments implements entitlement.Rules.
func (db *DB) RuleAssignments(ctx context.Context) ([]entitlement.Assignment, error) {
	return collect(ctx, db.read, scanAssignment, selectAssignment+`kind <> 'person' AND ended = 0 ORDER BY id`)
}

// SearchAssignments implements entitlement.Store.
func (db *DB) SearchAssignments(ctx context.Context, q entitlement.Query) ([]entitlement.Assignment, string, error) {
	var w where
	if q.App != "" {
		w.add(`app = ?`, q.App)
	}
	if q.Person != "" {
		w.add(`person <> '' AND person = ?`, q.Person)
	}
	if q.Ended != nil && *q.Ended {
		w.add(`ended <> 0`)
	} else if q.Ended != nil {
		w.add(`ended = 0`)
	}
	if q.After != "" {
		parts, ok := decodeCursor(q.After, "assignments", 1)
		if !ok {
			return nil, "", directory.ErrCursor
		}
		w.add(`id < ?`, parts[0])
	}
	limit := pageOf(q.Limit)
	all, err := listing(ctx, db, scanAssignment, `SELECT body FROM assignments`+w.String()+` ORDER BY id DESC LIMIT `+strconv.Itoa(limit+1), w.args...)
	if err != nil {
		return nil, "", err
	}
	all, next := page(all, limit, func(a entitlement.Assignment) string { return encodeCursor("assignments", a.ID) })
	return all, next, nil
}
