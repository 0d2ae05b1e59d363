// Package access has what decides who may use what: it reads people, groups, apps and
// assignments as one decision needs them, keeps what they were, and takes from people what
// a change leaves them without. Whoever changes one of those does it in the same
// transaction: the parts that do import this one, which imports none of them.
package access

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/storage/queues"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// Store is what decides in a database: directory.Memberships.
type Store struct{ *sqldb.DB }

// A change that takes a role in an app from a person ends what was issued for it in its
// own transaction: the event "access.lost" revokes identity.Install. A change of one
// person is looked at in the apps that it could concern (moved); one that is about many,
// such as a mapping, in everybody who is in the app (sweep): up to sweepChunk at once,
// the others by a job, as many at a time. Whatever asks online decides anew in any case.

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
		if err := moved(ctx, t, &was, &is); err != nil {
			return err
		}
	}
	return nil
}

// letInByAny lists the apps that a pushed group, or one that it is in, could let people
// into.
func letInByAny(ctx context.Context, t *sqldb.Tx, connection, group string) ([]string, error) {
	up, err := sqldb.Collect(ctx, t, sqldb.ScanID, WalkUp+`SELECT DISTINCT id FROM up ORDER BY id`, group, record.MaxDepth)
	apps := map[string]bool{}
	for i := 0; err == nil && i < len(up); i++ {
		err = letInByGroup(ctx, t, apps, identity.GroupRef{Connection: connection, ID: up[i]})
	}
	return slices.Sorted(maps.Keys(apps)), err
}

