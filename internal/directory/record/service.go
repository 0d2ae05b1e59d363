package record

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// The faults of Service.
var (
	// ErrNoSCIM refuses a connection that pushes nothing: people come by signing in.
	ErrNoSCIM = fault.New(fault.Denied, "scim_off", "this connection is set up without SCIM (provisioning: jit)")
	// ErrText refuses a name or an external id that nobody could tell from another, or
	// that is too long.
	ErrText = fault.New(fault.Invalid, "record_text", "it has to be text of at most %d bytes without control characters", maxKey)
	// ErrSize refuses a user or a group of which a page would be more than is answered.
	ErrSize = fault.New(fault.Invalid, "record_size", "its attributes have more than %d bytes of text", maxSize)
)

// maxKey is how many bytes what is unique has at most.
const maxKey = 1024

// maxSize is how many bytes of text the attributes of one record have at most: a page of
// MaxCount of them is answered from memory.
const maxSize = 128 << 10

// Store is what a Service keeps everything in.
type Store interface {
	UserStore
	GroupStore
	MemberStore
	Batcher
	GuardStore
	DeskStore
	TokenStore
	OperationStore
}

// OperationStore keeps what became of operations.
type OperationStore interface {
	// SaveOutcomes keeps outcomes; one whose change is kept already is completed.
	SaveOutcomes(ctx context.Context, all []Outcome) error
	// Outcomes returns up to limit of a connection, the latest first, that came before
	// the operation with the id after; empty begins with the latest.
	Outcomes(ctx context.Context, connection, after string, limit int) ([]Outcome, error)
	// Outcome returns one, also of another connection. It fails with ErrNoOperation.
	Outcome(ctx context.Context, id string) (Outcome, error)
}

// ErrNoOperation is returned for an operation that is not kept, or no more.
var ErrNoOperation = fault.New(fault.NotFound, "scim_operation_not_found", "no such operation is kept")

// Options are what a Service needs. All are required.
type Options struct {
	Store Store
	// Policy says what a connection may do. It fails for one that may not push.
	Policy func(ctx context.Context, connection string) (Policy, error)
	Now    func() time.Time
	Log    *slog.Logger
}

// Service is what protocols call: the stores with the rules of this package around
// them. Each change is of a connection that may make it.
type Service struct {
	MemberStore

	o Options

	mu    sync.Mutex
	noted []Outcome
	wake  chan struct{}
	used  map[string]time.Time // when a token was last noted as used
}

// NewService returns a Service.
func NewService(o Options) *Service {
	return &Service{MemberStore: o.Store, o: o, wake: make(chan struct{}, 1), used: map[string]time.Time{}}
}

func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

// begin completes an operation before it changes something.
func (s *Service) begin(ctx context.Context, op *Operation, connection string) error {
	policy, err := s.o.Policy(ctx, connection)
	if err != nil {
		return err
	}
	op.Connection, op.Policy = connection, policy
	if op.Time.IsZero() {
		op.Time = s.now()
	}
	op.Time = op.Time.UTC().Truncate(time.Microsecond)
	if op.ID == "" {
		op.ID = identity.NewOrderedID(op.Time)
	}
	return nil
}

// end halts the connection where an operation would have taken away too much. Nothing
// of the operation is done then.
func (s *Service) end(ctx context.Context, op Operation, err error) error {
	if !errors.Is(err, ErrHalted) {
		return err
	}
	if halted := s.o.Store.Halt(context.WithoutCancel(ctx), op.Connection, op.Time, []event.Event{op.Halted()}); halted != nil {
		return errors.Join(err, halted)
	}
	return err
}

// key refuses what could not be unique.
func key(name, text string) error {
	if len(text) > maxKey || !utf8.ValidString(text) || containsControl(text) {
		return ErrText.At(name)
	}
	return nil
}

func containsControl(s string) bool {
	for _, r := range s {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return true
		}
	}
	return false
}

func userKeys(u User) error {
	if u.UserName == "" {
		return ErrText.At("userName")
	}
	if size(u.Attributes) > maxSize {
		return ErrSize
	}
	if err := key("userName", u.UserName); err != nil {
		return err
	}
	return key("externalId", u.ExternalID)
}

func groupKeys(g Group) error {
	if g.DisplayName == "" {
		return ErrText.At("displayName")
	}
	if size(g.Attributes) > maxSize {
		return ErrSize
	}
	if err := key("displayName", g.DisplayName); err != nil {
		return err
	}
	return key("externalId", g.ExternalID)
}

// size is how many bytes of text a value has, with the names in it and one for what is
// no text.
func size(v any) int {
	n := 1
	switch v := v.(type) {
	case string:
		n = len(v)
	case []any:
		for _, one := range v {
			n += size(one)
		}
	case map[string]any:
		for name, one := range v {
			n += len(name) + size(one)
		}
	}
	return n
}

