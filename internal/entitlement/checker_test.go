package entitlement_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/registry"
)

// groups are the names of everybody's groups.
type groups struct {
	names []string
	err   error
}

func (g groups) GroupNames(context.Context, directory.Person) ([]string, error) {
	return g.names, g.err
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
		got, err := entitlement.NewChecker(groups{names: c.has}).Check(t.Context(), directory.Person{}, client)
		if err != nil || got.Allowed != c.want.Allowed || !slices.Equal(got.Roles, c.want.Roles) || !slices.Equal(got.Via, c.want.Via) ||
			!slices.Equal(got.Missing, c.want.Missing) || !slices.Equal(got.Groups, c.has) {
			t.Errorf("%s: %+v %v, want %+v", name, got, err, c.want)
		}
	}
}

func TestWithoutAnAnswerAboutGroupsNobodyIsAllowed(t *testing.T) {
	lost := errors.New("no answer")
	client := &registry.Client{Entitlements: []catalog.Entitlement{{Name: "user", Groups: []string{"staff"}}}}
	got, err := entitlement.NewChecker(groups{names: []string{"staff"}, err: lost}).Check(t.Context(), directory.Person{}, client)
	if !errors.Is(err, lost) || got.Allowed {
		t.Errorf("%+v %v", got, err)
	}
}
