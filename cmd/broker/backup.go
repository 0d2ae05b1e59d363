package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"

	"github.com/gatehouse-io/gatehouse/cmd/broker/client"
	"github.com/gatehouse-io/gatehouse/internal/app"
)

type backupCommand struct {
	configured
	File      string   `arg:"" help:"Where the backup goes; - is standard output."`
	Recipient []string `help:"A further reader's X25519 public key, as age-keygen makes it (age1…)."`
	Offline   bool     `help:"Read the database itself, while no broker runs."`
}

// Run takes a backup of the running broker. Whoever restores it needs the
// encryption key of the configuration, which is not part of it.
func (c *backupCommand) Run() error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	take := func(w io.Writer) error { return fetchBackup(cfg.Socket, c.Recipient, w) }
	if c.Offline {
		take = func(w io.Writer) error { return app.Backup(context.Background(), cfg, c.Recipient, w) }
	}
	if c.File == "-" {
		return take(os.Stdout)
	}
	return writeWhole(c.File, take)
}

// writeWhole makes the file only when everything is written.
func writeWhole(name string, write func(io.Writer) error) error {
	partial := name + ".partial"
	f, err := os.OpenFile(partial, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	err = write(f)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(partial))
	}
	if err := os.Rename(partial, name); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}

// fetchBackup asks the running broker and fails unless it sent everything.
func fetchBackup(socket string, recipients []string, w io.Writer) error {
	broker := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	defer broker.CloseIdleConnections()
	target := "http://broker/backup?" + url.Values{"recipient": recipients}.Encode()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, target, nil)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	res, err := broker.Do(req)
	if err != nil {
		return fmt.Errorf("the broker does not answer at %s; --offline reads the database while no broker runs: %w", socket, err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		var problem struct{ Detail string }
		if err := json.NewDecoder(io.LimitReader(res.Body, client.MaxAnswer)).Decode(&problem); err != nil {
			return fmt.Errorf("the broker answers %s", res.Status)
		}
		return errors.New(problem.Detail)
	}
	if _, err := io.Copy(w, res.Body); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if res.Trailer.Get(app.BackupWhole) == "" {
		return errors.New("backup: the broker broke it off; its log says why")
	}
	return nil
}

type restoreCommand struct {
	configured
	File   string `arg:"" optional:"" help:"The backup; - is standard input."`
	Force  bool   `help:"Replace a database that is there. It is kept beside the new one."`
	DryRun bool   `help:"Only check the backup and say what it has."`
	Adopt  bool   `help:"Take over the database that is there, put back by other means, such as a copy of a disk."`
}

// Run restores a backup while no broker runs.
func (c *restoreCommand) Run() error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if c.Adopt == (c.File != "") {
		return errors.New("name a backup, or --adopt the database that is there")
	}
	if c.Adopt {
		return app.Adopt(context.Background(), cfg, os.Stdout)
	}
	in := os.Stdin
	if c.File != "-" {
		if in, err = os.Open(c.File); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
		defer func() { _ = in.Close() }() // only read from
	}
	if c.DryRun {
		return app.CheckBackup(cfg, in, os.Stdout)
	}
	return app.Restore(context.Background(), cfg, in, c.Force, os.Stdout)
}
