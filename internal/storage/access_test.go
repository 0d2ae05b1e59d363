package storage_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/storage"
)

// desk is the services over a database with a clock that a test moves.
type desk struct {
	db      *storage.DB
	now     time.Time
	people  *directory.Service
	apps    *catalog.Service
	gives   *entitlement.Service
	decides *entitlement.Checker
	runs    int
}

func newDesk(t *testing.T, o storage.Options) *desk {
	d := &desk{now: time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)}
	o.Now, o.Log = d.clock, slog.New(slog.DiscardHandler)
	var err error
	if d.db, err = storage.Open(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.db.Close() })
	d.people = directory.NewService(directory.Options{People: d.db, Groups: d.db, Connections: d.db, Now: d.clock})
	d.apps = catalog.NewService(catalog.Options{Store: d.db, Issuer: "https://login.example", Now: d.clock})
	d.decides = entitlement.NewChecker(d.people, d.db, d.clock)
	d.gives = entitlement.NewService(entitlement.Options{Store: d.db, Apps: d.apps, Now: d.clock, Changed: d.decides.Forget})
	return d
}

func (d *desk) clock() time.Time { return d.now }

// lane is one run of a test: people, groups and apps of its own, and a model of them
// that knows nothing but what was done.
type lane struct {
	*desk
	t       *rapid.T
	ctx     context.Context
	prefix  string
	model   model
	past    []snapshot
	persons []string
	ids     map[string]string // of apps, by name
	// records are the people's over SCIM, pushedTo the groups that are pushed.
	records, pushedTo []string
}

// model is what is so.
type model struct {
	told     map[string]map[string]time.Time // until when, by person and group
	dept     map[string]string
	off      map[string]bool // people
	names    map[string]string
	release  map[string]map[string][]string // groups' names by app and role
	shut     map[string]bool
	assigned []given
	scim     pushed
}

type given struct {
	entitlement.Assignment
	app string
}

// snapshot is who had which roles where at a time.
type snapshot struct {
	at    time.Time
	roles map[[2]string][]string
	off   map[string]bool
}

// roles recomputes what somebody has in an app from nothing.
func (m *model) roles(person, app string, now time.Time) []string {
	has := map[string]bool{}
	for role, groups := range m.release[app] {
		for g, until := range m.told[person] {
			if now.Before(until) && m.names[g] != "" && slices.Contains(groups, m.names[g]) {
				has[role] = true
			}
		}
		for _, g := range m.scim.groups(person) {
			if m.names[g] != "" && slices.Contains(groups, m.names[g]) {
				has[role] = true
			}
		}
	}
	for _, a := range m.assigned {
		_, named := m.release[app][a.Role]
		if a.app != app || !named || !a.Ended.IsZero() || now.Before(a.From) || (!a.Until.IsZero() && !now.Before(a.Until)) {
			continue
		}
		until, in := m.told[person][a.Whom.Group.ID]
		in = in && now.Before(until) || slices.Contains(m.scim.groups(person), a.Whom.Group.ID)
		if a.Whom.Person == person || in || a.Whom.Attribute.Name != "" && slices.Contains(a.Whom.Attribute.Values, m.dept[person]) {
			has[a.Role] = true
		}
	}
	return slices.Sorted(maps.Keys(has))
}

func (l *lane) all() map[[2]string][]string {
	all := map[[2]string][]string{}
	for _, p := range l.persons {
		for app := range l.model.release {
			all[[2]string{p, app}] = l.model.roles(p, app, l.now)
		}
	}
	return all
}

var appNames, groupNames = []string{"a", "b"}, []string{"n1", "n2", "n3"}

func (d *desk) lane(t *rapid.T, ctx context.Context) *lane {
	d.runs++
	l := &lane{desk: d, t: t, ctx: ctx, prefix: fmt.Sprintf("r%d", d.runs), ids: map[string]string{}, model: model{
		told: map[string]map[string]time.Time{}, dept: map[string]string{}, off: map[string]bool{}, names: map[string]string{},
		release: map[string]map[string][]string{}, shut: map[string]bool{},
	}}
	for _, app := range appNames {
		l.apply(l.prefix + app)
	}
	for i := range 2 {
		l.persons = append(l.persons, "")
		l.signIn(i)
	}
	l.push()
	l.settle()
	return l
}

func (l *lane) must(err error) {
	if err != nil {
		l.t.Helper()
		l.t.Fatal(err)
	}
}

func (l *lane) groups() []string { return []string{l.prefix + "g1", l.prefix + "g2", l.prefix + "g3"} }

