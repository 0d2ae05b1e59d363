package storage

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

var _ directory.Memberships = (*DB)(nil)

// Groups are walked up from people, so that a change of one member touches one person:
// one row for each group, and group within it, by which a person is in it.
const (
	walkFrom = `WITH RECURSIVE up (person, connection, id, below, since, opened, depth) AS (
		SELECT m.person, m.connection, m.group_id, '', m.since, m.opened, 1 FROM record_members m JOIN record_users u ON u.id = m.member
		WHERE m.person <> '' AND m.person IN (`
	walkOn = ` UNION SELECT up.person, m.connection, m.group_id, up.id, m.since, m.opened, up.depth + 1 FROM up
		JOIN record_members m ON m.member = up.id AND m.kind = 'group'`
	walkEnd = ` WHERE up.depth <= $1) SELECT person, connection, id, below, since, opened FROM up ORDER BY person, depth, id, below`
	// What holds now, and what held at time $2.
	openNow = ` AND m.until = 0`
	openAt  = ` AND m.since <= $2 AND (m.until = 0 OR m.until > $2)`
	hereNow = ` AND u.active AND u.deleted = 0`
	hereAt  = ` AND NOT EXISTS (SELECT 1 FROM record_absences a WHERE a.record = u.id AND a.since <= $2 AND (a.until = 0 OR a.until > $2))`
	// Of the person $3 at that time.
	pushedAt = walkFrom + `$3)` + openAt + hereAt + walkOn + openAt + walkEnd
)

// withGroups adds to people the groups that they are in by their records.
func withGroups(ctx context.Context, on sqldb.Querier, people ...*directory.Person) error {
	by := map[string]*directory.Person{}
	var ids []string
	for _, p := range people {
		ownGroups(p)
		if slices.ContainsFunc(p.Records, func(r directory.Record) bool { return r.Active }) {
			by[p.ID], ids = p, append(ids, p.ID)
		}
	}
	for part := range slices.Chunk(ids, sqldb.MostValues) {
		args := []any{record.MaxDepth}
		for _, id := range sqldb.Padded(part) {
			args = append(args, id)
		}
		found, err := ways(ctx, on, walkFrom+sqldb.Numbered(2, len(args)-1)+`)`+openNow+hereNow+walkOn+openNow+walkEnd, args...)
		if err != nil {
			return err
		}
		for id, w := range found {
			by[id].Groups = append(slices.Clip(by[id].Groups), w.memberships()...)
		}
	}
	return nil
}

// MembershipsOf implements directory.Memberships.
func (db *DB) MembershipsOf(ctx context.Context, person string, at time.Time) ([]directory.Membership, error) {
	found, err := ways(ctx, db.Read, pushedAt, record.MaxDepth, sqldb.Micros(at), person)
	if err != nil {
		return nil, err
	}
	return found[person].memberships(), nil
}

// way is by what a person is in a group: a row of their own, or of a group below.
type way struct {
	group  identity.GroupRef
	below  string
	since  int64
	opened string
}

// walked are the ways of one person, the shortest first.
type walked []way

func ways(ctx context.Context, on sqldb.Querier, query string, args ...any) (map[string]walked, error) {
	found := map[string]walked{}
	_, err := sqldb.Collect(ctx, on, func(rows *sql.Rows) (struct{}, error) {
		var person string
		var w way
		err := rows.Scan(&person, &w.group.Connection, &w.group.ID, &w.below, &w.since, &w.opened)
		found[person] = append(found[person], w)
		return struct{}{}, err
	}, query, args...)
	return found, err
}

// memberships are the groups, each by the shortest way to it. One by others began with
// the last step of its way.
func (all walked) memberships() []directory.Membership {
	var list []directory.Membership
	known := map[string]directory.Membership{}
	for _, w := range all {
		if _, ok := known[w.group.ID]; ok {
			continue
		}
		m := directory.Membership{Group: w.group, Source: directory.SourceSCIM, Since: sqldb.FromMicros(w.since), Origin: w.opened}
		if below, ok := known[w.below]; ok {
			m.Through = append(slices.Clip(below.Through), below.Group)
			if below.Since.After(m.Since) {
				m.Since, m.Origin = below.Since, below.Origin
			}
		}
		known[w.group.ID] = m
		list = append(list, m)
	}
	return list
}

func bySCIM(m directory.Membership) bool { return m.Source == directory.SourceSCIM }

// ownGroups leaves a person the groups that are kept in their row: the others are rows
// of their own.
func ownGroups(p *directory.Person) {
	if slices.ContainsFunc(p.Groups, bySCIM) {
		p.Groups = slices.DeleteFunc(slices.Clone(p.Groups), bySCIM)
	}
}

// adoption is a record that is a sign-in's.
type adoption struct {
	id, person string
	active     bool
	deleted    int64
}

