package access

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/storage/sqldb"
)

// lostType is the type of the event that somebody lost a role.
const lostType = "access.lost"

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
