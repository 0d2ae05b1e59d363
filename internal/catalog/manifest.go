package catalog

import "encoding/json"

// Manifest is the accepted content of microapp.yaml, version
// marketplace/v1alpha1, kind MicroApp.
type Manifest struct {
	APIVersion string   `json:"apiVersion" yaml:"apiVersion"`
	Kind       string   `json:"kind" yaml:"kind"`
	Metadata   Metadata `json:"metadata" yaml:"metadata"`
	Spec       Spec     `json:"spec" yaml:"spec"`
}

// Metadata names the app.
type Metadata struct {
	Name        string `json:"name" yaml:"name"` // RFC 1123 label, 2 to 63 characters
	Title       string `json:"title,omitempty" yaml:"title,omitempty"`
	Description string `json:"description,omitempty" yaml:"description,omitempty"`
}

// Spec is what the app asks for.
type Spec struct {
	Version      string        `json:"version,omitempty" yaml:"version,omitempty"`
	Owner        Owner         `json:"owner,omitzero" yaml:"owner,omitempty"`
	Entitlements []Entitlement `json:"entitlements,omitempty" yaml:"entitlements,omitempty"`
	Identity     Identity      `json:"identity,omitzero" yaml:"identity,omitempty"`
}

// Owner is the team that answers for the app.
type Owner struct {
	Team      string            `json:"team,omitempty" yaml:"team,omitempty"`
	Primary   string            `json:"primary,omitempty" yaml:"primary,omitempty"`
	Secondary string            `json:"secondary,omitempty" yaml:"secondary,omitempty"`
	Contacts  map[string]string `json:"contacts,omitempty" yaml:"contacts,omitempty"`
}

// Entitlement is a role of the app and the groups whose members have it.
type Entitlement struct {
	Name        string   `json:"name" yaml:"name"`
	Description string   `json:"description,omitempty" yaml:"description,omitempty"`
	Default     bool     `json:"default,omitempty" yaml:"default,omitempty"`
	Requestable bool     `json:"requestable,omitempty" yaml:"requestable,omitempty"`
	Groups      []string `json:"groups,omitempty" yaml:"groups,omitempty"`
}

// Identity is how people sign in to the app, which API it serves and which others
// it calls on their behalf.
type Identity struct {
	Protocol string    `json:"protocol,omitempty" yaml:"protocol,omitempty"` // oidc, saml or none
	OIDC     *OIDC     `json:"oidc,omitempty" yaml:"oidc,omitempty"`
	SAML     *SAML     `json:"saml,omitempty" yaml:"saml,omitempty"`
	Resource *Resource `json:"resource,omitempty" yaml:"resource,omitempty"`
	// TokenExchange is what the app may exchange tokens for: nothing without it.
	TokenExchange []Exchange `json:"tokenExchange,omitempty" yaml:"tokenExchange,omitempty"`
}

// OIDC is the app as an OpenID Connect client.
type OIDC struct {
	ClientID                string          `json:"clientId" yaml:"clientId"`
	RedirectURIs            []string        `json:"redirectUris,omitempty" yaml:"redirectUris,omitempty"`
	PostLogoutRedirectURIs  []string        `json:"postLogoutRedirectUris,omitempty" yaml:"postLogoutRedirectUris,omitempty"`
	BackchannelLogoutURI    string          `json:"backchannelLogoutUri,omitempty" yaml:"backchannelLogoutUri,omitempty"`
	GrantTypes              []string        `json:"grantTypes" yaml:"grantTypes"`
	TokenEndpointAuthMethod string          `json:"tokenEndpointAuthMethod" yaml:"tokenEndpointAuthMethod"`
	JWKS                    json.RawMessage `json:"jwks,omitempty" yaml:"jwks,omitempty"`
	JWKSURI                 string          `json:"jwksUri,omitempty" yaml:"jwksUri,omitempty"`
	Scopes                  []Scope         `json:"scopes,omitempty" yaml:"scopes,omitempty"`
	// LaunchURI is where "my apps" sends a person; empty means the app is not
	// launched from the portal.
	LaunchURI string `json:"launchUri,omitempty" yaml:"launchUri,omitempty"`
	// SigningAlg is the algorithm of the client's tokens; empty means ES256.
	SigningAlg string `json:"signingAlg,omitempty" yaml:"signingAlg,omitempty"`
	// RefreshRetryWindow, at most 10s, lets a client that lost the answer repeat
	// a refresh and get the same successor. Empty means off.
	RefreshRetryWindow string `json:"refreshRetryWindow,omitempty" yaml:"refreshRetryWindow,omitempty"`
	// MayAct are the client ids that may exchange the tokens of people who are signed
	// in to the app. Without it the app alone may.
	MayAct []string `json:"mayAct,omitempty" yaml:"mayAct,omitempty"`
}

// Scope is one scope the client may ask for, and why.
type Scope struct {
	Name          string `json:"name" yaml:"name"`
	Justification string `json:"justification,omitempty" yaml:"justification,omitempty"`
}

// Resource is the API that the app itself serves.
type Resource struct {
	Audience      string   `json:"audience" yaml:"audience"`
	Scopes        []string `json:"scopes,omitempty" yaml:"scopes,omitempty"`
	MaxTokenTTL   string   `json:"maxTokenTtl,omitempty" yaml:"maxTokenTtl,omitempty"` // a Go duration, at most 5m
	Introspection bool     `json:"introspection,omitempty" yaml:"introspection,omitempty"`
}
