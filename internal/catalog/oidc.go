package catalog

import (
	"regexp"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
)

// The grants and authentication methods that the rules speak of.
const (
	grantCode        = "authorization_code"
	grantRefresh     = "refresh_token"
	grantCredentials = "client_credentials"

	methodPrivateKey = "private_key_jwt"
	methodBasic      = "client_secret_basic"
	methodPost       = "client_secret_post"
	methodNone       = "none"

	protocolOIDC = "oidc"
	protocolSAML = "saml"
)

// laterGrants and laterMethods are in the format but not in this version.
var (
	laterGrants  = []string{"urn:ietf:params:oauth:grant-type:device_code"}
	laterMethods = []string{"tls_client_auth", "self_signed_tls_client_auth"}
)

var (
	clientID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,62}$`)
	scope    = regexp.MustCompile(`^[A-Za-z0-9:._/-]{1,100}$`)
)

// identityScopes mean something to the broker itself: no API may claim them.
var identityScopes = []string{
	"openid", "profile", "email", "groups", "roles", "address", "phone", "offline_access", ScopeSignalsRead, ScopeSignalsManage,
}

// The scopes of the broker's own API of shared signals (CAEP Interoperability Profile
// 1.0, section 2.7.2). A client has them for itself, never in a person's name.
const (
	ScopeSignalsRead   = "ssf.read"
	ScopeSignalsManage = "ssf.manage"
)

// The bounds of what a manifest may ask for.
const (
	maxTokenTTL    = 5 * time.Minute
	maxRetryWindow = 10 * time.Second
)

// has reports whether the client may use a grant.
func (o *OIDC) has(grant string) bool { return slices.Contains(o.GrantTypes, grant) }

// usesSecret reports whether the client proves itself by a shared secret.
func (o *OIDC) usesSecret() bool {
	return o != nil && (o.TokenEndpointAuthMethod == methodBasic || o.TokenEndpointAuthMethod == methodPost)
}

func (c *checker) identity(id *Identity) {
	const path = "spec.identity"
	if id.Protocol != protocolOIDC && id.Protocol != protocolSAML && id.Protocol != "none" {
		c.fail(path+".protocol", "must be oidc, saml or none")
	} else {
		c.only(path+".oidc", id.Protocol, protocolOIDC, id.OIDC != nil)
		c.only(path+".saml", id.Protocol, protocolSAML, id.SAML != nil)
	}
	if id.OIDC != nil {
		c.client(id.OIDC, path+".oidc")
	}
	if id.SAML != nil {
		c.samlApp(id.SAML, path+".saml")
	}
	if id.Resource != nil {
		c.resource(id.Resource, path+".resource")
	}
	c.exchanges(id, path+".tokenExchange")
	if o := id.OIDC; o != nil && o.has(GrantExchange) && len(id.TokenExchange) == 0 {
		at := index(path+".oidc.grantTypes", slices.Index(o.GrantTypes, GrantExchange))
		c.fail(at, "is only good together with spec.identity.tokenExchange, which says what for")
	}
}

// only checks that the part of a protocol is there for that protocol and no other.
func (c *checker) only(path, protocol, of string, there bool) {
	switch {
	case protocol == of && !there:
		c.fail(path, "is required for the protocol %s", of)
	case protocol != of && there:
		c.fail(path, "must be left out for the protocol %s", protocol)
	}
}

func (c *checker) client(o *OIDC, path string) {
	if !clientID.MatchString(o.ClientID) {
		c.fail(path+".clientId", "must be 2 to 63 lower-case letters, digits and hyphens, and not begin with a hyphen")
	}
	c.grants(o, path)
	c.method(o, path)
	c.keys(o, path)
	c.redirects(o, path)
	for _, one := range []struct{ field, uri string }{
		{".backchannelLogoutUri", o.BackchannelLogoutURI},
		{".launchUri", o.LaunchURI},
		{".jwksUri", o.JWKSURI},
	} {
		if one.uri != "" || c.doc.Has(path+one.field) {
			c.uri(path+one.field, one.uri)
		}
	}
	c.scopes(o, path+".scopes")
	if o.SigningAlg != "" && !slices.Contains([]string{"ES256", "RS256", "EdDSA"}, o.SigningAlg) {
		c.fail(path+".signingAlg", "must be ES256, RS256 or EdDSA")
	}
	if o.RefreshRetryWindow != "" {
		c.window(o, path+".refreshRetryWindow")
	}
	c.mayAct(o, path+".mayAct")
}

func (c *checker) grants(o *OIDC, path string) {
	path += ".grantTypes"
	if len(o.GrantTypes) == 0 {
		c.fail(path, "must have at least one item")
	}
	for i, grant := range o.GrantTypes {
		switch {
		case slices.Contains(laterGrants, grant):
			c.fail(index(path, i), "this grant is not supported by this version: leave it out")
		case !slices.Contains([]string{grantCode, grantRefresh, grantCredentials, GrantExchange}, grant):
			c.fail(index(path, i), "must be authorization_code, refresh_token, client_credentials or %s", GrantExchange)
		case grant == grantRefresh && !o.has(grantCode):
			c.fail(index(path, i), "refresh_token is only good together with authorization_code")
		}
	}
	c.unique(path, o.GrantTypes)
}

func (c *checker) method(o *OIDC, path string) {
	path += ".tokenEndpointAuthMethod"
	switch method := o.TokenEndpointAuthMethod; {
	case slices.Contains(laterMethods, method):
		c.fail(path, "client certificates are not supported by this version: use private_key_jwt")
	case !slices.Contains([]string{methodPrivateKey, methodBasic, methodPost, methodNone}, method):
		c.fail(path, "must be private_key_jwt, client_secret_basic, client_secret_post or none")
	case method == methodNone && (o.has(grantCredentials) || !o.has(grantCode)):
		c.fail(path, "none is for public clients, which use authorization_code and never client_credentials")
	}
}

func (c *checker) keys(o *OIDC, path string) {
	switch {
	case len(o.JWKS) > 0 && o.JWKSURI != "":
		c.fail(path+".jwks", "cannot be given together with jwksUri")
	case (len(o.JWKS) > 0 || o.JWKSURI != "") && o.TokenEndpointAuthMethod != methodPrivateKey:
		c.fail(path+".jwks", "keys are only for private_key_jwt")
	case len(o.JWKS) > 0:
		c.keySet(o.JWKS, path+".jwks")
	}
}

func (c *checker) redirects(o *OIDC, path string) {
	switch {
	case o.has(grantCode) && len(o.RedirectURIs) == 0:
		c.fail(path+".redirectUris", "is required for authorization_code")
	case !o.has(grantCode) && len(o.RedirectURIs) > 0:
		c.fail(path+".redirectUris", "is only for authorization_code")
	}
	c.uris(path+".redirectUris", o.RedirectURIs)
	c.uris(path+".postLogoutRedirectUris", o.PostLogoutRedirectURIs)
}

func (c *checker) uris(path string, list []string) {
	if len(list) > maxItems {
		c.fail(path, "must have at most %d items", maxItems)
	}
	for i, uri := range list {
		c.uri(index(path, i), uri)
	}
	c.unique(path, list)
}

func (c *checker) scopes(o *OIDC, path string) {
	if len(o.Scopes) == 0 && o.has(grantCode) {
		c.fail(path, "is required for authorization_code")
	}
	if len(o.Scopes) > maxItems {
		c.fail(path, "must have at most %d items", maxItems)
	}
	for i, s := range o.Scopes {
		if !scope.MatchString(s.Name) {
			c.fail(index(path, i)+".name", "must be letters, digits and the characters : . _ / -")
		} else if slices.ContainsFunc(o.Scopes[:i], func(other Scope) bool { return other.Name == s.Name }) {
			c.fail(index(path, i)+".name", "is listed twice")
		}
		if s.Justification != "" {
			c.text(index(path, i)+".justification", s.Justification, 1, 500)
		}
	}
}

func (c *checker) window(o *OIDC, path string) {
	switch d, err := strictyaml.Duration(o.RefreshRetryWindow); {
	case err != nil || d <= 0 || d > maxRetryWindow:
		c.fail(path, "must be a duration of at most 10s, such as 5s")
	case !o.has(grantRefresh):
		c.fail(path, "is only for refresh_token")
	}
}

func (c *checker) resource(r *Resource, path string) {
	c.audience(path+".audience", r.Audience)
	c.apiScopes(path+".scopes", r.Scopes)
	if r.MaxTokenTTL == "" {
		return
	}
	if d, err := strictyaml.Duration(r.MaxTokenTTL); err != nil || d < time.Second || d > maxTokenTTL {
		c.fail(path+".maxTokenTtl", "must be a duration from 1s to 5m, such as 2m")
	}
}
