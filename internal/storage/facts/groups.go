package facts

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage/access"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

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
