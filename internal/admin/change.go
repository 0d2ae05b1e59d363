package admin

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// The faults of changes that wait for a second person.
var (
	ErrChangeNotFound = fault.New(fault.NotFound, "change_not_found", "no such change waits or was decided on")
	// ErrChangeDecided refuses to decide again.
	ErrChangeDecided = fault.New(fault.Conflict, "change_decided", "this change was decided on already, or its time is over")
	// ErrOwnChange refuses whoever asked for it: a token counts as who made it.
	ErrOwnChange = fault.New(fault.Denied, "change_own", "a change is approved by somebody else than who asked for it")
	// ErrChangeWaits refuses to ask again for what was asked for already.
	ErrChangeWaits = fault.New(fault.Conflict, "change_waits", "this was asked for already, and waits for a second person")
	// ErrRequesterLost refuses a change whose asker may not make it any more.
	ErrRequesterLost = fault.New(fault.Conflict, "change_requester", "who asked for this change may not make it any more: reject it")
)

// ChangeLife is how long a change waits for a second person.
const ChangeLife = 72 * time.Hour

// changesPage is how many changes are read at once where all that wait are looked at.
const changesPage = 200

// ChangeState is where a change is.
type ChangeState string

// The states of a change. Approved is one that is being made: it stays so if the
// broker ends meanwhile, and whether it was made is then to be looked at.
const (
	Waiting  ChangeState = "waiting"
	Approved ChangeState = "approved"
	Made     ChangeState = "made"
	Failed   ChangeState = "failed"
	Rejected ChangeState = "rejected"
	Expired  ChangeState = "expired"
	// Withdrawn is a change that nobody answers for any more: see Reason.
	Withdrawn ChangeState = "withdrawn"
)

// RequesterLeft is the Reason of a change that was withdrawn since who asked for it left.
const RequesterLeft = "requester_left"

// ChangeStates lists every state.
func ChangeStates() []ChangeState {
	return []ChangeState{Waiting, Approved, Made, Failed, Rejected, Expired, Withdrawn}
}

// Operation is what is to be done: an operation of the management API with what it
// was asked with.
type Operation struct {
	// Name is the operationId.
	Name string `json:"name"`
	// Values are the parameters of its path, by name.
	Values map[string]string `json:"values,omitempty"`
	Query  string            `json:"query,omitempty"`
	Body   string            `json:"body,omitempty"`
	Media  string            `json:"media,omitempty"`
	// IfMatch is the entity tag that was given: what it names must still be so when
	// the operation is done.
	IfMatch string `json:"if_match,omitempty"`
}

// Change is an operation that waits, or waited, for a second person.
type Change struct {
	ID        string    `json:"id"`
	Operation Operation `json:"operation"`
	// RequestedBy asked for it; Owner is the person that this counts as.
	RequestedBy identity.Actor `json:"requested_by"`
	Owner       identity.Ref   `json:"owner"`
	Created     time.Time      `json:"created"`
	Expires     time.Time      `json:"expires"`
	State       ChangeState    `json:"state"`
	// DecidedBy approved or rejected it, at Decided.
	DecidedBy *identity.Actor `json:"decided_by,omitempty"`
	Decided   time.Time       `json:"decided,omitzero"`
	// Failure is the code of the fault that making it ended with.
	Failure string `json:"failure,omitempty"`
	// Reason is why it was withdrawn, and Cause the event by which.
	Reason string `json:"reason,omitempty"`
	Cause  string `json:"cause,omitempty"`
}

// at returns c as it is at time now.
func (c Change) at(now time.Time) Change {
	if c.State == Waiting && !now.Before(c.Expires) {
		c.State = Expired
	}
	return c
}

// ChangeQuery selects changes, newest first.
type ChangeQuery struct {
	// Waiting selects those that still wait.
	Waiting bool
	Limit   int
	// After is the id of the last one of the page before.
	After string
}

// ChangeStore keeps changes.
type ChangeStore interface {
	CreateChange(ctx context.Context, c Change, events []event.Event) error
	// Change returns the change with this id, or ErrChangeNotFound.
	Change(ctx context.Context, id string) (Change, error)
	// Changes returns up to q.Limit changes, newest first.
	Changes(ctx context.Context, q ChangeQuery, now time.Time) ([]Change, error)
	// UpdateChange changes one in one transaction.
	UpdateChange(ctx context.Context, id string, change func(Change) (Change, []event.Event, error)) (Change, error)
}

// Runner does the operations that changes are of.
type Runner interface {
	// Permits fails with ErrForbidden unless p may do it.
	Permits(ctx context.Context, what Operation, p Principal) error
	// Execute does it.
	Execute(ctx context.Context, what Operation, by Principal, actor identity.Actor) error
}

// Needed reports whether the operation waits for a second person when by asks for
// it. The operator on the broker's machine, who could change the database itself,
// never waits.
func (s *Service) Needed(operation string, by Principal) bool {
	return by.Ref.Kind != identity.KindOperator && slices.Contains(s.o.FourEyes, operation)
}

// Request makes an operation wait.
func (s *Service) Request(ctx context.Context, what Operation, by Principal, actor identity.Actor) (Change, error) {
	now := s.now()
	c := Change{
		ID: identity.NewOrderedID(now), Operation: what, RequestedBy: actor, Owner: by.Owner, Created: now, Expires: now.Add(ChangeLife), State: Waiting,
	}
	return c, s.o.Changes.CreateChange(ctx, c, []event.Event{c.event(now, "change.requested", actor)})
}

