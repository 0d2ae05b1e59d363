package ssf

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/signal"
)

// The bounds of polling.
const (
	// mostPoll bounds a poll's body, in bytes, and mostAcks how many SETs it settles.
	mostPoll = 256 << 10
	mostAcks = 1000
	// pollLife is how long a poll waits for something; it is less than a server reads a
	// request for. pollLook is how often it looks, mostWaiting how many may wait at one
	// replica, and mostOfOne how many of those are one client's: more than it has streams.
	pollLife    = 20 * time.Second
	pollLook    = 250 * time.Millisecond
	mostWaiting = 256
	mostOfOne   = 16
)

// polled is the answer to a poll (RFC 8936, section 2.3).
type polled struct {
	Sets map[string]string `json:"sets"`
	More bool              `json:"moreAvailable,omitempty"`
}

// setError is what a receiver says of a SET that it cannot take (RFC 8936, section 2.6).
type setError struct {
	Code        string `json:"err"`
	Description string `json:"description,omitempty"`
}

// pollRequest is what a receiver asks for.
type pollRequest struct {
	signal.Polled
	immediately bool
}

func (t *Transmitter) poll(r *http.Request, by caller) (int, any, error) {
	ctx := r.Context()
	s, err := t.o.Streams.Get(ctx, by.client, r.PathValue("id"))
	if err != nil {
		return 0, nil, err
	}
	if s.Method != signal.Poll {
		return 0, nil, signal.ErrNotFound
	}
	asked, err := pollOf(r)
	if err != nil {
		return 0, nil, err
	}
	err = t.o.Mailbox.Settle(ctx, s, asked.Polled, func(id, reason string) error { return t.o.Sender.SetAside(ctx, s.ID, id, reason) })
	if err != nil {
		return 0, nil, err
	}
	answer := polled{Sets: map[string]string{}}
	if asked.Most == 0 {
		return http.StatusOK, answer, nil
	}
	sets, more, err := t.await(r, s, asked)
	if err != nil {
		return 0, nil, err
	}
	if _, err := t.holder(r, readers()); err != nil {
		return 0, nil, err // its token was revoked while it waited
	}
	alg, err := t.o.Sender.Algorithm(ctx, s)
	if err != nil {
		return 0, nil, err
	}
	for _, set := range sets {
		if answer.Sets[set.ID], err = t.o.Sender.Sign(alg, s, set); err != nil {
			return 0, nil, err
		}
	}
	answer.More = more
	return http.StatusOK, answer, nil
}

// pollOf reads what is asked for (RFC 8936, section 2.2).
func pollOf(r *http.Request) (pollRequest, error) {
	asked := pollRequest{Polled: signal.Polled{Most: signal.MostPolled, Failed: map[string]string{}}}
	m, err := bodyOf(r, mostPoll)
	if err != nil {
		return asked, err
	}
	if _, err := m.take("maxEvents", &asked.Most); err != nil {
		return asked, err
	}
	if asked.Most < 0 {
		return asked, errMember("maxEvents", "must not be below 0")
	}
	asked.Most = min(asked.Most, signal.MostPolled)
	if _, err := m.take("returnImmediately", &asked.immediately); err != nil {
		return asked, err
	}
	if _, err := m.take("ack", &asked.Acked); err != nil {
		return asked, err
	}
	var failed map[string]json.RawMessage
	if raw, there := m["setErrs"]; there {
		if err := httpx.UnmarshalJSON(raw, &failed); err != nil {
			return asked, errMember("setErrs", "must be an object")
		}
	}
	if len(asked.Acked)+len(failed) > mostAcks {
		return asked, errMember("ack", "settles more events than one poll may")
	}
	for id, raw := range failed {
		var e setError
		if err := json.Unmarshal(raw, &e); err != nil || e.Code == "" {
			return asked, errMember("setErrs", "must have an err for each event")
		}
		reason := "the receiver answers " + signal.Short(e.Code)
		if e.Description != "" {
			reason += ": " + signal.Short(e.Description)
		}
		asked.Failed[id] = reason
	}
	return asked, nil
}

// await returns what is there, or waits for a while until something is. A receiver whose
// poll cannot wait comes again a moment later (429), and not at once: nothing would keep
// one that is answered with nothing from asking for it as fast as it can.
func (t *Transmitter) await(r *http.Request, s signal.Stream, asked pollRequest) (sets []signal.Set, more bool, err error) {
	ctx := r.Context()
	sets, more, err = t.o.Mailbox.Next(ctx, s, asked.Most)
	if err != nil || len(sets) > 0 || asked.immediately {
		return sets, more, err
	}
	here, err := t.waiting.take(s.Client)
	if err != nil {
		return nil, false, err
	}
	defer t.waiting.leave(here)
	over := time.NewTimer(pollLife)
	defer over.Stop()
	look := time.NewTicker(pollLook)
	defer look.Stop()
	for !t.o.Going() {
		select {
		case <-ctx.Done():
			return nil, false, nil // the peer has gone
		case <-here.over:
			return nil, false, nil // as if its time were over, which the specification leaves to us
		case <-over.C:
			return nil, false, nil
		case <-look.C:
		}
		if sets, more, err = t.o.Mailbox.Next(ctx, s, asked.Most); err != nil || len(sets) > 0 {
			return sets, more, err
		}
	}
	return nil, false, nil
}
