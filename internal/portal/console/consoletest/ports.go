package consoletest

import (
	"context"
	"io"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/porting"
	"github.com/gatehouse-io/gatehouse/internal/porting/dex"
	"github.com/gatehouse-io/gatehouse/internal/porting/keycloak"
)

// ports imports and exports.
func (s *Stage) ports(providers *connection.Service) *porting.Service {
	imports := s.DB.Imports()
	return porting.NewService(porting.Config{
		Issuer: issuer + Prefix, Store: imports, People: imports, Records: s.Records, Found: imports, Directory: imports, Groups: s.People, Assignments: s.Assignments,
		Connections: taking{providers}, Roles: func() []string { return []string{"admins"} }, Now: time.Now,
		Parsers: map[porting.Format]func(io.Reader, porting.Options) porting.Source{
			porting.Keycloak: func(in io.Reader, o porting.Options) porting.Source { return keycloak.New(in, o) },
			porting.Dex:      func(in io.Reader, o porting.Options) porting.Source { return dex.New(in, o) },
		},
	})
}

// taking are connections as imports ask for them: each takes SCIM, and any attribute.
type taking struct{ *connection.Service }

// Domains implements porting.Connections.
func (taking) Domains(context.Context, string) ([]string, error) { return nil, nil }

// Policy implements porting.Connections.
func (taking) Policy(context.Context, string) (record.Policy, error) { return record.Policy{}, nil }

// ReadUser implements porting.Connections.
func (taking) ReadUser(_ context.Context, u record.User) (record.User, error) { return u, nil }

// ReadGroup implements porting.Connections.
func (taking) ReadGroup(_ context.Context, g record.Group) (record.Group, error) { return g, nil }
