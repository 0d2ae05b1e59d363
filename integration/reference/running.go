package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/app"
	"github.com/gatehouse-io/gatehouse/internal/demo"
)

// broker is a demo's broker that is asked what it serves.
type broker struct {
	demo   *demo.Demo
	broker *app.Broker
	folder string
}

// start runs a broker on a free port, with its data in a temporary folder.
func start(ctx context.Context) (*broker, error) {
	folder, err := os.MkdirTemp("", "gatehouse-reference-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	b := &broker{folder: folder}
	if b.demo, err = demo.New(demo.Options{Addr: "127.0.0.1:0", Data: folder, Exact: true, Now: time.Now}); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	cfg, err := config.Load(b.demo.ConfigFile(), nil)
	if err == nil {
		b.broker, err = app.Start(ctx, cfg, app.Options{Listener: b.demo.Listener(), Log: io.Discard})
	}
	if err != nil {
		b.stop()
		return nil, err
	}
	if err := b.demo.Populate(ctx, b.broker.Socket()); err != nil {
		b.stop()
		return nil, err
	}
	return b, nil
}

func (b *broker) stop() {
	if b.broker != nil {
		_ = b.broker.Stop() // nothing of it is kept
	}
	b.demo.Close()
	_ = os.RemoveAll(b.folder)
}

// read returns what the broker answers at a path; over its socket with operator.
func (b *broker) read(ctx context.Context, path string, operator bool) ([]byte, error) {
	client, target := http.DefaultClient, b.demo.Facts().Issuer+path
	if operator {
		client, target = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", b.broker.Socket())
		}}}, "http://broker"+path
		defer client.CloseIdleConnections()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, fmt.Errorf("ask for %s: %w", path, err)
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask for %s: %w", path, err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = errors.New(res.Status)
	}
	if err != nil {
		return nil, fmt.Errorf("ask for %s: %w", path, err)
	}
	return body, nil
}

// document reads a JSON object.
func (b *broker) document(ctx context.Context, path string, operator bool, into any) error {
	body, err := b.read(ctx, path, operator)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}