// signIn has the person come with groups and a department.
func (l *lane) signIn(i int) {
	groups := rapid.SliceOfDistinct(rapid.SampledFrom(l.groups()), rapid.ID).Draw(l.t, "groups")
	dept := rapid.SampledFrom([]string{"", "Finance", "Sales"}).Draw(l.t, "department")
	if l.model.off[l.persons[i]] || l.model.scim.left[l.persons[i]] {
		return
	}
	who := identity.Authentication{Connection: "acme", Subject: l.prefix + fmt.Sprint(i)}
	p, err := l.people.SignIn(l.ctx, directory.Arrival{Authentication: who, Profile: directory.Profile{Department: dept}, Groups: groups}, by)
	l.must(err)
	l.persons[i] = p.ID
	l.model.told[p.ID], l.model.dept[p.ID] = map[string]time.Time{}, dept
	for _, g := range groups {
		l.model.told[p.ID][g] = l.now.Add(12 * time.Hour)
	}
}

func (l *lane) apply(app string) {
	roles := map[string][]string{"user": {l.prefix + "never"}}
	for _, role := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"user", "admin"}), rapid.ID).Draw(l.t, "roles") {
		roles[role] = nil
		for _, n := range rapid.SliceOfNDistinct(rapid.SampledFrom(groupNames), 1, 3, rapid.ID).Draw(l.t, "names") {
			roles[role] = append(roles[role], l.prefix+n)
		}
	}
	var entitlements []string
	for role, names := range roles {
		entitlements = append(entitlements, fmt.Sprintf("{name: %s, description: A role, groups: [%s]}", role, strings.Join(names, ", ")))
	}
	m, err := catalog.Parse("app.yaml", []byte(`{apiVersion: marketplace/v1alpha1, kind: MicroApp, metadata: {name: `+app+`, title: App, description: The app of a test.},
spec: {owner: {team: team, primary: a@acme.example}, entitlements: [`+strings.Join(entitlements, ", ")+`],
identity: {protocol: oidc, oidc: {clientId: `+app+`-client, redirectUris: ["https://`+app+`.example/cb"], grantTypes: [authorization_code], tokenEndpointAuthMethod: client_secret_basic, scopes: [{name: openid}]}}}}`))
	l.must(err)
	a, _, err := l.apps.Apply(l.ctx, m, by)
	l.must(err)
	l.ids[app], l.model.release[app] = a.ID, roles
}

// settle gives everybody a grant at every app again, so that all are in it.
func (l *lane) settle() {
	for _, p := range l.persons {
		families, err := l.db.Families(l.ctx, p)
		l.must(err)
		for _, app := range l.ids {
			if slices.ContainsFunc(families, func(f grant.Family) bool { return f.Subject.App == app }) {
				continue
			}
			hash, id := []byte(identity.NewID()), identity.NewID()
			l.must(l.db.CreateCode(l.ctx, grant.Code{Hash: hash, Grant: id, Expires: l.now.Add(time.Hour)}))
			l.must(l.db.RedeemCode(l.ctx, hash, by, l.now, func(grant.Code) (grant.Redemption, error) {
				f := grant.Family{ID: id, Subject: grant.Subject{Person: p, App: app}, Offline: true, Expires: l.now.Add(1000 * time.Hour)}
				return grant.Redemption{Family: &f, First: &grant.RefreshToken{Hash: hash, Family: id, Expires: f.Expires}}, nil
			}))
		}
	}
}

// step does one thing to the product and to the model.
func (l *lane) step() {
	person := rapid.IntRange(0, len(l.persons)-1).Draw(l.t, "person")
	app := l.prefix + rapid.SampledFrom(appNames).Draw(l.t, "app")
	group := rapid.SampledFrom(append(l.groups(), l.pushedTo...)).Draw(l.t, "group")
	ref := identity.GroupRef{Connection: "acme", ID: group}
	switch rapid.IntRange(0, 15).Draw(l.t, "step") {
	case 0, 1:
		l.signIn(person)
	case 2, 3:
		name := l.prefix + rapid.SampledFrom(groupNames).Draw(l.t, "name")
		l.must(l.people.Map(l.ctx, directory.Mapping{Group: ref, Name: name}, by))
		l.model.names[group] = name
	case 4:
		if l.model.names[group] != "" {
			l.must(l.people.Unmap(l.ctx, ref, by))
			delete(l.model.names, group)
		}
	case 5:
		l.apply(app)
	case 6:
		l.assign(person, app, ref)
	case 7:
		l.end()
	case 8:
		id := l.persons[person]
		l.model.off[id] = !l.model.off[id]
		l.must(l.people.SetPersonDisabled(l.ctx, id, l.model.off[id], by))
	case 9:
		if l.model.shut[app] = !l.model.shut[app]; l.model.shut[app] {
			_, err := l.apps.Disable(l.ctx, app, by)
			l.must(err)
		} else {
			_, err := l.apps.Enable(l.ctx, app, by)
			l.must(err)
		}
	case 10:
		l.move()
	default:
		l.provision(person)
	}
}

