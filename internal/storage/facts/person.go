package facts

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/storage/access"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// personAt reads who the person was, and what kept them out.
func (db *Store) personAt(ctx context.Context, f *entitlement.Facts, id string) error {
	p, err := db.people().Person(ctx, id)
	if err != nil {
		return err
	}
	at := f.Standing.At
	m, err := access.Past(ctx, db.DB, access.PastPerson, id, at, access.PersonStateOf(&p))
	if err != nil {
		return err
	}
	f.Person = p
	if m.Body == "" || p.Created.After(at) {
		f.Obstacles = append(f.Obstacles, entitlement.Obstacle{Code: entitlement.PersonAbsent})
		return nil
	}
	var state access.PersonState
	if err := json.Unmarshal([]byte(m.Body), &state); err != nil {
		return fmt.Errorf("decode what a person was: %w", err)
	}
	state.Apply(&f.Person)
	if state.Disabled {
		f.Obstacles = append(f.Obstacles, entitlement.Obstacle{Code: entitlement.PersonDisabled, Since: m.Since, Event: m.Opened})
	}
	if err := db.leftAt(ctx, f); err != nil {
		return err
	}
	return db.connectionsAt(ctx, f)
}

// leftAt finds that the person was out over every connection that they could come by.
func (db *Store) leftAt(ctx context.Context, f *entitlement.Facts) error {
	out := map[string]bool{}
	absences, err := sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (o entitlement.Obstacle, err error) {
		var since int64
		err = rows.Scan(&o.What, &since, &o.Operation)
		o.Code, o.Since = entitlement.PersonLeft, sqldb.FromMicros(since)
		out[o.What] = true
		return o, err
	}, `SELECT u.connection, a.since, a.opened FROM record_absences a JOIN record_users u ON u.id = a.record
		WHERE u.person = $1 AND a.since <= $2 AND (a.until = 0 OR a.until > $2) ORDER BY a.since`, f.Person.ID, sqldb.Micros(f.Standing.At))
	if err != nil {
		return err
	}
	for _, i := range f.Person.Identities {
		if !out[i.Connection] {
			return nil
		}
	}
	for _, r := range f.Person.Records {
		if !out[r.Connection] {
			return nil
		}
	}
	f.Obstacles = append(f.Obstacles, absences...)
	return nil
}

// connectionsAt finds that the person could come over no connection.
func (db *Store) connectionsAt(ctx context.Context, f *entitlement.Facts) error {
	states, err := db.people().ConnectionStates(ctx)
	if err != nil {
		return err
	}
	var off []entitlement.Obstacle
	for _, i := range f.Person.Identities {
		now := slices.ContainsFunc(states, func(s directory.ConnectionState) bool { return s.ID == i.Connection && s.Disabled })
		m, err := access.Past(ctx, db.DB, access.PastConnection, i.Connection, f.Standing.At, sqldb.JSON(now))
		if err != nil {
			return err
		}
		if m.Body != sqldb.JSON(true) {
			return nil
		}
		off = append(off, entitlement.Obstacle{Code: entitlement.ConnectionOff, What: i.Connection, Since: m.Since, Event: m.Opened})
	}
	f.Obstacles = append(f.Obstacles, off...)
	return nil
}
