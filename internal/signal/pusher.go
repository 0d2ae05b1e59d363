package signal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/token"
)

// The pace of pushing.
const (
	// pushers is how many streams a replica pushes to at once, and pushersOfOne how many
	// of one client all replicas do: slow receivers take turns, and nobody else's.
	pushers      = 32
	pushersOfOne = 4

	pushPoll  = 500 * time.Millisecond
	pushTime  = 10 * time.Second // for one SET
	pushSlice = 15 * time.Second // for one stream, before others have their turn
	pushRead  = 16               // SETs that are read at once

	firstRetry = time.Second
	longest    = 15 * time.Minute
	// mostRefusals is how often a SET is pushed that the receiver says is wrong.
	mostRefusals = 5
	// mostError bounds what is read of an answer.
	mostError = 4 << 10
)

// PusherOptions are what a Pusher needs. All are required.
type PusherOptions struct {
	Sender *Sender
	// Authorization returns the header of the pushes of a stream: Service.Authorization.
	Authorization func(Stream) (string, error)
	// HTTP is the guarded client.
	HTTP *http.Client
	Log  *slog.Logger
	// Pushed counts a push by its outcome: delivered, failed or refused.
	Pushed func(outcome string)
}

// Pusher delivers the SETs of streams of Push (RFC 8935).
type Pusher struct {
	o     PusherOptions
	slots chan struct{}
	hint  chan struct{}
}

// NewPusher returns a Pusher.
func NewPusher(o PusherOptions) *Pusher {
	return &Pusher{o: o, slots: make(chan struct{}, pushers), hint: make(chan struct{}, 1)}
}

// Notify says that something may have to be delivered.
func (p *Pusher) Notify() {
	select {
	case p.hint <- struct{}{}:
	default: // a hint is pending already
	}
}

