package api

import (
	"net/http"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/job"
)

func states() []string {
	return []string{string(event.Waiting), string(event.Retrying), string(event.Buried), string(event.Done), string(event.Discarded)}
}

func (a *API) queueRoutes() []rest.Route {
	state := rest.Choice("state", "Only what is in this state; what is not settled unless told: waiting, retrying and buried.", states()...)
	const events, jobs = "/outbox/{id}", "/jobs/{id}"
	return []rest.Route{
		{
			ID: "listOutbox", Method: "GET", Path: "/outbox", Summary: "List the events whose consequences are not done, oldest first.", Right: admin.ReadOperations,
			Query: []rest.Param{state},
			List: rest.ListOf(exampleQueued, []string{"event.id", "event.type", "event.subject.kind", "event.subject.id", "state", "attempts", "reason", "due", "created"},
				nil, a.listOutbox),
		},
		{ID: "getEvent", Method: "GET", Path: events, Summary: "Show an event of the outbox.", Right: admin.ReadOperations, Answer: exampleQueued, Do: func(r *http.Request) (any, error) {
			return a.o.Outbox.Find(r.Context(), r.PathValue("id"))
		}},
		{
			ID: "retryEvent", Method: "POST", Path: events + "/retry", Of: events, Summary: "Try an event again at once.", Right: admin.WriteOperations,
			Do: func(r *http.Request) (any, error) {
				return nothing(a.o.Outbox.Retry(r.Context(), r.PathValue("id"), by(r)))
			},
		},
		{
			ID: "discardEvent", Method: "POST", Path: events + "/discard", Of: events, Summary: "Give an event up: its consequences do not happen.",
			Right: admin.WriteOperations, Hits: a.hitsEvent,
			Do: func(r *http.Request) (any, error) {
				return nothing(a.o.Outbox.Discard(r.Context(), r.PathValue("id"), by(r)))
			},
		},
		{
			ID: "listJobs", Method: "GET", Path: "/jobs", Summary: "List the jobs that are not done, oldest first.", Right: admin.ReadOperations,
			Query: []rest.Param{
				state, rest.Text("queue", "Only jobs of this queue."), rest.Text("client", "Only what the client with this client_id was to be told: logouts, and signals that its streams refused."),
				rest.Text("stream", "Only signals that the receiver of this stream refused."), rest.Text("revocation", "Only what this revocation led to: logouts of apps, and signals that were refused."),
			},
			List: rest.ListOf(exampleJob, []string{"id", "queue", "key", "state", "attempts", "reason", "due", "deadline", "created"}, nil, a.listJobs),
		},
		{ID: "getJob", Method: "GET", Path: jobs, Summary: "Show a job.", Right: admin.ReadOperations, Answer: exampleJob, Do: func(r *http.Request) (any, error) {
			return a.o.Jobs.Find(r.Context(), r.PathValue("id"))
		}},
		{
			ID: "retryJob", Method: "POST", Path: jobs + "/retry", Of: jobs, Summary: "Try a job again at once, and for an hour at least.", Right: admin.WriteOperations,
			Do: func(r *http.Request) (any, error) {
				return nothing(a.o.Jobs.Retry(r.Context(), r.PathValue("id"), by(r)))
			},
		},
		{
			ID: "retryAppDeliveries", Method: "POST", Path: "/apps/{name}/deliveries/retry", Summary: "Try again what an app could not be told.",
			About: "Logouts that were given up, and signals that its streams refused. GET /jobs with client lists them.",
			Right: admin.WriteOperations, Answer: retried{2}, Do: a.retryApp,
		},
		{
			ID: "discardJob", Method: "POST", Path: jobs + "/discard", Of: jobs, Summary: "Give a job up: it is not tried again.", Right: admin.WriteOperations, Hits: a.hitsJob,
			Do: func(r *http.Request) (any, error) {
				return nothing(a.o.Jobs.Discard(r.Context(), r.PathValue("id"), by(r)))
			},
		},
	}
}

func (a *API) listOutbox(r *http.Request, q rest.Query) ([]event.Queued, string, error) {
	return a.o.Outbox.Search(r.Context(), event.QueueQuery{State: event.State(q.Get("state")), Limit: q.Limit, After: q.After})
}

func (a *API) listJobs(r *http.Request, q rest.Query) ([]job.Queued, string, error) {
	return a.o.Jobs.Search(r.Context(), job.Query{
		State: event.State(q.Get("state")), Queue: q.Get("queue"), Client: q.Get("client"), Stream: q.Get("stream"), Cause: q.Get("revocation"), Limit: q.Limit, After: q.After,
	})
}

func (a *API) hitsEvent(r *http.Request) (any, error) {
	e, err := a.o.Outbox.Find(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return rest.Hits{Operation: "discardEvent", Names: []string{}, Apps: []string{}, Notes: []string{
		"What " + e.Event.Type + " of " + e.Event.Subject.String() + " leads to outside of the database does not happen, such as back-channel logout.",
	}}, nil
}

func (a *API) hitsJob(r *http.Request) (any, error) {
	j, err := a.o.Jobs.Find(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return rest.Hits{Operation: "discardJob", Names: []string{}, Apps: []string{}, Notes: []string{"The job of " + j.Queue + " is not tried again; it was tried " + times(j.Attempts) + "."}}, nil
}
