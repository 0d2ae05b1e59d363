// Package access has the console's pages about who may use which app: why somebody may or
// may not, now or at any time that is kept, and the roles in apps that administrators
// assign.
//
// What is explained is what the management API explains to the same visitor: to an app's
// owner about that app, and to everybody about themselves in their own words.
package access

import (
	"context"
	"embed"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

//go:embed de.yaml
var files embed.FS

// Options are what the pages need. All are required.
type Options struct {
	// Apps finds apps, and the roles that their releases name.
	Apps interface {
		App(ctx context.Context, name string) (catalog.App, error)
	}
	// Answers says who answers for an app now: see ownership.Service.
	Answers func(ctx context.Context, app string, released catalog.Owner) (catalog.Owner, error)
	// Clients lists the clients of all apps.
	Clients func(ctx context.Context) ([]*registry.Client, error)
	// Directory reads people and groups.
	Directory interface {
		Person(ctx context.Context, id string) (directory.Person, error)
		Group(ctx context.Context, ref identity.GroupRef) (directory.Group, error)
	}
	// Entitlements decide who may use what.
	Entitlements interface {
		Check(ctx context.Context, p directory.Person, c *registry.Client) (entitlement.Decision, error)
	}
	// Assignments are the roles in apps that administrators assigned.
	Assignments interface {
		Search(ctx context.Context, q entitlement.Query) (page []entitlement.Assignment, next string, err error)
		Get(ctx context.Context, app, id string) (entitlement.Assignment, error)
		Check(ctx context.Context, app string, n entitlement.New) (entitlement.Assignment, error)
		CheckMove(a entitlement.Assignment, until time.Time) error
	}
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
	const ofApp, one = "/apps/{name}/assignments", "/apps/{name}/assignments/{id}"
	return kit.Part{
		Rules: []kit.Rule{
			{Path: "/explain-access", Right: admin.ReadAccess, Show: c.explain},
			{Path: "/apps/{name}/explain", Right: admin.ReadAccess, Owned: true, Show: c.explainApp},
			{Path: "/assignments", Right: admin.ReadAccess, Show: c.showAll},
			{Path: "/assign", Right: admin.WriteAccess, Show: c.showNew, Act: c.assign},
			{Path: ofApp, Right: admin.ReadAccess, Owned: true, Show: c.showOfApp},
			{Path: one, Right: admin.ReadAccess, Owned: true, Show: c.showOne},
			{Path: one + "/end", Right: admin.WriteAccess, Ask: c.askEnd, Operation: "endAssignment", Then: one, Notice: "assignment-ended"},
			{Path: one + "/move", Right: admin.WriteAccess, Show: c.showMove, Act: c.move},
		},
		Notices: map[string]ui.Text{
			"assignment-made":  ui.T("The role is assigned."),
			"assignment-ended": ui.T("The assignment is ended: whoever has the role in no other way has lost it."),
			"assignment-moved": ui.T("The assignment ends at another time now."),
		},
		Files: files,
	}
}
