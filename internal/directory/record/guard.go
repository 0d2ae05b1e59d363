package record

import (
	"context"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// ErrNotHalted refuses to resume or undo what is not halted.
var ErrNotHalted = fault.New(fault.Conflict, "scim_not_halted", "this connection is not halted")

// State is how a connection's pushing stands.
type State struct {
	Connection string `json:"connection"`
	// Halted is since when nothing is taken from it; zero while something is. By is the
	// operation that would have taken away too much.
	Halted time.Time `json:"halted,omitzero"`
	By     string    `json:"by,omitempty"`
	// OpenUntil is until when an administrator lets it take away what it likes.
	OpenUntil time.Time `json:"open_until,omitzero"`
	// People and Members are how many people it had that were active, and memberships,
	// when the window Began; PeopleGone and MembersGone are how many went since.
	Began       time.Time `json:"began,omitzero"`
	People      int64     `json:"people"`
	Members     int64     `json:"members"`
	PeopleGone  int64     `json:"people_gone"`
	MembersGone int64     `json:"members_gone"`
}

// GuardStore keeps how much connections took away.
type GuardStore interface {
	// State returns how a connection stands: the zero State of one that took nothing.
	State(ctx context.Context, connection string) (State, error)
	// Halted returns those that are halted.
	Halted(ctx context.Context) ([]State, error)
	// Halt halts a connection; one that is halted stays so, without an event.
	Halt(ctx context.Context, connection string, at time.Time, events []event.Event) error
	// Resume ends that, and opens the connection until a time. It fails with
	// ErrNotHalted.
	Resume(ctx context.Context, connection string, openUntil time.Time, events []event.Event) error
	// Undo makes up to limit of those active again, or be again, who left since a time,
	// by an operation of an administrator, and returns how many; who is back already is
	// not looked at. When nobody is left, it opens again the memberships that were closed
	// since then, of groups and users that are there.
	Undo(ctx context.Context, op Operation, connection string, since time.Time, limit int) (int, error)
	// Protect protects a person or a group by name, or ends that.
	Protect(ctx context.Context, what identity.Ref, on bool, at time.Time, events []event.Event) error
}

// undoBatch is how many people one transaction brings back.
const undoBatch = 200

// State is GuardStore's.
func (s *Service) State(ctx context.Context, connection string) (State, error) {
	return s.o.Store.State(ctx, connection)
}

// Halted is GuardStore's.
func (s *Service) Halted(ctx context.Context) ([]State, error) { return s.o.Store.Halted(ctx) }

// Resume has a connection go on that was halted. For a window's time it may take away
// what it likes: whoever resumes it looked at what it would.
func (s *Service) Resume(ctx context.Context, connection string, actor identity.Actor) error {
	policy, err := s.o.Policy(ctx, connection)
	if err != nil {
		return err
	}
	now := s.now()
	e := event.New(now, "scim.resumed", actor, identity.Connection(connection))
	return s.o.Store.Resume(ctx, connection, now.Add(policy.Guard.Window), []event.Event{e})
}

// Undo brings back everybody who left over the connection since the window began in
// which it was halted, and returns how many. What ended with them does not come back:
// they sign in anew. The connection stays halted.
func (s *Service) Undo(ctx context.Context, connection string, actor identity.Actor) (int, error) {
	state, err := s.o.Store.State(ctx, connection)
	if err != nil {
		return 0, err
	}
	if state.Halted.IsZero() {
		return 0, ErrNotHalted
	}
	now, all := s.now(), 0
	op := Operation{ID: identity.NewOrderedID(now), Connection: connection, Kind: "Administrator: undo", Method: "POST", Path: "/undo", Actor: actor, Time: now, Policy: Policy{Touch: true}}
	for {
		n, err := s.o.Store.Undo(ctx, op, connection, state.Began, undoBatch)
		if all += n; err != nil {
			return all, err
		}
		if n < undoBatch {
			break
		}
	}
	return all, nil
}

// Protect keeps a person or a group from every connection that may not touch what is
// protected, beside those whom a role protects; or ends that.
func (s *Service) Protect(ctx context.Context, what identity.Ref, on bool, actor identity.Actor) error {
	now := s.now()
	e := event.New(now, "scim.unprotected", actor, what)
	if on {
		e.Type = "scim.protected"
	}
	return s.o.Store.Protect(ctx, what, on, now, []event.Event{e})
}
