package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-io/gatehouse/integration/live"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// How long load runs before a fault, how long the fault lasts, which is beyond the
// staleness bound of 5 s, and how long a recovery may take.
const (
	calm          = 2 * time.Second
	faultLasts    = 8 * time.Second
	recoveryLimit = 60 * time.Second
)

// fault is one thing that goes wrong under load, and what is documented for it.
type fault struct {
	name        string
	begin, over func() error
	lasts       time.Duration // 0 is faultLasts
	// tokens says that tokens are verified throughout; otherwise they may be
	// refused with 503.
	tokens bool
	// issuing says that client tokens are issued throughout.
	issuing bool
	// allowed judges an answer during the fault that is neither good nor 503.
	allowed func(*answered) bool
}

// faulting is a broker that faults are done to.
type faulting struct {
	*load
	p       *live.Process
	network *testkit.Relay // to PostgreSQL, if there is one
	workers int
	current atomic.Pointer[fault] // nil while all is well
}

// trouble accepts the documented answers while a fault lasts.
func (f *faulting) trouble(a *answered) bool {
	now := f.current.Load()
	switch {
	case now == nil:
		f.r.wrong(refused, "%v", a)
	case a.what == "client_credentials" && now.issuing:
		f.r.wrong(refused, "during %s: %v", now.name, a)
	case a.reply.paused():
		f.r.count("answered 503 with Retry-After", 1)
	case now.allowed != nil && now.allowed(a):
		f.r.count("documented refusals", 1)
	case a.what == "sign-in":
		f.r.count("sign-ins that an app could not end", 1)
	default:
		f.r.violation("during %s: %v", now.name, a)
	}
	pause(f.s.Context(), 50*time.Millisecond)
	return true
}

// suffer does one fault under load and holds the broker to what is documented.
func (f *faulting) suffer(bad fault) error {
	before := f.l.count()
	held, err := f.hold(f.s.Context())
	if err != nil {
		return fmt.Errorf("before %s: %w", bad.name, err)
	}
	ctx, stop := context.WithCancel(f.s.Context())
	defer stop()
	var group sync.WaitGroup
	group.Go(func() { f.run(ctx, f.load.workers(f.workers)) })
	group.Go(func() { f.probe(ctx) })
	group.Go(func() { f.watch(ctx, held) })
	pause(ctx, calm)
	f.current.Store(&bad)
	if err := bad.begin(); err != nil {
		return fmt.Errorf("%s: %w", bad.name, err)
	}
	if bad.lasts == 0 {
		bad.lasts = faultLasts
	}
	pause(ctx, bad.lasts)
	over := time.Now()
	on, off := f.lately(over.Add(-bad.lasts / 2))
	if err := bad.over(); err != nil {
		return fmt.Errorf("end of %s: %w", bad.name, err)
	}
	for !f.recovered(over) && time.Since(over) < recoveryLimit {
		pause(ctx, 5*time.Millisecond)
	}
	took := time.Since(over)
	if took >= recoveryLimit {
		f.r.violation("%s: not recovered after %s", bad.name, recoveryLimit)
	}
	pause(ctx, calm) // what was asked for during the fault may still be answered
	f.current.Store(nil)
	pause(ctx, calm)
	stop()
	group.Wait()
	f.r.count(faults, 1)
	f.r.count(acks, f.l.count()-before)
	f.r.took("recovery", took)
	f.r.note("%s for %s: recovered %s after its end; went on: %s; paused: %s", bad.name, bad.lasts, round(took), strings.Join(on, ", "), strings.Join(off, ", "))
	if err := f.verify(f.s.Context()); err != nil {
		return fmt.Errorf("after %s: %w", bad.name, err)
	}
	auditWhole(f.s.Context(), f.p, f.r)
	return nil
}

// probe tries what must be refused, all the time.
func (f *faulting) probe(ctx context.Context) {
	for ctx.Err() == nil {
		if what, try, ok := f.l.forbidden(); ok {
			got := try(f.s.Context())
			if got.ok() {
				f.r.wrong(twice, "%s: %s", what, got)
			}
			f.r.count("tries of what is forbidden", 1)
		}
		pause(ctx, 10*time.Millisecond)
	}
}

// watch uses a good token, and asks for what must answer whatever happens.
func (f *faulting) watch(ctx context.Context, held string) {
	for ctx.Err() == nil {
		for _, path := range []string{"/jwks", "/.well-known/openid-configuration", "/healthz"} {
			if got := f.c.get(f.s.Context(), f.c.issuer+path, "", ""); !got.ok() {
				f.r.wrong(refused, "%s: %s", path, got)
			}
		}
		got, now := f.c.userinfo(f.s.Context(), held), f.current.Load()
		switch {
		case got.ok():
		case now == nil || now.tokens:
			f.r.wrong(refused, "a good token: %s", got)
		case got.paused(), now.allowed != nil && now.allowed(&answered{"userinfo", got}):
			f.r.count("good tokens refused as documented", 1)
		default:
			f.r.wrong(refused, "a good token during %s: %s", now.name, got)
		}
		pause(ctx, 50*time.Millisecond)
	}
}

// hold gets a token that is good for minutes.
func (f *faulting) hold(ctx context.Context) (string, error) {
	form, got := f.code(ctx, *f.cookie.Load())
	if form == nil {
		return "", &answered{"authorize", got}
	}
	t, err := f.tokensOf("code", f.asExpenseBot(ctx, "/token", form))
	return t.Access, err
}

// begun is a broker under faults on this stage.
func (s *stage) begun(o options, r *report, p *live.Process) (*faulting, error) {
	w, err := s.open(p, o, r)
	if err != nil {
		return nil, err
	}
	f := &faulting{load: w, p: p, workers: o.workers}
	w.trouble = f.trouble
	s.Cleanup(func() {
		if err := p.Stop(); err != nil {
			r.violation("stop: %v: %s", err, p.Tail())
		}
	})
	return f, nil
}

// sufferAll does one fault after the other.
func (f *faulting) sufferAll(bad ...fault) error {
	for _, one := range bad {
		if err := f.suffer(one); err != nil {
			return err
		}
	}
	return nil
}

// refusedProof is a client assertion that is refused since nobody can tell whether
// it was seen.
func refusedProof(a *answered) bool {
	return a.what == "private_key_jwt" && a.reply.status == http.StatusUnauthorized && a.reply.code() == "invalid_client"
}
