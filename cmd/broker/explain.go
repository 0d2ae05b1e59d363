package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
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
	Connection string `help:"The connection whose identity provider would have made the token or assertion that is brought, instead of a sign-in here; only with --person. Neither is sent." query:"connection"`
	Type       string `name:"subject-type" help:"What that would be called: access_token, id_token, jwt or saml2. The provider's most general one unless told." enum:",access_token,id_token,jwt,saml2" default:"" placeholder:"TYPE" query:"subject_type"`
	Token      bool   `help:"Read the token that would be exchanged from standard input. Only its id is sent to the broker." xor:"whose"`
}

// Run asks, about a token that is read from standard input by its id.
func (c *explainExchangeCommand) Run(k *kong.Context) error {
	if c.Connection != "" && c.Person == "" {
		return &client.Error{Exit: client.Usage, Text: "--connection goes with --person: name whose token or assertion of that identity provider would be brought"}
	}
	r := request(k)
	if !c.Token {
		return c.ask(r, client.PrintExplanation)
	}
	held, err := readToken(os.Stdin)
	if err != nil {
		return err
	}
	r.Query.Set("token", held.ID)
	err = c.ask(r, client.PrintExplanation)
	if e, ok := errors.AsType[*client.Error](err); ok && e.Code == unknownToken {
		return &client.Error{Exit: e.Exit, Code: e.Code, Text: fmt.Sprintf("the broker issued no token with this id; the token says that %q made it. %s", held.Issuer, otherIssuer)}
	}
	return err
}

// unknownToken is the broker's code for a token that it did not issue, or keeps nothing
// of any more.
const unknownToken = "exchange_not_found"

// otherIssuer says how to ask about what another issuer made.
const otherIssuer = "What another issuer made is asked about without it, by whose it is: broker explain exchange CLIENT AUDIENCE --person ID --connection NAME"

// longestToken bounds what is read, in bytes.
const longestToken = 64 << 10

// held is what a token says of itself.
type held struct {
	ID     string `json:"jti"`
	Issuer string `json:"iss"`
}

// readToken takes the id out of a token. It does not verify it: the broker looks up
// what it issued under the id.
func readToken(from io.Reader) (said held, err error) {
	raw, err := io.ReadAll(io.LimitReader(from, longestToken))
	bad := &client.Error{Exit: client.Usage, Text: "standard input has no access token of this broker. " + otherIssuer}
	parts := strings.Split(strings.TrimSpace(string(raw)), ".")
	if err != nil || len(parts) != 3 {
		return said, bad
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return said, bad
	}
	if json.Unmarshal(body, &said) != nil || said.ID == "" {
		return said, bad
	}
	return said, nil
}
