package entitlement_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/registry"
)

var at = time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)

func now() time.Time { return at }

// groups are the names of everybody's groups.
type groups struct {
	names []string
	in    []identity.GroupRef
	err   error
}

func (g groups) Standing(context.Context, directory.Person) (directory.Standing, error) {
	s := directory.Standing{At: at, Names: g.names}
	for _, ref := range g.in {
		s.Memberships = append(s.Memberships, directory.Membership{Group: ref})
	}
	return s, g.err
}

func TestADecisionNamesRolesReasonsAndWhatIsMissing(t *testing.T) {
	app := []catalog.Entitlement{{Name: "user", Groups: []string{"staff", "partners"}}, {Name: "admin", Groups: []string{"ops"}}}
	for name, c := range map[string]struct {
		has   []string
		app   []catalog.Entitlement
		spoil func(*registry.Client)
		want  entitlement.Decision
	}{
		"one group of one role": {[]string{"staff", "other"}, app, nil, entitlement.Decision{Allowed: true, Roles: []string{"user"}, Via: []string{"staff"}}},
		"two roles":             {[]string{"ops", "partners"}, app, nil, entitlement.Decision{Allowed: true, Roles: []string{"user", "admin"}, Via: []string{"ops", "partners"}}},
		"no group of it":        {[]string{"other"}, app, nil, entitlement.Decision{Missing: []string{"ops", "partners", "staff"}}},
		"no group at all":       {nil, app, nil, entitlement.Decision{Missing: []string{"ops", "partners", "staff"}}},
		"another case":          {[]string{"Staff"}, app, nil, entitlement.Decision{Missing: []string{"ops", "partners", "staff"}}},
		"an app for nobody":     {[]string{"staff"}, nil, nil, entitlement.Decision{}},
		"a role for nobody":     {[]string{"staff"}, []catalog.Entitlement{{Name: "user"}}, nil, entitlement.Decision{}},
		"switched off": {
			[]string{"staff"},
			app[:1], func(c *registry.Client) { c.Disabled = true },
			entitlement.Decision{Roles: []string{"user"}, Via: []string{"staff"}, Missing: []string{"partners"}},
		},
		"not complete": {
			[]string{"staff"},
			app[:1], func(c *registry.Client) { c.Missing = []string{"owner"} },
			entitlement.Decision{Roles: []string{"user"}, Via: []string{"staff"}, Missing: []string{"partners"}},
		},
	} {
		client := &registry.Client{Entitlements: c.app}
		if c.spoil != nil {
			c.spoil(client)
		}
		got, err := entitlement.NewChecker(groups{names: c.has}, nil, now).Check(t.Context(), directory.Person{}, client)
		if err != nil || got.Allowed != c.want.Allowed || !slices.Equal(got.Roles, c.want.Roles) || !slices.Equal(got.Via, c.want.Via) ||
			!slices.Equal(got.Missing, c.want.Missing) || !slices.Equal(got.Groups, c.has) {
			t.Errorf("%s: %+v %v, want %+v", name, got, err, c.want)
		}
	}
}

func TestWithoutAnAnswerAboutGroupsNobodyIsAllowed(t *testing.T) {
	lost := errors.New("no answer")
	client := &registry.Client{Entitlements: []catalog.Entitlement{{Name: "user", Groups: []string{"staff"}}}}
	got, err := entitlement.NewChecker(groups{names: []string{"staff"}, err: lost}, nil, now).Check(t.Context(), directory.Person{}, client)
	if !errors.Is(err, lost) || got.Allowed {
		t.Errorf("%+v %v", got, err)
	}
}

// rules are assignments to many, and count how often they are read.
type rules struct {
	all   []entitlement.Assignment
	reads int
	err   error
}

func (r *rules) RuleAssignments(context.Context) ([]entitlement.Assignment, error) {
	r.reads++
	return r.all, r.err
}

