package entitlement

import (
	"context"
	"sync"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/registry"
)

// cacheLife is how long assignments to many are remembered, as mappings are: a change
// at another replica is known within it. Tokens do not wait for it, since ending one
// revokes what was issued by it.
const cacheLife = 250 * time.Millisecond

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

	mu    sync.Mutex
	read  time.Time
	byApp map[string][]Assignment
}

// NewChecker returns a Checker. Nil rules are none.
func NewChecker(groups Groups, rules Rules, now func() time.Time) *Checker {
	return &Checker{groups: groups, rules: rules, now: now}
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
	all := make([]Decision, len(apps))
	for i, c := range apps {
		rules, err := k.of(ctx, c.App)
		if err != nil {
			return nil, err
		}
		all[i] = Decide(&Question{
			Person: p, Standing: standing, App: c.App, Entitlements: c.Entitlements, Shut: c.Disabled || len(c.Missing) > 0, Rules: rules,
		})
	}
	return all, nil
}

// Forget makes the next question read the assignments again.
func (k *Checker) Forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.read = time.Time{}
}

// of returns the app's assignments to many. The slices are replaced, never changed.
func (k *Checker) of(ctx context.Context, app string) ([]Assignment, error) {
	if k.rules == nil {
		return nil, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	if !k.read.IsZero() && now.Sub(k.read) < cacheLife {
		return k.byApp[app], nil
	}
	all, err := k.rules.RuleAssignments(ctx)
	if err != nil {
		return nil, err
	}
	k.byApp, k.read = map[string][]Assignment{}, now
	for _, a := range all {
		k.byApp[a.App] = append(k.byApp[a.App], a)
	}
	return k.byApp[app], nil
}
