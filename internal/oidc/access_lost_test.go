package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/grant"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/token"
)

// fair has sessions with participants, and takes jobs.
type fair struct {
	Fanout
	jobs []job.Job
}

func (f *fair) SessionsOf(_ context.Context, person string) ([]session.Session, error) {
	if person != "alice" {
		return nil, nil
	}
	return []session.Session{{ID: "laptop"}, {ID: "phone"}}, nil
}

func (f *fair) Participants(_ context.Context, id string) ([]session.Participant, error) {
	all := []session.Participant{{Session: id, App: "a", Client: "app-a"}}
	if id == "laptop" {
		all = append(all, session.Participant{Session: id, App: "b", Client: "app-b"})
	}
	return all, nil
}

func (f *fair) Enqueue(_ context.Context, jobs ...job.Job) error {
	f.jobs = append(f.jobs, jobs...)
	return nil
}

func TestWhoLosesAnAppIsSignedOutOfItAlone(t *testing.T) {
	w, p := newWorld()
	f := &fair{}
	p.o.Fanout, p.o.Queue = f, f
	lost := func(refs ...identity.Ref) event.Event {
		return event.New(w.now, "access.lost", identity.Actor{}, identity.Person("alice")).Revoking(refs...)
	}
	for _, e := range []event.Event{lost(identity.Install("alice", "b")), lost(identity.Install("bob", "a")), lost(identity.Install("alice", "c"), identity.App("a"))} {
		if err := p.AccessLost(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	var told logoutJob
	if len(f.jobs) != 1 || json.Unmarshal(f.jobs[0].Payload, &told) != nil || told != (logoutJob{"laptop", "app-b", "b"}) || f.jobs[0].Queue != grant.LogoutQueue {
		t.Errorf("%+v", f.jobs)
	}
	if err := p.AccessLost(t.Context(), lost(identity.Install("alice", "a"))); err != nil || len(f.jobs) != 3 || f.jobs[1].Key == f.jobs[2].Key {
		t.Errorf("an app in two sessions: %v %+v", err, f.jobs)
	}
}

// heirs have client ids that other apps had before.
type heirs struct{ Clients }

func (heirs) Client(_ context.Context, id string) (*registry.Client, error) {
	return &registry.Client{ID: id, App: "heir"}, nil
}

// Whoever has the client_id of an app that is gone hears of nobody who was signed in to it.
func TestALogoutIsNotToldToWhoHasTheClientIDSince(t *testing.T) {
	_, p := newWorld()
	p.o.Clients = heirs{}
	for app, want := range map[string]string{"b": "another one has its client_id", "heir": "no address", "": "no address"} {
		payload, err := json.Marshal(logoutJob{Session: "laptop", Client: "app-b", App: app})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.DeliverLogout(t.Context(), job.Job{Queue: grant.LogoutQueue, Payload: payload}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("of %q: %v", app, err)
		}
	}
}

// line has the clients and the API of an exchange, and bars people from some of them.
type line struct {
	Clients
	barred []string
}

func (l *line) Client(_ context.Context, id string) (*registry.Client, error) {
	if id == "gone" {
		return nil, registry.ErrClientNotFound
	}
	return &registry.Client{ID: id, App: "app-" + id}, nil
}

func (l *line) Audience(_ context.Context, name string) (*registry.Audience, error) {
	return &registry.Audience{Name: name, App: "app-" + name}, nil
}

func (l *line) Check(_ context.Context, _ directory.Person, c *registry.Client) (entitlement.Decision, error) {
	return entitlement.Decision{Allowed: !slices.Contains(l.barred, c.App)}, nil
}

func TestATokenIsActiveAsLongAsEveryAppOfItsLineIsThePersons(t *testing.T) {
	w, p := newWorld()
	l := &line{}
	p.o.Clients, p.o.Entitlements = l, l
	a := token.Access{Person: "alice", Client: "payroll", Audience: "ledger", Via: []token.Link{{Client: "desk"}, {Client: ""}, {Client: "portal"}}}
	if err := p.stillEntitled(t.Context(), a); err != nil {
		t.Fatalf("control: %v", err)
	}
	for _, app := range []string{"app-payroll", "app-ledger", "app-desk", "app-portal"} {
		l.barred = []string{app}
		if err := p.stillEntitled(t.Context(), a); !errors.Is(err, errNotAllowed) {
			t.Errorf("without %s: %v", app, err)
		}
	}
	p.o.Issuer = "us"
	l.barred = []string{"app-ledger", "app-us"}
	if err := p.stillEntitled(t.Context(), token.Access{Person: "alice", Client: "payroll", Audience: "ledger"}); !errors.Is(err, errNotAllowed) {
		t.Errorf("without the API that a sign-in was for: %v", err)
	}
	if err := p.stillEntitled(t.Context(), token.Access{Person: "alice", Client: "payroll", Audience: "us"}); err != nil {
		t.Errorf("control: a token for the broker: %v", err)
	}
	l.barred = nil
	a.Via[0].Client = "gone"
	if err := p.stillEntitled(t.Context(), a); !errors.Is(err, registry.ErrClientNotFound) {
		t.Errorf("an app that is gone: %v", err)
	}
	w.off = true
	if err := p.stillEntitled(t.Context(), a); !errors.Is(err, directory.ErrPersonDisabled) {
		t.Errorf("switched off: %v", err)
	}
}
