package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
	"github.com/gatehouse-io/gatehouse/internal/api/rest"
	"github.com/gatehouse-io/gatehouse/internal/audit"
	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// whyRevoke is what revoke reads.
type whyRevoke struct {
	// Reason stays in the audit log.
	Reason string `json:"reason"`
}

// revocation is a revocation that is in force, and how far its consequences are.
type revocation struct {
	// ID is that of its entry in the audit log.
	ID       string         `json:"id"`
	Subject  identity.Ref   `json:"subject"`
	By       identity.Actor `json:"by"`
	Reason   string         `json:"reason"`
	Time     time.Time      `json:"time"`
	Progress grant.Progress `json:"progress"`
	// Type is what happened: person.left, person.disabled, person.revoked, and so on.
	Type string `json:"type"`
	// Data are further facts by name.
	Data         map[string]string   `json:"data,omitempty"`
	Consequences []grant.Consequence `json:"consequences"`
}

// Location is where its progress is told.
func (r revocation) Location() string { return "/revocations/" + r.ID }

func (a *API) revocationRoutes() []rest.Route {
	return []rest.Route{
		{
			ID: "revoke", Method: "POST", Path: "/revocations/{kind}/{id}", Summary: "Revoke every token of a person, a connection, an app, a client, a session, a grant, or a person's at an app.",
			About: "At once and everywhere: whatever carries the id is refused, with all that was exchanged for it; its sessions and refresh tokens end. " +
				"Nothing is switched off: people may sign in again. The kind is person, connection, app, client, session, grant or install; an app is named by its name, an install as PERSON/APP.",
			Right: admin.EndSessions, Body: whyRevoke{"lost laptop, ticket 4711"}, Answer: exampleRevocation, Status: http.StatusCreated, Do: a.revoke, Hits: a.hitsRevoke,
		},
		{
			ID: "getRevocation", Method: "GET", Path: "/revocations/{id}", Summary: "Show a revocation, and how far each of its consequences is.",
			About: "Also one that an event brought with it: a person who left or was disabled, a connection, an app.",
			Right: admin.ReadSessions, Answer: exampleRevocation, Do: a.revocation,
		},
		{
			ID: "retryRevocation", Method: "POST", Path: "/revocations/{id}/retry", Of: "/revocations/{id}", Summary: "Try again what a revocation leads to and failed, or was given up.",
			About: "Only what is not done is tried: logouts of apps, signals that were refused, and what waits for its next try. GET /jobs with revocation lists what was given up.",
			Right: admin.WriteOperations, Answer: retried{3}, Do: a.retryRevocation,
		},
		{
			ID: "listPersonRevocations", Method: "GET", Path: "/people/{id}/revocations", Summary: "List what revoked everything of a person, newest first, with its consequences.",
			About: "Why a person is out (person.left, person.disabled), what ended with it, and who was told: sessions, grants, back-channel logouts, signals, ownership of apps, open requests.",
			Right: admin.ReadSessions, List: rest.ListOf(exampleRevocation, []string{"id", "type", "time", "by.kind", "by.id", "reason", "consequences"}, nil, a.revocationsOf),
		},
	}
}

// errNoClient is for a client_id that no app has.
var errNoClient = fault.New(fault.NotFound, "revocation_target_not_found", "no app has this client_id")

// target finds what the path names; the first ref is the thing itself.
func (a *API) target(r *http.Request) ([]identity.Ref, error) {
	ctx, kind, id := r.Context(), identity.Kind(r.PathValue("kind")), r.PathValue("id")
	ref := []identity.Ref{{Kind: kind, ID: id}}
	var err error
	switch kind {
	case identity.KindPerson:
		_, err = a.o.Directory.Person(ctx, id)
	case identity.KindConnection:
		_, err = a.connection(ctx, id)
	case identity.KindSession:
		_, err = a.o.Sessions.Find(ctx, id)
	case identity.KindApp:
		var app catalog.App
		app, err = a.o.Apps.App(ctx, id)
		ref[0].ID = app.ID
	case identity.KindClient:
		err = a.knownClient(ctx, id)
	case identity.KindInstall:
		return a.install(ctx, id)
	case identity.KindGrant: // a token may carry one that nothing else is known of
	default:
		err = grant.ErrNotRevocable
	}
	return ref, err
}

func (a *API) knownClient(ctx context.Context, id string) error {
	apps, err := a.o.Apps.Apps(ctx)
	if err == nil && !slices.ContainsFunc(apps, func(app catalog.App) bool { return app.ClientID() == id }) {
		err = errNoClient
	}
	return err
}

