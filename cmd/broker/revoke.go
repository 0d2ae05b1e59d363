package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/gatehouse-io/gatehouse/cmd/broker/client"
)

// Run prunes the node.
func (c *exchangePruneCommand) Run(k *kong.Context) error { return c.run(c.connected, request(k)) }

// Run prunes the node.
func (c *appPruneCommand) Run(k *kong.Context) error { return c.run(c.connected, request(k)) }

type revocationCommand struct {
	Show  one `cmd:"" default:"withargs" help:"Show a revocation, and how far each of its consequences is: sessions, grants, back-channel logout, signals, ownership, requests." api:"GET /revocations/{}" set:"thing=The revocation's id: broker person revocations lists those of a person."`
	Retry one `cmd:"" help:"Try again what a revocation leads to and failed, or was given up." api:"POST /revocations/{}/retry" set:"thing=The revocation's id."`
}

type revokeCommand struct {
	connected
	risky
	Kind   string `arg:"" enum:"person,connection,app,client,session,grant,install" help:"person, connection, app, client, session, grant or install."`
	ID     string `arg:"" help:"Its id: of a person the sub of tokens, of an app its name, of an install PERSON/APP."`
	Reason string `help:"Why: it stays in the audit log."`
	Wait   bool   `help:"Wait until the apps of ended sessions were told."`
}

// Run revokes, and with --wait says how far the consequences are.
func (c *revokeCommand) Run(k *kong.Context) error {
	r := request(k)
	if c.Preview {
		return c.run(c.connected, r)
	}
	if c.Reason == "" {
		return &client.Error{Exit: client.Usage, Text: "say why with --reason: it stays in the audit log"}
	}
	r.Body, r.Media = encode(map[string]string{"reason": c.Reason}), "application/json"
	if !c.Wait {
		return c.run(c.connected, r)
	}
	if err := c.agree(c.connected, r); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return c.follow(ctx, r)
}

// revoked is what the broker answers of a revocation.
type revoked struct {
	ID       string
	Progress struct {
		Queued                                  bool
		Sessions, Told, Waiting, Failed, Untold int
	}
}

// follow revokes and looks until everybody was told.
func (c *revokeCommand) follow(ctx context.Context, r client.Request) error {
	asked, err := c.client()
	if err != nil {
		return err
	}
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		status, answer, err := asked.Do(ctx, r)
		if err != nil {
			return err
		}
		if status == http.StatusAccepted {
			return c.waiting(answer)
		}
		var now revoked
		if err := json.Unmarshal(answer, &now); err != nil {
			return fmt.Errorf("read the broker's answer: %w", err)
		}
		p := now.Progress
		if p.Queued && p.Waiting == 0 {
			return c.print(answer, client.PrintFacts)
		}
		_, _ = fmt.Fprintf(os.Stderr, "Revoked. Sessions ended: %d; apps told: %d, to be told: %d, given up: %d, without an address to be told at: %d\n", p.Sessions, p.Told, p.Waiting, p.Failed, p.Untold) // a terminal that is gone needs no news
		r = client.Request{Method: http.MethodGet, Path: "/revocations/" + url.PathEscape(now.ID)}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return &client.Error{Exit: client.Failure, Text: "the revocation " + now.ID + " is in force; not every app has been told yet"}
		}
	}
}
