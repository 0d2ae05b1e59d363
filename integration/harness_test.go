// Package integration holds the tests of the whole product: in process, over
// HTTP, with independent clients and in a real browser. SQLite and an in-process
// cache unless a test says otherwise; PostgreSQL and Redis are real servers.
package integration

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/app"
	"github.com/gatehouse-io/gatehouse/internal/demo"
)

// stage is a running demo: broker, identity provider and sample apps.
type stage struct {
	*demo.Demo
	broker *app.Broker
	log    *logBuffer
}

// startDemo starts everything on free loopback ports under dir and ends it with
// the test. wrap stands around the broker; nil means nothing.
func startDemo(t *testing.T, dir string, wrap func(http.Handler) http.Handler) *stage {
	t.Helper()
	return startDemoAt(t, dir, wrap, time.Now)
}

// startDemoAt is startDemo with another clock for everybody, and changes to the
// broker's configuration.
func startDemoAt(t *testing.T, dir string, wrap func(http.Handler) http.Handler, now func() time.Time, changes ...func(*config.Config)) *stage {
	t.Helper()
	return startDemoWith(t, demo.Options{Addr: "127.0.0.1:0", Data: dir, Exact: true, Now: now}, wrap, changes...)
}

// startDemoWithSAML is startDemo with Partner Corp and the app that speaks SAML.
func startDemoWithSAML(t *testing.T, changes ...func(*config.Config)) *stage {
	t.Helper()
	return startDemoWith(t, demo.Options{Addr: "127.0.0.1:0", Data: tempDir(t), Exact: true, SAML: true, Now: time.Now}, nil, changes...)
}

// startUnpushed is startDemoAt with people who come by signing in, which tells their
// groups: Acme pushes nothing.
func startUnpushed(t *testing.T, now func() time.Time, changes ...func(*config.Config)) *stage {
	t.Helper()
	return startDemoWith(t, demo.Options{Addr: "127.0.0.1:0", Data: tempDir(t), Exact: true, Unpushed: true, Now: now}, nil, changes...)
}

func startDemoWith(t *testing.T, o demo.Options, wrap func(http.Handler) http.Handler, changes ...func(*config.Config)) *stage {
	t.Helper()
	d, err := demo.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	cfg, err := config.Load(d.ConfigFile(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range changes {
		change(&cfg)
	}
	s := &stage{Demo: d, log: &logBuffer{}}
	s.broker, err = app.Start(context.WithoutCancel(t.Context()), cfg, app.Options{Listener: d.Listener(), Log: s.log, Wrap: wrap, Now: o.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.broker.Stop(); err != nil {
			t.Errorf("the broker stopped with %v", err)
		}
		if t.Failed() {
			t.Log(s.log.String())
		}
	})
	if err := d.Populate(t.Context(), s.broker.Socket()); err != nil {
		t.Fatal(err)
	}
	return s
}

// factsFile writes the facts for a program that is not ours.
func (s *stage) factsFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "facts.json")
	if err := s.WriteFacts(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	return file
}

// logBuffer collects the broker's log.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// tempDir returns a temporary folder with a path short enough for a Unix socket,
// which that of t.TempDir is not for a test with a long name.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gatehouse-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