func TestAnAssignmentGivesARoleToWhomItIsForWhileItHolds(t *testing.T) {
	sales, hour := identity.GroupRef{Connection: "acme", ID: "00g1"}, time.Hour
	app := []catalog.Entitlement{{Name: "user", Groups: []string{"staff"}}, {Name: "admin"}}
	toGroup := entitlement.Assignment{ID: "a", App: "app", Role: "admin", Whom: entitlement.Whom{Group: sales}}
	byDepartment := entitlement.Assignment{ID: "b", App: "app", Role: "admin", Whom: entitlement.Whom{Attribute: entitlement.Condition{Name: "department", Values: []string{"Finance", "Treasury"}}}}
	byDomain := entitlement.Assignment{ID: "c", App: "app", Role: "admin", Whom: entitlement.Whom{Attribute: entitlement.Condition{Name: "email_domain", Values: []string{"acme.example"}}}}
	with := func(a entitlement.Assignment, change func(*entitlement.Assignment)) []entitlement.Assignment {
		change(&a)
		return []entitlement.Assignment{a}
	}
	finance := directory.Profile{Department: "Finance"}
	named := func(change func(*directory.Assigned)) directory.Person {
		a := directory.Assigned{ID: "d", App: "app", Role: "admin", From: at.Add(-hour), Until: at.Add(hour)}
		change(&a)
		return directory.Person{Assigned: []directory.Assigned{a}}
	}
	for name, c := range map[string]struct {
		p     directory.Person
		in    []identity.GroupRef
		rules []entitlement.Assignment
		want  []string
	}{
		"to a group that they are in":         {in: []identity.GroupRef{sales}, rules: []entitlement.Assignment{toGroup}, want: []string{"admin"}},
		"to a group of another connection":    {in: []identity.GroupRef{{Connection: "partner", ID: "00g1"}}, rules: []entitlement.Assignment{toGroup}},
		"not yet":                             {in: []identity.GroupRef{sales}, rules: with(toGroup, func(a *entitlement.Assignment) { a.From = at.Add(1) })},
		"from now on":                         {in: []identity.GroupRef{sales}, rules: with(toGroup, func(a *entitlement.Assignment) { a.From = at }), want: []string{"admin"}},
		"no more":                             {in: []identity.GroupRef{sales}, rules: with(toGroup, func(a *entitlement.Assignment) { a.Until = at })},
		"ended":                               {in: []identity.GroupRef{sales}, rules: with(toGroup, func(a *entitlement.Assignment) { a.Ended = at })},
		"of another app":                      {in: []identity.GroupRef{sales}, rules: with(toGroup, func(a *entitlement.Assignment) { a.App = "another" })},
		"of a role that the release lost":     {in: []identity.GroupRef{sales}, rules: with(toGroup, func(a *entitlement.Assignment) { a.Role = "owner" })},
		"by their department":                 {p: directory.Person{Profile: finance}, rules: []entitlement.Assignment{byDepartment}, want: []string{"admin"}},
		"by the department in another case":   {p: directory.Person{Profile: directory.Profile{Department: "finance"}}, rules: []entitlement.Assignment{byDepartment}},
		"by a department that they have not":  {rules: []entitlement.Assignment{byDepartment}},
		"by a domain that is verified":        {p: directory.Person{Profile: directory.Profile{Email: "a@ACME.example", EmailVerified: true}}, rules: []entitlement.Assignment{byDomain}, want: []string{"admin"}},
		"by a domain that nobody verified":    {p: directory.Person{Profile: directory.Profile{Email: "a@acme.example"}}, rules: []entitlement.Assignment{byDomain}},
		"by name":                             {p: named(func(*directory.Assigned) {}), want: []string{"admin"}},
		"by name, of another app":             {p: named(func(a *directory.Assigned) { a.App = "another" })},
		"by name, not yet":                    {p: named(func(a *directory.Assigned) { a.From = at.Add(1) })},
		"by name, no more":                    {p: named(func(a *directory.Assigned) { a.Until = at })},
		"by name, of a role that is no more":  {p: named(func(a *directory.Assigned) { a.Role = "owner" })},
		"by a rule that is for nobody at all": {in: []identity.GroupRef{{}}, rules: []entitlement.Assignment{{App: "app", Role: "admin"}}},
	} {
		checker := entitlement.NewChecker(groups{in: c.in}, &rules{all: c.rules}, now)
		d, err := checker.Check(t.Context(), c.p, &registry.Client{App: "app", Entitlements: app})
		if err != nil || !slices.Equal(d.Roles, c.want) || d.Allowed != (len(c.want) > 0) {
			t.Errorf("%s: %+v %v, want %v", name, d, err, c.want)
		}
	}
}

