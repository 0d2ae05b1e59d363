package main

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/mattn/go-isatty"

	"github.com/gatehouse-io/gatehouse/cmd/broker/client"
)

type directoryCommand struct {
	Export  directoryExportCommand  `cmd:"" help:"Write people, subjects, groups, memberships, names of groups and assignments to standard output as JSON lines." api:"GET /directory"`
	Import  directoryImportCommand  `cmd:"" help:"Say of each line of a file what would become of it, and with --apply do so." api:"POST /imports"`
	Imports listing                 `cmd:"" help:"List the imports of the last 30 days, the newest first." api:"GET /imports" columns:"ID=id,STATE=state,FORMAT=format,LINES=lines,CREATED=created,FINISHED=finished,BY=by.id,WAITS=approval.change"`
	Show    one                     `cmd:"" help:"Show an import: what becomes, or became, of its lines." api:"GET /imports/{}" set:"thing=The import's id."`
	Faults  directoryFaultsCommand  `cmd:"" help:"List the lines of an import that are refused, each with where in it and why." api:"GET /imports/{}/faults" columns:"LINE=line,KIND=kind,WHERE=pointer,CODE=code,WHY=detail"`
	Apply   directoryApplyCommand   `cmd:"" help:"Apply an import that was checked." api:"POST /imports/{}/apply"`
	Discard directoryDiscardCommand `cmd:"" help:"Forget an import that is not being applied." api:"DELETE /imports/{}"`
}

type directoryExportCommand struct {
	connected
	Connection string `help:"Only what is of this connection." query:"connection"`
}

// Run writes the export, and says on a terminal how far it is.
func (c *directoryExportCommand) Run() error {
	asked, err := c.client()
	if err != nil {
		return err
	}
	r := client.Request{Method: http.MethodGet, Path: "/directory"}
	if c.Connection != "" {
		r.Query = url.Values{"connection": {c.Connection}}
	}
	p := &client.Progress{To: os.Stdout, Terminal: terminal()}
	defer p.Done()
	return asked.Stream(context.Background(), r, p)
}

type directoryFaultsCommand struct {
	listing
	ID string `arg:"" help:"The import's id."`
}

type directoryDiscardCommand struct {
	connected
	ID string `arg:"" help:"The import's id."`
}

// Run forgets it.
func (c *directoryDiscardCommand) Run() error {
	return c.ask(client.Request{Method: http.MethodDelete, Path: "/imports/" + url.PathEscape(c.ID)}, client.PrintDone)
}

type directoryImportCommand struct {
	connected
	File        string   `arg:"" help:"The file; - reads standard input."`
	Format      string   `help:"What the file is: ${enum}." enum:"gatehouse,keycloak,dex" default:"gatehouse"`
	Connection  []string `help:"Which connection here an identity provider of Keycloak, or a connector of Dex, is: ALIAS=ID; again for more." sep:"none"`
	Subjects    string   `help:"The connection over which people sign in with the Keycloak that the file is of."`
	Groups      string   `help:"The connection that keeps the groups of the file; it has to take SCIM."`
	Apply       bool     `help:"Apply it, if no line is refused."`
	SkipRefused bool     `help:"With --apply, apply all lines but those that are refused."`
}

// Run sends the file, waits until it is checked, and prints what would become of it.
func (c *directoryImportCommand) Run() error {
	asked, err := c.client()
	if err != nil {
		return err
	}
	in := io.Reader(os.Stdin)
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return &client.Error{Exit: client.Usage, Text: err.Error()}
		}
		defer func() { _ = f.Close() }() // it was only read
		in = f
	}
	q := url.Values{"format": {c.Format}}
	for name, value := range map[string]string{"connections": strings.Join(c.Connection, ","), "subjects": c.Subjects, "groups": c.Groups} {
		if value != "" {
			q.Set(name, value)
		}
	}
	media := "application/json"
	if c.Format == "gatehouse" {
		media = "application/jsonl"
	}
	p := &client.Progress{To: io.Discard, Terminal: news()}
	answer, err := asked.Send(context.Background(), client.Request{Method: http.MethodPost, Path: "/imports", Query: q, Media: media}, io.TeeReader(in, p))
	p.Done()
	if err != nil {
		return err
	}
	i, err := asked.Follow(context.Background(), answer, news())
	switch {
	case err != nil:
		return err
	case !c.Apply || i.State != client.Checked || i.Refused() > 0 && !c.SkipRefused:
		return c.tell(asked, i)
	}
	return c.apply(asked, i.ID, c.SkipRefused)
}

type directoryApplyCommand struct {
	connected
	ID          string `arg:"" help:"The import's id."`
	SkipRefused bool   `help:"Apply all lines but those that are refused."`
}

// Run applies it and waits until it is done.
func (c *directoryApplyCommand) Run() error {
	asked, err := c.client()
	if err != nil {
		return err
	}
	return c.apply(asked, c.ID, c.SkipRefused)
}

// apply applies an import, which may wait for a second person.
func (c connected) apply(asked *client.Client, id string, skip bool) error {
	status, answer, err := asked.Do(context.Background(), client.Request{
		Method: http.MethodPost, Path: "/imports/" + url.PathEscape(id) + "/apply", Media: "application/json", Body: encode(map[string]any{"skip_refused": skip}),
	})
	if err != nil {
		return err
	}
	if status == http.StatusAccepted {
		return c.waiting(answer)
	}
	i, err := asked.Follow(context.Background(), answer, news())
	if err != nil {
		return err
	}
	return c.tell(asked, i)
}

// news is standard error when somebody looks at it, else nil.
func news() io.Writer {
	if isatty.IsTerminal(os.Stderr.Fd()) {
		return os.Stderr
	}
	return nil
}

// tell prints what becomes, or became, of an import, and fails where lines are refused,
// or the file is.
func (c connected) tell(asked *client.Client, i client.Import) error {
	if c.Output == "json" {
		if err := client.PrintJSON(os.Stdout, i.Raw); err != nil {
			return err
		}
		return i.Failed()
	}
	faults, err := asked.Faults(context.Background(), i)
	if err != nil {
		return err
	}
	if err := client.PrintImport(os.Stdout, i, faults); err != nil {
		return err
	}
	return i.Failed()
}
