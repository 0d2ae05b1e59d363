package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-io/gatehouse/integration/live"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

const (
	wantTurns    = 10
	wantRestarts = 5
	// lead is how long a key is published before it signs.
	lead = 30 * time.Second
	// lagLimit is how far a replica may be behind the other.
	lagLimit = time.Second
)

// cluster is two replicas behind a balancer.
type cluster struct {
	*load
	replicas [2]*live.Process
	balancer *balancer
}

// replicasUnderLoad rotates keys and restarts replicas: nothing valid is refused.
func replicasUnderLoad(ctx context.Context, o options, r *report) error {
	return onStage(ctx, func(s *stage) error {
		c, err := s.cluster(o, r)
		if err != nil {
			return err
		}
		before := c.l.count()
		running, stop := context.WithCancel(ctx)
		defer stop()
		var group sync.WaitGroup
		group.Go(func() { c.run(running, c.workers(o.workers)) })
		group.Go(func() { c.resourceServer(running) })
		err = c.turnAndRestart(ctx)
		stop()
		group.Wait()
		r.count(acks, c.l.count()-before)
		r.count("requests", int(c.balancer.requests.Load()))
		r.count("connections not taken", int(c.balancer.again.Load()))
		if err != nil {
			return err
		}
		if err := c.verify(ctx); err != nil {
			return err
		}
		auditWhole(ctx, c.replicas[0], r)
		return nil
	})
}

// cluster starts two replicas on PostgreSQL and Redis.
func (s *stage) cluster(o options, r *report) (*cluster, error) {
	env := append(live.External(testkit.NewPostgres(s), testkit.Redis(s)),
		"GATEHOUSE_TRUSTED_PROXIES=127.0.0.1/32", "GATEHOUSE_KEYS_LEAD="+lead.String(), "GATEHOUSE_SHUTDOWN_DELAY=1s")
	c := &cluster{}
	for i := range c.replicas {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		if err := l.Close(); err != nil {
			return nil, err
		}
		p := s.Process(fmt.Sprintf("broker-%d", i), l.Addr().String(), env...)
		c.replicas[i] = p
		s.Cleanup(func() {
			if err := p.Stop(); err != nil {
				r.violation("stop: %v: %s", err, p.Tail())
			}
		})
	}
	c.balancer = newBalancer(s.Context(), s.Listener(), c.replicas[0].Address, c.replicas[1].Address)
	s.Cleanup(c.balancer.close)
	s.settle = 2 * lagLimit
	var err error
	if c.load, err = s.open(c.replicas[0], o, r); err != nil { // alone: the other would not know the apps at once
		return nil, err
	}
	if _, err := c.replicas[1].Start(s.Context()); err != nil {
		return nil, err
	}
	c.trouble, c.lag = c.refused, lagLimit
	if err := c.overNetwork(s.Context()); err != nil {
		return nil, err
	}
	return c, nil
}

// overNetwork manages through the balancer from now on.
func (c *cluster) overNetwork(ctx context.Context) error {
	var made struct{ Secret string }
	err := c.c.manage(ctx, http.MethodPost, "/tokens", []byte(`{"name":"chaos","roles":["admin"],"days":1}`)).decode(&made)
	c.c.token = made.Secret
	return err
}

// refused counts everything that is not the good answer.
func (c *cluster) refused(a *answered) bool {
	c.r.wrong(refused, "%v", a)
	pause(c.s.Context(), 100*time.Millisecond)
	return true
}

// turnAndRestart rotates the key as often as it may be, and restarts the replicas
// one after the other meanwhile.
func (c *cluster) turnAndRestart(ctx context.Context) error {
	var group sync.WaitGroup
	var rolled error
	group.Go(func() {
		for range wantRestarts {
			pause(ctx, lead)
			if rolled = c.roll(ctx); rolled != nil {
				return
			}
			c.r.count(restarts, 1)
		}
	})
	var turned error
	for range wantTurns {
		if got := c.c.manage(ctx, http.MethodPost, "/keys/ES256/rotate", nil); !got.ok() {
			turned = fmt.Errorf("rotate: %s", got)
			break
		}
		c.r.count(turns, 1)
		pause(ctx, lead+2*time.Second)
	}
	group.Wait()
	return errors.Join(turned, rolled)
}

// roll restarts one replica after the other.
func (c *cluster) roll(ctx context.Context) error {
	for _, p := range c.replicas {
		began := time.Now()
		if err := p.Stop(); err != nil {
			return fmt.Errorf("stop a replica: %w: %s", err, p.Tail())
		}
		c.r.took("drain", time.Since(began))
		if _, err := p.Start(ctx); err != nil {
			return err
		}
		pause(ctx, time.Second)
	}
	return nil
}

// resourceServer is an API that only verifies signatures, by a key set that it
// keeps for as long as it may.
func (c *cluster) resourceServer(ctx context.Context) {
	var set jose.JSONWebKeySet
	var read, until time.Time
	for ; ctx.Err() == nil; pause(ctx, 100*time.Millisecond) {
		if !time.Now().Before(until) {
			got := c.c.get(c.s.Context(), c.c.issuer+"/jwks", "", "")
			if err := json.Unmarshal(got.body, &set); err != nil {
				c.r.wrong(refused, "jwks: %v", err)
				continue
			}
			_, seconds, _ := strings.Cut(got.header.Get("Cache-Control"), "max-age=")
			age, err := strconv.Atoi(seconds)
			if err != nil {
				c.r.violation("jwks: how long may it be kept? %v", err)
			}
			read, until = time.Now(), time.Now().Add(time.Duration(age)*time.Second)
		}
		t, err := c.tokensOf("client_credentials", c.clientToken(c.s.Context()))
		if err != nil {
			c.r.wrong(refused, "%v", err)
			continue
		}
		if err := verified(t.Access, set); err != nil {
			c.r.wrong(refused, "by a key set of %s ago: %v", round(time.Since(read)), err)
		}
		c.r.count("tokens verified offline", 1)
	}
}

// verified checks a token's signature.
func verified(token string, set jose.JSONWebKeySet) error {
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return err
	}
	_, err = parsed.Verify(set)
	return err
}
