// Package apps has the console's pages about micro-apps: what their manifests say, who may
// use them, and what they hold of people.
package apps

import (
	"context"
	"embed"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/catalog/ownership"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

//go:embed manifest.html de.yaml
var files embed.FS

// Options are what the pages need. All are required.
type Options struct {
	// Apps are the catalogue: catalog.Service.
	Apps interface {
		App(ctx context.Context, name string) (catalog.App, error)
		Search(ctx context.Context, q catalog.Query) (page []catalog.App, next string, err error)
		Count(ctx context.Context) (map[catalog.State]int64, error)
		Callers(ctx context.Context, api string) ([]catalog.Caller, error)
		Pending(ctx context.Context, of ...catalog.App) (map[string][]catalog.Ask, error)
		Preview(ctx context.Context, m catalog.Manifest) (current *catalog.App, outcome catalog.Outcome, err error)
	}
	// Owners say who answers for apps: ownership.Service.
	Owners interface {
		Of(ctx context.Context, app string) (ownership.View, error)
		Each(ctx context.Context, apps []string) (map[string]ownership.Ownership, error)
		Named(ctx context.Context, app string, n ownership.Naming) (ownership.View, error)
		CountOrphaned(ctx context.Context) (int64, error)
	}
	// Entry finds an entry of the audit log.
	Entry func(ctx context.Context, id string) (audit.Entry, error)
	// Mappings lists the group mappings.
	Mappings func(ctx context.Context) ([]directory.Mapping, error)
	// Grants are what apps hold of people.
	Grants interface {
		SearchAccess(ctx context.Context, q grant.Query, now time.Time) (page []grant.Held, next string, err error)
	}
	// SAML is what apps that speak SAML have to know of the broker.
	SAML registry.IdentityProvider
}

// Console is the part of the console.
type Console struct {
	*names.Names
	o Options
}

// New returns a Console.
func New(n *names.Names, o Options) *Console { return &Console{Names: n, o: o} }

// Part is what it adds to the console.
func (c *Console) Part() kit.Part {
	return kit.Part{Rules: c.rules(), Notices: notices(), Files: files}
}

// notices are what is said after a change, by the codes of the rules.
func notices() map[string]ui.Text {
	return map[string]ui.Text{
		"app-disabled":     ui.T("The app is switched off: nobody gets in, and what it held is revoked."),
		"app-enabled":      ui.T("The app is switched on again."),
		"app-removed":      ui.T("The app is removed, with everything that was derived from it."),
		"caller-agreed":    ui.T("Agreed: the app gets it from now on."),
		"caller-withdrawn": ui.T("Withdrawn: what the app got of it is revoked."),
		"owner-named":      ui.T("From now on they answer for the app."),
		"app-retried":      ui.T("What the app could not be told is tried again at once."),
		"app-applied":      ui.T("The manifest is in force."),
	}
}
