package grant

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Access is what one app holds of a person: grants that it can refresh, and what
// the person allowed it.
type Access struct {
	App    string   `json:"app"` // internal id
	Scopes []string `json:"scopes"`
	// Offline access goes on while the person is signed out.
	Offline bool      `json:"offline"`
	Since   time.Time `json:"since"`
	LastUse time.Time `json:"last_use,omitzero"`
}

// AccessOf lists the apps that hold something of the person, by internal id.
func AccessOf(ctx context.Context, store Store, person string, now time.Time) ([]Access, error) {
	families, err := store.Families(ctx, person)
	if err != nil {
		return nil, fmt.Errorf("list access: %w", err)
	}
	consents, err := store.Consents(ctx, person)
	if err != nil {
		return nil, fmt.Errorf("list access: %w", err)
	}
	byApp := map[string]*held{}
	of := func(app string) *held {
		if byApp[app] == nil {
			byApp[app] = &held{}
		}
		return byApp[app]
	}
	for _, f := range families {
		if now.Before(f.Expires) {
			of(f.Subject.App).families = append(of(f.Subject.App).families, f)
		}
	}
	for _, c := range consents {
		of(c.App).consents = append(of(c.App).consents, c)
	}
	var all []Access
	for _, app := range slices.Sorted(maps.Keys(byApp)) {
		all = append(all, Sum(app, byApp[app].families, byApp[app].consents, now))
	}
	return all, nil
}

// held is what Sum sums.
type held struct {
	families []Family
	consents []Consent
}

// Sum returns what an app holds by these families and consents of one person. What
// is over at now is left out.
func Sum(app string, families []Family, consents []Consent, now time.Time) Access {
	a := Access{App: app}
	since := func(t time.Time) {
		if a.Since.IsZero() || t.Before(a.Since) {
			a.Since = t
		}
	}
	for _, f := range families {
		if !now.Before(f.Expires) {
			continue
		}
		since(f.Created)
		a.Scopes, a.Offline = append(a.Scopes, f.Subject.Scopes...), a.Offline || f.Offline
		if f.LastUse.After(a.LastUse) {
			a.LastUse = f.LastUse
		}
	}
	for _, c := range consents {
		since(c.Given)
		for _, right := range c.Scopes {
			_, scope := identity.SplitRight(right)
			a.Scopes = append(a.Scopes, scope)
		}
	}
	slices.Sort(a.Scopes)
	a.Scopes = slices.Compact(a.Scopes)
	return a
}
