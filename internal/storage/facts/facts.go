// Package facts reads what decided about a person and an app, now and at any time that is
// kept.
package facts

import (
	"context"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage/access"
	"github.com/gatehouse-io/gatehouse/internal/storage/apps"
	"github.com/gatehouse-io/gatehouse/internal/storage/people"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// Store is the facts of a database: entitlement.History.
type Store struct{ *sqldb.DB }

var _ entitlement.History = (*Store)(nil)

// FactsAt implements entitlement.History.
func (db *Store) FactsAt(ctx context.Context, person, app string, at time.Time) (entitlement.Facts, error) {
	f := entitlement.Facts{AppName: app, Mappings: map[identity.GroupRef]entitlement.Mapped{}, Named: map[string][]entitlement.Mapped{}, Assignments: map[string]entitlement.Assignment{}}
	f.Standing.At = at
	var err error
	if f.Known, err = access.KnownSince(ctx, db.DB); err != nil {
		return f, err
	}
	for _, read := range []func(context.Context, *entitlement.Facts) error{
		func(ctx context.Context, f *entitlement.Facts) error { return db.personAt(ctx, f, person) },
		db.appAt, db.groupsAt, db.assignmentsAt, db.namedAt, db.operationsOf, db.authorsOf, db.titlesOf,
	} {
		if err := read(ctx, &f); err != nil {
			return f, err
		}
	}
	return f, nil
}

// What it reads, other parts keep.
func (db *Store) people() *people.Store { return &people.Store{DB: db.DB} }
func (db *Store) apps() *apps.Store     { return &apps.Store{DB: db.DB} }
func (db *Store) access() *access.Store { return &access.Store{DB: db.DB} }

// assignmentsAt reads the assignments that could have given the person a role.
func (db *Store) assignmentsAt(ctx context.Context, f *entitlement.Facts) error {
	at := f.Standing.At
	all, err := sqldb.Collect(ctx, db.Read, access.ScanAssignment, `SELECT body FROM (
		SELECT id, body FROM assignments WHERE app = $1 AND kind <> 'person' AND created <= $3
		UNION ALL SELECT id, body FROM assignments WHERE person <> '' AND person = $2 AND app = $1 AND created <= $3) a ORDER BY id`, f.App, f.Person.ID, sqldb.Micros(at))
	f.Person.Assigned = nil
	for _, a := range all {
		a = a.At(at)
		ended := !a.Ended.IsZero() && !at.Before(a.Ended)
		if a.Whom.Person == "" {
			if !ended {
				f.Rules = append(f.Rules, a)
			}
			continue
		}
		f.Assignments[a.ID] = a
		given := a.Assigned()
		if ended {
			given.Until = a.Ended
		}
		f.Person.Assigned = append(f.Person.Assigned, given)
	}
	return err
}
