package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// AnyParty stands in Exchange.Clients for every client of the identity provider.
const AnyParty = "*"

// The typ of tokens that can be brought (RFC 9068, section 2.1; RFC 7519, section 5.1).
const (
	TypeAccessToken = "at+jwt"
	TypeJWT         = "JWT"
)

// Exchange says which tokens or assertions of an identity provider apps may bring as
// subject of a token exchange (RFC 8693). Without clients nobody may bring any, and no
// other field is of use.
type Exchange struct {
	// Clients are the client ids of the apps that may bring them. For each, the clients
	// of the provider whose tokens it may bring (azp, client_id), or "*" for whichever:
	// {microapp-travel-desk: [travel-web]}. Assertions name none: "*".
	Clients map[string][]string `yaml:"clients"`
	// Audiences are further ones that they may be made for. The issuer of the broker
	// always may; of an assertion, the token endpoint and our entity id.
	Audiences []string `yaml:"audiences"`
	// Recipients are further addresses that an assertion may be meant to go to. The token
	// endpoint always may; our assertion consumer service may not unless it stands here.
	Recipients []string `yaml:"recipients"`
	// Types are the typ that tokens may have: at+jwt (default), JWT. A header without one
	// counts as JWT.
	Types []string `yaml:"types"`
	// MaxAge is how long ago they may have been made. Default 10m.
	MaxAge time.Duration `yaml:"max_age"`
	// Once lets each token in once, by its jti. Assertions always count once.
	Once bool `yaml:"once"`
	// ACR are the authentication context classes that are believed and passed on. Default
	// none.
	ACR []string `yaml:"acr"`
	// AMR are the authentication methods that are believed and passed on. Default none.
	AMR []string `yaml:"amr"`
}

// Bounds of Exchange.
const (
	maxExchangeAge     = 24 * time.Hour
	maxExchangeClients = 100
)

// complete fills in the defaults of what may be brought.
func (e *Exchange) complete(protocol string) {
	if len(e.Clients) == 0 {
		return
	}
	if e.MaxAge == 0 {
		e.MaxAge = 10 * time.Minute
	}
	if e.Types == nil && protocol == TypeOIDC {
		e.Types = []string{TypeAccessToken}
	}
}

// exchange checks what may be brought of a connection.
func (k *checker) exchange(n *Connection, path string) {
	e := n.Exchange
	if len(e.Clients) == 0 {
		if !reflect.ValueOf(e).IsZero() {
			k.fail(join(path, "clients"), "must name who may bring tokens: without any, nothing else is of use")
		}
		return
	}
	if len(e.Clients) > maxExchangeClients {
		k.fail(join(path, "clients"), "must be at most %d", maxExchangeClients)
	}
	for _, client := range sortedKeys(e.Clients) {
		k.parties(n.Type, join(path, "clients."+client), client, e.Clients[client])
	}
	k.between(join(path, "max_age"), e.MaxAge, time.Minute, maxExchangeAge)
	for name, list := range map[string][]string{"audiences": e.Audiences, "recipients": e.Recipients, "acr": e.ACR, "amr": e.AMR} {
		for i, text := range list {
			if text == "" || len(text) > 1024 || strings.ContainsFunc(text, unsafe) {
				k.fail(at(join(path, name), i), "must be 1 to 1024 characters without blanks")
			}
		}
		k.unique(join(path, name), list)
	}
	if n.Type == TypeSAML {
		k.onlyOIDC(path, map[string]bool{"types": e.Types != nil, "once": e.Once, "amr": e.AMR != nil})
	} else {
		k.tokens(e, path)
	}
}

// tokens checks which tokens of an OIDC connection may be brought.
func (k *checker) tokens(e Exchange, path string) {
	if e.Recipients != nil {
		k.fail(join(path, "recipients"), "is for type saml")
	}
	if len(e.Types) == 0 {
		k.fail(join(path, "types"), "must not be empty")
	}
	for i, typ := range e.Types {
		if typ != TypeAccessToken && typ != TypeJWT {
			k.fail(at(join(path, "types"), i), "must be %s or %s", TypeAccessToken, TypeJWT)
		}
	}
}

// parties checks whose tokens a client may bring.
func (k *checker) parties(protocol, path, client string, parties []string) {
	switch {
	case client == "" || len(client) > 255 || strings.ContainsFunc(client, unsafe):
		k.fail(path, "must be named by the client id of an app")
	case len(parties) == 0:
		k.fail(path, "must name the provider's clients whose tokens it may bring, or %q for whichever", AnyParty)
	case protocol == TypeSAML && !slices.Equal(parties, []string{AnyParty}):
		k.fail(path, "must be [%q]: an assertion does not say to which client it was given", AnyParty)
	case slices.Contains(parties, AnyParty) && len(parties) > 1:
		k.fail(path, "must be %q alone, or names", AnyParty)
	}
	for i, party := range parties {
		if party == "" || len(party) > 255 || strings.ContainsFunc(party, unsafe) {
			k.fail(fmt.Sprintf("%s[%d]", path, i), "must be 1 to 255 characters without blanks")
		}
	}
	k.unique(path, parties)
}
