package record

import (
	"net/http"
	"strings"
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
	// Time is when it came. The rows that it changes carry it.
	Time time.Time `json:"time"`
	// Policy is what its connection may do. Service sets it, and Connection.
	Policy Policy `json:"-"`
}

// Policy is what a connection may do over SCIM.
type Policy struct {
	// Touch lets it change protected people and groups.
	Touch bool
	// Roles are the names of the groups that give a role other than that of an app's
	// owner: who is in one is protected, and so is each group that is mapped to one.
	Roles []string
	// Admins are those of them that make admins, of whom one has to remain.
	Admins []string
	// Domains are the e-mail domains that the connection has proved.
	Domains []string
	Guard   Guard
}

// Guard bounds how much a connection takes away within a window.
type Guard struct {
	// Share is the part, above 0 and up to 1, of the people, and of the memberships,
	// that the connection had when the window began. Minimum is how many may always go.
	Share   float64
	Minimum int64
	Window  time.Duration
}

// Most is how many of n may go within a window.
func (g Guard) Most(n int64) int64 { return max(g.Minimum, int64(g.Share*float64(n))) }

// Done is the outcome of the operation where it succeeded in changing a resource, "User/…":
// with the status of the answer (RFC 7644, section 3.1), which for the PATCH of a group has
// no body.
func (o Operation) Done(resource string) Outcome {
	status := http.StatusOK
	switch {
	case o.Method == http.MethodPost && (o.Path == "/Users" || o.Path == "/Groups"):
		status = http.StatusCreated
	case o.Method == http.MethodDelete, o.Method == http.MethodPatch && strings.HasPrefix(o.Path, "/Groups/"):
		status = http.StatusNoContent
	}
	return Outcome{Operation: o, Status: status, Resource: resource, Changed: true}
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
