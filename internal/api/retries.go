package api

import (
	"errors"
	"net/http"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/signal"
)

// retried is the answer where whatever was given up is tried again.
type retried struct {
	// Retried counts it.
	Retried int `json:"retried"`
}

// retryAll has every job tried again that q selects and that was given up.
func (a *API) retryAll(r *http.Request, q job.Query) (any, error) {
	n, err := a.o.Jobs.RetryAll(r.Context(), q, by(r))
	return retried{n}, err
}

// retryApp tells an app again what it could not be told.
func (a *API) retryApp(r *http.Request) (any, error) {
	app, err := a.o.Apps.App(r.Context(), r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	client := app.ClientID()
	if client == "" { // it is never told of anything
		return retried{}, nil
	}
	return a.retryAll(r, job.Query{Client: client})
}

// retryStream delivers again what the receiver of a stream refused.
func (a *API) retryStream(r *http.Request) (any, error) {
	s, err := a.o.Streams.Find(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if s.Status == signal.Disabled {
		return nil, signal.ErrDisabled
	}
	return a.retryAll(r, job.Query{Stream: s.ID})
}

// retryRevocation tries the event again where it failed, and the jobs that it made and that
// were given up. What is on its way is left alone.
func (a *API) retryRevocation(r *http.Request) (any, error) {
	ctx := r.Context()
	e, err := a.revoking(r)
	if err != nil {
		return nil, err
	}
	n, err := a.o.Jobs.RetryAll(ctx, job.Query{Cause: e.ID}, by(r))
	if err != nil {
		return nil, err
	}
	// An event that is not in the outbox was done long ago.
	q, err := a.o.Outbox.Find(ctx, e.ID)
	if err == nil && (q.State == event.Retrying || q.State == event.Buried) {
		err = a.o.Outbox.Retry(ctx, e.ID, by(r))
		n++
	}
	if gone(err) {
		err = nil
	}
	return retried{n}, err
}

// gone reports whether something in a queue was settled meanwhile, or is there no more.
func gone(err error) bool {
	return errors.Is(err, event.ErrQueuedDone) || errors.Is(err, event.ErrQueuedNotFound)
}
