package entitlement

import (
	"context"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/registry"
)

// Groups tells the names of a person's groups.
type Groups interface {
	GroupNames(ctx context.Context, p directory.Person) ([]string, error)
}

// Checker decides by the groups that an app's entitlements name.
type Checker struct{ groups Groups }

// NewChecker returns a Checker.
func NewChecker(groups Groups) *Checker { return &Checker{groups} }

// Check decides whether p may use the app of c. An app whose entitlements name
// no group lets nobody in.
func (k *Checker) Check(ctx context.Context, p directory.Person, c *registry.Client) (Decision, error) {
	names, err := k.groups.GroupNames(ctx, p)
	if err != nil {
		return Decision{}, err
	}
	d := Decision{Groups: names}
	for _, e := range c.Entitlements {
		has := false
		for _, g := range e.Groups {
			if slices.Contains(names, g) {
				has = true
				d.Via = append(d.Via, g)
			} else {
				d.Missing = append(d.Missing, g)
			}
		}
		if has {
			d.Roles = append(d.Roles, e.Name)
		}
	}
	d.Allowed = len(d.Roles) > 0 && !c.Disabled && len(c.Missing) == 0
	d.Via, d.Missing = unique(d.Via), unique(d.Missing)
	if d.Allowed {
		d.Missing = nil
	}
	return d, nil
}

func unique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}
