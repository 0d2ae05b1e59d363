package catalog

import (
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
)

// Exchange is one API that the app may get tokens for on behalf of a person, in
// exchange for a token of theirs (RFC 8693). What no entry names is refused.
type Exchange struct {
	// Audience is the API, and Scopes are the most that the app gets there.
	Audience string   `json:"audience" yaml:"audience"`
	Scopes   []string `json:"scopes" yaml:"scopes"`
	// MaxTTL bounds the life of the tokens: a duration such as 2m. They never live
	// longer than what was exchanged, than the API allows and than 5m.
	MaxTTL string `json:"maxTtl" yaml:"maxTtl"`
	// Mode says whether the tokens name the app as who acts for the person
	// (ModeDelegation) or not (ModeImpersonation).
	Mode string `json:"mode" yaml:"mode"`
}

// The modes of an Exchange.
const (
	ModeDelegation    = "delegation"
	ModeImpersonation = "impersonation"
)

// GrantExchange is the grant type of a token exchange (RFC 8693, section 2.1).
const GrantExchange = "urn:ietf:params:oauth:grant-type:token-exchange"

// exchanges checks what the app may exchange tokens for.
func (c *checker) exchanges(id *Identity, path string) {
	if !c.doc.Has(path) {
		return
	}
	switch {
	case id.OIDC == nil:
		c.fail(path, "needs spec.identity.oidc: only an OAuth client can exchange tokens")
	case id.OIDC.TokenEndpointAuthMethod == methodNone:
		c.fail("spec.identity.oidc.tokenEndpointAuthMethod", "none is for clients that exchange no tokens: a public one cannot prove that it is itself")
	}
	if len(id.TokenExchange) == 0 || len(id.TokenExchange) > maxItems {
		c.fail(path, "must have 1 to %d items", maxItems)
	}
	for i, e := range id.TokenExchange {
		at := index(path, i)
		c.audience(at+".audience", e.Audience)
		switch same := func(other Exchange) bool { return other.Audience == e.Audience }; {
		case slices.ContainsFunc(id.TokenExchange[:i], same):
			c.fail(at+".audience", "is listed twice")
		case id.Resource != nil && id.Resource.Audience == e.Audience:
			c.fail(at+".audience", "is the API of the app itself")
		}
		if len(e.Scopes) == 0 {
			c.fail(at+".scopes", "must have at least one item")
		}
		c.apiScopes(at+".scopes", e.Scopes)
		if d, err := strictyaml.Duration(e.MaxTTL); err != nil || d < time.Second {
			c.fail(at+".maxTtl", "must be a duration of at least 1s, such as 2m")
		}
		if e.Mode != ModeDelegation && e.Mode != ModeImpersonation {
			c.fail(at+".mode", "must be delegation or impersonation")
		}
	}
}

// mayAct checks whom the app trusts with the tokens of its people.
func (c *checker) mayAct(o *OIDC, path string) {
	if len(o.MayAct) > maxItems {
		c.fail(path, "must have at most %d items", maxItems)
	}
	for i, id := range o.MayAct {
		switch {
		case !clientID.MatchString(id):
			c.fail(index(path, i), "must be a client id")
		case id == o.ClientID:
			c.fail(index(path, i), "is the app itself, which may always")
		}
	}
	c.unique(path, o.MayAct)
}

// audience checks the name of an API. One that stands for every audience where it is
// asked for is not the name of one.
func (c *checker) audience(path, name string) {
	if name == anything {
		c.fail(path, "must name one API")
	}
	if len(name) == 0 || len(name) > 500 || strings.ContainsFunc(name, func(ch rune) bool { return ch <= ' ' || ch > '~' }) {
		c.fail(path, "must be 1 to 500 ASCII characters without spaces")
	}
}

// apiScopes checks scopes that mean something to an API.
func (c *checker) apiScopes(path string, scopes []string) {
	if len(scopes) > maxItems {
		c.fail(path, "must have at most %d items", maxItems)
	}
	for i, s := range scopes {
		if !scope.MatchString(s) {
			c.fail(index(path, i), "must be letters, digits and the characters : . _ / -")
		} else if slices.Contains(identityScopes, s) {
			c.fail(index(path, i), "is a scope of the broker itself")
		}
	}
	c.unique(path, scopes)
}
