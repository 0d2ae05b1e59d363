package access

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// RowMoved is moved for a change of the person's own row, which leaves alone what
// connections push.
func RowMoved(ctx context.Context, t *sqldb.Tx, before, after *directory.Person) error {
	at, _ := t.Cause()
	if !less(before, after, at) {
		return nil
	}
	was, is := *before, *after
	if err := WithGroups(ctx, t, &is); err != nil {
		return err
	}
	OwnGroups(&was)
	was.Groups = slices.Clip(was.Groups)
	for _, m := range is.Groups {
		if BySCIM(m) {
			was.Groups = append(was.Groups, m)
		}
	}
	return moved(ctx, t, &was, &is)
}

// less reports whether anything that gives roles is gone from the person's row.
func less(before, after *directory.Person, at time.Time) bool {
	is := directory.StandingOf(after.Groups, nil, at)
	return slices.ContainsFunc(before.Groups, func(m directory.Membership) bool { return m.Holds(at) && !is.In(m.Group) }) ||
		slices.ContainsFunc(before.Assigned, func(a directory.Assigned) bool { return !slices.Contains(after.Assigned, a) }) ||
		slices.ContainsFunc(directory.Attributes(), func(name string) bool {
			was := before.Profile.Attribute(name)
			return was != "" && was != after.Profile.Attribute(name)
		})
}

// MembersLost takes from people who left a group, and from those in groups that did if
// any is within what left, what they had by it and by the groups that it is in. Whoever
// leaves the connection in the same transaction loses everything by that.
func MembersLost(ctx context.Context, t *sqldb.Tx, op record.Operation, group string, people []string, within bool) error {
	if !within && len(people) == 0 {
		return nil
	}
	apps, err := letInByAny(ctx, t, op.Connection, group)
	if err != nil || len(apps) == 0 {
		return err
	}
	before := op.Time.Add(-time.Microsecond)
	if within || len(people) > sweepChunk {
		for _, app := range apps {
			if err := BeginSweep(ctx, t, Sweep{App: app, Members: before}); err != nil {
				return err
			}
		}
		return nil
	}
	slices.Sort(people)
	for _, id := range slices.Compact(people) {
		if slices.ContainsFunc(t.Told(), func(e event.Event) bool { return e.Type == record.PersonLeft && e.Subject == identity.Person(id) }) {
			continue
		}
		if err := memberMoved(ctx, t, id, before); err != nil {
			return err
		}
	}
	return nil
}

// memberMoved is moved for somebody whom connections pushed elsewhere before.
func memberMoved(ctx context.Context, t *sqldb.Tx, id string, before time.Time) error {
	is, _, err := ScanDerived(t.QueryRowContext(ctx, SelectPerson+t.ForUpdate(), id))
	if err != nil {
		return err
	}
	was := is
	if was.Groups, err = groupsAt(ctx, t, &is, before); err != nil {
		return err
	}
	if err := WithGroups(ctx, t, &is); err != nil {
		return err
	}
	return moved(ctx, t, &was, &is)
}

// groupsAt returns the person's groups with those that were pushed at a time.
func groupsAt(ctx context.Context, t *sqldb.Tx, p *directory.Person, at time.Time) ([]directory.Membership, error) {
	own := *p
	OwnGroups(&own)
	found, err := ways(ctx, t, pushedAt, record.MaxDepth, sqldb.Micros(at), p.ID)
	return append(slices.Clip(own.Groups), found[p.ID].memberships()...), err
}

// moved takes from a person what they had before the change and have no more. Who is
// switched off loses everything by that.
func moved(ctx context.Context, t *sqldb.Tx, before, after *directory.Person) error {
	if before.Disabled || after.Disabled {
		return nil
	}
	at, _ := t.Cause()
	apps, err := concerned(ctx, t, before, after, at)
	if err != nil || len(apps) == 0 {
		return err
	}
	names := map[identity.GroupRef]string{}
	for _, m := range slices.Concat(before.Groups, after.Groups) {
		if _, there := names[m.Group]; there {
			continue
		}
		if names[m.Group], err = NameOf(ctx, t, m.Group, t.ForShare()); err != nil {
			return err
		}
	}
	for _, id := range apps {
		q, app, err := question(ctx, t, id)
		if errors.Is(err, catalog.ErrAppNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		had := q.of(before, names, at)
		has := q.of(after, names, at)
		lose(t, why(t), after.ID, app, had, has)
	}
	return nil
}

// concerned lists the apps that the person could lose by what is gone.
func concerned(ctx context.Context, t *sqldb.Tx, before, after *directory.Person, at time.Time) ([]string, error) {
	apps := map[string]bool{}
	for _, a := range before.Assigned {
		if !slices.Contains(after.Assigned, a) {
			apps[a.App] = true
		}
	}
	for _, name := range directory.Attributes() {
		if was := before.Profile.Attribute(name); was == "" || was == after.Profile.Attribute(name) {
			continue
		}
		found, err := sqldb.Collect(ctx, t, sqldb.ScanID, `SELECT DISTINCT app FROM assignments WHERE kind = 'attribute' AND attribute = $1 AND ended = 0`, name)
		if err != nil {
			return nil, err
		}
		for _, id := range found {
			apps[id] = true
		}
	}
	is := directory.StandingOf(after.Groups, nil, at)
	for _, m := range before.Groups {
		if !m.Holds(at) || is.In(m.Group) {
			continue
		}
		if err := letInByGroup(ctx, t, apps, m.Group); err != nil {
			return nil, err
		}
	}
	return slices.Sorted(maps.Keys(apps)), nil
}
