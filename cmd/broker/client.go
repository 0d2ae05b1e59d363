package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
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
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", c.Socket)
		},
	}}
	req, err := http.NewRequestWithContext(context.Background(), method, "http://broker/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask the broker: %w", err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("the broker does not answer at %s; is it running? --socket names another: %w", c.Socket, err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the broker's answer: %w", err)
	}
	if res.StatusCode >= http.StatusBadRequest {
		var problem struct{ Title, Detail, Pointer string }
		if json.Unmarshal(text, &problem) != nil {
			return fmt.Errorf("the broker answers %s", res.Status)
		}
		return fmt.Errorf("%s %s", problem.Detail, problem.Pointer)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		return fmt.Errorf("read the broker's answer: %w", err)
	}
	_, err = out.WriteTo(os.Stdout)
	return err
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

type appApplyCommand struct {
	connected
	File string `arg:"" help:"microapp.yaml" type:"existingfile"`
	Name string `help:"The app's name; by default that of the file's folder."`
}

// Run applies one manifest.
func (c *appApplyCommand) Run() error {
	body, err := os.ReadFile(c.File)
	if err != nil {
		return fmt.Errorf("read the manifest: %w", err)
	}
	name := c.Name
	if name == "" {
		name = filepath.Base(filepath.Dir(c.File))
	}
	return c.ask(http.MethodPut, "/apps/"+url.PathEscape(name), "application/yaml", body)
}

type appListCommand struct{ connected }

// Run lists the apps.
func (c *appListCommand) Run() error { return c.ask(http.MethodGet, "/apps", "", nil) }

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
		return c.ask(http.MethodDelete, path, "", nil)
	default:
		return c.ask(http.MethodPost, path+"/"+string(verb), "", nil)
	}
}

// verb is the last word of the command line's command.
type verb string

type personCommand struct {
	Disable personIDCommand `cmd:"" help:"Sign the person out everywhere and let them in no more."`
	Enable  personIDCommand `cmd:"" help:"Let the person sign in again."`
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
	Disable idpIDCommand `cmd:"" help:"Sign out everybody who came over it and let nobody in over it."`
	Enable  idpIDCommand `cmd:"" help:"Let people sign in over it again."`
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

type groupListCommand struct{ connected }

// Run lists the mappings.
func (c *groupListCommand) Run() error { return c.ask(http.MethodGet, "/mappings", "", nil) }

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
