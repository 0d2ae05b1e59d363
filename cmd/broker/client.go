package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// maxAnswer bounds what is read of the broker's answer, in bytes.
const maxAnswer = 64 << 20

// connected is what every command has that asks the running broker.
type connected struct {
	Socket string `help:"The running broker's Unix socket." default:"gatehouse-data/broker.sock" env:"GATEHOUSE_SOCKET" type:"path"`
}

// ask sends a request and prints the answer as indented JSON.
func (c connected) ask(method, path, contentType string, body []byte) error {
	answer, err := c.answer(method, path, contentType, body)
	if err != nil {
		return err
	}
	return printJSON(os.Stdout, answer)
}

// answer sends a request and returns what the broker answers.
func (c connected) answer(method, path, contentType string, body []byte) ([]byte, error) {
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", c.Socket)
		},
	}}
	req, err := http.NewRequestWithContext(context.Background(), method, "http://broker/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask the broker: %w", err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the broker does not answer at %s; is it running? --socket names another: %w", c.Socket, err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the broker's answer: %w", err)
	}
	if res.StatusCode >= http.StatusBadRequest {
		var problem struct{ Title, Detail, Pointer string }
		if json.Unmarshal(text, &problem) != nil {
			return nil, fmt.Errorf("the broker answers %s", res.Status)
		}
		if problem.Pointer != "" && !strings.Contains(problem.Detail, problem.Pointer) {
			return nil, fmt.Errorf("%s (%s)", problem.Detail, problem.Pointer)
		}
		return nil, errors.New(problem.Detail)
	}
	return text, nil
}

// printJSON writes an answer with indentation.
func printJSON(w io.Writer, answer []byte) error {
	var out bytes.Buffer
	if len(answer) == 0 {
		return nil
	}
	if err := json.Indent(&out, answer, "", "  "); err != nil {
		return fmt.Errorf("read the broker's answer: %w", err)
	}
	if _, err := out.WriteTo(w); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

type appCommand struct {
	Apply   appApplyCommand `cmd:"" help:"Add or update an app from its manifest."`
	List    appListCommand  `cmd:"" help:"List the apps."`
	Show    appNameCommand  `cmd:"" help:"Show an app."`
	Remove  appNameCommand  `cmd:"" help:"Remove an app and everything derived from it."`
	Disable appNameCommand  `cmd:"" help:"Let nobody in."`
	Enable  appNameCommand  `cmd:"" help:"Let people in again."`
	Secret  appNameCommand  `cmd:"" help:"Make another client secret and show it once."`
}

type appListCommand struct {
	connected
	listed
}

// Run lists the apps.
func (c *appListCommand) Run() error {
	return c.list(c.listed, "/apps", "items",
		column{"NAME", "name"}, column{"TITLE", "manifest.metadata.title"}, column{"OWNER", "manifest.spec.owner.primary"},
		column{"CLIENT", "manifest.spec.identity.oidc.clientId"}, column{"DISABLED", "disabled"}, column{"UPDATED", "updated"})
}

type appNameCommand struct {
	connected
	Name string `arg:"" help:"The app's name."`
}

// Run does what the command's name says with the app.
func (c *appNameCommand) Run(verb verb) error {
	path := "/apps/" + url.PathEscape(c.Name)
	switch verb {
	case "show":
		return c.ask(http.MethodGet, path, "", nil)
	case "remove":
		if _, err := c.answer(http.MethodDelete, path, "", nil); err != nil {
			return err
		}
		fmt.Printf("%s: removed\n", c.Name)
		return nil
	default:
		return c.ask(http.MethodPost, path+"/"+string(verb), "", nil)
	}
}

// verb is the last word of the command line's command.
type verb string

type personCommand struct {
	List     personListCommand     `cmd:"" help:"List the people, 200 at a time."`
	Disable  personIDCommand       `cmd:"" help:"Sign the person out everywhere and let them in no more."`
	Enable   personIDCommand       `cmd:"" help:"Let the person sign in again."`
	Sessions personSessionsCommand `cmd:"" help:"List where the person is signed in."`
	SignOut  personSignOutCommand  `cmd:"" help:"Sign the person out everywhere; they may sign in again."`
}

type personListCommand struct {
	connected
	listed
	After string `help:"Go on after this id: the next of the page before."`
}

// Run lists people.
func (c *personListCommand) Run() error {
	return c.list(c.listed, "/people?after="+url.QueryEscape(c.After), "items",
		column{"ID", "id"}, column{"NAME", "profile.name"}, column{"EMAIL", "profile.email"}, column{"DISABLED", "disabled"}, column{"UPDATED", "updated"})
}

type personIDCommand struct {
	connected
	ID string `arg:"" help:"The person's id, the sub of tokens."`
}

// Run switches the person.
func (c *personIDCommand) Run(verb verb) error {
	return c.ask(http.MethodPost, "/people/"+url.PathEscape(c.ID)+"/"+string(verb), "", nil)
}

type idpCommand struct {
	List    idpListCommand `cmd:"" help:"List the configured connections."`
	Disable idpIDCommand   `cmd:"" help:"Sign out everybody who came over it and let nobody in over it."`
	Enable  idpIDCommand   `cmd:"" help:"Let people sign in over it again."`
}

type idpIDCommand struct {
	connected
	ID string `arg:"" help:"The connection's id."`
}

// Run switches the connection.
func (c *idpIDCommand) Run(verb verb) error {
	return c.ask(http.MethodPost, "/connections/"+url.PathEscape(c.ID)+"/"+string(verb), "", nil)
}

type groupCommand struct {
	List  groupListCommand  `cmd:"" help:"List the names."`
	Map   groupMapCommand   `cmd:"" help:"Give an upstream group the name that manifests use."`
	Unmap groupUnmapCommand `cmd:"" help:"Take the name away: the group then grants nothing."`
}

type groupListCommand struct {
	connected
	listed
}

// Run lists the mappings.
func (c *groupListCommand) Run() error {
	return c.list(c.listed, "/mappings", "items", column{"CONNECTION", "group.connection"}, column{"GROUP", "group.id"}, column{"NAME", "name"})
}

// upstreamGroup names a group as its identity provider does.
type upstreamGroup struct {
	Connection string `arg:"" help:"The connection's id."`
	Group      string `arg:"" help:"The group's id at the identity provider."`
}

func (g upstreamGroup) path() string {
	return "/mappings/" + url.PathEscape(g.Connection) + "/" + url.PathEscape(g.Group)
}

type groupMapCommand struct {
	connected
	upstreamGroup
	Name string `arg:"" help:"The name that manifests use."`
}

// Run adds the mapping.
func (c *groupMapCommand) Run() error {
	body, err := json.Marshal(map[string]string{"name": c.Name})
	if err != nil {
		return fmt.Errorf("map group: %w", err)
	}
	return c.ask(http.MethodPut, c.path(), "application/json", body)
}

type groupUnmapCommand struct {
	connected
	upstreamGroup
}

// Run removes the mapping.
func (c *groupUnmapCommand) Run() error { return c.ask(http.MethodDelete, c.path(), "", nil) }
