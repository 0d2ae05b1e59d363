package app

import (
	"context"
	"fmt"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
)

// scimSettings are what a connection may push.
func scimSettings(c config.SCIM) *connection.SCIM {
	s := &connection.SCIM{
		Provisioning: c.Provisioning, Admins: c.Admins, MaxResults: c.MaxResults, MaxOperations: c.MaxOperations,
		Guard: connection.Guard{Share: c.Guard.Share, Minimum: c.Guard.Minimum, Window: written(c.Guard.Window)},
	}
	for _, e := range c.Extensions {
		of := connection.Extension{Resource: e.Resource, ID: e.ID, Name: e.Name}
		for _, a := range e.Attributes {
			one := connection.Attribute{
				Name: a.Name, Description: a.Description, Type: a.Type, MultiValued: a.MultiValued, CaseExact: a.CaseExact, Mutability: a.Mutability, Returned: a.Returned,
			}
			for _, sub := range a.SubAttributes {
				one.SubAttributes = append(one.SubAttributes, connection.SubAttribute(sub))
			}
			of.Attributes = append(of.Attributes, one)
		}
		s.Extensions = append(s.Extensions, of)
	}
	return s
}

// provisioning is who signs in over a connection.
func (p *parts) provisioning(ctx context.Context, id string) (directory.Provisioning, error) {
	c, err := p.connections.Get(ctx, id)
	if err != nil || c.Settings.SCIM == nil {
		return directory.JITAndSCIM, err
	}
	return directory.Provisioning(c.Settings.SCIM.Provisioning), nil
}

// spared are the groups that make roles, unless the connection may change whoever has one.
func (p *parts) spared(ctx context.Context, id string) ([]string, error) {
	policy, err := p.scimPolicy(ctx, id)
	if err != nil || policy.Touch {
		return nil, err
	}
	return append([]string{}, policy.Roles...), nil
}

// scimPolicy is what a connection may do over SCIM. It is refused where there is no such
// connection, it is disabled, or it has no SCIM.
func (p *parts) scimPolicy(ctx context.Context, id string) (record.Policy, error) {
	c, err := p.connections.Get(ctx, id)
	if err != nil {
		return record.Policy{}, err
	}
	enabled, err := p.people.ConnectionEnabled(ctx, id)
	switch {
	case err != nil:
		return record.Policy{}, err
	case !enabled:
		return record.Policy{}, directory.ErrConnectionDisabled
	}
	s := c.Settings.SCIM
	if s == nil { // stored before there was SCIM
		var defaults config.Connection
		defaults, err = configOf(c.Settings)
		if s = scimSettings(defaults.SCIM); err != nil {
			return record.Policy{}, err
		}
	}
	if s.Provisioning == config.ProvisioningJIT {
		return record.Policy{}, record.ErrNoSCIM
	}
	window, err := strictyaml.Duration(s.Guard.Window)
	if err != nil {
		return record.Policy{}, fmt.Errorf("connection %s: %w", id, err)
	}
	policy := record.Policy{Touch: s.Admins, Domains: c.Settings.Domains, Admins: p.admin.GroupsOf(admin.Admin)}
	policy.Roles = p.protecting()
	if s.Guard.Share < 100 {
		policy.Guard = record.Guard{Share: float64(s.Guard.Share) / 100, Minimum: int64(s.Guard.Minimum), Window: max(window, time.Minute)}
	}
	return policy, nil
}
