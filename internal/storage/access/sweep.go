package access

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/storage/queues"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

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

// groupNames returns what groups are called here.
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
