package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-io/gatehouse/integration/live"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

const (
	// replicaCount is at how many replicas it is looked for what was revoked.
	replicaCount = 3
	// atOnce is how soon every replica is to refuse, at p99; giveUp is how long one is
	// asked at most.
	atOnce = 250 * time.Millisecond
	giveUp = 10 * time.Second
	// part of the peak that the replicas are under meanwhile.
	partOfPeak = 0.3
	peakTime   = 3 * time.Second
)

// trio is three replicas, each reached by itself.
type trio struct {
	*load
	trials   int // of each kind
	pg       *testkit.PostgresServer
	redis    *testkit.RedisServer
	replicas []*client
	// processes are what answers the replicas' clients.
	processes []*live.Process
}

// revocationsEverywhere revokes grants and people at one of three replicas, and looks how
// soon the others refuse: with Redis, without it, and what goes on without PostgreSQL.
func revocationsEverywhere(ctx context.Context, o options, r *report) error {
	return onStage(ctx, func(s *stage) error {
		c, err := s.trio(o, r)
		if err != nil {
			return err
		}
		running, stop := context.WithCancel(ctx)
		defer stop()
		interval, err := c.pace(running, o.workers, partOfPeak)
		if err != nil {
			return err
		}
		var group sync.WaitGroup
		group.Go(func() { c.works(running, o.workers, interval) })
		err = c.tryAll(ctx)
		stop()
		group.Wait()
		return err
	})
}

