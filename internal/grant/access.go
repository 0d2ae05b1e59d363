package grant

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
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
	var all []Access
	of := func(app string, since time.Time) *Access {
		i := slices.IndexFunc(all, func(a Access) bool { return a.App == app })
		if i < 0 {
			i, all = len(all), append(all, Access{App: app, Since: since})
		}
		if since.Before(all[i].Since) {
			all[i].Since = since
		}
		return &all[i]
	}
	for _, f := range families {
		if !now.Before(f.Expires) {
			continue
		}
		a := of(f.Subject.App, f.Created)
		a.Scopes, a.Offline = append(a.Scopes, f.Subject.Scopes...), a.Offline || f.Offline
		if f.LastUse.After(a.LastUse) {
			a.LastUse = f.LastUse
		}
	}
	for _, c := range consents {
		a := of(c.App, c.Given)
		a.Scopes = append(a.Scopes, c.Scopes...)
	}
	for i := range all {
		slices.Sort(all[i].Scopes)
		all[i].Scopes = slices.Compact(all[i].Scopes)
	}
	slices.SortFunc(all, func(a, b Access) int { return strings.Compare(a.App, b.App) })
	return all, nil
}
