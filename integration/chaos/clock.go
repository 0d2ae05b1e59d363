package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/app"
)

// moved is how far the clock is moved, and for how long: beyond the life of
// shortAPI's tokens. What is over comes to life again at once when the clock is put
// back by a little.
const (
	moved      = 10 * time.Minute
	little     = 20 * time.Second
	movedLasts = 25 * time.Second
)

// clockMoves moves the machine's clock, as a broker sees it. Programs in Go cannot
// be deceived from outside about the time, so the broker runs in this program,
// which gives it the clock that a file moves.
func clockMoves(ctx context.Context, o options, r *report) error {
	return onStage(ctx, func(s *stage) error {
		address, err := s.Address()
		if err != nil {
			return err
		}
		self, err := os.Executable()
		if err != nil {
			return err
		}
		p, hands := s.Process("broker", address), filepath.Join(s.Dir, "clock")
		p.Args = []string{self, "-serve", p.Config, "-clock", hands}
		move := func(by time.Duration) func() error {
			return func() error { return os.WriteFile(hands, []byte(by.String()), 0o600) }
		}
		if err := move(0)(); err != nil {
			return err
		}
		f, err := s.begun(o, r, p)
		if err != nil {
			return err
		}
		f.moves = true
		running, stop := context.WithCancel(ctx)
		defer stop()
		go f.shortTokens(running)
		return f.sufferAll(
			fault{name: "clock 10 minutes ahead", begin: move(moved), over: move(0), lasts: movedLasts, allowed: early},
			fault{name: "clock 10 minutes behind", begin: move(-moved), over: move(0), lasts: movedLasts, issuing: true, tokens: true},
			fault{name: "clock 20 seconds behind", begin: move(-little), over: move(0), lasts: movedLasts, issuing: true, tokens: true},
		)
	})
}

// early allows that what was made by the right clock is over by ours: proofs of
// others, and codes and tokens of ours from before.
func early(a *answered) bool {
	return refusedProof(a) || a.what == "userinfo" && a.reply.status == http.StatusUnauthorized ||
		strings.HasPrefix(a.what, "code") && a.reply.code() == "invalid_grant"
}

// shortTokens gets tokens that live for seconds, and writes down that they have
// ended when they have by the right clock.
func (f *faulting) shortTokens(ctx context.Context) {
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {shortScope}, "resource": {shortAPI}}
	for ctx.Err() == nil {
		t, err := f.tokensOf("client_credentials", f.c.post(f.s.Context(), "/token", form, shortClient, f.s.secret))
		if err != nil {
			f.excuse(err)
		} else {
			// The clock may be a second off, and times are cut to seconds.
			time.AfterFunc(shortLife+2*time.Second, func() {
				f.l.end(ended{"a token that is over", func(ctx context.Context) reply { return f.introspect(ctx, t) }})
			})
		}
		pause(ctx, time.Second)
	}
}

// excuse judges a failure as that of a worker.
func (f *faulting) excuse(err error) {
	var a *answered
	if !errors.As(err, &a) {
		f.r.violation("%v", err)
		return
	}
	f.trouble(a)
}

// introspect answers 200 for a token that is good.
func (f *faulting) introspect(ctx context.Context, t tokens) reply {
	got := f.c.post(ctx, "/introspect", url.Values{"token": {t.Access}}, shortClient, f.s.secret)
	if got.ok() && bytes.Contains(got.body, []byte(`"active":false`)) {
		got.status = http.StatusUnauthorized
	}
	return got
}

// serveByMovedClock is the broker with the time that the file hands moves.
func serveByMovedClock(ctx context.Context, file, hands string) error {
	var environ []string
	for _, e := range os.Environ() {
		if strings.HasPrefix(e, "GATEHOUSE_") {
			environ = append(environ, e)
		}
	}
	cfg, err := config.Load(file, environ)
	if err != nil {
		return err
	}
	var offset atomic.Int64
	read := func() error {
		text, err := os.ReadFile(filepath.Clean(hands))
		if err != nil {
			return err
		}
		if by, err := time.ParseDuration(string(text)); err == nil { // else it is being written
			offset.Store(int64(by))
		}
		return nil
	}
	if err := read(); err != nil {
		return fmt.Errorf("clock: %w", err)
	}
	go func() {
		for ; ctx.Err() == nil; pause(ctx, 5*time.Millisecond) {
			_ = read() // the hands stay where they are
		}
	}()
	b, err := app.Start(ctx, cfg, app.Options{Now: func() time.Time { return time.Now().Round(0).Add(time.Duration(offset.Load())) }})
	if err != nil {
		return err
	}
	return b.Wait()
}
