package console

import (
	"context"

	"github.com/gatehouse-io/gatehouse/internal/policy"
)

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
