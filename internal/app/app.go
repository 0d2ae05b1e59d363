// Package app is the composition root: it turns the configuration into stores,
// services, mounted routes and workers, starts them in order and stops them in
// the opposite one. It decides on nothing: what a part needs is in the part's
// Options, and where two parts meet, one of them declared the interface.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/telemetry"
)

// drainTime is how long a stopping broker waits for requests under way.
const drainTime = 10 * time.Second

// Options are what a caller may replace. The zero value is the product.
type Options struct {
	// Listener is where people and apps are served; nil listens on Config.Listen.
	Listener net.Listener
	// Log gets JSON lines; nil means standard error.
	Log io.Writer
	// Now is the machine's clock; nil means time.Now. It may be moved: see clock.
	Now func() time.Time
	// Wrap stands around everything that is served on Listener; nil means nothing.
	Wrap func(http.Handler) http.Handler
}

// Broker is a running broker.
type Broker struct {
	cfg     config.Config
	parts   *parts
	cancel  context.CancelFunc
	group   *errgroup.Group
	address string
}

// Start opens the stores, migrates them, starts every worker and serves. It
// returns once the broker answers. ctx bounds the start and, when it ends, ends
// the broker.
func Start(ctx context.Context, cfg config.Config, o Options) (*Broker, error) {
	if o.Log == nil {
		o.Log = os.Stderr
	}
	c := newClock(o.Now)
	p := &parts{cfg: cfg, clock: c, now: c.now}
	if err := p.assemble(ctx, o); err != nil {
		return nil, errors.Join(err, p.close())
	}
	running, cancel := context.WithCancel(ctx)
	group, running := errgroup.WithContext(running)
	b := &Broker{cfg: cfg, parts: p, cancel: cancel, group: group}
	if err := b.serve(running, o); err != nil {
		cancel()
		return nil, errors.Join(err, group.Wait(), p.close())
	}
	return b, nil
}

// Address is the host:port that is served.
func (b *Broker) Address() string { return b.address }

// Socket is the path of the management API's Unix socket.
func (b *Broker) Socket() string { return b.cfg.Socket }

// Wait returns when the broker has ended, with what ended it.
func (b *Broker) Wait() error {
	err := b.group.Wait()
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, b.parts.close())
}

// Stop lets requests under way finish, ends the workers and returns like Wait.
func (b *Broker) Stop() error {
	b.cancel()
	return b.Wait()
}

// Serve is Start and Wait: what `broker serve` does.
func Serve(ctx context.Context, cfg config.Config) error {
	b, err := Start(ctx, cfg, Options{})
	if err != nil {
		return err
	}
	return b.Wait()
}

// logger returns the broker's logger at the configured level.
func logger(w io.Writer, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log.level: %w", err)
	}
	return telemetry.NewLogger(w, telemetry.LogOptions{Level: l}), nil
}
