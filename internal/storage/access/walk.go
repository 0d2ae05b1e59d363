package access

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

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

// WithGroups adds to people the groups that they are in by their records.
func WithGroups(ctx context.Context, on sqldb.Querier, people ...*directory.Person) error {
	by := map[string]*directory.Person{}
	var ids []string
	for _, p := range people {
		OwnGroups(p)
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
func (db *Store) MembershipsOf(ctx context.Context, person string, at time.Time) ([]directory.Membership, error) {
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

// BySCIM reports whether a connection pushed the membership.
func BySCIM(m directory.Membership) bool { return m.Source == directory.SourceSCIM }

// OwnGroups leaves a person the groups that are kept in their row: the others are rows
// of their own.
func OwnGroups(p *directory.Person) {
	if slices.ContainsFunc(p.Groups, BySCIM) {
		p.Groups = slices.DeleteFunc(slices.Clone(p.Groups), BySCIM)
	}
}

// WalkUp walks along groups within groups: up from the group $1, $2 deep, each with how
// deep.
const WalkUp = `WITH RECURSIVE up (id, depth) AS (SELECT CAST($1 AS TEXT), 1 UNION SELECT m.group_id, up.depth + 1 FROM up
		JOIN record_members m ON m.member = up.id AND m.until = 0 AND m.kind = 'group' WHERE up.depth <= $2) `