func (l *lane) assign(person int, app string, ref identity.GroupRef) {
	whom := rapid.SampledFrom([]entitlement.Whom{
		{Person: l.persons[person]}, {Group: ref}, {Attribute: entitlement.Condition{Name: "department", Values: []string{"Finance"}}},
	}).Draw(l.t, "whom")
	n := entitlement.New{Role: rapid.SampledFrom([]string{"user", "admin"}).Draw(l.t, "role"), Whom: whom, Reason: "a test"}
	if rapid.Bool().Draw(l.t, "later") {
		n.From = l.now.Add(time.Hour)
	}
	if rapid.Bool().Draw(l.t, "bounded") {
		n.Until = l.now.Add(3 * time.Hour)
	}
	_, named := l.model.release[app][n.Role]
	there := slices.ContainsFunc(l.model.assigned, func(g given) bool {
		return g.app == app && g.Role == n.Role && g.Ended.IsZero() && g.Whom.Same(whom)
	})
	a, err := l.gives.Assign(l.ctx, app, n, by)
	switch {
	case !named && err != nil, there && err != nil:
	case !named || there:
		l.t.Fatalf("a role that is not there, or is given already: %+v", n)
	default:
		l.must(err)
		l.model.assigned = append(l.model.assigned, given{a, app})
	}
}

// end ends an assignment, or lets its timer do so.
func (l *lane) end() {
	if len(l.model.assigned) == 0 {
		return
	}
	a := &l.model.assigned[rapid.IntRange(0, len(l.model.assigned)-1).Draw(l.t, "assignment")]
	if !a.Ended.IsZero() {
		return
	}
	if a.Until.IsZero() || l.now.Before(a.Until) {
		_, err := l.gives.End(l.ctx, a.ID, by)
		l.must(err)
	} else {
		l.must(l.gives.Expire(l.ctx, job.Job{Payload: []byte(a.ID)}))
	}
	a.Ended = l.now
}

// move gives an assignment another end, or none.
func (l *lane) move() {
	if len(l.model.assigned) == 0 {
		return
	}
	a := &l.model.assigned[rapid.IntRange(0, len(l.model.assigned)-1).Draw(l.t, "assignment")]
	until := rapid.SampledFrom([]time.Time{{}, l.now.Add(30 * time.Minute), l.now.Add(5 * time.Hour)}).Draw(l.t, "until")
	next, err := l.gives.Move(l.ctx, a.ID, until, by)
	switch over := !a.Ended.IsZero() || !a.Until.IsZero() && !l.now.Before(a.Until); {
	case over && errors.Is(err, entitlement.ErrAssignmentEnded), until.Equal(a.Until) && errors.Is(err, entitlement.ErrMoved),
		!until.IsZero() && !until.After(a.From) && errors.Is(err, entitlement.ErrUntil):
	default:
		l.must(err)
		a.Until = next.Until
	}
}

// had is what an assignment gave until its timer came, which counts as lost by that.
func (l *lane) had(before model) map[[2]string][]string {
	for i, a := range before.assigned {
		if a.Ended.IsZero() && i < len(l.model.assigned) && !l.model.assigned[i].Ended.IsZero() {
			before.assigned[i].Until = time.Time{}
		}
	}
	now := l.model
	l.model = before
	defer func() { l.model = now }()
	return l.all()
}

func (m *model) clone() model {
	c := model{told: map[string]map[string]time.Time{}, dept: maps.Clone(m.dept), off: maps.Clone(m.off), names: maps.Clone(m.names), release: maps.Clone(m.release), shut: maps.Clone(m.shut), assigned: slices.Clone(m.assigned), scim: m.scim.clone()}
	for p, told := range m.told {
		c.told[p] = told // replaced as a whole, never changed
	}
	return c
}

// out reports whether the person can come at all.
func (m *model) out(person string) bool { return m.off[person] || m.scim.left[person] }

// outside are the people who cannot.
func (l *lane) outside() map[string]bool {
	all := map[string]bool{}
	for _, p := range l.persons {
		all[p] = l.model.out(p)
	}
	return all
}

