package registry

import (
	"net/url"
	"slices"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
)

// snapshot is everything derived from one reading of the catalog. It is never
// changed: a newer one replaces it.
type snapshot struct {
	clients   map[string]*Client // by client_id
	byApp     map[string]*Client // by internal app id
	audiences map[string]*Audience
	all       []*Client
	// origins of the public clients that run in browsers.
	origins map[string]bool
	// generation of the catalog, and when it was read.
	generation int64
	read       time.Time
	// covers is the highest revocation of an app or client that was known
	// before the reading: see Registry.Invalidate.
	covers uint64
}

// derive makes the snapshot of apps. rev was applied before they were read.
func derive(apps []catalog.App, rev uint64, thirdParty func(name string) bool) *snapshot {
	s := &snapshot{clients: map[string]*Client{}, byApp: map[string]*Client{}, audiences: map[string]*Audience{}, origins: map[string]bool{}}
	for i := range apps {
		client := clientOf(&apps[i], rev, thirdParty)
		if client != nil {
			s.clients[client.ID], s.byApp[client.App] = client, client
			s.all = append(s.all, client)
			for _, uri := range client.RedirectURIs {
				if u, err := url.Parse(uri); err == nil && client.Method == AuthNone && !client.Disabled {
					s.origins[u.Scheme+"://"+u.Host] = true
				}
			}
		}
		if audience := audienceOf(&apps[i], client); audience != nil {
			s.audiences[audience.Name] = audience
		}
	}
	return s
}

// clientOf derives the app's client, nil for an app that has none.
func clientOf(a *catalog.App, rev uint64, thirdParty func(name string) bool) *Client {
	m := &a.Manifest
	o := m.Spec.Identity.OIDC
	if o == nil {
		return nil
	}
	c := &Client{
		ID: o.ClientID, App: a.ID, Name: a.Name, Title: m.Metadata.Title, Description: m.Metadata.Description, Owner: m.Spec.Owner,
		Method: AuthMethod(o.TokenEndpointAuthMethod), JWKS: o.JWKS, JWKSURI: o.JWKSURI,
		RedirectURIs: o.RedirectURIs, PostLogoutRedirectURIs: o.PostLogoutRedirectURIs, BackchannelLogoutURI: o.BackchannelLogoutURI,
		GrantTypes: o.GrantTypes, SigningAlg: o.SigningAlg, LaunchURI: o.LaunchURI,
		ThirdParty: thirdParty(a.Name), Missing: m.Missing(), Disabled: a.Disabled, Entitlements: m.Spec.Entitlements,
		RefreshRetryWindow: duration(o.RefreshRetryWindow), Rev: rev,
	}
	if c.SigningAlg == "" {
		c.SigningAlg = defaultAlgorithm
	}
	for _, s := range o.Scopes {
		c.Scopes = append(c.Scopes, s.Name)
	}
	for _, s := range a.Secrets {
		c.SecretHashes = append(c.SecretHashes, s.Hash)
	}
	if r := m.Spec.Identity.Resource; r != nil && r.Introspection {
		c.Introspects = []string{r.Audience}
	}
	return c
}

// defaultAlgorithm signs the tokens of a client that names none.
const defaultAlgorithm = "ES256"

// audienceOf derives the API that the app serves. An app that is disabled or
// incomplete serves none: no token is made for it.
func audienceOf(a *catalog.App, c *Client) *Audience {
	r := a.Manifest.Spec.Identity.Resource
	if r == nil || a.Disabled || len(a.Manifest.Missing()) > 0 {
		return nil
	}
	audience := &Audience{Name: r.Audience, App: a.ID, Scopes: slices.Clone(r.Scopes), MaxTTL: duration(r.MaxTokenTTL)}
	if c != nil {
		audience.Client = c.ID
	}
	return audience
}

// duration reads what the catalog has checked; "" is 0.
func duration(text string) time.Duration {
	d, err := strictyaml.Duration(text)
	if err != nil {
		return 0 // off, or the default: never longer than what was asked for
	}
	return d
}
