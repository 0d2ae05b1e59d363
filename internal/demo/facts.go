package demo

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// factsVersion changes when a key of Facts is removed or renamed.
const factsVersion = 1

// Facts is what the demo writes for tools and tests outside of the project:
// everything that it started, and how to get in. It holds secrets of the demo.
type Facts struct {
	Version int    `json:"version"`
	Issuer  string `json:"issuer"`
	Portal  string `json:"portal"`
	Account string `json:"account"`
	Metrics string `json:"metrics"`
	DataDir string `json:"data_dir"`
	// Socket is where the broker's API listens: the CLI's --socket.
	Socket string    `json:"socket"`
	Admin  FactAdmin `json:"admin"`
	IDPs   []FactIDP `json:"idps"`
	Apps   []FactApp `json:"apps"`
	// SAMLApps are apps that speak SAML.
	SAMLApps []FactSAMLApp `json:"saml_apps"`
	APIs     []FactAPI     `json:"apis"`
	Exchange FactExchange  `json:"exchange"`
	// SCIM are connections that people and groups may be pushed over.
	SCIM []FactSCIM `json:"scim"`
}

// FactSCIM is a connection for SCIM clients (RFC 7644).
type FactSCIM struct {
	Connection string `json:"connection"`
	BaseURL    string `json:"base_url"`
	Token      string `json:"token"`
}

// FactExchange is what the token exchange (RFC 8693) can be tried with. Apps go by
// their names.
type FactExchange struct {
	// Client exchanges the tokens of people at SubjectClient for ones of Audience with
	// Scope; ClientDenied may not exchange any.
	Client       string `json:"client"`
	ClientDenied string `json:"client_denied"`
	// AudienceDenied and ScopeWider are there, but Client gets neither.
	Audience       string `json:"audience"`
	AudienceDenied string `json:"audience_denied"`
	Scope          string `json:"scope"`
	ScopeWider     string `json:"scope_wider"`
	SubjectClient  string `json:"subject_client"`
	// ExpiredToken is an access token of the issuer that was good once.
	ExpiredToken string `json:"expired_token"`
}

// FactAdmin is who may do everything: a person who signs in, and an API token for
// the API below the issuer's /api/v1.
type FactAdmin struct {
	Username string `json:"username"`
	APIToken string `json:"api_token"`
}

// FactIDP is an identity provider and the people in it.
type FactIDP struct {
	ID       string       `json:"id"`
	Protocol string       `json:"protocol"`
	Title    string       `json:"title"`
	Issuer   string       `json:"issuer"`
	Domains  []string     `json:"domains"`
	People   []FactPerson `json:"people"`
	// Staff is where the administrator of the demo hires, moves and fires people.
	Staff string `json:"staff_url,omitempty"`
	// SAML is set for one that speaks SAML.
	SAML *FactSAML `json:"saml,omitempty"`
}

// FactSAML is how the broker and a SAML identity provider know each other. With the
// provider's key, a test can play it.
type FactSAML struct {
	SPEntityID     string `json:"sp_entity_id"`
	ACS            string `json:"acs_url"`
	SPMetadataURL  string `json:"sp_metadata_url"`
	IDPEntityID    string `json:"idp_entity_id"`
	IDPSSOURL      string `json:"idp_sso_url"`
	IDPMetadataURL string `json:"idp_metadata_url"`
	// IDPKey and IDPCert are the paths of PEM files.
	IDPKey  string `json:"idp_key"`
	IDPCert string `json:"idp_cert"`
	// StartURL begins a sign-in to an app, through this provider.
	StartURL string `json:"start_url"`
	// NameIDFormat is how the broker wants people named, Attributes in which attributes
	// it looks for what it wants to know of them.
	NameIDFormat string              `json:"name_id_format"`
	Attributes   map[string][]string `json:"attributes"`
	// Recipient is where an assertion is meant to go that ExchangeClient, an app, brings
	// to the token endpoint; its audience is SPEntityID.
	Recipient      string `json:"exchange_recipient"`
	ExchangeClient string `json:"exchange_client"`
}

// FactSAMLApp is a sample app that speaks SAML.
type FactSAMLApp struct {
	Name     string   `json:"name"`
	EntityID string   `json:"entity_id"`
	ACS      string   `json:"acs_url"`
	SLO      string   `json:"slo_url"`
	URL      string   `json:"url"`
	Groups   []string `json:"groups"`
}

// FactPerson is somebody who can sign in.
type FactPerson struct {
	Username string   `json:"username"`
	Password string   `json:"password"`
	Email    string   `json:"email"`
	Groups   []string `json:"groups"`
	Subject  string   `json:"subject"`
}

// FactApp is a sample app as the broker knows it.
type FactApp struct {
	Name     string `json:"name"`
	ClientID string `json:"client_id"`
	Auth     string `json:"auth"`
	Secret   string `json:"secret,omitempty"`
	// PrivateKey is the path of the PEM file of a private_key_jwt client.
	PrivateKey             string   `json:"private_key,omitempty"`
	KeyID                  string   `json:"kid,omitempty"`
	RedirectURIs           []string `json:"redirect_uris"`
	PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris"`
	GrantTypes             []string `json:"grant_types"`
	Scopes                 []string `json:"scopes"`
	URL                    string   `json:"url"`
	Groups                 []string `json:"groups"`
}

// FactAPI is an API that takes tokens of its own audience.
type FactAPI struct {
	Audience string   `json:"audience"`
	URL      string   `json:"url"`
	ClientID string   `json:"client_id"`
	Secret   string   `json:"secret"`
	Scopes   []string `json:"scopes"`
}

// App returns the facts of the app with this name.
func (f Facts) App(name string) FactApp {
	for _, a := range f.Apps {
		if a.Name == name {
			return a
		}
	}
	return FactApp{}
}

// Person returns the person with this user name, of any identity provider.
func (f Facts) Person(username string) FactPerson {
	for _, idp := range f.IDPs {
		for _, p := range idp.People {
			if p.Username == username {
				return p
			}
		}
	}
	return FactPerson{}
}

// write replaces the file in one step, so that nobody reads half of it.
func (f Facts) write(file string) error {
	body, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("facts: %w", err)
	}
	return replaceFile(file, append(body, '\n'))
}

// replaceFile writes a private file (mode 0600) beside the target and renames it.
func replaceFile(file string, body []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(file), ".gatehouse-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(file), err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // gone already when all went well
	_, err = tmp.Write(body)
	if closed := tmp.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(tmp.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(file), err)
	}
	return nil
}
