package record

import (
	"time"

	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Operation is one request of a SCIM client, or one operation of a bulk request. Every
// change carries the one that it came from: it is the provenance of what it made.
type Operation struct {
	// ID sorts by Time: identity.NewOrderedID.
	ID         string `json:"id"`
	Connection string `json:"connection"`
	// Kind is what it does, decoded: "Okta: rename, path-less".
	Kind string `json:"kind"`
	// Method and Path are those of the request below the connection's base, without a
	// query: "PATCH", "/Groups/…".
	Method string `json:"method"`
	Path   string `json:"path"`
	// Actor is the token that the request came with.
	Actor identity.Actor `json:"actor"`
	Time  time.Time      `json:"time"`
}

// Outcome is how an operation ended, for the list of the latest ones.
type Outcome struct {
	Operation
	// Status is the HTTP status of the answer. Code is the fault's, or the scimType,
	// and Detail its sentence; both are empty where it succeeded.
	Status int    `json:"status"`
	Code   string `json:"code,omitempty"`
	Detail string `json:"detail,omitempty"`
	// Resource is the type and id of what it was about: "User/…".
	Resource string `json:"resource,omitempty"`
	// Changed says that it changed something, in which case it is kept for longer.
	Changed bool `json:"changed,omitempty"`
}
