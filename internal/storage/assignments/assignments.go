// Package assignments keeps what is given to people, groups and attributes by hand.
package assignments

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/storage/access"
	"github.com/gatehouse-io/gatehouse/internal/storage/people"
	"github.com/gatehouse-io/gatehouse/internal/storage/queues"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// Store is the assignments of a database: entitlement.Store.
type Store struct{ *sqldb.DB }

var _ entitlement.Store = (*Store)(nil)

// timerTries is how long the end of an assignment is tried after its time.
const timerTries = 30 * 24 * time.Hour

// AddAssignment implements entitlement.Store.
func (db *Store) AddAssignment(ctx context.Context, a entitlement.Assignment, events []event.Event) error {
	err := db.Transact(ctx, func(t *sqldb.Tx) error {
		t.Tell(events...)
		if a.Whom.Person != "" {
			_, err := people.Change(ctx, t, a.Whom.Person, func(p directory.Person) (directory.Person, []event.Event, error) {
				p.Assigned = append(slices.Clip(p.Assigned), a.Assigned())
				return p, nil, nil
			})
			if err != nil {
				return err
			}
		}
		_, err := t.ExecContext(ctx, `INSERT INTO assignments (id, app, role, kind, whom, person, connection, group_id, attribute, body, created) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			a.ID, a.App, a.Role, a.Whom.Kind(), sqldb.JSON(a.Whom), a.Whom.Person, a.Whom.Group.Connection, a.Whom.Group.ID, a.Whom.Attribute.Name, sqldb.JSON(a), sqldb.Micros(a.Created))
		if err != nil {
			return err
		}
		return timeAssignment(ctx, t, a)
	})
	if _, duplicate := sqldb.IsDuplicate(err); duplicate {
		return entitlement.ErrAssignmentThere
	}
	return err
}

// UpdateAssignment implements entitlement.Store.
func (db *Store) UpdateAssignment(ctx context.Context, id string, change func(entitlement.Assignment) (entitlement.Assignment, []event.Event, error)) (entitlement.Assignment, error) {
	var next entitlement.Assignment
	err := db.Transact(ctx, func(t *sqldb.Tx) error {
		old, err := access.ReadAssignment(t.QueryRowContext(ctx, access.SelectAssignment+`id = $1`+t.ForUpdate(), id).Scan)
		if errors.Is(err, sql.ErrNoRows) {
			return entitlement.ErrAssignmentNotFound
		}
		if err != nil {
			return err
		}
		var events []event.Event
		next, events, err = change(old)
		ends, moves := !next.Ended.IsZero(), !next.Until.Equal(old.Until)
		if err != nil || !old.Ended.IsZero() || !ends && !moves {
			return err
		}
		t.Tell(events...)
		if _, err := t.ExecContext(ctx, `UPDATE assignments SET body = $2, ended = $3 WHERE id = $1`, id, sqldb.JSON(next), sqldb.Micros(next.Ended)); err != nil {
			return err
		}
		if ends {
			return unassign(ctx, t, old)
		}
		return movedEnd(ctx, t, next)
	})
	return next, err
}

// movedEnd has the person's row, and a timer, know of another end. What an end that is
// ahead gives now is what it gave before.
func movedEnd(ctx context.Context, t *sqldb.Tx, a entitlement.Assignment) error {
	if a.Whom.Person != "" {
		_, err := people.Change(ctx, t, a.Whom.Person, func(p directory.Person) (directory.Person, []event.Event, error) {
			p.Assigned = slices.Clone(p.Assigned)
			for i := range p.Assigned {
				if p.Assigned[i].ID == a.ID {
					p.Assigned[i] = a.Assigned()
				}
			}
			return p, nil, nil
		})
		if err != nil {
			return err
		}
	}
	return timeAssignment(ctx, t, a)
}

// timeAssignment sets the timer of the assignment's end.
func timeAssignment(ctx context.Context, t *sqldb.Tx, a entitlement.Assignment) error {
	if a.Until.IsZero() {
		return nil
	}
	return queues.Enqueue(ctx, t, job.Job{Queue: entitlement.EndQueue, Key: a.Timer(), Payload: []byte(a.ID), RunAt: a.Until, Deadline: a.Until.Add(timerTries)})
}

// unassign takes from people what an assignment gave that has ended. One whose time is
// over gave it until now.
func unassign(ctx context.Context, t *sqldb.Tx, a entitlement.Assignment) error {
	at, _ := t.Cause()
	over := !a.Until.IsZero() && !at.Before(a.Until)
	a.Until = time.Time{}
	if a.Whom.Person == "" {
		return access.BeginSweep(ctx, t, access.Sweep{App: a.App, Rule: &a})
	}
	p, err := people.Change(ctx, t, a.Whom.Person, func(p directory.Person) (directory.Person, []event.Event, error) {
		p.Assigned = slices.DeleteFunc(slices.Clone(p.Assigned), func(one directory.Assigned) bool { return one.ID == a.ID })
		return p, nil, nil
	})
	if err != nil || !over {
		return err
	}
	had := p
	had.Assigned = append(slices.Clip(p.Assigned), a.Assigned())
	return access.RowMoved(ctx, t, &had, &p)
}

// Assignment implements entitlement.Store.
func (db *Store) Assignment(ctx context.Context, id string) (entitlement.Assignment, error) {
	a, err := access.ReadAssignment(db.Read.QueryRowContext(ctx, access.SelectAssignment+`id = $1`, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		err = entitlement.ErrAssignmentNotFound
	}
	return a, sqldb.Translate(err)
}

// RuleAssignments implements entitlement.Rules.
func (db *Store) RuleAssignments(ctx context.Context) ([]entitlement.Assignment, error) {
	return sqldb.Collect(ctx, db.Read, access.ScanAssignment, access.SelectAssignment+`kind <> 'person' AND ended = 0 ORDER BY id`)
}

// SearchAssignments implements entitlement.Store.
func (db *Store) SearchAssignments(ctx context.Context, q entitlement.Query) ([]entitlement.Assignment, string, error) {
	var w sqldb.Where
	order, beyond, direction := "assignments", `<`, ` DESC`
	if q.Oldest {
		order, beyond, direction = "oldest assignments", `>`, ``
	}
	if q.App != "" {
		w.Add(`app = ?`, q.App)
	}
	if q.Person != "" {
		w.Add(`person <> '' AND person = ?`, q.Person)
	}
	if q.Group != (identity.GroupRef{}) {
		w.Add(`kind = 'group' AND connection = ? AND group_id = ?`, q.Group.Connection, q.Group.ID)
	}
	if q.Ended != nil && *q.Ended {
		w.Add(`ended <> 0`)
	} else if q.Ended != nil {
		w.Add(`ended = 0`)
	}
	if q.After != "" {
		parts, ok := sqldb.ParseCursor(q.After, order, 1)
		if !ok {
			return nil, "", directory.ErrCursor
		}
		w.Add(`id `+beyond+` ?`, parts[0])
	}
	limit := sqldb.Limit(q.Limit)
	all, err := sqldb.List(ctx, db.DB, access.ScanAssignment, `SELECT body FROM assignments`+w.String()+` ORDER BY id`+direction+` LIMIT `+strconv.Itoa(limit+1), w.Args...)
	if err != nil {
		return nil, "", err
	}
	all, next := sqldb.Page(all, limit, func(a entitlement.Assignment) string { return sqldb.Cursor(order, a.ID) })
	return all, next, nil
}