func TestAssignmentsToManyAreReadFourTimesASecondAtMost(t *testing.T) {
	r, clock := &rules{}, at
	checker := entitlement.NewChecker(groups{}, r, func() time.Time { return clock })
	ask := func() error {
		_, err := checker.Check(t.Context(), directory.Person{}, &registry.Client{App: "app"})
		return err
	}
	for range 3 {
		if err := ask(); err != nil {
			t.Fatal(err)
		}
	}
	if r.reads != 1 {
		t.Errorf("read %d times at once", r.reads)
	}
	clock = clock.Add(250 * time.Millisecond)
	if err := ask(); err != nil || r.reads != 2 {
		t.Errorf("read %d times a quarter second later, %v", r.reads, err)
	}
	checker.Forget()
	r.err = errors.New("no answer")
	if err := ask(); !errors.Is(err, r.err) || r.reads != 3 {
		t.Errorf("after a change, and nobody can tell: %v, read %d times", err, r.reads)
	}
}

func TestWhatIsLostIsARoleThatOneHadAndHasNoMore(t *testing.T) {
	yes := func(roles ...string) entitlement.Decision {
		return entitlement.Decision{Allowed: true, Roles: roles}
	}
	for name, c := range map[string]struct {
		before, after entitlement.Decision
		want          []string
	}{
		"nothing":              {yes("user", "admin"), yes("admin", "user"), nil},
		"one of two":           {yes("user", "admin"), yes("user"), []string{"admin"}},
		"all":                  {yes("user", "admin"), entitlement.Decision{}, []string{"user", "admin"}},
		"all, of an app shut":  {yes("user"), entitlement.Decision{Roles: []string{"user"}}, []string{"user"}},
		"gained":               {entitlement.Decision{}, yes("user"), nil},
		"what one had not":     {entitlement.Decision{Roles: []string{"user"}}, entitlement.Decision{}, nil},
		"one for another role": {yes("user"), yes("admin"), []string{"user"}},
	} {
		if got := entitlement.Lost(c.before, c.after); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestAssignmentsToManyGoOnForAWhileWhenTheStoreDoesNotAnswer(t *testing.T) {
	app := &registry.Client{App: "app", Entitlements: []catalog.Entitlement{{Name: "user"}}}
	r, clock := &rules{all: []entitlement.Assignment{{App: "app", Role: "user", Whom: entitlement.Whom{Attribute: entitlement.Condition{Name: "department", Values: []string{"Finance"}}}}}}, at
	checker := entitlement.NewChecker(groups{}, r, func() time.Time { return clock })
	p := directory.Person{Profile: directory.Profile{Department: "Finance"}}
	if d, err := checker.Check(t.Context(), p, app); err != nil || !d.Allowed {
		t.Fatalf("control: %+v %v", d, err)
	}
	r.err = fault.New(fault.Unavailable, "store_unavailable", "no answer")
	clock = clock.Add(4 * time.Second)
	if d, err := checker.Check(t.Context(), p, app); err != nil || !d.Allowed {
		t.Errorf("after 4 seconds: %+v %v", d, err)
	}
	clock = clock.Add(time.Second)
	if d, err := checker.Check(t.Context(), p, app); err == nil || d.Allowed {
		t.Errorf("after 5 seconds: %+v %v", d, err)
	}
}