// install is what a person has at an app, and at its API.
func (a *API) install(ctx context.Context, id string) ([]identity.Ref, error) {
	person, name, _ := strings.Cut(id, "/")
	if _, err := a.o.Directory.Person(ctx, person); err != nil {
		return nil, err
	}
	app, err := a.o.Apps.App(ctx, name)
	refs := []identity.Ref{identity.Install(person, app.ID)}
	if api := app.Audience(); api != "" {
		refs = append(refs, identity.Install(person, api))
	}
	return refs, err
}

func (a *API) revoke(r *http.Request) (any, error) {
	var why whyRevoke
	if err := httpx.UnmarshalJSON(rest.BodyOf(r), &why); err != nil {
		return nil, err
	}
	refs, err := a.target(r)
	if err != nil {
		return nil, err
	}
	e, err := grant.Revocation(a.o.Now(), refs, by(r), why.Reason)
	if err != nil {
		return nil, err
	}
	if err := a.o.Grants.Record(r.Context(), []event.Event{e}); err != nil {
		return nil, err
	}
	return a.revocationOf(r.Context(), e)
}

func (a *API) revocationOf(ctx context.Context, e event.Event) (any, error) {
	return a.withConsequences(ctx, e)
}

func (a *API) withConsequences(ctx context.Context, e event.Event) (revocation, error) {
	r := revocation{ID: e.ID, Subject: e.Subject, By: e.Actor, Reason: e.Data["reason"], Time: e.Time, Type: e.Type, Data: e.Data}
	var err error
	if r.Progress, err = a.o.Progress(ctx, e.ID); err == nil {
		r.Consequences, err = a.o.Consequences(ctx, e)
	}
	return r, err
}

func (a *API) revocationsOf(r *http.Request, q rest.Query) ([]revocation, string, error) {
	ctx := r.Context()
	p, err := a.o.Directory.Person(ctx, r.PathValue("id"))
	if err != nil {
		return nil, "", err
	}
	ids, next, err := a.o.RevocationsOf(ctx, identity.Person(p.ID), q.After, q.Limit)
	if err != nil {
		return nil, "", err
	}
	all := make([]revocation, len(ids))
	for i, id := range ids {
		entry, err := a.o.Audit.Entry(ctx, id)
		if err == nil {
			all[i], err = a.withConsequences(ctx, entry.Event)
		}
		if err != nil {
			return nil, "", err
		}
	}
	return all, next, nil
}

func (a *API) revocation(r *http.Request) (any, error) {
	e, err := a.revoking(r)
	if err != nil {
		return nil, err
	}
	return a.revocationOf(r.Context(), e)
}

// revoking finds the event that the path names, which revoked something.
func (a *API) revoking(r *http.Request) (event.Event, error) {
	entry, err := a.o.Audit.Entry(r.Context(), r.PathValue("id"))
	if errors.Is(err, audit.ErrEntryNotFound) || err == nil && len(entry.Revokes) == 0 {
		err = grant.ErrRevocationNotFound
	}
	return entry.Event, err
}

func (a *API) hitsRevoke(r *http.Request) (any, error) {
	refs, err := a.target(r)
	if err != nil {
		return nil, err
	}
	h, err := a.hit(r.Context(), "revoke", refs[0], revokeNotes(refs[0].Kind)...)
	if refs[0].Kind == identity.KindPerson {
		h.People = 1
	}
	return h, err
}

// revokeNotes say what does not show in figures.
func revokeNotes(kind identity.Kind) []string {
	switch kind {
	case identity.KindPerson, identity.KindConnection:
		return []string{"Nobody is switched off: whoever may still sign in can do so again.", "Grants with offline access end as well."}
	case identity.KindSession:
		return []string{"Grants with offline access go on."}
	case identity.KindApp, identity.KindClient:
		return []string{"The app is not switched off: it gets new tokens when people come back, and by client credentials at once.", "Tokens that other apps hold for its API go on."}
	case identity.KindGrant:
		return []string{"An access token can carry a grant that is not counted here."}
	default:
		return []string{"The person may still use the app, and gets new tokens there."}
	}
}

var exampleRevocation = revocation{
	ID: exampleEntry.ID, Subject: identity.Person(exampleID), By: exampleActor, Reason: "lost laptop, ticket 4711", Time: exampleTime,
	Progress: grant.Progress{Queued: true, Sessions: 2, Told: 3, Waiting: 1, Untold: 2}, Type: "person.revoked", Data: map[string]string{"reason": "lost laptop, ticket 4711"},
	Consequences: []grant.Consequence{
		{Name: grant.EndedSessions, State: grant.ConsequenceDone, Done: 2},
		{Name: grant.LogoutOfApps, State: grant.ConsequenceWaiting, Done: 3, Waiting: 1, Untold: 2},
	},
}