func memberKeys(list []Member) error {
	for _, m := range list {
		if m.Value == "" {
			return ErrText.At("members")
		}
		if err := key("members", m.Value); err != nil {
			return err
		}
	}
	return nil
}

// CreateUser is UserStore's.
func (s *Service) CreateUser(ctx context.Context, op Operation, u User) (User, bool, error) {
	made, err := s.Create(ctx, op.Connection, []New{{Operation: op, User: &u}})
	if err != nil {
		return User{}, false, err
	}
	return made[0].User, made[0].Existed, made[0].Err
}

// User is UserStore's.
func (s *Service) User(ctx context.Context, connection, id string) (User, error) {
	return s.o.Store.User(ctx, connection, id)
}

// Users is UserStore's.
func (s *Service) Users(ctx context.Context, connection string, q Query) (Page[User], error) {
	return s.o.Store.Users(ctx, connection, q)
}

// UpdateUser is UserStore's.
func (s *Service) UpdateUser(ctx context.Context, op Operation, connection, id string, want Match, change func(User) (User, error)) (User, error) {
	if err := s.begin(ctx, &op, connection); err != nil {
		return User{}, err
	}
	u, err := s.o.Store.UpdateUser(ctx, op, connection, id, want, func(u User) (User, error) {
		next, err := change(u)
		if err == nil {
			err = userKeys(next)
		}
		return next, err
	})
	return u, s.end(ctx, op, err)
}

// DeleteUser is UserStore's.
func (s *Service) DeleteUser(ctx context.Context, op Operation, connection, id string, want Match) error {
	if err := s.begin(ctx, &op, connection); err != nil {
		return err
	}
	return s.end(ctx, op, s.o.Store.DeleteUser(ctx, op, connection, id, want))
}

// CreateGroup is GroupStore's.
func (s *Service) CreateGroup(ctx context.Context, op Operation, g Group, members []Member) (Group, bool, error) {
	made, err := s.Create(ctx, op.Connection, []New{{Operation: op, Group: &g, Members: members}})
	if err != nil {
		return Group{}, false, err
	}
	return made[0].Group, made[0].Existed, made[0].Err
}

// Group is GroupStore's.
func (s *Service) Group(ctx context.Context, connection, id string) (Group, error) {
	return s.o.Store.Group(ctx, connection, id)
}

// Groups is GroupStore's.
func (s *Service) Groups(ctx context.Context, connection string, q Query) (Page[Group], error) {
	return s.o.Store.Groups(ctx, connection, q)
}

// UpdateGroup is GroupStore's.
func (s *Service) UpdateGroup(ctx context.Context, op Operation, connection, id string, want Match, change GroupChange) (Group, error) {
	if err := s.begin(ctx, &op, connection); err != nil {
		return Group{}, err
	}
	if err := memberKeys(change.Members.Add); err != nil {
		return Group{}, err
	}
	if of := change.Change; of != nil {
		change.Change = func(g Group) (Group, error) {
			next, err := of(g)
			if err == nil {
				err = groupKeys(next)
			}
			return next, err
		}
	}
	g, err := s.o.Store.UpdateGroup(ctx, op, connection, id, want, change)
	return g, s.end(ctx, op, err)
}

// DeleteGroup is GroupStore's.
func (s *Service) DeleteGroup(ctx context.Context, op Operation, connection, id string, want Match) error {
	if err := s.begin(ctx, &op, connection); err != nil {
		return err
	}
	return s.end(ctx, op, s.o.Store.DeleteGroup(ctx, op, connection, id, want))
}

// Create is Batcher's.
func (s *Service) Create(ctx context.Context, connection string, all []New) ([]Made, error) {
	made := make([]Made, len(all))
	var good []New
	var at []int
	for i, n := range all {
		if err := s.begin(ctx, &n.Operation, connection); err != nil {
			return nil, err
		}
		if made[i].Err = complete(&n); made[i].Err == nil {
			good, at = append(good, n), append(at, i)
		}
	}
	if len(good) == 0 {
		return made, nil
	}
	done, err := s.o.Store.Create(ctx, connection, good)
	if err != nil {
		return nil, s.end(ctx, good[0].Operation, err)
	}
	for i, m := range done {
		made[at[i]] = m
	}
	return made, nil
}

// complete gives what is new an id, and refuses what no row can be made of. What the
// caller has is not changed.
func complete(n *New) error {
	if n.User != nil {
		u := *n.User
		if u.ID == "" {
			u.ID = identity.NewID()
		}
		n.User = &u
		return userKeys(u)
	}
	g := *n.Group
	if g.ID == "" {
		g.ID = identity.NewID()
	}
	n.Group = &g
	if err := groupKeys(g); err != nil {
		return err
	}
	return memberKeys(n.Members)
}
