package main

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/gatehouse-io/gatehouse/cmd/broker/client"
)

type explainCommand struct {
	Access   explainAccessCommand   `cmd:"" help:"Say why somebody may or may not use an app, now or at any time that is kept." api:"GET /explain/access"`
	Exchange explainExchangeCommand `cmd:"" help:"Say how a token exchange would be decided on, step by step, and who could change that." api:"GET /explain/exchange"`
}

type explainAccessCommand struct {
	connected
	Person string `help:"The person's id, the sub of tokens; whoever asks unless told." query:"person"`
	App    string `required:"" help:"The app's name." query:"app"`
	At     string `help:"The time, now unless told: 2026-11-26T09:00:00Z." query:"at"`
}

// Run asks and prints the chain of facts.
func (c *explainAccessCommand) Run(k *kong.Context) error {
	return c.ask(request(k), client.PrintAccess)
}

type explainExchangeCommand struct {
	connected
	Client     string `arg:"" help:"The client_id of who would exchange." query:"client"`
	Audience   string `arg:"" help:"The API." query:"audience"`
	Scope      string `help:"What is asked for, separated by blanks; all that there is unless told." query:"scope"`
	Person     string `help:"Whose token it would be, by id: somebody who has just signed in." query:"person" xor:"whose"`
	SignedInTo string `help:"The client_id of the app that the person is signed in to; the client itself unless told." query:"signed_in_to"`
	TokenID    string `help:"The id (jti) of the token that would be exchanged." query:"token" xor:"whose"`
	Token      bool   `help:"Read the token that would be exchanged from standard input. Only its id is sent to the broker." xor:"whose"`
}

// Run asks, about a token that is read from standard input by its id.
func (c *explainExchangeCommand) Run(k *kong.Context) error {
	r := request(k)
	if c.Token {
		id, err := readTokenID(os.Stdin)
		if err != nil {
			return err
		}
		r.Query.Set("token", id)
	}
	return c.ask(r, client.PrintExplanation)
}

// longestToken bounds what is read, in bytes.
const longestToken = 64 << 10

// readTokenID takes the id out of a token. It does not verify it: the broker looks up
// what it issued under the id.
func readTokenID(from io.Reader) (string, error) {
	raw, err := io.ReadAll(io.LimitReader(from, longestToken))
	bad := &client.Error{Exit: client.Usage, Text: "standard input has no access token of this broker"}
	parts := strings.Split(strings.TrimSpace(string(raw)), ".")
	if err != nil || len(parts) != 3 {
		return "", bad
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", bad
	}
	var claims struct {
		ID string `json:"jti"`
	}
	if json.Unmarshal(body, &claims) != nil || claims.ID == "" {
		return "", bad
	}
	return claims.ID, nil
}
