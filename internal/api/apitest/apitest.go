// Package apitest stands in, for tests of the management API and of what is over it, for
// the parts of the product that are not below the API: sign-ins that prepare tests, the
// reading of connections, and the explanation of exchanges.
package apitest

import (
	"context"
	"encoding/json"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/policy"
	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
	"github.com/gatehouse-io/gatehouse/internal/trace"
)

// Invite stands for the sign-in that prepares tests.
func Invite(_ context.Context, connection string, _ identity.Actor) (report, url string, expires time.Time, err error) {
	return trace.NewID(), "https://login.example/login/test/" + connection, time.Now().Add(time.Minute), nil
}

// IdentityProviders are those of the configuration, acme, and what is added to them.
func IdentityProviders(store connection.Store, sealer connection.Sealer, now func() time.Time) *connection.Service {
	return connection.New(connection.Options{
		Store: store, Sealer: sealer, Now: now,
		Configured: []connection.Connection{{Source: connection.Configured, Settings: connection.Settings{ID: "acme", Title: "Acme Workforce", Type: "oidc", Issuer: "https://idp.example"}}},
		Read: func(text []byte, others []connection.Settings) (connection.Settings, string, error) {
			var c struct {
				connection.Settings
				Secret string `json:"client_secret"`
			}
			if err := json.Unmarshal(text, &c); err != nil {
				return c.Settings, "", strictyaml.Faults{{File: "connection", Path: "", Message: err.Error()}}
			}
			if c.Issuer == "" {
				return c.Settings, "", strictyaml.Faults{{File: "connection", Path: "issuer", Message: "is required"}, {File: "connection", Path: "client_id", Message: "is required"}}
			}
			return c.Settings, c.Secret, nil
		},
	})
}

// Explain stands for the grant, which refuses the API "closed" and what the identity
// provider of the connection "closed" makes, and grants the rest.
func Explain(_ context.Context, q policy.Exchange) (policy.Explanation, error) {
	if err := q.Check(); err != nil {
		return policy.Explanation{}, err
	}
	e := policy.Explanation{Granted: q.Audience != "closed" && q.Connection != "closed", Client: "own", API: "payroll", Person: q.Person, Steps: []policy.Step{{Name: "client", Outcome: policy.Passed}}}
	if e.Granted {
		e.Scopes, e.Mode, e.Life = []string{"payroll.read"}, "delegation", 120
		return e, nil
	}
	if q.Connection != "" {
		e.Steps = append(e.Steps, policy.Step{
			Name: "subject", Outcome: policy.Refused, Rule: "subject_not_allowed", Error: "invalid_request", Found: "expected a client that is named; came " + q.Client,
			Remedies: []policy.Remedy{policy.Administrator.Changes("exchange.clients")},
		})
		return e, nil
	}
	e.Steps = append(e.Steps, policy.Step{
		Name: "audience", Outcome: policy.Refused, Rule: "audience_denied", Error: "invalid_target", Remedies: []policy.Remedy{policy.ClientOwner.Changes("spec.identity.tokenExchange")},
	}, policy.Step{Name: "scope", Outcome: policy.NotReached})
	return e, nil
}
