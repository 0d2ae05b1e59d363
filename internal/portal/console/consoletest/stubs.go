package consoletest

import (
	"context"
	"encoding/json"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/policy"
	"github.com/gatehouse-io/gatehouse/internal/storage"
	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
	"github.com/gatehouse-io/gatehouse/internal/trace"
)

// invite stands for the sign-in that prepares tests.
func invite(_ context.Context, connection string, _ identity.Actor) (report, url string, expires time.Time, err error) {
	return trace.NewID(), "https://login.example/login/test/" + connection, time.Now().Add(time.Minute), nil
}

// identityProviders are those of the configuration, acme, and what is added to them.
func identityProviders(db *storage.DB, vault *keys.Vault, now func() time.Time) *connection.Service {
	return connection.New(connection.Options{
		Store: db, Sealer: vault, Now: now,
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

// explain stands for the grant, which refuses the API "closed" and grants the rest.
func explain(_ context.Context, q policy.Exchange) (policy.Explanation, error) {
	e := policy.Explanation{Granted: q.Audience != "closed", Client: "own", API: "payroll", Person: q.Person, Steps: []policy.Step{{Name: "client", Outcome: policy.Passed}}}
	if e.Granted {
		e.Scopes, e.Mode, e.Life = []string{"payroll.read"}, "delegation", 120
		return e, nil
	}
	e.Steps = append(e.Steps, policy.Step{
		Name: "audience", Outcome: policy.Refused, Rule: "audience_denied", Error: "invalid_target", Remedies: []policy.Remedy{policy.ClientOwner.Changes("spec.identity.tokenExchange")},
	}, policy.Step{Name: "scope", Outcome: policy.NotReached})
	return e, nil
}
