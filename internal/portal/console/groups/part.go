// Package groups has the console's pages about the groups that identity providers tell of,
// and the names that make them mean something here.
package groups

import (
	"context"
	"embed"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/names"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

//go:embed map.html unseen.html de.yaml
var files embed.FS

// Options are what the pages need. All are required.
type Options struct {
	// Directory reads groups and their members.
	Directory interface {
		Search(ctx context.Context, q directory.Query) (page []directory.Person, next string, err error)
		Group(ctx context.Context, ref identity.GroupRef) (directory.Group, error)
		SearchGroups(ctx context.Context, q directory.GroupQuery) (page []directory.Group, next string, err error)
	}
	// Connections are the identity providers.
	Connections interface {
		Get(ctx context.Context, id string) (connection.Connection, error)
	}
	// Apps lists the apps, whose manifests name groups.
	Apps interface {
		Apps(ctx context.Context) ([]catalog.App, error)
	}
	// Clients lists the clients of all apps.
	Clients func(ctx context.Context) ([]*registry.Client, error)
	// Roles says which groups give a role here.
	Roles interface {
		GroupsOf(role admin.Role) []string
	}
	// Access is what is assigned to a group; set by package console.
	Access func(v *kit.Visit, g directory.Group) (kit.Block, error)
	// Entitlements decide who may use what.
	Entitlements *entitlement.Checker
	// Pushed is what a connection pushed of a group; set by package console.
	Pushed func(v *kit.Visit, g directory.Group) (kit.Block, error)
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
		"group-mapped":   ui.T("The group is mapped."),
		"group-unmapped": ui.T("The mapping is gone: the group grants nothing."),
	}
}
