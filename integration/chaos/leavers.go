package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/signal"
)

const (
	// ready is how many leavers are made ready at a time, while all replicas are there.
	readyAtATime = 20
	// aside is the part of the peak that the replicas are under meanwhile.
	aside = 0.1
	// spare is after how many leavers there is one whose replica lives.
	spare = 5
	// While a request is under way, and while deliveries are, at most; afterwards
	// consequences are waited for as long as this.
	underWay   = 30 * time.Millisecond
	delivering = 400 * time.Millisecond
	patience   = 6 * time.Minute
)

// moment is when a replica is killed that is told of a leaver.
type moment int

const (
	never moment = iota
	beforeTheAnswer
	afterTheAnswer
	whileDelivering
)

// String names it as it is counted.
func (m moment) String() string {
	return [...]string{"leavers without a kill", "kills before the answer", "kills right after the answer", "kills while deliveries are under way"}[m]
}

// leavers are people who leave, and what hears of it.
type leavers struct {
	*trio
	work  *workforce
	ways  []departure
	told  *receiver // of logouts
	heard *receiver // of signals
	all   []*leaver
	late  []time.Duration // for how long another replica let a leaver through
}

// leaversUnderKills kills the replica that is told of a leaver, before it answers, right
// after, and while deliveries are under way: everything follows from the departure all the
// same, and what is delivered again can be told from what is new.
func leaversUnderKills(ctx context.Context, o options, r *report) error {
	return onStage(ctx, func(s *stage) error {
		c, err := s.trio(o, r, "GATEHOUSE_ADMIN_FOUR_EYES=mapGroup")
		if err != nil {
			return err
		}
		v := &leavers{trio: c, ways: departures()}
		n := o.rounds + o.rounds/spare
		if v.work, err = c.employ(ctx, n); err != nil {
			return err
		}
		if err := v.overNetwork(ctx); err != nil {
			return err
		}
		if err := v.listen(ctx); err != nil {
			return err
		}
		running, stop := context.WithCancel(ctx)
		defer stop()
		interval, err := c.pace(running, o.workers, aside)
		if err != nil {
			return err
		}
		var group sync.WaitGroup
		group.Go(func() { c.works(running, o.workers, interval) })
		err = v.leave(ctx, n)
		if err == nil {
			err = v.settled(ctx)
		}
		stop()
		group.Wait()
		if err != nil {
			return err
		}
		return v.account(ctx)
	})
}

// overNetwork manages through the balancer from now on: any replica may be gone.
func (v *leavers) overNetwork(ctx context.Context) error {
	var made struct{ Secret string }
	err := v.c.manage(ctx, http.MethodPost, "/tokens", []byte(`{"name":"chaos","roles":["admin"],"days":1}`)).decode(&made)
	v.c.token = made.Secret
	return err
}

