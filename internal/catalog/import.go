package catalog

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
)

// metadata is the client metadata of RFC 7591, section 2, and of OpenID Connect
// registration and logout, as far as a client here can have it; scopes is a list
// beside the standard's scope, because that is how sprawling catalogs wrote it.
type metadata struct {
	ClientID               string          `yaml:"client_id"`
	ClientName             string          `yaml:"client_name"`
	RedirectURIs           []string        `yaml:"redirect_uris"`
	PostLogoutRedirectURIs []string        `yaml:"post_logout_redirect_uris"`
	BackchannelLogoutURI   string          `yaml:"backchannel_logout_uri"`
	InitiateLoginURI       string          `yaml:"initiate_login_uri"`
	GrantTypes             []string        `yaml:"grant_types"`
	ResponseTypes          []string        `yaml:"response_types"`
	Method                 string          `yaml:"token_endpoint_auth_method"`
	Scope                  string          `yaml:"scope"`
	Scopes                 []string        `yaml:"scopes"`
	JWKS                   json.RawMessage `yaml:"jwks"`
	JWKSURI                string          `yaml:"jwks_uri"`
	Algorithm              string          `yaml:"id_token_signed_response_alg"`
}

// clientPrefix begins the client ids of catalogs; the app's name goes without.
const clientPrefix = "microapp-"

// ImportClientMetadata makes a manifest of an OAuth client's flat metadata
// (RFC 7591, section 2). Metadata names neither an owner nor groups: the app is
// incomplete until a manifest of the same name says the rest. Its errors are
// those of ParseManifest, with the metadata's own paths.
func ImportClientMetadata(file string, data []byte) (Manifest, error) {
	m, c := importMetadata(file, data)
	return m, invalid(c.faults)
}

func importMetadata(file string, data []byte) (Manifest, *checker) {
	var flat metadata
	doc, faults := strictyaml.Decode(data, &flat, strictyaml.Options{File: file, MaxBytes: maxManifest})
	c := &checker{file: file, doc: doc, faults: faults, rename: flatPath}
	if len(flat.ResponseTypes) > 0 && !slices.Equal(flat.ResponseTypes, []string{"code"}) {
		c.fail("response_types", "must be code alone: tokens never pass through the browser")
	}
	if flat.Scope != "" && flat.Scopes != nil {
		c.fail("scope", "cannot be given together with scopes")
	}
	m := flat.manifest()
	if flat.ClientID == "" {
		c.fail("client_id", "is required")
		return m, c
	}
	c.manifest(&m)
	return m, c
}

// manifest says the same as the metadata, with the defaults of RFC 7591.
func (f *metadata) manifest() Manifest {
	name := strings.TrimPrefix(f.ClientID, clientPrefix)
	title := f.ClientName
	if title == "" {
		title = titleOf(name)
	}
	client := &OIDC{
		ClientID: f.ClientID, RedirectURIs: f.RedirectURIs, PostLogoutRedirectURIs: f.PostLogoutRedirectURIs,
		BackchannelLogoutURI: f.BackchannelLogoutURI, GrantTypes: f.GrantTypes, TokenEndpointAuthMethod: f.Method,
		JWKS: f.JWKS, JWKSURI: f.JWKSURI, LaunchURI: f.InitiateLoginURI, SigningAlg: f.Algorithm,
	}
	if client.GrantTypes == nil {
		client.GrantTypes = []string{grantCode}
	}
	if client.TokenEndpointAuthMethod == "" {
		client.TokenEndpointAuthMethod = methodBasic
	}
	scopes := f.Scopes
	if scopes == nil {
		scopes = strings.Fields(f.Scope)
	}
	for _, name := range scopes {
		client.Scopes = append(client.Scopes, Scope{Name: name})
	}
	return Manifest{
		APIVersion: APIVersion, Kind: Kind,
		Metadata: Metadata{Name: name, Title: title, Description: "Imported from the client metadata of " + f.ClientID + "."},
		Spec:     Spec{Identity: Identity{Protocol: "oidc", OIDC: client}},
	}
}

// titleOf writes hr-feedback as "Hr Feedback".
func titleOf(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return r == '-' })
	for i, word := range words {
		first, size := utf8.DecodeRuneInString(word)
		words[i] = string(unicode.ToUpper(first)) + word[size:]
	}
	return strings.Join(words, " ")
}

// flatNames are the metadata's names of what a manifest calls otherwise.
var flatNames = map[string]string{
	"metadata.name": "client_id", "metadata.title": "client_name", "metadata.description": "client_id",
	"clientId": "client_id", "redirectUris": "redirect_uris", "postLogoutRedirectUris": "post_logout_redirect_uris",
	"backchannelLogoutUri": "backchannel_logout_uri", "launchUri": "initiate_login_uri", "grantTypes": "grant_types",
	"tokenEndpointAuthMethod": "token_endpoint_auth_method", "jwksUri": "jwks_uri", "signingAlg": "id_token_signed_response_alg",
}

// flatPath turns spec.identity.oidc.redirectUris[0] into redirect_uris[0].
func flatPath(path string) string {
	path = strings.TrimPrefix(path, "spec.identity.oidc.")
	if name, ok := flatNames[path]; ok {
		return name
	}
	if end := strings.IndexAny(path, ".["); end >= 0 {
		if name, ok := flatNames[path[:end]]; ok {
			return name + path[end:]
		}
		if path[:end] == "scopes" {
			return strings.TrimSuffix(path, ".name")
		}
	}
	return path
}
