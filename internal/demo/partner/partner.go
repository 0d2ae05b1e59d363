// Package partner is the second identity provider of the demo: "Partner Corp", which
// speaks SAML, on the identity provider's role of github.com/crewjam/saml. It knows
// one service provider, the broker, and asks for the password every time.
//
// Routes: /saml/metadata, /saml/sso (a plain HTML form with the fields username and
// password).
package partner

import (
	"crypto/rsa"
	"crypto/subtle"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"html/template"
	"log"
	"net/http"
	"net/url"
	"os"
	"time"

	samllib "github.com/crewjam/saml"
	dsig "github.com/russellhaering/goxmldsig"

	"github.com/gatehouse-io/gatehouse/internal/demo/idp"
)

// NameIDFormat is how the provider names people: by their subject, which never changes.
const NameIDFormat = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"

// formatBasic is the format of attribute names (core, section 8.2.3).
const formatBasic = "urn:oasis:names:tc:SAML:2.0:attrname-format:basic"

//go:embed form.html
var formHTML string

//go:embed post.html
var postHTML string

var formPage = template.Must(template.New("form").Parse(formHTML))

// postPage is what the library shows to have a response posted: with a button for
// browsers without scripts.
var postPage = template.Must(template.New("post").Parse(postHTML))

// Options describe a provider. All fields are required.
type Options struct {
	// BaseURL is where it is, without a trailing slash.
	BaseURL, Title string
	Key            *rsa.PrivateKey
	Certificate    *x509.Certificate
	// SPEntityID and ACS are the broker's.
	SPEntityID, ACS string
	People          []idp.Person
	Now             func() time.Time
}

// Provider is a running identity provider.
type Provider struct {
	o    Options
	saml *samllib.IdentityProvider
}

// EntityID is the provider's entity id, and the address of its metadata.
func EntityID(base string) string { return base + "/saml/metadata" }

// SSO is where it takes requests.
func SSO(base string) string { return base + "/saml/sso" }

// New returns a provider.
func New(o Options) (*Provider, error) {
	metadata, err := url.Parse(EntityID(o.BaseURL))
	if err != nil {
		return nil, err
	}
	sso, err := url.Parse(SSO(o.BaseURL))
	if err != nil {
		return nil, err
	}
	p := &Provider{o: o}
	p.saml = &samllib.IdentityProvider{
		Key: o.Key, Certificate: o.Certificate, MetadataURL: *metadata, SSOURL: *sso, ServiceProviderProvider: p, SessionProvider: p,
		SignatureMethod: dsig.RSASHA256SignatureMethod, ResponseFormTemplate: postPage, Logger: log.New(os.Stderr, "partner: ", 0),
	}
	return p, nil
}

// Mount adds the routes.
func (p *Provider) Mount(mux *http.ServeMux) {
	mux.HandleFunc("GET /saml/metadata", p.saml.ServeMetadata)
	mux.HandleFunc("GET /saml/sso", p.sso)
	mux.HandleFunc("POST /saml/sso", p.sso)
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
		AssertionConsumerServices: []samllib.IndexedEndpoint{{Binding: samllib.HTTPPostBinding, Location: p.o.ACS}},
	}}}, nil
}

// GetSession implements samllib.SessionProvider: it asks for the password, or answers the
// form that asked.
func (p *Provider) GetSession(w http.ResponseWriter, r *http.Request, req *samllib.IdpAuthnRequest) *samllib.Session {
	data := formData{Request: base64.StdEncoding.EncodeToString(req.RequestBuffer), RelayState: req.RelayState, Username: r.PostFormValue("username")}
	if data.Username != "" {
		if who, ok := p.person(data.Username, r.PostFormValue("password")); ok {
			return p.session(who)
		}
		data.Problem = "That user name and password do not match."
	}
	data.Title, data.People = p.o.Title, p.o.People
	if data.Problem != "" {
		w.WriteHeader(http.StatusUnauthorized)
	}
	_ = formPage.Execute(w, data) // the peer has gone: nobody is left to tell
	return nil
}

type formData struct {
	Title, Request, RelayState, Username, Problem string
	People                                        []idp.Person
}

func (p *Provider) person(username, password string) (idp.Person, bool) {
	for _, who := range p.o.People {
		if who.Username == username || who.Email == username {
			return who, subtle.ConstantTimeCompare([]byte(who.Password), []byte(password)) == 1
		}
	}
	return idp.Person{}, false
}

// session is what is asserted about somebody.
func (p *Provider) session(who idp.Person) *samllib.Session {
	now := p.o.Now()
	return &samllib.Session{
		ID: who.Subject, Index: who.Subject, CreateTime: now, ExpireTime: now.Add(8 * time.Hour), NameID: who.Subject, NameIDFormat: NameIDFormat,
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
