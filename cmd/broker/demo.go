package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/app"
	"github.com/gatehouse-io/gatehouse/internal/demo"
)

// demoCommand starts the broker with everybody it needs: an identity provider
// and sample apps, on loopback.
type demoCommand struct {
	Addr  string `help:"Where the broker listens; another port is taken when this one is not free." default:"127.0.0.1:8080"`
	Data  string `help:"Where the demo keeps its data. It survives a restart." default:"gatehouse-data" type:"path"`
	Facts string `help:"Write everything that was started, as JSON, to this file." type:"path"`
	Check bool   `help:"Walk the whole story, print each step, and end."`
}

// Run starts the demo and waits for an interrupt.
func (c *demoCommand) Run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	tendHeap(ctx)
	d, err := demo.New(demo.Options{Addr: c.Addr, Data: c.Data, SAML: true, Now: time.Now})
	if err != nil {
		return err
	}
	defer d.Close()
	cfg, err := config.Load(d.ConfigFile(), nil)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(cfg.DataDir, "broker.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	defer func() { _ = log.Close() }()
	broker, err := app.Start(ctx, cfg, app.Options{Listener: d.Listener(), Log: log})
	if err != nil {
		return err
	}
	if err := c.play(ctx, d, broker.Socket(), log.Name()); err != nil {
		_ = broker.Stop()
		return err
	}
	if c.Check {
		return broker.Stop()
	}
	return broker.Wait()
}

// play brings the apps in, says what there is, and checks it when asked.
func (c *demoCommand) play(ctx context.Context, d *demo.Demo, socket, log string) error {
	if err := d.Populate(ctx, socket); err != nil {
		return err
	}
	if c.Facts != "" {
		if err := d.WriteFacts(ctx, c.Facts); err != nil {
			return err
		}
	}
	if c.Check {
		return d.Check(ctx, os.Stdout)
	}
	if absolute, err := filepath.Abs(socket); err == nil { // for terminals in other folders
		socket = absolute
	}
	return c.introduce(os.Stdout, d.Facts(), socket, log)
}

// introduce prints where to go and who to sign in as.
func (c *demoCommand) introduce(out io.Writer, f demo.Facts, socket, log string) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	print := func(cells ...string) { _, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) } // Flush tells of a failure
	print("Gatehouse is running.")
	if f.Issuer != "http://"+c.Addr && !strings.HasSuffix(c.Addr, ":0") {
		print(c.Addr + " is taken, so the broker is at " + f.Issuer + ".")
	}
	print()
	print("  My apps", f.Portal)
	print("  My account", f.Account)
	for _, a := range f.Apps {
		print("  "+a.Name, a.URL)
	}
	for _, a := range f.SAMLApps {
		print("  "+a.Name, a.URL, "over SAML")
	}
	for _, provider := range f.IDPs {
		print()
		if provider.Staff != "" {
			print(provider.Title, provider.Staff, "who works there: sign in as ada to hire, move and fire")
			print()
		}
		print("At "+provider.Title+", sign in as", "password", "groups")
		for _, p := range provider.People {
			print("  "+p.Username, p.Password, strings.Join(p.Groups, ", "))
		}
	}
	print()
	print("alice and bob may use every app. carol may use none: her group has no name here.")
	print("For broker, and an app of yours, in another terminal: export GATEHOUSE_SOCKET=" + socket + " ISSUER=" + f.Issuer)
	print("Data is kept in " + f.DataDir + ", the broker's log in " + filepath.Base(log) + " there. Stop with Ctrl-C.")
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}
