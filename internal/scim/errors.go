package scim

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	scimlib "github.com/elimity-com/scim/errors"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/scim/filter"
	"github.com/gatehouse-io/gatehouse/internal/scim/patch"
	"github.com/gatehouse-io/gatehouse/internal/scim/resource"
)

// The faults of this package.
var (
	errNoToken  = fault.New(fault.Unauthenticated, "scim_token_missing", "a token of this connection is required: Authorization: Bearer …")
	errMe       = fault.New(fault.Invalid, "scim_me", "the token is a connection's and nobody's own: there is no /Me")
	errPath     = fault.New(fault.NotFound, "scim_endpoint_not_found", "there is no such endpoint")
	errMissing  = fault.New(fault.NotFound, "scim_resource_not_found", "this connection has no such resource")
	errSearch   = fault.New(fault.Denied, "scim_no_filter_here", "what the server says of itself is not filtered")
	errBulk     = fault.New(fault.Invalid, "scim_bulk_too_large", "the bulk request is too large")
	errBulkTime = fault.New(fault.Invalid, "scim_bulk_time", "the bulk request took too long, and this operation was not begun: send it with another one")
	errBulkID   = fault.New(fault.Conflict, "scim_bulk_id", "a bulkId cannot be resolved")
	errVersion  = fault.New(fault.Conflict, "scim_version", "the resource was changed meanwhile: read it again")
	errHeader   = fault.New(fault.Invalid, "scim_version_malformed", "If-Match and If-None-Match take versions such as W/\"1\", or *")
	errCrowded  = fault.New(fault.TooMany, "scim_crowded", "too much of this connection is being worked on: try again in a moment")
	errCursor   = fault.New(fault.Invalid, "scim_cursor_invalid", "this is no cursor that a page of this list gave: begin without one")
)

// wire is how a fault goes out.
type wire struct {
	is     error
	status int
	typ    scimlib.ScimType
}

// wires lists what its kind alone does not tell (RFC 7644, section 3.12, and RFC 9865,
// section 2).
func wires() []wire {
	const bad = http.StatusBadRequest
	return []wire{
		{filter.ErrFilter, bad, scimlib.ScimTypeInvalidFilter},
		{record.ErrFilter, bad, scimlib.ScimTypeInvalidFilter},
		{record.ErrCost, bad, scimlib.ScimTypeTooMany},
		{filter.ErrPath, bad, scimlib.ScimTypeInvalidPath},
		{patch.ErrTarget, bad, scimlib.ScimTypeNoTarget},
		{resource.ErrValue, bad, scimlib.ScimTypeInvalidValue},
		{resource.ErrSyntax, bad, scimlib.ScimTypeInvalidSyntax},
		{resource.ErrMutability, bad, scimlib.ScimTypeMutability},
		{record.ErrNesting, bad, scimlib.ScimTypeInvalidValue},
		{record.ErrTaken, http.StatusConflict, scimlib.ScimTypeUniqueness},
		{record.ErrVersion, http.StatusPreconditionFailed, ""},
		{errVersion, http.StatusPreconditionFailed, ""},
		// The client waits and tries again; a 5xx would make Entra give up on everybody.
		{record.ErrHalted, http.StatusTooManyRequests, ""},
		{errCursor, bad, "invalidCursor"},
		{directory.ErrCursor, bad, "invalidCursor"},
		{errMe, http.StatusNotImplemented, ""},
		{errBulk, http.StatusRequestEntityTooLarge, ""},
		{errBulkTime, http.StatusRequestEntityTooLarge, ""},
		{resource.ErrValues, http.StatusRequestEntityTooLarge, ""},
		{patch.ErrLooks, http.StatusRequestEntityTooLarge, ""},
		{record.ErrSize, http.StatusRequestEntityTooLarge, ""},
	}
}

// scimError makes of a fault what goes out. Only its public detail does.
func scimError(err error) scimlib.ScimError {
	f := fault.As(err)
	e := scimlib.ScimError{Status: httpx.Status(err), Detail: f.Detail}
	if f.Pointer != "" {
		e.Detail = f.Pointer + ": " + f.Detail
	}
	for _, w := range wires() {
		if errors.Is(err, w.is) {
			e.Status, e.ScimType = w.status, w.typ
			break
		}
	}
	return e
}

// haltPause is how long a client of a halted connection is told to wait: an
// administrator looks first.
const haltPause = 15 * time.Minute

func retryAfter(err error) string {
	if errors.Is(err, record.ErrHalted) {
		return strconv.Itoa(int(haltPause.Seconds()))
	}
	return httpx.RetryAfter(err)
}

// challenge is the header WWW-Authenticate (RFC 6750, section 3): without a token, only
// the scheme.
func challenge(err error) string {
	if errors.Is(err, errNoToken) {
		return `Bearer realm="SCIM"`
	}
	return `Bearer realm="SCIM", error="invalid_token"`
}

// methodError is a method that an endpoint does not have, with those that it has.
type methodError string

// Error implements error.
func (m methodError) Error() string { return "only " + string(m) }

func allowed(err error) string {
	var m methodError
	_ = errors.As(err, &m) // without any, nothing is allowed
	return string(m)
}
