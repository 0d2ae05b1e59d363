package login

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/trace"
)

// examined is a failure with what was looked at before.
type examined struct {
	error
	seen identity.Assertion
}

// Unwrap returns the failure.
func (e *examined) Unwrap() error { return e.error }

// after returns err with what is known of the provider's answer.
func after(err error, seen identity.Assertion) error {
	if err == nil {
		return nil
	}
	return &examined{err, seen}
}

// trace is what is kept of a sign-in that failed with cause. Its last check says
// so, if none did.
func (l *Login) trace(r *http.Request, f flow, cause error) trace.Trace {
	now, kind := l.o.Now().UTC(), fault.As(cause)
	t := trace.Trace{
		ID: trace.NewID(), Time: now, Expires: now.Add(l.o.KeepTraces), Connection: f.Connection, Kind: trace.SignIn, Rule: kind.Code, Detail: kind.Detail,
		App: f.Request.App, By: l.o.Actor(r, identity.Connection(f.Connection)),
	}
	var known *examined
	if errors.As(cause, &known) {
		t.Checks, t.Document = known.seen.Checks, known.seen.Document
	}
	if _, failed := t.Failed(); !failed {
		of := identity.Findings{Checks: t.Checks}
		of.Refused(cause, kind.Code)
		if last := &of.Checks[len(of.Checks)-1]; last.Got == "" {
			last.Got = kind.Detail
		}
		t.Checks = of.Checks
	}
	return t
}

// keepTrace keeps a trace of a sign-in that failed, and returns the event with its
// code, which reference gets as well. Without one the failure counts all the same.
func (l *Login) keepTrace(r *http.Request, f flow, kind trace.Kind, cause error, reference *string) func(event.Event) event.Event {
	return func(e event.Event) event.Event {
		if l.o.Traces == nil || f.Connection == "" {
			return e
		}
		t := l.trace(r, f, cause)
		t.Kind = kind
		if err := l.o.Traces.SaveTrace(r.Context(), t); err != nil {
			l.o.Log.ErrorContext(r.Context(), "the trace of a failed sign-in is not kept", slog.Any("error", err))
			return e
		}
		*reference = t.ID
		return e.With("trace", t.ID)
	}
}
