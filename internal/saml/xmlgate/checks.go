package xmlgate

import "github.com/gatehouse-io/gatehouse/internal/fault"

// checks names every check there is, with the kind of the fault it refuses with.
var checks = map[string]fault.Kind{
	"saml_gate_closed": fault.Unavailable,
}
