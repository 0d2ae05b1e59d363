// Package registry derives OAuth clients, SAML service providers and audiences from
// the catalog's apps. Nothing in it is ever edited: it changes when an app does, and is
// gone with it.
package registry

import (
	"crypto/x509"
	"encoding/json"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// The faults of this package.
var (
	ErrClientNotFound   = fault.New(fault.NotFound, "client_not_found", "no such client")
	ErrAudienceNotFound = fault.New(fault.NotFound, "audience_not_found", "no app serves this audience")
)

// AuthMethod is how a client proves itself at the token endpoint (OpenID
// Connect Core, section 9).
type AuthMethod string

// The methods that manifests may name.
const (
	AuthBasic         AuthMethod = "client_secret_basic"
	AuthPost          AuthMethod = "client_secret_post"
	AuthPrivateKeyJWT AuthMethod = "private_key_jwt"
	AuthNone          AuthMethod = "none"
)

// Client is how an app takes people in, derived from its manifest: an OAuth client,
// or with SAML a service provider. It is shared between goroutines and must not be
// changed.
type Client struct {
	ID     string // client_id or, with SAML, the entity id
	App    string // internal app id
	Name   string // the app's name
	Title  string
	Owner  catalog.Owner
	Method AuthMethod
	// SecretHashes are the SHA-256 of the live secrets, for AuthBasic and AuthPost.
	SecretHashes [][]byte
	// JWKS (inline) or JWKSURI hold the client's keys, for AuthPrivateKeyJWT.
	JWKS                   json.RawMessage
	JWKSURI                string
	RedirectURIs           []string
	PostLogoutRedirectURIs []string
	BackchannelLogoutURI   string
	GrantTypes             []string
	// Scopes are what the manifest names, without the broker's own that were not agreed to.
	Scopes []string
	// SigningAlg of id_tokens and access tokens: ES256, RS256 or EdDSA.
	SigningAlg string
	// RefreshRetryWindow is 0 when retries are off.
	RefreshRetryWindow time.Duration
	// ThirdParty clients need the person's consent.
	ThirdParty bool
	// Introspects lists the audiences whose tokens the client may introspect.
	Introspects []string
	// MayAct are the client ids that may exchange the tokens of people who are signed
	// in to the client, besides itself.
	MayAct []string
	// lapsed are those of MayAct that mean an app which gave the client_id up, by its
	// internal id.
	lapsed map[string]string
	// Exchanges are what the client may exchange tokens for.
	Exchanges []Exchange
	// Agreements are what the sides of APIs agreed that the client gets: see Agreed.
	Agreements catalog.Agreements
	// Missing says what keeps the app from being used: "owner", "groups",
	// "keys". Nobody signs in to an incomplete app.
	Missing []string
	// Disabled is true for a disabled app: its client gets nothing.
	Disabled bool
	// Entitlements decide who may use it.
	Entitlements []catalog.Entitlement
	LaunchURI    string
	Description  string
	// SAML is set for an app that speaks SAML, and then nothing of OAuth is.
	SAML *ServiceProvider
	// Rev is the revocation number that was applied before the facts were read.
	Rev uint64
}

// ServiceProvider is what an app that speaks SAML asked for, with every default
// filled in.
type ServiceProvider struct {
	// ACS are the assertion consumer services by their index.
	ACS []string
	// NameIDFormat is the identifier of a format (SAML core, section 8.3).
	NameIDFormat string
	// SignAssertion and SignResponse say what is signed: at least one of them.
	SignAssertion, SignResponse bool
	// Certificates hold the keys that the app signs with, RequestsSigned that it must.
	Certificates   []*x509.Certificate
	RequestsSigned bool
	// Encrypt is whom assertions are encrypted for; nil leaves them plain.
	Encrypt *x509.Certificate
	// SLO is where the app takes single logout, empty for an app that does not;
	// SLOPost has it take a POST rather than a redirect.
	SLO     string
	SLOPost bool
	// Attributes rename claims.
	Attributes map[string]string
	// Unsolicited allows a response that the app did not ask for, with RelayState.
	Unsolicited bool
	RelayState  string
}

// IdentityProvider is what an app that speaks SAML has to know of the broker.
type IdentityProvider struct {
	EntityID string `json:"entity_id"`
	// MetadataURL has all the rest, and the certificates of now and of next.
	MetadataURL string `json:"metadata_url"`
	// SSOURL and SLOURL take requests by redirect and by POST.
	SSOURL string `json:"sso_url"`
	SLOURL string `json:"slo_url"`
}

// Refs names the client in tokens and revocations.
func (c *Client) Refs() []identity.Ref {
	return []identity.Ref{identity.App(c.App), identity.Client(c.ID)}
}

// Trusts reports whether another client may exchange the tokens of people who are signed in
// to this one: MayAct names its client_id, and means the app that has it now.
func (c *Client) Trusts(other *Client) bool {
	meant := c.lapsed[other.ID]
	return slices.Contains(c.MayAct, other.ID) && (meant == "" || meant == other.App)
}

// Exchange is what a client may exchange a person's token for: tokens for one API
// (RFC 8693).
type Exchange struct {
	Audience string
	Scopes   []string      // the most that it gets
	MaxTTL   time.Duration // the longest that they live
	// Delegation has them name the client as who acts for the person.
	Delegation bool
}

// Exchange returns what the client may exchange a token for at this API.
func (c *Client) Exchange(audience string) (e Exchange, ok bool) {
	for _, e := range c.Exchanges {
		if e.Audience == audience {
			return e, true
		}
	}
	return Exchange{}, false
}

// Agreed lists the scopes of an API that its side agreed that the client gets in a mode.
// An app's own API has nobody else to ask. What the broker itself serves (an Audience
// without an app) offers the broker's own scopes, of which Scopes has none that was not
// agreed to.
func (c *Client) Agreed(a *Audience, mode catalog.Mode) []string {
	switch a.App {
	case c.App:
		return a.Scopes
	case "":
		return slices.DeleteFunc(slices.Clone(a.Scopes), func(s string) bool { return !slices.Contains(c.Scopes, s) })
	}
	return slices.DeleteFunc(slices.Clone(a.Scopes), func(s string) bool {
		return !c.Agreements.To(catalog.Right{Audience: a.Name, Scope: s, Mode: mode}, a.App)
	})
}

// Audience is an API that an app serves (RFC 8707 resource).
type Audience struct {
	Name string // the aud of its tokens
	App  string // internal app id of who serves it
	// Client is the client_id of that app, empty if it has none.
	Client string
	Scopes []string
	// MaxTTL bounds the life of its tokens; 0 means the broker's default.
	MaxTTL time.Duration
	// Entitlements decide in whose name others may call it.
	Entitlements []catalog.Entitlement
}
