package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatehouse-io/gatehouse/integration/live"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// young is how long a memory that begins with the process refuses proofs: the
// skew, and the second that issue times are cut to.
const young = 4 * time.Second

// killSQLite kills a broker that keeps everything by itself.
func killSQLite(ctx context.Context, o options, r *report) error {
	return onStage(ctx, func(s *stage) error { return s.kills(o, r, true) })
}

// killPostgres kills a broker on PostgreSQL and Redis, which stay.
func killPostgres(ctx context.Context, o options, r *report) error {
	return onStage(ctx, func(s *stage) error {
		return s.kills(o, r, false, live.External(testkit.NewPostgres(s), testkit.Redis(s))...)
	})
}

// killing is a series of kills.
type killing struct {
	*load
	p       *live.Process
	forgets bool         // its memory ends with the process
	dead    atomic.Bool  // it was killed
	started atomic.Int64 // when it was ready last, as UnixNano
}

func (s *stage) kills(o options, r *report, forgets bool, env ...string) error {
	address, err := s.Address()
	if err != nil {
		return err
	}
	k := &killing{p: s.Process("broker", address, env...), forgets: forgets}
	w, err := s.open(k.p, o, r)
	if err != nil {
		return err
	}
	k.load = w
	s.Cleanup(func() { _ = k.p.Stop() })
	w.trouble, w.fresh = k.trouble, k.young
	for i := range o.rounds {
		if err := k.round(i, o); err != nil {
			return fmt.Errorf("round %d: %w", i+1, err)
		}
	}
	return k.finish()
}

// open starts a broker, brings the apps in and signs everybody in once.
func (s *stage) open(p *live.Process, o options, r *report) (*load, error) {
	if _, err := p.Start(s.Context()); err != nil {
		return nil, err
	}
	w := &load{s: s, r: r, l: newLedger(), c: newClient(s.Issuer(), p.Socket(), o.workers), people: map[string]string{}}
	w.fresh = func() bool { return false }
	for !w.c.get(s.Context(), s.Issuer()+"/readyz", "", "").ok() && s.Context().Err() == nil {
		pause(s.Context(), checkEvery) // a balancer before it has yet to see that it is ready
	}
	if err := s.populate(w.c, p.Socket()); err != nil {
		return nil, err
	}
	pause(s.Context(), s.settle)
	return w, w.meet()
}

// meet signs the people in, so that the directory has them.
func (w *load) meet() error {
	for _, name := range []string{"alice", "bob", "ada"} {
		cookie, err := w.s.signIn(w.s.Context(), name)
		if err != nil {
			return err
		}
		if name == "alice" {
			w.cookie.Store(&cookie)
		}
		page, err := list[struct {
			ID      string
			Profile struct{ Email string }
		}](w.s.Context(), w.c, "/people")
		if err != nil {
			return err
		}
		for _, p := range page.Items {
			if p.Profile.Email == w.s.Facts().Person(name).Email {
				w.people[name] = p.ID
			}
		}
	}
	return nil
}

// young reports whether the broker's memory has only just begun.
func (k *killing) young() bool {
	return k.forgets && time.Since(time.Unix(0, k.started.Load())) < young
}

// trouble ends a worker whose broker was killed; anything else is a violation.
func (k *killing) trouble(a *answered) bool {
	if k.dead.Load() { // an app that signs people in tells of it by a page of its own
		return false
	}
	k.r.wrong(refused, "%v", a)
	pause(k.s.Context(), 100*time.Millisecond)
	return k.s.Context().Err() == nil && !k.dead.Load()
}

// round lets the workers work, kills, looks at the audit log, starts and verifies.
func (k *killing) round(i int, o options) error {
	before := k.l.count()
	k.started.CompareAndSwap(0, time.Now().UnixNano())
	done := make(chan struct{})
	go func() { k.run(k.s.Context(), k.workers(o.workers)); close(done) }()
	for k.l.count() < before+o.writes {
		if err := k.s.Context().Err(); err != nil {
			return err
		}
		pause(k.s.Context(), time.Millisecond)
	}
	pause(k.s.Context(), rand.N(50*time.Millisecond))
	k.dead.Store(true)
	k.p.Kill()
	<-done
	k.c.forget()
	k.r.count(kills, 1)
	k.r.count(acks, k.l.count()-before)
	if i < 10 || i%10 == 9 || i == o.rounds-1 {
		auditWhole(k.s.Context(), k.p, k.r)
	}
	paused := time.Now()
	if _, err := k.p.Start(k.s.Context()); err != nil {
		return err
	}
	k.r.took("start after a kill", time.Since(paused))
	k.started.Store(time.Now().UnixNano())
	k.dead.Store(false)
	if i%20 == 19 {
		k.r.note("%d kills, %s acknowledged writes", i+1, grouped(k.l.count()))
	}
	return k.verify(k.s.Context())
}

// auditWhole asks the product itself whether the audit log is whole.
func auditWhole(ctx context.Context, p *live.Process, r *report) {
	out, err := p.Command(ctx, "audit", "verify")
	if err != nil || !strings.Contains(out, "is whole") {
		r.wrong(broken, "%v: %s", err, out)
		return
	}
	r.count("looks at the whole audit log", 1)
}

// finish stops the broker in good order and looks for every token there ever was.
func (k *killing) finish() error {
	if err := k.p.Stop(); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	auditWhole(k.s.Context(), k.p, k.r)
	out, err := k.p.Command(k.s.Context(), "audit", "export", "--type", "token.issued")
	if err != nil {
		return fmt.Errorf("export: %w: %.300s", err, out)
	}
	k.recorded([]byte(out))
	if log, err := os.ReadFile(filepath.Clean(k.p.Log)); err != nil || bytes.Contains(log, []byte(`"panic"`)) {
		return errors.Join(errors.New("the log tells of a panic"), err)
	}
	return nil
}
