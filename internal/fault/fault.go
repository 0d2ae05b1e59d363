// Package fault types the errors of the product. A fault has a kind, which the
// edge turns into a status; a stable code; a public detail that may be shown to
// whoever asked; and a private cause that only the log sees.
//
// The package knows no wire format: httpx, oidc and api each turn a fault into
// problem+json (RFC 9457), an OAuth error or a page.
package fault

import (
	"errors"
	"fmt"
)

// Kind classifies a fault by who can do something about it.
type Kind int

// The kinds. The zero value is Internal, so that an unclassified error is never
// mistaken for the caller's fault.
const (
	Internal        Kind = iota // a defect or a failure of ours
	Invalid                     // the request is malformed or breaks a rule
	Unauthenticated             // who asks is not known
	Denied                      // who asks is known and may not
	NotFound                    // what is asked for does not exist
	Conflict                    // the state does not allow it, or it changed meanwhile
	TooMany                     // asked too often
	Unavailable                 // something that is needed does not answer; try again
)

// String returns the kind's name in snake case.
func (k Kind) String() string {
	switch k {
	case Invalid:
		return "invalid"
	case Unauthenticated:
		return "unauthenticated"
	case Denied:
		return "denied"
	case NotFound:
		return "not_found"
	case Conflict:
		return "conflict"
	case TooMany:
		return "too_many"
	case Unavailable:
		return "unavailable"
	case Internal:
		return "internal"
	}
	return "internal"
}

// Error is a classified error. Make one with New or Wrap.
type Error struct {
	Kind Kind
	// Code is stable, lower-case, and safe to test for: "app_not_found".
	Code string
	// Detail is one sentence that may be shown to whoever asked.
	Detail string
	// Pointer says where in the input the fault is: a JSON pointer, a
	// parameter's name, or file:line:path. Empty when it is nowhere in particular.
	Pointer string
	cause   error
}

// New returns a fault without a cause. Detail is formatted like fmt.Sprintf.
func New(kind Kind, code, detail string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Detail: fmt.Sprintf(detail, args...)}
}

// Wrap returns a fault around cause, which reaches the log and errors.Is but is
// never shown outside.
func Wrap(cause error, kind Kind, code, detail string, args ...any) *Error {
	f := New(kind, code, detail, args...)
	f.cause = cause
	return f
}

// At returns a copy of f that points at the offending input.
func (f *Error) At(pointer string) *Error {
	g := *f
	g.Pointer = pointer
	return &g
}

// Error is for logs: code, pointer, detail and cause.
func (f *Error) Error() string {
	s := f.Code
	if f.Pointer != "" {
		s += " at " + f.Pointer
	}
	s += ": " + f.Detail
	if f.cause != nil {
		s += ": " + f.cause.Error()
	}
	return s
}

// Unwrap returns the private cause.
func (f *Error) Unwrap() error { return f.cause }

// Is makes errors.Is(err, target) true for the same code, so that a package can
// export a fault as its sentinel and return it with another detail or pointer.
func (f *Error) Is(target error) bool {
	var t *Error
	return errors.As(target, &t) && t.Code == f.Code
}

// KindOf returns err's kind: Internal for any error that is not a fault.
func KindOf(err error) Kind {
	var f *Error
	if errors.As(err, &f) {
		return f.Kind
	}
	return Internal
}

// As returns the fault in err's chain, or an Internal one around err.
func As(err error) *Error {
	var f *Error
	if errors.As(err, &f) {
		return f
	}
	return Wrap(err, Internal, "internal", "something went wrong on our side")
}
