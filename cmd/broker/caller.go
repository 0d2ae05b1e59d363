package main

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/gatehouse-io/gatehouse/cmd/broker/client"
)

type appCallersCommand struct {
	listing
	App     string `arg:"" help:"The name of the app that serves the API, or - for the broker itself."`
	Waiting *bool  `help:"Only apps that ask for something that was not agreed to, or with =false only others." query:"waiting"`
}

// calling is a command about what an app asks of an API.
type calling struct {
	connected
	API    string `arg:"" help:"The name of the app that serves the API, or - for the broker itself."`
	Caller string `arg:"" help:"The name of the app that asks."`
}

func (c calling) path() string {
	return "/apps/" + url.PathEscape(c.API) + "/callers/" + url.PathEscape(c.Caller)
}

type appCallerCommand struct{ calling }

// Run shows what the app asks for.
func (c *appCallerCommand) Run(k *kong.Context) error { return c.asked(request(k)) }

type appAgreeCommand struct {
	calling
	Scopes []string `arg:"" help:"The scopes."`
	Mode   []string `help:"How the app comes by the token: authorization_code, client_credentials, delegation or impersonation. In each that it asks for unless told; again for more."`
}

// Run agrees.
func (c *appAgreeCommand) Run() error {
	body := map[string]any{"scopes": c.Scopes}
	if len(c.Mode) > 0 {
		body["modes"] = c.Mode
	}
	return c.ask(client.Request{Method: http.MethodPost, Path: c.path(), Media: "application/json", Body: encode(body)}, client.PrintFacts)
}

type appWithdrawCommand struct {
	calling
	risky
	Scopes []string `arg:"" optional:"" help:"The scopes; all of them unless told."`
	Mode   string   `help:"Only in this mode: authorization_code, client_credentials, delegation or impersonation."`
}

// Run withdraws.
func (c *appWithdrawCommand) Run() error {
	r := client.Request{Method: http.MethodDelete, Path: c.path(), Query: url.Values{}}
	if len(c.Scopes) > 0 {
		r.Query.Set("scope", strings.Join(c.Scopes, " "))
	}
	if c.Mode != "" {
		r.Query.Set("mode", c.Mode)
	}
	return c.run(c.connected, r)
}
