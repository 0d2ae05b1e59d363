package app

import (
	"context"
	"io"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/porting"
	"github.com/gatehouse-io/gatehouse/internal/porting/dex"
	"github.com/gatehouse-io/gatehouse/internal/porting/keycloak"
)

// openPorting makes what imports and exports the directory.
func (p *parts) openPorting() {
	imports := p.db.Imports()
	p.porting = porting.NewService(porting.Config{
		Issuer: p.cfg.Issuer, Store: imports, People: imports, Records: p.records, Found: imports, Directory: imports, Groups: p.people,
		Assignments: p.assignments, Connections: &portingConnections{parts: p, profiles: &scimProfiles{parts: p}}, Roles: p.protecting, Now: p.now,
		Parsers: map[porting.Format]func(io.Reader, porting.Options) porting.Source{
			porting.Keycloak: func(in io.Reader, o porting.Options) porting.Source { return keycloak.New(in, o) },
			porting.Dex:      func(in io.Reader, o porting.Options) porting.Source { return dex.New(in, o) },
		},
	})
}

// protecting are the groups that give a role other than that of an app's owner, who are
// teams, whose people come and go.
func (p *parts) protecting() []string {
	var all []string
	for _, r := range admin.Roles() {
		if r != admin.AppOwner {
			all = append(all, p.admin.GroupsOf(r)...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// portingConnections are connections as an import asks for them.
type portingConnections struct {
	*parts

	profiles *scimProfiles
}

// Known implements porting.Connections.
func (c *portingConnections) Known(ctx context.Context, id string) (bool, error) {
	return c.connections.Known(ctx, id)
}

// Domains implements porting.Connections.
func (c *portingConnections) Domains(ctx context.Context, id string) ([]string, error) {
	found, err := c.connections.Get(ctx, id)
	return found.Settings.Domains, err
}

// Policy implements porting.Connections.
func (c *portingConnections) Policy(ctx context.Context, id string) (record.Policy, error) {
	return c.scimPolicy(ctx, id)
}

// ReadUser implements porting.Connections.
func (c *portingConnections) ReadUser(ctx context.Context, u record.User) (record.User, error) {
	profile, err := c.profiles.Profile(ctx, u.Connection)
	if err != nil {
		return u, err
	}
	return profile.ReadUser(u)
}

// ReadGroup implements porting.Connections.
func (c *portingConnections) ReadGroup(ctx context.Context, g record.Group) (record.Group, error) {
	profile, err := c.profiles.Profile(ctx, g.Connection)
	if err != nil {
		return g, err
	}
	return profile.ReadGroup(g)
}
