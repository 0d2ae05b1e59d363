// Package facts reads what decided about a person and an app, now and at any time that is
// kept.
package facts

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/event"
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

// appAt reads which release of the app was in force.
func (db *Store) appAt(ctx context.Context, f *entitlement.Facts) error {
	m, err := db.releaseAt(ctx, f.AppName, f.Standing.At)
	if err != nil {
		return err
	}
	var a catalog.App
	if m.Body != "" {
		if err := json.Unmarshal([]byte(m.Body), &a); err != nil {
			return fmt.Errorf("decode what an app was: %w", err)
		}
	}
	if a.ID == "" || a.Created.After(f.Standing.At) {
		f.Absent = true
		f.Obstacles = append(f.Obstacles, entitlement.Obstacle{Code: entitlement.AppAbsent})
		return nil
	}
	spec := a.Manifest.Spec
	f.App, f.Title, f.Owner, f.Entitlements = a.ID, a.Manifest.Metadata.Title, spec.Owner, spec.Entitlements
	f.Release = entitlement.Release{Digest: a.Digest, Version: spec.Version, Since: m.Since, Event: m.Opened}
	f.Scopes = a.Scopes()
	if a.Disabled {
		f.Shut = true
		f.Obstacles = append(f.Obstacles, entitlement.Obstacle{Code: entitlement.AppDisabled, Since: m.Since, Event: m.Opened})
	}
	for _, missing := range a.Manifest.Missing() {
		f.Shut = true
		f.Obstacles = append(f.Obstacles, entitlement.Obstacle{Code: entitlement.AppIncomplete, What: missing})
	}
	return nil
}

// releaseAt finds the app that had the name at the time: an app that took it over from
// another has another id.
func (db *Store) releaseAt(ctx context.Context, name string, at time.Time) (access.Moment, error) {
	var m access.Moment
	var since int64
	err := db.Read.QueryRowContext(ctx, `SELECT since, opened, body FROM history WHERE kind = $1 AND name = $2 AND name <> '' AND since <= $3 AND (until = 0 OR until > $3) ORDER BY since DESC LIMIT 1`,
		access.PastApp, name, sqldb.Micros(at)).Scan(&since, &m.Opened, &m.Body)
	m.Since = sqldb.FromMicros(since)
	if !errors.Is(err, sql.ErrNoRows) {
		return m, sqldb.Translate(err)
	}
	app, err := db.apps().App(ctx, name)
	if err == nil {
		return access.Past(ctx, db.DB, access.PastApp, app.ID, at, access.AppState(&app))
	}
	if !errors.Is(err, catalog.ErrAppNotFound) {
		return m, err
	}
	var one int
	if was := db.Read.QueryRowContext(ctx, `SELECT 1 FROM history WHERE kind = $1 AND name = $2 AND name <> '' LIMIT 1`, access.PastApp, name).Scan(&one); !errors.Is(was, sql.ErrNoRows) {
		return access.Moment{}, sqldb.Translate(was) // it has been, and was not at the time
	}
	return m, err
}

// groupsAt reads which groups the person was in, and what those were called.
func (db *Store) groupsAt(ctx context.Context, f *entitlement.Facts) error {
	groups, err := db.toldAt(ctx, &f.Person, f.Standing.At)
	if err != nil {
		return err
	}
	pushed, err := db.access().MembershipsOf(ctx, f.Person.ID, f.Standing.At)
	if err != nil {
		return err
	}
	groups = append(groups, pushed...)
	names := map[identity.GroupRef]string{}
	for _, m := range groups {
		if err := db.mappedAt(ctx, f, m.Group); err != nil {
			return err
		}
		names[m.Group] = f.Mappings[m.Group].Name
	}
	f.Standing = directory.StandingOf(groups, names, f.Standing.At)
	return nil
}