// Run pushes until ctx ends. A receiver that is slow to answer holds up no other.
func (p *Pusher) Run(ctx context.Context) error {
	tick := time.NewTicker(pushPoll)
	defer tick.Stop()
	var group sync.WaitGroup
	defer group.Wait()
	for {
		if err := p.claim(ctx, &group); err != nil && ctx.Err() == nil {
			p.o.Log.ErrorContext(ctx, "signals not pushed", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		case <-p.hint:
		}
	}
}

// claim begins to push to as many streams as there is room for.
func (p *Pusher) claim(ctx context.Context, group *sync.WaitGroup) error {
	free := cap(p.slots) - len(p.slots)
	if free == 0 {
		return nil
	}
	streams, err := p.o.Sender.o.Store.ClaimStreams(ctx, p.o.Sender.o.Now(), free, pushersOfOne, pushLease)
	if err != nil {
		return fmt.Errorf("claim streams: %w", err)
	}
	for _, s := range streams {
		p.slots <- struct{}{}
		group.Go(func() {
			defer func() { <-p.slots; p.Notify() }()
			p.stream(ctx, s)
		})
	}
	return nil
}

// stream pushes what waits in a stream until it is empty, something fails, or its time
// is over, and releases it.
func (p *Pusher) stream(ctx context.Context, s Stream) {
	send := p.o.Sender
	held, lease := p.hold(ctx, s)
	delivered, failed := p.drain(held, s, send.o.Now().Add(pushSlice))
	over := held.Err() != nil
	until := lease.release()
	// The lease is given back also on the way out.
	if err := p.release(context.WithoutCancel(ctx), s, until, over, delivered, failed); err != nil {
		p.o.Log.ErrorContext(ctx, "stream not released", slog.String("stream", s.ID), slog.Any("error", err))
	}
}

// release ends the lease of a stream that ends at until. When nothing more could be done
// because its time was over, nobody failed, and whoever comes next begins at once.
func (p *Pusher) release(ctx context.Context, s Stream, until time.Time, over, delivered bool, failed error) error {
	send, now := p.o.Sender, p.o.Sender.o.Now()
	if over {
		_, err := send.o.Store.HoldStream(ctx, s.ID, until, now)
		return err
	}
	if delivered { // it answers, if not always: only failures in a row make it wait longer
		s.Failures = 0
	}
	next, why := time.Time{}, ""
	if failed != nil {
		next, why = now.Add(event.Backoff(int(min(s.Failures, 30))+1, firstRetry, longest)), failed.Error()
	}
	return send.o.Store.ReleaseStream(ctx, s.ID, until, next, why, now)
}

// drain reports whether it delivered anything, and fails with what it stopped at.
func (p *Pusher) drain(ctx context.Context, s Stream, until time.Time) (delivered bool, err error) {
	send := p.o.Sender
	authorization, err := p.o.Authorization(s)
	if err != nil {
		return false, err
	}
	for ctx.Err() == nil && send.o.Now().Before(until) {
		sets, err := send.o.Store.NextSets(ctx, s.ID, pushRead)
		if err != nil || len(sets) == 0 {
			return delivered, err
		}
		for _, set := range sets {
			if over := ctx.Err() != nil || !send.o.Now().Before(until); over {
				break
			}
			alg, same, err := p.same(ctx, s)
			if err != nil || !same {
				return delivered, err
			}
			raw, err := send.Sign(alg, s, set)
			if err != nil {
				return delivered, err
			}
			if err := p.settle(ctx, s, set, p.push(ctx, s.Endpoint, authorization, raw)); err != nil {
				return delivered, err
			}
			delivered = true
		}
	}
	return delivered, nil
}

// same reports whether a stream is as it was when it was claimed, and what its next SET is
// signed with: a receiver that moved or was switched off gets no more where it was, however
// long it takes to answer.
func (p *Pusher) same(ctx context.Context, s Stream) (alg keys.Algorithm, same bool, err error) {
	now, err := p.o.Sender.o.Store.Stream(ctx, s.ID)
	if errors.Is(err, ErrNotFound) {
		return "", false, nil
	}
	if err != nil || now.Version != s.Version {
		return "", false, err
	}
	alg, err = p.o.Sender.Algorithm(ctx, s)
	return alg, err == nil, err
}

// settle notes what became of a push. It fails when the stream cannot go on.
func (p *Pusher) settle(ctx context.Context, s Stream, set Set, failed error) error {
	send := p.o.Sender
	var refusal *refusal
	switch {
	case failed == nil:
		p.o.Pushed("delivered")
		_, err := send.o.Store.SettleSets(ctx, s.ID, []string{set.ID}, SetDelivered, "", send.o.Now())
		return err
	case !errors.As(failed, &refusal):
		p.o.Pushed("failed")
		return failed
	}
	p.o.Pushed("refused")
	n, err := send.o.Store.RefuseSet(ctx, s.ID, set.ID, refusal.Error())
	if err != nil {
		return err
	}
	if n < mostRefusals {
		return failed
	}
	if err := send.SetAside(ctx, s.ID, set.ID, refusal.Error()); err != nil {
		return err
	}
	_, err = send.o.Store.SettleSets(ctx, s.ID, []string{set.ID}, SetRefused, refusal.Error(), send.o.Now())
	return err
}

// refusal is an answer that says what is wrong with a SET (RFC 8935, section 2.4).
type refusal struct {
	Code        string `json:"err"`
	Description string `json:"description"`
}

// Error implements error.
func (r *refusal) Error() string {
	if r.Description == "" {
		return "the receiver answers " + r.Code
	}
	return "the receiver answers " + r.Code + ": " + r.Description
}

// push sends one SET. Only 202 says that it was taken (RFC 8935, section 2.2): a page
// that answers 200 to everything has taken nothing.
func (p *Pusher) push(ctx context.Context, endpoint, authorization, raw string) error {
	ctx, cancel := context.WithTimeout(ctx, pushTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(raw))
	if err != nil {
		return fmt.Errorf("push: %w", err)
	}
	r.Header.Set("Content-Type", "application/"+token.TypeEvent)
	r.Header.Set("Accept", "application/json")
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	res, err := p.o.HTTP.Do(r)
	if err != nil {
		return fmt.Errorf("push: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode == http.StatusAccepted {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, mostError))
	if err != nil {
		return fmt.Errorf("push: %w", err)
	}
	if res.StatusCode == http.StatusBadRequest {
		var said refusal
		if err := json.NewDecoder(bytes.NewReader(body)).Decode(&said); err == nil && said.Code != "" {
			said.Code, said.Description = Short(said.Code), Short(said.Description)
			return &said
		}
	}
	return fmt.Errorf("push: the receiver answers %d where 202 says that it took the event", res.StatusCode)
}

// Short makes of what a receiver says a text that can be kept and shown.
func Short(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
	if runes := []rune(s); len(runes) > 200 {
		s = string(runes[:200]) + "…"
	}
	return strings.TrimSpace(s)
}