func (c Change) event(now time.Time, typ string, actor identity.Actor) event.Event {
	pairs := []string{"operation", c.Operation.Name, "requested_by", c.RequestedBy.String(), "failure", c.Failure}
	for _, name := range slices.Sorted(maps.Keys(c.Operation.Values)) {
		pairs = append(pairs, "value_"+name, c.Operation.Values[name])
	}
	return event.New(now, typ, actor, identity.Ref{Kind: identity.KindChange, ID: c.ID}, pairs...)
}

// Change returns the change with this id, or ErrChangeNotFound.
func (s *Service) Change(ctx context.Context, id string) (Change, error) {
	c, err := s.o.Changes.Change(ctx, id)
	return c.at(s.now()), err
}

// SearchChanges returns a page of changes, newest first, and the cursor of the next.
// It fails with directory.ErrCursor.
func (s *Service) SearchChanges(ctx context.Context, q ChangeQuery) (page []Change, next string, err error) {
	if q.After != "" && !identity.IsOrderedID(q.After) {
		return nil, "", directory.ErrCursor
	}
	now, limit := s.now(), q.Limit
	q.Limit++
	if page, err = s.o.Changes.Changes(ctx, q, now); err != nil {
		return nil, "", err
	}
	for i := range page {
		page[i] = page[i].at(now)
	}
	if len(page) > limit {
		page = page[:limit]
		next = page[limit-1].ID
	}
	return page, next, nil
}

// WaitingOf returns the changes that wait with an operation, newest first.
func (s *Service) WaitingOf(ctx context.Context, operation string) ([]Change, error) {
	var found []Change
	for q := (ChangeQuery{Waiting: true, Limit: changesPage}); ; {
		page, next, err := s.SearchChanges(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("read changes: %w", err)
		}
		for _, c := range page {
			if c.Operation.Name == operation {
				found = append(found, c)
			}
		}
		if q.After = next; next == "" {
			return found, nil
		}
	}
}

// Approve makes a change that waits, as who asked for it: once, whatever happens
// meanwhile. It fails with ErrOwnChange for who asked, with ErrForbidden for who may
// not do the operation either, and with what the operation fails with.
func (s *Service) Approve(ctx context.Context, id string, by Principal, actor identity.Actor, run Runner) (Change, error) {
	c, err := s.decidable(ctx, id, by, run)
	if err != nil {
		return Change{}, err
	}
	if c.Owner == by.Owner {
		return Change{}, ErrOwnChange
	}
	asker, err := s.principal(ctx, c.RequestedBy.Ref)
	if err == nil {
		err = run.Permits(ctx, c.Operation, asker)
	}
	switch kind := fault.KindOf(err); {
	case err == nil:
	case kind == fault.Denied, kind == fault.Unauthenticated, kind == fault.NotFound:
		return Change{}, fmt.Errorf("%w: %w", ErrRequesterLost, err)
	default:
		return Change{}, err
	}
	// Whoever left since the request came in approves nothing any more.
	if _, err = s.principal(ctx, by.Ref); err != nil {
		return Change{}, err
	}
	if _, err = s.decide(ctx, id, Approved, "change.approved", actor); err != nil {
		return Change{}, err
	}
	failed := run.Execute(ctx, c.Operation, asker, c.RequestedBy)
	// Who approved may have left: the end is written down all the same.
	c, err = s.settle(context.WithoutCancel(ctx), id, failed, actor)
	if failed != nil {
		return c, failed
	}
	return c, err
}

// Reject ends a change that waits. Who asked for it may do so too.
func (s *Service) Reject(ctx context.Context, id string, by Principal, actor identity.Actor, run Runner) (Change, error) {
	if _, err := s.decidable(ctx, id, by, run); err != nil {
		return Change{}, err
	}
	return s.decide(ctx, id, Rejected, "change.rejected", actor)
}

// decidable returns a change that waits and that by may decide on.
func (s *Service) decidable(ctx context.Context, id string, by Principal, run Runner) (Change, error) {
	c, err := s.Change(ctx, id)
	if err != nil {
		return c, err
	}
	if err := run.Permits(ctx, c.Operation, by); err != nil {
		return c, err
	}
	if c.State != Waiting {
		return c, ErrChangeDecided
	}
	return c, nil
}

func (s *Service) decide(ctx context.Context, id string, state ChangeState, typ string, actor identity.Actor) (Change, error) {
	return s.o.Changes.UpdateChange(ctx, id, func(c Change) (Change, []event.Event, error) {
		now := s.now()
		if c = c.at(now); c.State != Waiting {
			return c, nil, ErrChangeDecided
		}
		c.State, c.Decided, c.DecidedBy = state, now, &actor
		return c, []event.Event{c.event(now, typ, actor)}, nil
	})
}

// settle writes down how making a change ended.
func (s *Service) settle(ctx context.Context, id string, failed error, actor identity.Actor) (Change, error) {
	return s.o.Changes.UpdateChange(ctx, id, func(c Change) (Change, []event.Event, error) {
		c.State = Made
		if failed == nil {
			return c, []event.Event{c.event(s.now(), "change.made", actor)}, nil
		}
		c.State, c.Failure = Failed, fault.As(failed).Code
		return c, []event.Event{c.event(s.now(), "change.failed", actor)}, nil
	})
}