// mappedAt reads what a group was called.
func (db *Store) mappedAt(ctx context.Context, f *entitlement.Facts, g identity.GroupRef) error {
	current := ""
	err := db.Read.QueryRowContext(ctx, `SELECT name FROM group_mappings WHERE connection = $1 AND group_id = $2`, g.Connection, g.ID).Scan(&current)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return sqldb.Translate(err)
	}
	m, err := access.Past(ctx, db.DB, access.PastMapping, access.MappingRef(g), f.Standing.At, current)
	if err == nil && m.Body != "" {
		f.Mappings[g] = entitlement.Mapped{Mapping: directory.Mapping{Group: g, Name: m.Body}, Since: m.Since, Event: m.Opened}
	}
	return err
}

// toldAt lists the memberships that sign-ins had told of and that held at the time. What
// nothing is kept of, in the person's row, began before that was.
func (db *Store) toldAt(ctx context.Context, p *directory.Person, at time.Time) ([]directory.Membership, error) {
	all, err := sqldb.Collect(ctx, db.Read, func(rows *sql.Rows) (m directory.Membership, err error) {
		var since, until int64
		err = rows.Scan(&m.Group.Connection, &m.Group.ID, &since, &until, &m.Origin)
		m.Source, m.Since, m.ValidUntil = directory.SourceSignIn, sqldb.FromMicros(since), sqldb.FromMicros(until)
		return m, err
	}, `SELECT connection, group_id, since, until, opened FROM told_members WHERE person = $1 AND since <= $2 AND until > $2 ORDER BY connection, group_id, since`, p.ID, sqldb.Micros(at))
	if err != nil {
		return nil, err
	}
	all = slices.CompactFunc(all, func(a, b directory.Membership) bool { return a.Group == b.Group })
	for _, m := range p.Groups {
		if m.Source == directory.SourceSignIn && m.Since.IsZero() && m.Holds(at) && !slices.ContainsFunc(all, func(k directory.Membership) bool { return k.Group == m.Group }) {
			all = append(all, m)
		}
	}
	return all, nil
}

// assignmentsAt reads the assignments that could have given the person a role.
func (db *Store) assignmentsAt(ctx context.Context, f *entitlement.Facts) error {
	at := f.Standing.At
	all, err := sqldb.Collect(ctx, db.Read, access.ScanAssignment, access.SelectAssignment+`app = $1 AND (kind <> 'person' OR person = $2) AND created <= $3 ORDER BY id`, f.App, f.Person.ID, sqldb.Micros(at))
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

// namedAt reads which groups had the names that the release lets in.
func (db *Store) namedAt(ctx context.Context, f *entitlement.Facts) error {
	for _, e := range f.Entitlements {
		for _, name := range e.Groups {
			if _, there := f.Named[name]; there {
				continue
			}
			refs, err := sqldb.Collect(ctx, db.Read, access.ScanGroupRef, `SELECT connection, group_id FROM group_mappings WHERE name = $1 ORDER BY connection, group_id`, name)
			if err != nil {
				return err
			}
			f.Named[name] = []entitlement.Mapped{}
			for _, g := range refs {
				if err := db.mappedAt(ctx, f, g); err != nil {
					return err
				}
				if m := f.Mappings[g]; m.Name == name {
					f.Named[name] = append(f.Named[name], m)
				}
			}
		}
	}
	return nil
}

// authorsOf reads who did what the facts began with.
func (db *Store) authorsOf(ctx context.Context, f *entitlement.Facts) error {
	by := map[string]identity.Actor{}
	author := func(id string) (identity.Actor, error) {
		if actor, there := by[id]; there || id == "" {
			return actor, nil
		}
		var body []byte
		err := db.Read.QueryRowContext(ctx, `SELECT body FROM audit WHERE id = $1`, id).Scan(&body)
		if errors.Is(err, sql.ErrNoRows) { // it is kept for as long as entries are
			return identity.Actor{}, nil
		}
		var e event.Event
		if err == nil {
			err = json.Unmarshal(body, &e)
		}
		by[id] = identity.Actor{Ref: e.Actor.Ref}
		return by[id], sqldb.Translate(err)
	}
	var err error
	if f.Release.By, err = author(f.Release.Event); err != nil {
		return err
	}
	for i := range f.Obstacles {
		if f.Obstacles[i].By, err = author(f.Obstacles[i].Event); err != nil {
			return err
		}
	}
	for g, m := range f.Mappings {
		if m.By, err = author(m.Event); err != nil {
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
