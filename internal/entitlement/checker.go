package entitlement

import (
	"context"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/memo"
	"github.com/gatehouse-io/gatehouse/internal/registry"
)

// cacheLife is how long assignments to many are remembered, as mappings are: a change
// at another replica is known within it. Tokens do not wait for it, since ending one
// revokes what was issued by it.
const cacheLife = 250 * time.Millisecond

// spareLife is how long they go on while the store does not answer, as mappings do.
const spareLife = 5 * time.Second

// Groups tells which groups a person is in.
type Groups interface {
	Standing(ctx context.Context, p directory.Person) (directory.Standing, error)
}

// Rules tells of the assignments to groups and by attributes that did not end.
type Rules interface {
	RuleAssignments(ctx context.Context) ([]Assignment, error)
}

// Checker decides by what holds now.
type Checker struct {
	groups Groups
	rules  Rules
	now    func() time.Time
	byApp  *memo.Memo[map[string][]Assignment]
}

// NewChecker returns a Checker. Nil rules are none.
func NewChecker(groups Groups, rules Rules, now func() time.Time) *Checker {
	k := &Checker{groups: groups, rules: rules, now: now}
	k.byApp = memo.New(memo.Options[map[string][]Assignment]{Read: k.readRules, Life: cacheLife, Spare: spareLife, Now: now})
	return k
}

// Supposing returns a Checker that decides as if people were in the groups that groups
// tells of, by the same assignments.
func (k *Checker) Supposing(groups Groups) *Checker { return NewChecker(groups, k.rules, k.now) }

// Check decides whether p may use the app of c. An app that nobody was let into by a
// group or an assignment lets nobody in.
func (k *Checker) Check(ctx context.Context, p directory.Person, c *registry.Client) (Decision, error) {
	all, err := k.CheckEach(ctx, p, c)
	if err != nil {
		return Decision{}, err
	}
	return all[0], nil
}

// CheckEach is Check for several apps, by one look at the groups that p is in: a decision
// for each, in their order.
func (k *Checker) CheckEach(ctx context.Context, p directory.Person, apps ...*registry.Client) ([]Decision, error) {
	standing, err := k.groups.Standing(ctx, p)
	if err != nil {
		return nil, err
	}
	rules, err := k.byApp.Get(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]Decision, len(apps))
	for i, c := range apps {
		all[i] = Decide(&Question{
			Person: p, Standing: standing, App: c.App, Entitlements: c.Entitlements, Shut: c.Disabled || len(c.Missing) > 0, Rules: rules[c.App],
		})
	}
	return all, nil
}

// Forget makes the next question read the assignments again.
func (k *Checker) Forget() { k.byApp.Forget() }

// readRules returns the assignments to many, by app.
func (k *Checker) readRules(ctx context.Context) (map[string][]Assignment, error) {
	if k.rules == nil {
		return nil, nil
	}
	all, err := k.rules.RuleAssignments(ctx)
	if err != nil {
		return nil, err
	}
	byApp := map[string][]Assignment{}
	for _, a := range all {
		byApp[a.App] = append(byApp[a.App], a)
	}
	return byApp, nil
}
