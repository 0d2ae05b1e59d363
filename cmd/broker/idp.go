package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gatehouse-io/gatehouse/cmd/broker/client"
	"github.com/gatehouse-io/gatehouse/config"
)

type idpAddCommand struct {
	connected
	File         string `arg:"" help:"The connection in YAML or JSON, as an item of connections in the configuration; - reads standard input."`
	Disabled     bool   `help:"Nobody may sign in over it before it is enabled, if it is new."`
	ForgetSecret bool   `help:"Forget the client secret that is stored. Without it, and without one in the file, that stays."`
}

// Run adds it. Its faults are the broker's to tell, but for an id that is needed to
// ask at all.
func (c *idpAddCommand) Run() error {
	text, err := c.read()
	if err != nil {
		return err
	}
	read, err := config.ParseConnection(text, nil)
	if read.ID == "" {
		return errors.Join(errors.New("the file names no id"), err)
	}
	r := client.Request{Method: http.MethodPut, Path: "/connections/" + url.PathEscape(read.ID), Media: "application/yaml", Body: text, Query: url.Values{}}
	if c.Disabled {
		r.Query.Set("disabled", "true")
	}
	if c.ForgetSecret {
		r.Query.Set("forget_secret", "true")
	}
	return c.ask(r, client.PrintDone)
}

func (c *idpAddCommand) read() ([]byte, error) {
	if c.File == "-" {
		text, err := io.ReadAll(os.Stdin)
		if err != nil {
			return nil, fmt.Errorf("read the connection: %w", err)
		}
		return text, nil
	}
	text, err := os.ReadFile(c.File)
	if err != nil {
		return nil, fmt.Errorf("read the connection: %w", err)
	}
	return text, nil
}

type idpTestCommand struct {
	connected
	ID     string `arg:"" help:"The connection's id."`
	NoWait bool   `help:"Only print the link, and do not wait for the report."`
}

// lookEvery is how often it is looked whether a test is over.
const lookEvery = time.Second

// Run prints the link to the test and then waits for its report. It fails if the
// test did.
func (c *idpTestCommand) Run() error {
	asked, err := c.client()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	_, answer, err := asked.Do(ctx, client.Request{Method: http.MethodPost, Path: "/connections/" + url.PathEscape(c.ID) + "/test"})
	if err != nil {
		return err
	}
	var made struct {
		Trace, URL string
		Expires    time.Time
	}
	if err := json.Unmarshal(answer, &made); err != nil {
		return fmt.Errorf("read the broker's answer: %w", err)
	}
	if c.NoWait {
		return c.print(answer, client.PrintFacts)
	}
	_, _ = fmt.Fprintf(os.Stderr, "Open this in a browser and sign in there:\n\n  %s\n\nWaiting for the report %s …\n", made.URL, made.Trace) // a terminal that is gone needs no news
	ctx, cancel := context.WithDeadline(ctx, made.Expires)
	defer cancel()
	answer, err = awaitTrace(ctx, func(ctx context.Context) ([]byte, error) {
		_, answer, err := asked.Do(ctx, client.Request{Method: http.MethodGet, Path: "/traces/" + made.Trace})
		return answer, err
	})
	if err != nil {
		return err
	}
	return c.report(answer)
}

// awaitTrace looks for a trace until it is there or ctx ends.
func awaitTrace(ctx context.Context, look func(context.Context) ([]byte, error)) ([]byte, error) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		answer, err := look(ctx)
		var refused *client.Error
		switch {
		case err == nil:
			return answer, nil
		case ctx.Err() == nil && (!errors.As(err, &refused) || refused.Code != "trace_not_found"):
			return nil, err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return nil, &client.Error{Exit: client.Failure, Text: "nobody finished the test in time"}
			}
			return nil, &client.Error{Exit: client.Failure, Text: "interrupted while waiting for the report"}
		}
	}
}

func (c connected) print(answer []byte, print func(io.Writer, []byte) error) error {
	if c.Output == "json" {
		print = client.PrintJSON
	}
	return print(os.Stdout, answer)
}

func (c *idpTestCommand) report(answer []byte) error {
	if err := c.print(answer, client.PrintTrace); err != nil {
		return err
	}
	var t struct {
		Passed bool
		Detail string
	}
	if err := json.Unmarshal(answer, &t); err != nil {
		return fmt.Errorf("read the broker's answer: %w", err)
	}
	if !t.Passed {
		return &client.Error{Exit: client.Failure, Text: "the test failed: " + t.Detail}
	}
	return nil
}

type traceShowCommand struct {
	connected
	Code string `arg:"" help:"The code that the person was shown."`
}

// Run shows the trace.
func (c *traceShowCommand) Run() error {
	return c.ask(client.Request{Method: http.MethodGet, Path: "/traces/" + url.PathEscape(c.Code)}, client.PrintTrace)
}