// subscribe makes a stream of expense-bot's that pushes everything, the only one: what
// else listens is no receiver of ours.
func (v *leavers) subscribe(ctx context.Context) error {
	others, err := list[struct{ ID string }](ctx, v.c, "/streams")
	if err != nil {
		return err
	}
	for _, s := range others.Items {
		if got := v.c.manage(ctx, http.MethodDelete, "/streams/"+s.ID, nil); !got.ok() {
			return fmt.Errorf("remove a stream: %s", got)
		}
	}
	app, authorization := v.s.Facts().App("expense-bot"), "Bearer "+rand.Text()
	v.heard = v.signals(app.ClientID, authorization)
	endpoint, err := v.heard.open(v.s)
	if err != nil {
		return err
	}
	t, err := v.tokensOf("client_credentials", v.asExpenseBot(ctx, "/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"ssf.manage"}}))
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{
		"events_requested": signal.Supported(),
		"delivery":         map[string]any{"method": signal.Push, "endpoint_url": endpoint, "authorization_header": authorization},
	})
	if err != nil {
		return fmt.Errorf("stream: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.c.issuer+"/ssf/stream", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("stream: %w", err)
	}
	req.Header = http.Header{"Authorization": {"Bearer " + t.Access}, "Content-Type": {"application/json"}}
	if got := send(v.c.web, req); !got.ok() {
		return fmt.Errorf("stream: %s", got)
	}
	return nil
}

// leave has everybody leave, one after the other, each at the next replica.
func (v *leavers) leave(ctx context.Context, n int) error {
	for first := 0; first < n; first += readyAtATime {
		ready, failed := make([]*leaver, min(readyAtATime, n-first)), make([]error, readyAtATime)
		v.each(len(ready), func(i int) { ready[i], failed[i] = v.prepare(ctx, first+i) })
		for i, l := range ready {
			if failed[i] != nil {
				return fmt.Errorf("leaver %d: %w", first+i, failed[i])
			}
			if err := v.round(ctx, l, (first+i)%replicaCount, momentOf(first+i)); err != nil {
				return fmt.Errorf("leaver %d: %w", first+i, err)
			}
			v.all = append(v.all, l)
		}
		v.r.note("%d of %d have left", first+len(ready), n)
	}
	return nil
}

// momentOf spares one of spare+1 leavers' replicas, and kills the others at each moment in turn.
func momentOf(i int) moment {
	if i%(spare+1) == spare {
		return never
	}
	return moment(1 + (i-i/(spare+1))%3)
}

// round has one replica told of a leaver, kills it, and starts it again.
func (v *leavers) round(ctx context.Context, l *leaver, at int, when moment) error {
	v.r.count(when.String(), 1)
	method, path, body := l.how.request(v.work, l.i)
	answer := make(chan reply, 1)
	go func() { answer <- v.work.push(ctx, v.replicas[at], method, path, body) }()
	p := v.processes[at]
	var got reply
	if when == beforeTheAnswer {
		pause(ctx, mathrand.N(underWay))
		p.Kill()
		got = <-answer
	} else if got = <-answer; !got.ok() {
		return fmt.Errorf("%s: %s", l.how.name, got)
	}
	if l.acked = time.Now(); when == afterTheAnswer {
		p.Kill()
	}
	var kill sync.WaitGroup
	if when == whileDelivering {
		kill.Go(func() { pause(ctx, mathrand.N(delivering)); p.Kill() })
	}
	if got.ok() {
		if when == never { // else it may be gone before it is asked
			v.gone(ctx, l, at, true)
		}
		v.goneElsewhere(ctx, l, at)
	}
	kill.Wait()
	if when == never {
		v.r.count(acks, 1)
		return v.truthful(ctx, l)
	}
	l.killed = true
	v.r.count(kills, 1)
	v.replicas[at].forget()
	began := time.Now()
	if _, err := p.Start(ctx); err != nil {
		return err
	}
	v.r.took("start after a kill", time.Since(began))
	if !got.ok() {
		if err := v.unanswered(ctx, l, at); err != nil {
			return err
		}
	}
	v.r.count(acks, 1)
	v.gone(ctx, l, at, true)
	return v.truthful(ctx, l)
}

// goneElsewhere notes for how long the other replicas went on letting the leaver through.
func (v *leavers) goneElsewhere(ctx context.Context, l *leaver, at int) {
	late := make([]time.Duration, replicaCount)
	var group sync.WaitGroup
	for i := range v.replicas {
		if i != at {
			group.Go(func() { late[i] = v.gone(ctx, l, i, false) })
		}
	}
	group.Wait()
	last := slices.Max(late)
	v.late = append(v.late, last)
	v.r.took("refused by the last of the other replicas", last)
}

// gone waits until a replica refuses everything of a leaver's, and returns how long after
// the acknowledgement the last was asked that it let through. A replica that must know
// already may let nothing through; another one may be late.
func (v *leavers) gone(ctx context.Context, l *leaver, at int, known bool) (late time.Duration) {
	for _, h := range append(v.holdings(l), holding{"the refresh token", func(ctx context.Context, at *client) reply { return v.refresh(ctx, at, l) }}) {
		for {
			asked := time.Since(l.acked)
			got := h.try(ctx, v.replicas[at])
			if got.err != nil || got.status >= http.StatusInternalServerError {
				v.r.violation("%s of a leaver is not decided on: %s", h.what, got)
				break
			}
			if !got.ok() {
				v.r.count(replays, 1)
				break
			}
			if late = max(late, asked); known || late > giveUp {
				v.r.wrong(twice, "%s of a leaver (%s) at replica %d, %s after the acknowledgement", h.what, l.how.name, at, round(asked))
				break
			}
		}
	}
	return late
}

// unanswered looks at a departure whose answer never came: either everything was done or
// nothing. The request is repeated then, at another replica.
func (v *leavers) unanswered(ctx context.Context, l *leaver, at int) error {
	other := v.replicas[(at+1)%replicaCount]
	out, err := v.work.out(ctx, other, l.i, l.how)
	if err != nil {
		return err
	}
	events, err := v.revocations(ctx, l)
	if err != nil {
		return err
	}
	if (len(events) > 0) != out {
		v.r.wrong(lost, "half a change: %s: out is %t, and there are %d events", l.how.name, out, len(events))
	}
	for _, h := range v.holdings(l) {
		if got := h.try(ctx, other); got.ok() == out {
			v.r.wrong(lost, "half a change: %s: out is %t, and %s: %s", l.how.name, out, h.what, got)
		}
	}
	if l.uncertain = out; out {
		v.r.count("departures done though not answered", 1)
	} else {
		v.r.count("departures not done and not answered", 1)
		var t tokens
		if err := v.refresh(ctx, other, l).decode(&t); err != nil {
			v.r.wrong(lost, "half a change: %s: nothing was done, and the refresh token: %v", l.how.name, err)
		} else {
			l.held = t
		}
	}
	method, path, body := l.how.request(v.work, l.i)
	got := v.work.push(ctx, other, method, path, body)
	if !got.ok() && (!out || !l.how.deletes || got.status != http.StatusNotFound) {
		v.r.wrong(lost, "%s, repeated (done before: %t): %s", l.how.name, out, got)
	}
	l.acked = time.Now()
	v.goneElsewhere(ctx, l, (at+1)%replicaCount)
	return nil
}