// lostBy returns the people and apps that a step took something from, by the model.
func (l *lane) lostBy(before model) (lost [][2]string) {
	had, has := l.had(before), l.all()
	for pair, roles := range had {
		person, app := pair[0], pair[1]
		gone := slices.ContainsFunc(roles, func(r string) bool { return !slices.Contains(has[pair], r) })
		if gone && !before.shut[app] && !before.out(person) && !l.model.out(person) {
			lost = append(lost, [2]string{person, l.ids[app]})
		}
	}
	slices.SortFunc(lost, func(a, b [2]string) int { return strings.Compare(a[0]+a[1], b[0]+b[1]) })
	return lost
}

// revoked returns whom what was taken from after a number of the sequence, but for who
// cannot come: they have nothing left, and that it is revoked once more does no harm.
func (l *lane) revoked(after uint64) (lost [][2]string) {
	entries, err := l.db.Since(l.ctx, after, 1000)
	l.must(err)
	for _, e := range entries {
		person, app, ok := identity.SplitInstall(e.Ref)
		if ok && !l.model.out(person) && slices.Contains(slices.Collect(maps.Values(l.ids)), app) { // rules by attribute are also for people of other runs
			lost = append(lost, [2]string{person, app})
		}
	}
	slices.SortFunc(lost, func(a, b [2]string) int { return strings.Compare(a[0]+a[1], b[0]+b[1]) })
	return slices.Compact(lost)
}

// agree compares every decision, and every explanation of now, with the model.
func (l *lane) agree() {
	l.people.Forget()
	l.decides.Forget()
	s := snapshot{l.now, l.all(), l.outside()}
	for pair, want := range s.roles {
		person, app := pair[0], pair[1]
		p, err := l.db.Person(l.ctx, person)
		l.must(err)
		a, err := l.apps.App(l.ctx, app)
		l.must(err)
		d, err := l.decides.Check(l.ctx, p, &registry.Client{App: a.ID, Entitlements: a.Manifest.Spec.Entitlements, Disabled: a.Disabled})
		l.must(err)
		slices.Sort(d.Roles)
		if !slices.Equal(d.Roles, want) || d.Allowed != (len(want) > 0 && !l.model.shut[app]) {
			l.t.Fatalf("%s in %s: decided %v %v, want %v", person, app, d.Allowed, d.Roles, want)
		}
		if !l.model.shut[app] { // shut apps are told apart below
			l.explains(s, pair)
		}
	}
	l.past = append(l.past, s)
}

func (l *lane) explains(s snapshot, pair [2]string) {
	e, err := entitlement.NewExplainer(l.db, l.clock).Explain(l.ctx, pair[0], pair[1], s.at)
	l.must(err)
	slices.Sort(e.Roles)
	allowed := e.Verdict == entitlement.Allowed
	if !slices.Equal(e.Roles, s.roles[pair]) || allowed && s.off[pair[0]] {
		l.t.Fatalf("%s in %s at %s: explained %s %v, was %v: %+v", pair[0], pair[1], s.at, e.Verdict, e.Roles, s.roles[pair], e)
	}
	for _, r := range e.Reasons {
		last := r.Steps[len(r.Steps)-1]
		if last.Kind != entitlement.StepRole || last.Name != r.Role || !slices.Contains(e.Roles, r.Role) {
			l.t.Fatalf("a reason for a role that is not theirs: %+v", r)
		}
		l.provenance(r)
	}
}

var by = identity.System("test")

// TestDecisionsLossesAndThePastAgreeWithARecomputation does things at random. After each
// step every decision is what a recomputation from nothing comes to, and what was revoked
// is what was lost; in the end every moment is explained as it was.
func TestDecisionsLossesAndThePastAgreeWithARecomputation(t *testing.T) {
	for engine, o := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			d := newDesk(t, o)
			rapid.Check(t, func(rt *rapid.T) {
				l := d.lane(rt, t.Context())
				l.agree()
				for range rapid.IntRange(1, 12).Draw(rt, "steps") {
					d.now = d.now.Add(time.Duration(rapid.Int64Range(1, int64(4*time.Hour/time.Microsecond)).Draw(rt, "wait")) * time.Microsecond)
					before := l.model.clone()
					head, err := d.db.Head(t.Context())
					l.must(err)
					l.step()
					if got, want := l.revoked(head), l.lostBy(before); !slices.Equal(got, want) {
						rt.Fatalf("revoked %v, lost %v", got, want)
					}
					l.settle()
					l.agree()
				}
				for _, s := range l.past {
					for pair := range s.roles {
						l.explains(s, pair)
					}
				}
				d.now = d.now.Add(24 * time.Hour)
			})
		})
	}
}
