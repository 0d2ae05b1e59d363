package registry

import (
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
)

// snapshot is everything derived from one reading of the catalog. It is never
// changed: a newer one replaces it.
type snapshot struct {
	apps      map[string]derived // by internal app id
	clients   map[string]*Client // by client_id
	providers map[string]*Client // by entity id
	byName    map[string]*Client // by the app's name
	audiences map[string]*Audience
	all       []*Client
	// origins of the public clients that run in browsers.
	origins map[string]bool
	// generation of the catalog, and when it was last seen to be that one still, in
	// nanoseconds since 1970.
	generation int64
	seen       atomic.Int64
	// covers is the highest revocation of an app or client that was known
	// before the reading: see Registry.Invalidate.
	covers uint64
}

// derived is what comes of one version of an app; either is nil for an app that has none.
type derived struct {
	version  int64
	client   *Client
	audience *Audience
}

func newSnapshot(apps map[string]derived) *snapshot {
	return &snapshot{
		apps: apps, clients: map[string]*Client{}, providers: map[string]*Client{}, byName: map[string]*Client{},
		audiences: map[string]*Audience{}, origins: map[string]bool{},
	}
}

// add makes what was derived of an app findable.
func (s *snapshot) add(d derived) {
	if d.audience != nil {
		s.audiences[d.audience.Name] = d.audience
	}
	c := d.client
	if c == nil {
		return
	}
	s.byName[c.Name] = c
	s.all = append(s.all, c)
	if c.SAML != nil {
		s.providers[c.ID] = c
		return
	}
	s.clients[c.ID] = c
	for _, uri := range c.RedirectURIs {
		if u, err := url.Parse(uri); err == nil && c.Method == AuthNone && !c.Disabled {
			s.origins[u.Scheme+"://"+u.Host] = true
		}
	}
}

// derive makes what comes of an app. rev was applied before the app was read.
func derive(a *catalog.App, rev uint64, o Options, same *sharer) derived {
	client := clientOf(a, rev, o)
	d := derived{a.Version, client, audienceOf(a, client)}
	same.app(d)
	return d
}

// clientOf derives the app's client or service provider, nil for an app that has none.
func clientOf(a *catalog.App, rev uint64, o Options) *Client {
	m := &a.Manifest
	c := &Client{
		ID: a.ClientID(), App: a.ID, Name: a.Name, Title: m.Metadata.Title, Description: m.Metadata.Description, Owner: m.Spec.Owner,
		ThirdParty: o.ThirdParty(a.Name), Missing: m.Missing(), Disabled: a.Disabled, Entitlements: m.Spec.Entitlements, Rev: rev,
	}
	switch id := m.Spec.Identity; {
	case id.OIDC != nil:
		c.oauth(a, id.OIDC)
		c.exchange(id.TokenExchange)
	case id.SAML != nil:
		c.saml(id.SAML, o.Launch(a.Name))
	default:
		return nil
	}
	return c
}

// oauth fills in what an OAuth client has.
func (c *Client) oauth(a *catalog.App, o *catalog.OIDC) {
	c.Method, c.JWKS, c.JWKSURI = AuthMethod(o.TokenEndpointAuthMethod), o.JWKS, o.JWKSURI
	c.RedirectURIs, c.PostLogoutRedirectURIs, c.BackchannelLogoutURI = o.RedirectURIs, o.PostLogoutRedirectURIs, o.BackchannelLogoutURI
	c.GrantTypes, c.SigningAlg, c.LaunchURI, c.RefreshRetryWindow = o.GrantTypes, o.SigningAlg, o.LaunchURI, duration(o.RefreshRetryWindow)
	if c.SigningAlg == "" {
		c.SigningAlg = defaultAlgorithm
	}
	c.MayAct, c.lapsed, c.Agreements = o.MayAct, a.Lapsed, a.Agreements
	for _, s := range o.Scopes {
		if !catalog.BrokersScope(s.Name) || a.Agreements.To(catalog.Right{Scope: s.Name, Mode: catalog.ByItself}, "") {
			c.Scopes = append(c.Scopes, s.Name)
		}
	}
	for _, s := range a.Secrets {
		c.SecretHashes = append(c.SecretHashes, s.Hash)
	}
	if r := a.Manifest.Spec.Identity.Resource; r != nil && r.Introspection {
		c.Introspects = []string{r.Audience}
	}
}

// exchange fills in what the client may exchange tokens for, which takes the grant
// type along whether or not the manifest names it.
func (c *Client) exchange(all []catalog.Exchange) {
	for _, e := range all {
		c.Exchanges = append(c.Exchanges, Exchange{Audience: e.Audience, Scopes: e.Scopes, MaxTTL: duration(e.MaxTTL), Delegation: e.Mode == catalog.ModeDelegation})
	}
	if len(all) > 0 && !slices.Contains(c.GrantTypes, catalog.GrantExchange) {
		c.GrantTypes = append(slices.Clip(c.GrantTypes), catalog.GrantExchange)
	}
}

// saml fills in what a service provider has.
func (c *Client) saml(s *catalog.SAML, launch string) {
	certificates, err := s.Certificates()
	p := &ServiceProvider{
		ACS: s.ACS, NameIDFormat: s.Format(), SignAssertion: unlessFalse(s.WantSigned), SignResponse: unlessFalse(s.SignResponse),
		Certificates: certificates, RequestsSigned: unlessFalse(s.RequestsSigned) && s.Certificate != "",
		SLO: s.SLO, SLOPost: s.SLOBinding == "post", Attributes: s.Attributes, Unsolicited: unlessFalse(s.Unsolicited), RelayState: s.RelayState,
	}
	if s.EncryptAssertions && len(certificates) > 0 {
		p.Encrypt = certificates[0]
	}
	if err != nil { // the catalog has checked them: nobody gets in on what cannot be read
		c.Missing = append(c.Missing, "keys")
	}
	c.SAML, c.LaunchURI = p, s.LaunchURI
	if c.LaunchURI == "" && p.Unsolicited {
		c.LaunchURI = launch
	}
	for _, one := range s.Scopes {
		c.Scopes = append(c.Scopes, one.Name)
	}
	if len(c.Scopes) == 0 {
		c.Scopes = []string{"profile", "email"}
	}
}

func unlessFalse(b *bool) bool { return b == nil || *b }

// defaultAlgorithm signs the tokens of a client that names none.
const defaultAlgorithm = "ES256"

// audienceOf derives the API that the app serves. An app that is disabled or
// incomplete serves none: no token is made for it.
func audienceOf(a *catalog.App, c *Client) *Audience {
	r := a.Manifest.Spec.Identity.Resource
	if r == nil || a.Disabled || len(a.Manifest.Missing()) > 0 {
		return nil
	}
	audience := &Audience{
		Name: r.Audience, App: a.ID, Scopes: slices.Clone(r.Scopes), MaxTTL: duration(r.MaxTokenTTL), Entitlements: a.Manifest.Spec.Entitlements,
	}
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
