// Package entitlement decides who may use which app, and can say why.
package entitlement

import "github.com/gatehouse-io/gatehouse/internal/fault"

// ErrNotEntitled is the refusal of a person who has no role in an app.
var ErrNotEntitled = fault.New(fault.Denied, "not_entitled", "you are in no group that may use this app")

// Decision is whether a person may use an app.
type Decision struct {
	Allowed bool
	// Roles are the names of the app's entitlements that the person has, and Via
	// the mapped group names that gave them.
	Roles []string
	Via   []string
	// Missing are the group names of which one would suffice; set when refused.
	Missing []string
	// Groups are all mapped group names of the person, for the groups claim.
	Groups []string
}