// recordOf returns the record that a sign-in names by its external id, without an id
// for none: the one that is there, or else the last that was. It stays as it is until
// the transaction ends.
func recordOf(ctx context.Context, t *sqldb.Tx, key directory.Key) (a adoption, err error) {
	if key.ExternalID == "" {
		return a, nil
	}
	external := []byte(key.ExternalID)
	for _, where := range []string{`deleted = 0 AND length(external_id) > 0`, `deleted <> 0`} {
		err = t.QueryRowContext(ctx, `SELECT id, person, active, deleted FROM record_users WHERE connection = $1 AND external_id = $2 AND `+where+
			` ORDER BY deleted DESC LIMIT 1`+t.ForUpdate(), key.Connection, external).Scan(&a.id, &a.person, &a.active, &a.deleted)
		if !errors.Is(err, sql.ErrNoRows) {
			return a, err
		}
	}
	return adoption{}, nil
}

// adopt makes the record that a sign-in names its person's. old is who owns the
// subject, nil for nobody.
func adopt(ctx context.Context, t *sqldb.Tx, a adoption, key directory.Key, old *directory.Person, current bool) (*directory.Person, bool, error) {
	switch {
	case a.id == "":
		return old, current, nil
	case old == nil:
		return firstOwner(ctx, t, a, key.Connection)
	case old.ID == a.person:
		return old, current, nil
	case key.Spared != nil && (!a.active || a.deleted != 0):
		if spared, err := anyRole(ctx, t, key.Spared, old.ID); err != nil || spared {
			return old, current, err
		}
	}
	// Who signed in before the record came has it from now on, and nobody has the
	// person that was made for it, unless that one signed in by another connection.
	of := slices.IndexFunc(old.Records, func(r directory.Record) bool { return r.ID == a.id })
	if of < 0 {
		old.Records = append(slices.Clone(old.Records), directory.Record{ID: a.id, Active: a.active && a.deleted == 0})
		of = len(old.Records) - 1
	}
	var err error
	if old.Records[of].Connection, err = moveRecord(ctx, t, a, old.ID); err != nil {
		return old, current, err
	}
	return old, current, abandon(ctx, t, a)
}

// firstOf returns whose record a subject has that nobody owns. Its person is that one
// unless another subject of the connection is theirs: an external id that went from one
// to the other, as names do that are given anew, makes nobody of who had it before,
// whose browsers are still signed in. The record goes to a person of its own then.
func firstOwner(ctx context.Context, t *sqldb.Tx, a adoption, connection string) (*directory.Person, bool, error) {
	p, current, err := scanDerived(t.QueryRowContext(ctx, selectPerson+t.ForUpdate(), a.person))
	if err != nil || !slices.ContainsFunc(p.Identities, func(i directory.Identity) bool { return i.Connection == connection }) {
		return &p, current, err
	}
	var since int64
	if err := t.QueryRowContext(ctx, `SELECT created FROM record_users WHERE id = $1`, a.id).Scan(&since); err != nil {
		return nil, false, err
	}
	next := directory.Person{
		ID: identity.NewID(), Created: sqldb.FromMicros(since), Updated: sqldb.FromMicros(since),
		Records: []directory.Record{{Connection: connection, ID: a.id, Active: a.active && a.deleted == 0}},
	}
	if err := insertPerson(ctx, t, &next); err != nil {
		return nil, false, err
	}
	if _, err := moveRecord(ctx, t, a, next.ID); err != nil {
		return nil, false, err
	}
	return &next, true, abandon(ctx, t, a)
}

// moveRecord gives a record and its memberships to a person.
func moveRecord(ctx context.Context, t *sqldb.Tx, a adoption, person string) (connection string, err error) {
	err = t.QueryRowContext(ctx, `UPDATE record_users SET person = $2 WHERE id = $1 RETURNING connection`, a.id, person).Scan(&connection)
	if err == nil {
		_, err = t.ExecContext(ctx, `UPDATE record_members SET person = $2 WHERE member = $1`, a.id, person)
	}
	return connection, err
}

// abandon takes a record away from the person who was made for it, and the person,
// who never signed in, with it.
func abandon(ctx context.Context, t *sqldb.Tx, a adoption) error {
	p, current, err := scanDerived(t.QueryRowContext(ctx, selectPerson+t.ForUpdate(), a.person))
	if err != nil {
		return err
	}
	next := p
	next.Records = slices.DeleteFunc(slices.Clone(p.Records), func(r directory.Record) bool { return r.ID == a.id })
	if len(next.Identities)+len(next.Records) > 0 {
		return updatePerson(ctx, t, &p, current, &next)
	}
	for _, statement := range []string{
		`DELETE FROM person_words WHERE person = $1`, `DELETE FROM memberships WHERE person = $1`,
		`DELETE FROM role_assignments WHERE person = $1`, `DELETE FROM people WHERE id = $1`,
	} {
		if _, err := t.ExecContext(ctx, statement, a.person); err != nil {
			return err
		}
	}
	return endTokens(ctx, t, identity.Person(a.person))
}
