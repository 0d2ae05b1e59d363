package signal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/job"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/token"
)

// RefusedQueue is the queue of SETs that receivers refused.
const RefusedQueue = "refused-signals"

// Minter is the part of token.Minter that is needed.
type Minter interface {
	SecurityEvent(alg keys.Algorithm, e token.SecurityEvent) (string, error)
}

// Queue takes jobs.
type Queue interface {
	Enqueue(ctx context.Context, jobs ...job.Job) error
}

// SenderOptions are what a Sender needs. All are required.
type SenderOptions struct {
	Store   Store
	Clients Clients
	Minter  Minter
	Jobs    Queue
	Now     func() time.Time
}

// Sender writes SETs out, and sets those aside that are refused.
type Sender struct{ o SenderOptions }

// NewSender returns a Sender.
func NewSender(o SenderOptions) *Sender { return &Sender{o} }

// errOff is why nothing is delivered to an app that is switched off.
var errOff = fault.New(fault.Denied, "stream_app_off", "the app is disabled, incomplete or gone, or may not listen any more")

// listens reports whether a client still has a scope of signals.
func listens(c *registry.Client) bool {
	return slices.Contains(c.Scopes, catalog.ScopeSignalsManage) || slices.Contains(c.Scopes, catalog.ScopeSignalsRead)
}

// Algorithm returns what the SETs of a stream are signed with: like all tokens of its
// client. It fails when its app may not hear of anything now.
func (s *Sender) Algorithm(ctx context.Context, of Stream) (keys.Algorithm, error) {
	c, err := s.o.Clients.Client(ctx, of.Client)
	switch {
	case fault.KindOf(err) == fault.NotFound && err != nil:
		return "", errOff
	case err != nil:
		return "", fmt.Errorf("find the client of a stream: %w", err)
	case c.App != of.App, c.Disabled, len(c.Missing) > 0, !listens(c):
		return "", errOff
	case c.SigningAlg == "":
		return keys.ES256, nil
	}
	return keys.Algorithm(c.SigningAlg), nil
}

// Sign makes the token of a SET.
func (s *Sender) Sign(alg keys.Algorithm, to Stream, set Set) (string, error) {
	raw, err := s.o.Minter.SecurityEvent(alg, token.SecurityEvent{
		ID: set.ID, Audience: to.Client, Issued: set.Issued, Transaction: set.Transaction, Subject: set.Subject, Type: set.Type, Claims: set.Claims,
	})
	if err != nil {
		return "", fmt.Errorf("sign event %s: %w", set.ID, err)
	}
	return raw, nil
}

// refusedJob is a SET that was set aside.
type refusedJob struct{ Stream, Set, Reason string }

// SetAside makes a job of a SET that was refused, which is buried at once: a person
// decides whether it is tried again.
func (s *Sender) SetAside(ctx context.Context, stream, set, reason string) error {
	payload, err := json.Marshal(refusedJob{stream, set, reason})
	if err != nil {
		return fmt.Errorf("set an event aside: %w", err)
	}
	now := s.o.Now()
	// A SET that is refused once more has another key.
	key := fmt.Sprintf("%s/%s/%d", stream, set, now.UnixMicro())
	return s.o.Jobs.Enqueue(ctx, job.Job{Queue: RefusedQueue, Key: key, Payload: payload, RunAt: now, Deadline: now})
}

// Refused is the handler of RefusedQueue. A job whose time is over says why the SET is
// there, and is buried; one that has time got it from a person, and has the SET wait for
// delivery again. On a stream that is disabled nothing waits: it is tried until its time is
// over.
func (s *Sender) Refused(ctx context.Context, j job.Job) error {
	var r refusedJob
	if err := json.Unmarshal(j.Payload, &r); err != nil {
		return fmt.Errorf("read a refused event: %w", err)
	}
	if !s.o.Now().Before(j.Deadline) {
		return fmt.Errorf("%w: %s", ErrRefused, r.Reason)
	}
	err := s.o.Store.RequeueSet(ctx, r.Stream, r.Set)
	if errors.Is(err, ErrNotFound) {
		return nil // the stream is gone, or the SET has been delivered
	}
	return err
}
