// Package partner is the second identity provider of the demo: "Partner Corp", which
// speaks SAML, on the identity provider's role of github.com/crewjam/saml. It knows
// one service provider, the broker. Who has given their password is signed in until
// they sign out, here or at the broker: single logout goes both ways, by redirect.
//
// Routes: / (who is signed in, and signing out), /saml/metadata, /saml/sso (a plain
// HTML form with the fields username and password), /saml/slo.
package partner

import (
	"crypto/rsa"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"html/template"
	"log"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	samllib "github.com/crewjam/saml"
	dsig "github.com/russellhaering/goxmldsig"

	"github.com/gatehouse-io/gatehouse/internal/demo/idp"
)

// NameIDFormat is how the provider names people: by their subject, which never changes.
const NameIDFormat = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"

// formatBasic is the format of attribute names (core, section 8.2.3).
const formatBasic = "urn:oasis:names:tc:SAML:2.0:attrname-format:basic"

//go:embed post.html
var postHTML string

// postPage is what the library shows to have a response posted: with a button for
// browsers without scripts.
var postPage = template.Must(template.New("post").Parse(postHTML))

// Options describe a provider. All fields are required.
type Options struct {
	// BaseURL is where it is, without a trailing slash.
	BaseURL, Title string
	Key            *rsa.PrivateKey
	Certificate    *x509.Certificate
	// SPEntityID, which is the address of its metadata, ACS and SLO are the broker's, as is
	// TokenEndpoint: assertions that apps bring there are meant to go to it.
	SPEntityID, ACS, SLO, TokenEndpoint string
	People                              []idp.Person
	Now                                 func() time.Time
}

// Provider is a running identity provider.
type Provider struct {
	o    Options
	saml *samllib.IdentityProvider

	mu       sync.Mutex
	sessions map[string]signedIn // by the value of the cookie
}

// EntityID is the provider's entity id, and the address of its metadata.
func EntityID(base string) string { return base + "/saml/metadata" }

// SSO is where it takes requests.
func SSO(base string) string { return base + "/saml/sso" }

// SLO is where it takes what is said about signing out.
func SLO(base string) string { return base + "/saml/slo" }

// New returns a provider.
func New(o Options) (*Provider, error) {
	p := &Provider{o: o, sessions: map[string]signedIn{}}
	p.saml = &samllib.IdentityProvider{
		Key: o.Key, Certificate: o.Certificate, ServiceProviderProvider: p, SessionProvider: p,
		SignatureMethod: dsig.RSASHA256SignatureMethod, ResponseFormTemplate: postPage, Logger: log.New(os.Stderr, "partner: ", 0),
	}
	for address, to := range map[string]*url.URL{EntityID(o.BaseURL): &p.saml.MetadataURL, SSO(o.BaseURL): &p.saml.SSOURL, SLO(o.BaseURL): &p.saml.LogoutURL} {
		u, err := url.Parse(address)
		if err != nil {
			return nil, err
		}
		*to = *u
	}
	return p, nil
}

// Mount adds the routes.
func (p *Provider) Mount(mux *http.ServeMux) {
	mux.HandleFunc("GET /saml/metadata", p.saml.ServeMetadata)
	mux.HandleFunc("GET /saml/sso", p.sso)
	mux.HandleFunc("POST /saml/sso", p.sso)
	mux.HandleFunc("GET /saml/slo", p.slo)
	mux.HandleFunc("GET /{$}", p.home)
	mux.HandleFunc("POST /sign-out", p.signOut)
}

// sso answers a request; the pages of the library have no headers of their own.
func (p *Provider) sso(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'none'")
	p.saml.ServeSSO(w, r)
}

// GetServiceProvider implements samllib.ServiceProviderProvider: there is one. Its keys
// are left out, as the library would encrypt for them in a way that nobody should take.
func (p *Provider) GetServiceProvider(_ *http.Request, id string) (*samllib.EntityDescriptor, error) {
	if id != p.o.SPEntityID {
		return nil, os.ErrNotExist
	}
	return &samllib.EntityDescriptor{EntityID: id, SPSSODescriptors: []samllib.SPSSODescriptor{{
		AssertionConsumerServices: []samllib.IndexedEndpoint{
			{Binding: samllib.HTTPPostBinding, Location: p.o.ACS}, {Binding: samllib.HTTPPostBinding, Location: p.o.TokenEndpoint, Index: 1},
		},
	}}}, nil
}

// GetSession implements samllib.SessionProvider: it takes whoever is signed in, asks for
// the password, or answers the form that asked.
func (p *Provider) GetSession(w http.ResponseWriter, r *http.Request, req *samllib.IdpAuthnRequest) *samllib.Session {
	username, again := r.PostFormValue("username"), req.Request.ForceAuthn != nil && *req.Request.ForceAuthn
	if s, ok := p.current(r); ok && username == "" && !again {
		return p.session(s)
	}
	f := idp.Form{
		Look: p.look(), Action: "/saml/sso", Username: username, People: p.o.People,
		Hidden: map[string]string{"SAMLRequest": base64.StdEncoding.EncodeToString(req.RequestBuffer), "RelayState": req.RelayState},
	}
	if username == "" {
		f.Write(w, http.StatusOK)
		return nil
	}
	who, ok := idp.Known(p.o.People, username, r.PostFormValue("password"))
	if !ok {
		f.Problem = "That user name and password do not match."
		f.Write(w, http.StatusUnauthorized)
		return nil
	}
	return p.session(p.begin(w, who))
}

// session is what is asserted about somebody.
func (p *Provider) session(s signedIn) *samllib.Session {
	now, who := p.o.Now(), s.person
	return &samllib.Session{
		ID: s.index, Index: s.index, CreateTime: s.since, ExpireTime: now.Add(sessionLife), NameID: who.Subject, NameIDFormat: NameIDFormat,
		CustomAttributes: []samllib.Attribute{
			attribute("email", who.Email), attribute("email_verified", "true"), attribute("name", who.Name), attribute("username", who.Username),
			attribute("groups", who.Groups...),
		},
	}
}

func attribute(name string, values ...string) samllib.Attribute {
	a := samllib.Attribute{Name: name, FriendlyName: name, NameFormat: formatBasic}
	for _, v := range values {
		a.Values = append(a.Values, samllib.AttributeValue{Type: "xs:string", Value: v})
	}
	return a
}
