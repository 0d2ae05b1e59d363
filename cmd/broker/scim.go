package main

import (
	"net/http"
	"net/url"

	"github.com/alecthomas/kong"

	"github.com/gatehouse-io/gatehouse/cmd/broker/client"
)

type scimCommand struct {
	Show       one                   `cmd:"" help:"Say how a connection's pushing stands: whether it is halted, and how much it took away." api:"GET /connections/{}/scim" set:"thing=The connection's id."`
	Operations scimOperationsCommand `cmd:"" help:"List what a connection's clients did, the latest first." api:"GET /connections/{}/scim/operations" columns:"TIME=time,WHAT=kind,STATUS=status,CODE=code,RESOURCE=resource,BY=actor.id,DETAIL=detail"`
	Resume     one                   `cmd:"" help:"Have a connection go on that was halted: for a window's time it may take away what it likes." api:"POST /connections/{}/scim/resume" set:"thing=The connection's id."`
	Undo       ending                `cmd:"" help:"Bring back whom and what a halted connection took away." api:"POST /connections/{}/scim/undo" set:"thing=The connection's id."`
	Token      scimTokenCommand      `cmd:"" help:"The tokens of connections."`
}

type scimOperationsCommand struct {
	listing
	Connection string `arg:"" help:"The connection's id."`
	Search     string `arg:"" optional:"" help:"Only those with this in what they do, their path, resource, code or id." query:"q"`
	Result     string `help:"Only those that changed something, that read, or that were refused: changed, read or refused." query:"result" placeholder:"RESULT"`
}

type scimTokenCommand struct {
	List   scimTokenListCommand   `cmd:"" help:"List the tokens of a connection that are good." api:"GET /connections/{}/scim/tokens" columns:"ID=id,NAME=name,ADDRESSES=addresses,EXPIRES=expires,LAST USED=last_used"`
	Create scimTokenCreateCommand `cmd:"" help:"Make a token of a connection and show it once." api:"POST /connections/{}/scim/tokens"`
	Revoke scimTokenRevokeCommand `cmd:"" help:"Revoke a token of a connection." api:"DELETE /connections/{}/scim/tokens/{}"`
}

type scimTokenListCommand struct {
	listing
	Connection string `arg:"" help:"The connection's id."`
}

type scimTokenCreateCommand struct {
	connected
	Connection string   `arg:"" help:"The connection's id."`
	Name       string   `arg:"" help:"Whose token it is."`
	Address    []string `help:"A network that it is good from, such as 192.0.2.0/24; any unless told."`
	Days       int      `help:"How long it lives, at most 1095 days." default:"365"`
}

// Run makes a token.
func (c *scimTokenCreateCommand) Run() error {
	body := encode(map[string]any{"name": c.Name, "addresses": append([]string{}, c.Address...), "days": c.Days})
	return c.ask(client.Request{Method: http.MethodPost, Path: "/connections/" + url.PathEscape(c.Connection) + "/scim/tokens", Media: "application/json", Body: body}, client.PrintDone)
}

type scimTokenRevokeCommand struct {
	connected
	risky
	Connection string `arg:"" help:"The connection's id."`
	ID         string `arg:"" help:"The token's id."`
}

// Run revokes it.
func (c *scimTokenRevokeCommand) Run(k *kong.Context) error { return c.run(c.connected, request(k)) }
