package facts

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage/access"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// authorsOf reads who did what the facts began with.
func (db *Store) authorsOf(ctx context.Context, f *entitlement.Facts) error {
	by := authors{}
	var err error
	if f.Release.By, err = by.of(ctx, db, f.Release.Event); err != nil {
		return err
	}
	for i := range f.Obstacles {
		if f.Obstacles[i].By, err = by.of(ctx, db, f.Obstacles[i].Event); err != nil {
			return err
		}
	}
	for g, m := range f.Mappings {
		if m.By, err = by.of(ctx, db, m.Event); err != nil {
			return err
		}
		f.Mappings[g] = m
	}
	for _, all := range f.Named {
		for i := range all {
			all[i].By = f.Mappings[all[i].Group].By
		}
	}
	return nil
}

// authors are who did something, by its event, as far as that was read.
type authors map[string]identity.Actor

// of reads who did what an event tells of, nobody when its entry is not kept any more.
func (by authors) of(ctx context.Context, db *Store, id string) (identity.Actor, error) {
	if actor, there := by[id]; there || id == "" {
		return actor, nil
	}
	var body []byte
	err := db.Read.QueryRowContext(ctx, `SELECT body FROM audit WHERE id = $1`, id).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return identity.Actor{}, nil
	}
	var e event.Event
	if err == nil {
		err = json.Unmarshal(body, &e)
	}
	by[id] = identity.Actor{Ref: e.Actor.Ref}
	return by[id], sqldb.Translate(err)
}

// operationsOf reads the words of the SCIM operations that memberships and absences began
// with.
func (db *Store) operationsOf(ctx context.Context, f *entitlement.Facts) error {
	f.Operations = map[string]string{}
	for _, m := range f.Standing.Memberships {
		if !access.BySCIM(m) {
			continue
		}
		if err := db.operation(ctx, f, m.Origin); err != nil {
			return err
		}
	}
	for i := range f.Obstacles {
		o := &f.Obstacles[i]
		if o.Operation == "" {
			continue
		}
		if err := db.operation(ctx, f, o.Operation); err != nil {
			return err
		}
		o.Detail = f.Operations[o.Operation]
	}
	return nil
}

// operation reads the words of one operation, unless it is not kept any more.
func (db *Store) operation(ctx context.Context, f *entitlement.Facts, id string) error {
	if _, there := f.Operations[id]; there {
		return nil
	}
	var body string
	err := db.Read.QueryRowContext(ctx, `SELECT body FROM record_operations WHERE id = $1`, id).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	var o record.Outcome
	if err == nil {
		err = json.Unmarshal([]byte(body), &o)
	}
	if err != nil {
		return sqldb.Translate(err)
	}
	f.Operations[id] = o.Kind
	return nil
}

// titlesOf reads what the groups that the facts speak of are called where they come from.
func (db *Store) titlesOf(ctx context.Context, f *entitlement.Facts) error {
	f.Titles = map[identity.GroupRef]string{}
	var groups []identity.GroupRef
	for _, m := range f.Standing.Memberships {
		groups = append(append(groups, m.Group), m.Through...)
	}
	for _, mapped := range f.Named {
		for _, m := range mapped {
			groups = append(groups, m.Group)
		}
	}
	for i := range f.Rules {
		groups = append(groups, f.Rules[i].Whom.Group)
	}
	for _, g := range groups {
		if _, there := f.Titles[g]; there {
			continue
		}
		found, err := db.people().Group(ctx, g)
		if err != nil && !errors.Is(err, directory.ErrGroupNotFound) {
			return err
		}
		f.Titles[g] = found.DisplayName
	}
	return nil
}
