// Package live runs a broker as a process of its own, with everything around it: an
// identity provider, sample apps, a folder, and servers. The programs that measure and
// torment a broker stand on it.
package live

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/demo"
	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// Stage is everything around a broker: the identity provider and the sample apps
// of the demo, which live in this process, and a folder. It is a testkit.T, so
// that it can start servers.
type Stage struct {
	*demo.Demo
	// Dir is removed in the end.
	Dir string
	// Program is the built broker.
	Program string

	ctx      context.Context // as a test's
	cleanups []func()
}

// failure ends a play from within Fatal.
type failure struct{ error }

// Play runs a play on a stage of its own, with the given binary or, if that is empty,
// with the product as it is built now.
func Play(ctx context.Context, program string, play func(*Stage) error) (err error) {
	s := &Stage{ctx: ctx, Program: program}
	defer func() {
		if p := recover(); p != nil {
			f, ours := p.(failure)
			if !ours {
				panic(p)
			}
			err = f.error
		}
		for i := len(s.cleanups) - 1; i >= 0; i-- {
			s.cleanups[i]()
		}
	}()
	if err := s.set(); err != nil {
		return err
	}
	return play(s)
}

// Helper implements testkit.T.
func (s *Stage) Helper() {}

// Fatal implements testkit.T: it ends the play.
func (s *Stage) Fatal(args ...any) { panic(failure{errors.New(fmt.Sprint(args...))}) }

// Fatalf implements testkit.T.
func (s *Stage) Fatalf(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }

// Cleanup implements testkit.T.
func (s *Stage) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

// Context implements testkit.T.
func (s *Stage) Context() context.Context { return s.ctx }

// set builds the broker and starts the cast.
func (s *Stage) set() (err error) {
	if s.Dir, err = os.MkdirTemp("", "gatehouse-live-"); err != nil {
		return fmt.Errorf("temporary folder: %w", err)
	}
	s.Cleanup(func() { _ = os.RemoveAll(s.Dir) })
	if s.Program == "" {
		s.Program = filepath.Join(s.Dir, "gatehouse")
		build := exec.CommandContext(s.ctx, "go", "build", "-o", s.Program, "github.com/gatehouse-io/gatehouse/cmd/broker")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build the broker: %w: %s", err, out)
		}
	}
	s.Demo, err = demo.New(demo.Options{Addr: "127.0.0.1:0", Data: filepath.Join(s.Dir, "demo"), Exact: true, Now: time.Now})
	if err != nil {
		return err
	}
	s.Cleanup(s.Close)
	return nil
}

// Address is where the broker is reached; its listener is given up for the process.
func (s *Stage) Address() (string, error) {
	address := s.Listener().Addr().String()
	if err := s.Listener().Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return "", fmt.Errorf("give the address up: %w", err)
	}
	return address, nil
}

// External are the variables of a broker on these servers.
func External(pg *testkit.PostgresServer, redis *testkit.RedisServer) []string {
	return []string{"GATEHOUSE_DATABASE_DRIVER=postgres", "GATEHOUSE_DATABASE_DSN=" + pg.DSN, "GATEHOUSE_REDIS_URL=" + redis.URL}
}

// SignInError is a page that is not the one of somebody who is signed in.
type SignInError struct {
	Status int
	Header http.Header
	Text   string
}

// Error implements error.
func (e *SignInError) Error() string { return fmt.Sprintf("sign-in: %d %.200s", e.Status, e.Text) }

// SignIn signs a person in to expense-bot in a new browser and returns the broker's
// cookies in it. A page that is not as it should be is a SignInError.
func (s *Stage) SignIn(ctx context.Context, username string) (cookie string, err error) {
	b, err := s.Enter(ctx, s.Facts().IDPs[0].ID, s.Facts().Person(username))
	if err != nil {
		return "", err
	}
	return s.Cookie(b)
}

// Enter signs a person in to expense-bot over an identity provider that asks as that of
// the demo does, in a new browser. It fails as SignIn does.
func (s *Stage) Enter(ctx context.Context, idp string, who demo.FactPerson) (*browser.Browser, error) {
	b := browser.New()
	page, err := b.Get(ctx, s.Facts().App("expense-bot").URL+"login?idp="+idp)
	if err != nil {
		return nil, err
	}
	if page.Status != http.StatusOK {
		return nil, &SignInError{page.Status, page.Header, page.Text()}
	}
	if page, err = b.Submit(ctx, page, "", url.Values{"username": {who.Username}, "password": {who.Password}}); err != nil {
		return nil, err
	}
	if said, _ := page.ByID("who"); said != who.Email {
		return nil, &SignInError{page.Status, page.Header, page.Text()}
	}
	return b, nil
}

// Cookie returns the broker's cookies in a browser.
func (s *Stage) Cookie(b *browser.Browser) (string, error) {
	issuer, err := url.Parse(s.Issuer())
	if err != nil {
		return "", fmt.Errorf("issuer: %w", err)
	}
	return b.CookieHeader(issuer), nil
}
