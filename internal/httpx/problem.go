package httpx

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
)

// The faults of this package that have a status of their own.
var (
	ErrMethod    = fault.New(fault.Invalid, "method_not_allowed", "this method is not allowed here")
	ErrMediaType = fault.New(fault.Invalid, "media_type_unsupported", "this content type is not supported here")
	ErrTooLarge  = fault.New(fault.Invalid, "request_too_large", "the request is too large")
	// ErrPrecondition is the answer to an If-Match that does not hold (RFC 9110,
	// section 15.5.13).
	ErrPrecondition = fault.New(fault.Conflict, "precondition_failed", "this is not what If-Match names any more: read it again")
	// ErrKeyReused is the answer to an Idempotency-Key that came with another
	// request before.
	ErrKeyReused = fault.New(fault.Conflict, "idempotency_key_reused", "this Idempotency-Key was used for another request: take a new one")
)

// problem is a problem details object (RFC 9457, section 3) with our extensions:
// code is the stable name of the fault, request_id finds it in the log.
type problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail,omitempty"`
	Code      string `json:"code"`
	Pointer   string `json:"pointer,omitempty"`
	RequestID string `json:"request_id,omitempty"`
	// Faults are all that is wrong with a document, where there may be several.
	Faults strictyaml.Faults `json:"faults,omitempty"`
}

// Status returns the HTTP status of a fault: by its kind, and for the faults of
// this package by what they are. An error that is no fault is a 500.
func Status(err error) int {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, ErrMethod):
		return http.StatusMethodNotAllowed
	case errors.Is(err, ErrMediaType):
		return http.StatusUnsupportedMediaType
	case errors.Is(err, ErrTooLarge), errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, ErrPrecondition):
		return http.StatusPreconditionFailed
	case errors.Is(err, ErrKeyReused):
		return http.StatusUnprocessableEntity
	}
	switch fault.KindOf(err) {
	case fault.Invalid:
		return http.StatusBadRequest
	case fault.Unauthenticated:
		return http.StatusUnauthorized
	case fault.Denied:
		return http.StatusForbidden
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Conflict:
		return http.StatusConflict
	case fault.TooMany:
		return http.StatusTooManyRequests
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	case fault.Internal:
	}
	return http.StatusInternalServerError
}

// Problem answers with err as application/problem+json and reports it for the
// event line. Only the fault's public detail leaves the house; causes do not.
func Problem(w http.ResponseWriter, r *http.Request, err error) {
	Report(r.Context(), err)
	f, status := fault.As(err), Status(err)
	var faults strictyaml.Faults
	_ = errors.As(err, &faults)      // without any there are none
	body, _ := json.Marshal(problem{ // strings and numbers always marshal
		Type: "about:blank", Title: http.StatusText(status), Status: status,
		Detail: f.Detail, Code: f.Code, Pointer: f.Pointer, RequestID: RequestID(r.Context()), Faults: faults,
	})
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		h.Set("Retry-After", RetryAfter(err))
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone, nobody to tell
}