// letInByGroup adds the apps that a group could let people into, by its name or by
// an assignment.
func letInByGroup(ctx context.Context, t *sqldb.Tx, apps map[string]bool, g identity.GroupRef) error {
	found, err := sqldb.Collect(ctx, t, sqldb.ScanID, `SELECT DISTINCT app FROM assignments WHERE kind = 'group' AND connection = $1 AND group_id = $2 AND ended = 0`, g.Connection, g.ID)
	if err != nil {
		return err
	}
	name, err := NameOf(ctx, t, g, t.ForShare())
	if err != nil {
		return err
	}
	if name != "" {
		more, err := LetInBy(ctx, t, name)
		if err != nil {
			return err
		}
		found = append(found, more...)
	}
	for _, id := range found {
		apps[id] = true
	}
	return nil
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

// LetInBy lists the apps that a group's name lets people into, or all if that is not
// known of each.
func LetInBy(ctx context.Context, t *sqldb.Tx, name string) ([]string, error) {
	current, err := AppsDerived(ctx, t)
	if err != nil {
		return nil, err
	}
	if !current {
		return sqldb.Collect(ctx, t, sqldb.ScanID, `SELECT id FROM apps ORDER BY id`)
	}
	return sqldb.Collect(ctx, t, sqldb.ScanID, `SELECT app FROM app_groups WHERE name = $1 ORDER BY app`, name)
}

// asked is a question about an app that is put for several people.
type asked entitlement.Question

// question reads what decides about the app.
func question(ctx context.Context, t *sqldb.Tx, id string) (asked, catalog.App, error) {
	app, err := ScanApp(t.QueryRowContext(ctx, `SELECT body, secrets, agreements, version FROM apps WHERE id = $1`+t.ForShare(), id).Scan)
	if err != nil {
		return asked{}, app, err
	}
	rules, err := sqldb.Collect(ctx, t, ScanAssignment, SelectAssignment+`kind <> 'person' AND app = $1 AND ended = 0`, id)
	return asked{App: id, Entitlements: app.Manifest.Spec.Entitlements, Rules: rules, Shut: app.Disabled || len(app.Manifest.Missing()) > 0}, app, err
}

// of decides for one person.
func (q asked) of(p *directory.Person, names map[identity.GroupRef]string, at time.Time) entitlement.Decision {
	q.Person, q.Standing = *p, directory.StandingOf(p.Groups, names, at)
	return entitlement.Decide((*entitlement.Question)(&q))
}

// lose tells of what a person lost in an app by a cause, which revokes what they have
// there.
func lose(t *sqldb.Tx, cause event.Event, person string, app catalog.App, had, has entitlement.Decision) {
	lost := entitlement.Lost(had, has)
	if len(lost) == 0 {
		return
	}
	left := ""
	if has.Allowed {
		left = strings.Join(has.Roles, " ")
	}
	at, _ := t.Cause()
	e := event.New(at, lostType, cause.Actor, identity.Person(person), "app", app.ID, "name", app.Name, "roles", strings.Join(lost, " "), "left", left, "cause", cause.ID).
		Revoking(identity.Install(person, app.ID))
	if r := app.Manifest.Spec.Identity.Resource; r != nil && r.Audience != "" {
		e = e.Revoking(identity.Install(person, r.Audience))
	}
	// One change may be looked at from two sides: a group that goes, and its members.
	if !slices.ContainsFunc(t.Told(), func(told event.Event) bool {
		return told.Type == e.Type && told.Subject == e.Subject && told.Data["app"] == app.ID && told.Data["roles"] == e.Data["roles"] && told.Data["left"] == left
	}) {
		t.Tell(e)
	}
}

// why is the event of the change under way.
func why(t *sqldb.Tx) (cause event.Event) {
	for _, e := range slices.Backward(t.Told()) {
		if e.Type != lostType {
			return e
		}
	}
	return cause
}

// lostType is the type of the event that somebody lost a role.
const lostType = "access.lost"

// SweepQueue is the queue of what is left of sweeps.
const SweepQueue = "access-sweep"

// The pace of a sweep: how many people one transaction looks at, and how long it is
// tried.
const (
	sweepChunk = 200
	sweepTries = 24 * time.Hour
)

// Sweep looks at everybody who is in an app after a change that may have taken it from
// many. The last fields say what was before the change; what they leave out is as it is.
type Sweep struct {
	App   string         `json:"app"`
	Cause string         `json:"cause"` // the event of the change
	Actor identity.Actor `json:"actor"`
	After string         `json:"after,omitempty"` // whoever sorts up to here was looked at

	Mapping      *directory.Mapping      `json:"mapping,omitempty"`
	Release      bool                    `json:"release,omitempty"`
	Entitlements []catalog.Entitlement   `json:"entitlements,omitempty"`
	Rule         *entitlement.Assignment `json:"rule,omitempty"`
	Members      time.Time               `json:"members,omitzero"` // whom connections pushed were those of this time
}

// BeginSweep begins a sweep in the transaction of the change that was told of last.
func BeginSweep(ctx context.Context, t *sqldb.Tx, s Sweep) error {
	cause := why(t)
	s.Cause, s.Actor = cause.ID, cause.Actor
	return sweepSome(ctx, t, s)
}

// SweepAccess goes on with a sweep. It handles SweepQueue.
func (db *Store) SweepAccess(ctx context.Context, j job.Job) error {
	var s Sweep
	if err := json.Unmarshal(j.Payload, &s); err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	return db.Transact(ctx, func(t *sqldb.Tx) error { return sweepSome(ctx, t, s) })
}

func sweepSome(ctx context.Context, t *sqldb.Tx, s Sweep) error {
	q, app, err := question(ctx, t, s.App)
	if errors.Is(err, catalog.ErrAppNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	people, err := inside(ctx, t, app, s.After)
	if err != nil || len(people) == 0 {
		return err
	}
	names, err := groupNames(ctx, t)
	if err != nil {
		return err
	}
	was, before := s.before(q, names)
	at := t.Now().UTC().Truncate(time.Microsecond)
	for i := range people {
		p := &people[i]
		if p.Disabled {
			continue
		}
		then := *p
		if !s.Members.IsZero() {
			if then.Groups, err = groupsAt(ctx, t, p, s.Members); err != nil {
				return err
			}
		}
		lose(t, event.Event{ID: s.Cause, Actor: s.Actor}, p.ID, app, was.of(&then, before, at), q.of(p, names, at))
	}
	if len(people) < sweepChunk {
		return nil
	}
	s.After = people[len(people)-1].ID
	payload, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	return queues.Enqueue(ctx, t, job.Job{Queue: SweepQueue, Key: s.Cause + "/" + s.App + "/" + s.After, Payload: payload, RunAt: at, Deadline: at.Add(sweepTries)})
}

// before returns the question and the names as they were before the change.
func (s Sweep) before(q asked, names map[identity.GroupRef]string) (asked, map[identity.GroupRef]string) {
	if s.Mapping != nil {
		names = maps.Clone(names)
		names[s.Mapping.Group] = s.Mapping.Name
	}
	if s.Release {
		q.Entitlements = s.Entitlements
	}
	if s.Rule != nil {
		q.Rules = append(slices.Clip(q.Rules), *s.Rule)
	}
	return q, names
}

// names returns what groups are called here.
func groupNames(ctx context.Context, t *sqldb.Tx) (map[identity.GroupRef]string, error) {
	all, err := sqldb.Collect(ctx, t, ScanMapping, SelectMappings)
	names := make(map[identity.GroupRef]string, len(all))
	for _, m := range all {
		names[m.Group] = m.Name
	}
	return names, err
}

// inside lists the next of those who are in the app: who have a grant of it that lives,
// or a session that it takes part in. Tokens for an API may be anybody's who is signed in.
func inside(ctx context.Context, t *sqldb.Tx, app catalog.App, after string) ([]directory.Person, error) {
	const selectPeople = `SELECT body, version FROM people WHERE id > $1 AND id IN (`
	args := []any{after, sweepChunk}
	who := `SELECT person FROM families WHERE ended = 0 UNION SELECT person FROM sessions WHERE ended = 0`
	if r := app.Manifest.Spec.Identity.Resource; r == nil || r.Audience == "" {
		args = append(args, app.ID)
		who = `SELECT person FROM families WHERE ended = 0 AND app = $3 UNION SELECT s.person FROM participants p JOIN sessions s ON s.id = p.session WHERE p.app = $3 AND s.ended = 0`
	}
	people, err := sqldb.Collect(ctx, t, func(rows *sql.Rows) (directory.Person, error) { return ScanPeople(rows) }, selectPeople+who+`) ORDER BY id LIMIT $2`, args...)
	if err != nil {
		return nil, err
	}
	each := make([]*directory.Person, len(people))
	for i := range people {
		each[i] = &people[i]
	}
	return people, WithGroups(ctx, t, each...)
}