func (s *stage) trio(o options, r *report, more ...string) (*trio, error) {
	c := &trio{trials: o.rounds, pg: testkit.NewPostgres(s), redis: testkit.Redis(s)}
	env := append(append(live.External(c.pg, c.redis), "GATEHOUSE_TRUSTED_PROXIES=127.0.0.1/32"), more...)
	var addresses []string
	for i := range replicaCount {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		if err := l.Close(); err != nil {
			return nil, err
		}
		p := s.Process(fmt.Sprintf("broker-%d", i), l.Addr().String(), env...)
		s.Cleanup(func() {
			if err := p.Stop(); err != nil {
				r.violation("stop: %v: %s", err, p.Tail())
			}
		})
		c.processes, addresses = append(c.processes, p), append(addresses, p.Address)
		c.replicas = append(c.replicas, newClient("http://"+p.Address, p.Socket(), o.workers))
	}
	between := newBalancer(s.Context(), s.Listener(), addresses...)
	s.Cleanup(between.close)
	s.settle = 2 * lagLimit
	var err error
	if c.load, err = s.open(c.processes[0], o, r); err != nil { // alone: the others would not know the apps at once
		return nil, err
	}
	for _, p := range c.processes[1:] {
		if _, err := p.Start(s.Context()); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// clientTokenAt asks a replica for a client's own token.
func (c *trio) clientTokenAt(ctx context.Context, replica *client) reply {
	app := c.s.Facts().App("nightly-report")
	return replica.post(ctx, "/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"payroll.read"}, "resource": {"payroll-api"}}, app.ClientID, app.Secret)
}

// exchanged exchanges a token at a replica, which asks everything of it that there is to
// ask, and what it can from what it remembers.
func (c *trio) exchanged(ctx context.Context, replica *client, access string) reply {
	desk, facts := c.s.Facts().App("travel-desk"), c.s.Facts().Exchange
	return replica.post(ctx, "/token", url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "audience": {facts.Audience},
		"subject_token": {access}, "subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
	}, desk.ClientID, desk.Secret)
}

// pace finds the peak, and returns how long each worker waits between two pieces of work
// for a part of it.
func (c *trio) pace(ctx context.Context, workers int, part float64) (time.Duration, error) {
	limited, stop := context.WithTimeout(ctx, peakTime)
	defer stop()
	done := c.works(limited, workers, 0)
	if done == 0 {
		return 0, fmt.Errorf("no work was done in %s", peakTime)
	}
	peak := float64(done) / peakTime.Seconds()
	c.r.note("peak: %.0f tokens/s at %d replicas; under %.0f %% of it:", peak, replicaCount, 100*part)
	return time.Duration(float64(workers) / (part * peak) * float64(time.Second)), nil
}

// works has workers ask for tokens until ctx ends, and returns how many they got.
func (c *trio) works(ctx context.Context, workers int, interval time.Duration) int64 {
	var group sync.WaitGroup
	var done atomic.Int64
	for i := range workers {
		group.Go(func() {
			for next := time.Now(); ctx.Err() == nil; pause(ctx, time.Until(next)) {
				next = next.Add(interval)
				if c.clientTokenAt(ctx, c.replicas[i%replicaCount]).ok() {
					done.Add(1)
				}
			}
		})
	}
	group.Wait()
	return done.Load()
}

func (c *trio) tryAll(ctx context.Context) error {
	if err := c.tries(ctx, "a revoked grant", c.grants(1, nil)); err != nil {
		return err
	}
	if err := c.tries(ctx, "a person who was disabled", c.disabledPeople()); err != nil {
		return err
	}
	leavers, err := c.leavers(ctx)
	if err != nil {
		return err
	}
	if err := c.tries(ctx, "a leaver", leavers); err != nil {
		return err
	}
	held, err := c.hold(ctx, c.trials)
	if err != nil {
		return err
	}
	c.redis.Stop()
	c.r.count(faults, 1)
	if err := c.tries(ctx, "a revoked grant, without Redis", c.grants(0, held)); err != nil {
		return err
	}
	c.redis.Start()
	return c.withoutDatabase(ctx)
}

// trial is something that is good, and how it is ended at a replica.
type trial struct {
	access string
	end    func(ctx context.Context, at *client) reply
	after  func(ctx context.Context) error // nil for nothing
}

// tries ends things one after the other, each at the next replica: that one refuses from
// the answer on, the others soon.
func (c *trio) tries(ctx context.Context, what string, next func(context.Context) (trial, error)) error {
	var took []time.Duration
	for i := range c.trials {
		t, err := next(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		late, err := c.try(ctx, what, t, i%replicaCount)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		took = append(took, late)
		c.r.count(acks, 1)
	}
	slices.Sort(took)
	p99 := took[len(took)*99/100]
	c.r.note("%s: refused by every other replica after %s at p50, %s at p99, %s at most, of %d trials", what, round(took[len(took)/2]), round(p99), round(took[len(took)-1]), len(took))
	if p99 > atOnce {
		c.r.violation("%s: let through for %s at p99, %s is the bound", what, p99, atOnce)
	}
	return nil
}

// try returns for how long after the acknowledgement the last of the other replicas let
// the token through.
func (c *trio) try(ctx context.Context, what string, t trial, at int) (late time.Duration, err error) {
	for i, r := range c.replicas {
		if got := c.exchanged(ctx, r, t.access); !got.ok() {
			c.r.wrong(refused, "%s, before it ended, at replica %d: %s", what, i, got)
		}
	}
	if got := t.end(ctx, c.replicas[at]); !got.ok() {
		return 0, fmt.Errorf("not ended: %s", got)
	}
	acknowledged := time.Now()
	if got := c.exchanged(ctx, c.replicas[at], t.access); got.ok() {
		c.r.wrong(twice, "%s is let through by the replica that acknowledged", what)
	}
	last := make([]time.Duration, replicaCount)
	var group sync.WaitGroup
	for i, r := range c.replicas {
		if i != at {
			group.Go(func() {
				for c.exchanged(ctx, r, t.access).ok() && time.Since(acknowledged) < giveUp {
					last[i] = time.Since(acknowledged)
				}
			})
		}
	}
	group.Wait()
	if t.after != nil {
		err = t.after(ctx)
	}
	return slices.Max(last), err
}

// grants makes a trial of the next of held, or of as many new ones at a time.
func (c *trio) grants(atATime int, held []tokens) func(context.Context) (trial, error) {
	return func(ctx context.Context) (t trial, err error) {
		if len(held) == 0 {
			if held, err = c.hold(ctx, atATime); err != nil {
				return t, err
			}
		}
		one := held[0]
		held = held[1:]
		app := c.s.Facts().App("expense-bot")
		return trial{access: one.Access, end: func(ctx context.Context, at *client) reply {
			return at.post(ctx, "/revoke", url.Values{"token": {one.Refresh}}, app.ClientID, app.Secret)
		}}, nil
	}
}

// hold gets tokens of as many grants.
func (c *trio) hold(ctx context.Context, n int) (all []tokens, err error) {
	for range n {
		form, got := c.code(ctx, *c.cookie.Load())
		if form == nil {
			return nil, &answered{"authorize", got}
		}
		t, err := c.tokensOf("code", c.asExpenseBot(ctx, "/token", form))
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// disabledPeople disables bob, who is enabled again and signs in for the next trial.
func (c *trio) disabledPeople() func(context.Context) (trial, error) {
	return func(ctx context.Context) (trial, error) {
		_, t, err := c.visit(ctx, "bob")
		path := "/people/" + c.people["bob"]
		return trial{
			access: t.Access,
			end: func(ctx context.Context, at *client) reply {
				return at.manage(ctx, http.MethodPost, path+"/disable", nil)
			},
			after: func(ctx context.Context) error {
				if got := c.c.manage(ctx, http.MethodPost, path+"/enable", nil); !got.ok() {
					return fmt.Errorf("enable: %s", got)
				}
				pause(ctx, atOnce) // every replica has heard of it
				return nil
			},
		}, err
	}
}

// leavers pushes bob over SCIM as somebody who has left, and brings him back for the next
// trial.
func (c *trio) leavers(ctx context.Context) (func(context.Context) (trial, error), error) {
	idp, bob := c.s.Facts().IDPs[0].ID, c.s.Facts().Person("bob")
	var made struct {
		Secret string `json:"secret"`
	}
	if err := c.c.manage(ctx, http.MethodPost, "/connections/"+idp+"/scim/tokens", []byte(`{"name":"chaos"}`)).decode(&made); err != nil {
		return nil, fmt.Errorf("SCIM token: %w", err)
	}
	push := func(ctx context.Context, at *client, method, path, body string) reply {
		req, err := http.NewRequestWithContext(ctx, method, at.issuer+"/scim/v2/"+idp+path, strings.NewReader(body))
		if err != nil {
			return reply{err: err}
		}
		req.Header.Set("Authorization", "Bearer "+made.Secret)
		req.Header.Set("Content-Type", "application/scim+json")
		return send(at.web, req)
	}
	var found struct {
		Resources []struct {
			ID string `json:"id"`
		}
	}
	if err := push(ctx, c.c, http.MethodGet, "/Users?filter="+url.QueryEscape(fmt.Sprintf(`externalId eq %q`, bob.Subject)), "").decode(&found); err != nil {
		return nil, fmt.Errorf("bob, whom the provider pushed: %w", err)
	}
	if len(found.Resources) != 1 {
		return nil, fmt.Errorf("bob, whom the provider pushed: %d records", len(found.Resources))
	}
	record := found.Resources[0]
	active := func(ctx context.Context, at *client, is bool) reply {
		body := fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":%t}]}`, is)
		got := push(ctx, at, http.MethodPatch, "/Users/"+record.ID, body)
		if !got.ok() && c.c.manage(ctx, http.MethodPost, "/connections/"+idp+"/scim/resume", nil).ok() {
			got = push(ctx, at, http.MethodPatch, "/Users/"+record.ID, body) // so many leavers halt a connection
		}
		return got
	}
	return func(ctx context.Context) (trial, error) {
		_, t, err := c.visit(ctx, "bob")
		return trial{
			access: t.Access,
			end:    func(ctx context.Context, at *client) reply { return active(ctx, at, false) },
			after: func(ctx context.Context) error {
				if got := active(ctx, c.c, true); !got.ok() {
					return fmt.Errorf("bring bob back: %s", got)
				}
				pause(ctx, atOnce) // every replica has heard of it
				return nil
			},
		}, err
	}, nil
}

// withoutDatabase stops PostgreSQL: a good token goes on until nobody can tell any more
// whether it was revoked, and again when the database is back.
func (c *trio) withoutDatabase(ctx context.Context) error {
	app := c.s.Facts().App("payroll-api")
	got := c.clientTokenAt(ctx, c.replicas[0])
	var t tokens
	if err := got.decode(&t); err != nil {
		return err
	}
	active := func() bool {
		got := c.replicas[0].post(ctx, "/introspect", url.Values{"token": {t.Access}}, app.ClientID, app.Secret)
		var said struct{ Active bool }
		return got.ok() && got.decode(&said) == nil && said.Active
	}
	if !active() {
		c.r.wrong(refused, "a good token before PostgreSQL was stopped")
	}
	c.pg.Stop()
	c.r.count(faults, 1)
	stopped := time.Now()
	for active() && time.Since(stopped) < 2*giveUp {
		pause(ctx, 20*time.Millisecond)
	}
	ended := time.Since(stopped)
	if ended > staleness+time.Second {
		c.r.violation("a token is good %s after PostgreSQL was stopped, the bound is %s", ended, staleness)
	}
	pause(ctx, time.Second)
	if active() {
		c.r.violation("a token is good again while PostgreSQL is stopped")
	}
	c.pg.Start()
	back := time.Now()
	for !active() && time.Since(back) < 2*giveUp {
		pause(ctx, 20*time.Millisecond)
	}
	c.r.note("PostgreSQL stopped: tokens verified for %s more (bound %s), and again %s after it was back", round(ended), staleness, round(time.Since(back)))
	if !active() {
		c.r.wrong(refused, "a good token after PostgreSQL came back")
	}
	return nil
}

// staleness is for how long what was heard last of revocations counts, unless it is set.
const staleness = 5 * time.Second
