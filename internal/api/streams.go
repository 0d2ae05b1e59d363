package api

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/signal"
)

// Streams are the streams of shared signals: signal.Service.
type Streams interface {
	Search(ctx context.Context, q signal.Query) (page []signal.Stream, next string, err error)
	Find(ctx context.Context, id string) (signal.Stream, error)
	Recent(ctx context.Context, stream string, limit int) ([]signal.Set, error)
	Switch(ctx context.Context, id string, status signal.Status, reason string, actor identity.Actor) (signal.Stream, error)
	Remove(ctx context.Context, id string, actor identity.Actor) error
}

// Signal is a security event token of a stream. What it says is the receiver's alone.
type Signal struct {
	ID      string          `json:"id"` // jti
	Type    string          `json:"type"`
	Subject map[string]any  `json:"sub_id"`
	Cause   string          `json:"cause"` // the audit entry that it tells of
	State   signal.SetState `json:"state"`
	// Refusals is how often the receiver refused it, Reason why it last did.
	Refusals int       `json:"refusals,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Issued   time.Time `json:"issued"`
	Settled  time.Time `json:"settled,omitzero"`
}

// recentSignals is how many signals of a stream are shown.
const recentSignals = 200

// streamReason is what a receiver is told of a switch.
const streamReason = "switched by an operator"

var (
	exampleStream = signal.Stream{
		ID: "k4l5z6x7c2v3b4n5m6q7w2h2j3", Client: "payroll-api", App: "q2w3e4r5t6y7u2i3o4p5a6s7d2", Requested: []string{signal.SessionRevoked}, Method: signal.Push,
		Endpoint: "https://payroll.acme.example/signals", Status: signal.Enabled, Created: exampleTime, Updated: exampleTime, Version: 1,
		Progress: signal.Progress{Waiting: 2, Oldest: exampleTime, Delivered: 40, DeliveredAt: exampleTime, Failures: 3, Error: "push: connection refused", FailedAt: exampleTime, Next: exampleTime},
	}
	exampleSignal = Signal{
		ID: "n5m6q7w2h2j3k4l5z6x7c2v3b4", Type: signal.SessionRevoked, Subject: map[string]any{"format": "opaque", "id": "…"}, Cause: exampleEntry.ID,
		State: signal.SetDelivered, Issued: exampleTime, Settled: exampleTime,
	}
)

func (a *API) streamRoutes() []rest.Route {
	const one = "/streams/{id}"
	return []rest.Route{
		{
			ID: "listStreams", Method: "GET", Path: "/streams", Summary: "List the streams of shared signals, newest first.", Right: admin.ReadOperations,
			About: "A stream is made by its receiver, over the API of the OpenID Shared Signals Framework.",
			Query: []rest.Param{
				rest.Text("client", "Only those of the client with this client_id."), rest.Choice("status", "Only those with this status.", statuses()...),
				rest.Truth("failing", "Only those whose last push failed, or did not."),
			},
			List: rest.ListOf(exampleStream, []string{
				"id", "client", "status", "method", "endpoint", "waiting", "oldest", "delivered", "dropped", "refused", "failures", "error", "next", "created",
			}, nil, a.listStreams),
		},
		{ID: "getStream", Method: "GET", Path: one, Summary: "Show a stream: its status, what waits in it, and why its last push failed.", Right: admin.ReadOperations, Answer: exampleStream, Do: func(r *http.Request) (any, error) {
			return a.o.Streams.Find(r.Context(), r.PathValue("id"))
		}},
		{
			ID: "listSignals", Method: "GET", Path: one + "/signals", Summary: "List the newest signals of a stream, and what became of them.", Right: admin.ReadOperations,
			About: "The last 200 at most.",
			List:  rest.ListOf(exampleSignal, []string{"id", "type", "cause", "state", "refusals", "reason", "issued", "settled"}, nil, a.listSignals),
		},
		{
			ID: "pauseStream", Method: "POST", Path: one + "/pause", Of: one, Summary: "Hold what a stream is to deliver.", About: "The receiver is told, and cannot undo it. What it is to hear waits, within bounds.",
			Right: admin.WriteOperations, Do: a.switchStream(signal.Paused),
		},
		{
			ID: "enableStream", Method: "POST", Path: one + "/enable", Of: one, Summary: "Deliver what waits in a stream, and what comes.", About: "The receiver is told. A push that failed is tried again at once.",
			Right: admin.WriteOperations, Do: a.switchStream(signal.Enabled),
		},
		{
			ID: "retryStream", Method: "POST", Path: one + "/retry", Of: one, Summary: "Deliver again what the receiver of a stream refused.",
			About: "It waits behind what waits already. GET /jobs with stream lists it.", Right: admin.WriteOperations, Answer: retried{2}, Do: a.retryStream,
		},
		{
			ID: "disableStream", Method: "POST", Path: one + "/disable", Of: one, Summary: "Stop a stream and drop what waits in it.", About: "The receiver is told, and cannot undo it.",
			Right: admin.WriteOperations, Do: a.switchStream(signal.Disabled), Hits: a.hitsStream("disableStream"),
		},
		{
			ID: "removeStream", Method: "DELETE", Path: one, Summary: "Remove a stream and all that waits in it.", About: "Its receiver can make another.",
			Right: admin.WriteOperations, Hits: a.hitsStream("removeStream"),
			Do: func(r *http.Request) (any, error) {
				return nothing(a.o.Streams.Remove(r.Context(), r.PathValue("id"), by(r)))
			},
		},
	}
}

func statuses() []string {
	var all []string
	for _, s := range signal.Statuses() {
		all = append(all, string(s))
	}
	return all
}

func (a *API) listStreams(r *http.Request, q rest.Query) ([]signal.Stream, string, error) {
	return a.o.Streams.Search(r.Context(), signal.Query{
		Client: q.Get("client"), Status: signal.Status(q.Get("status")), Failing: q.Bool("failing"), Limit: q.Limit, After: q.After,
	})
}

func (a *API) listSignals(r *http.Request, q rest.Query) ([]Signal, string, error) {
	stream, err := a.o.Streams.Find(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, "", err
	}
	sets, err := a.o.Streams.Recent(r.Context(), stream.ID, recentSignals)
	if err != nil {
		return nil, "", err
	}
	all := make([]Signal, len(sets))
	for i, s := range sets {
		all[i] = Signal{ID: s.ID, Type: s.Type, Cause: s.Event, State: s.State, Refusals: s.Refusals, Reason: s.Reason, Issued: s.Issued, Settled: s.Settled}
		if err := json.Unmarshal(s.Subject, &all[i].Subject); err != nil {
			return nil, "", fmt.Errorf("read the subject of a signal: %w", err)
		}
	}
	return rest.Slice(q, all, newest, nil)
}

// newest puts the signal that was issued last first; among equals, by id.
func newest(s Signal) string { return fmt.Sprintf("%020d %s", math.MaxInt64-s.Issued.UnixNano(), s.ID) }

func (a *API) switchStream(to signal.Status) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		_, err := a.o.Streams.Switch(r.Context(), r.PathValue("id"), to, streamReason, by(r))
		return nothing(err)
	}
}

// hitsStream says what a receiver would not hear.
func (a *API) hitsStream(operation string) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		s, err := a.o.Streams.Find(r.Context(), r.PathValue("id"))
		if err != nil {
			return nil, err
		}
		h := rest.Hits{Operation: operation, Apps: []string{}, Notes: []string{
			strconv.FormatInt(s.Waiting, 10) + " signals wait in the stream and are not delivered: " + s.Client + " hears of what they tell only when it asks about a token.",
		}}
		apps, err := a.o.Apps.Apps(r.Context())
		for _, app := range apps {
			if app.ID == s.App {
				h.Apps = append(h.Apps, app.Name)
			}
		}
		return h, err
	}
}
