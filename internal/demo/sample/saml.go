package sample

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	samllib "github.com/crewjam/saml"
	dsig "github.com/russellhaering/goxmldsig"
)

// maxMetadata bounds what is read of the broker's metadata, in bytes.
const maxMetadata = 1 << 20

// SAMLApp is an app that people sign in to over SAML: a service provider on
// github.com/crewjam/saml.
//
// Routes: / (who is signed in), /login, /saml/metadata, /saml/acs, /saml/slo, /logout,
// /bye.
type SAMLApp struct {
	o           Options
	key         *rsa.PrivateKey
	certificate *x509.Certificate

	mu       sync.Mutex
	provider *samllib.ServiceProvider
	attempts map[string]time.Time  // by the id of the request
	used     map[string]time.Time  // by the id of the assertion
	people   map[string]samlPerson // by cookie
}

// samlPerson is somebody who is signed in.
type samlPerson struct {
	visitor
	nameID samllib.NameID
	index  string
}

// NewSAML returns an app that signs with the key of the certificate.
func NewSAML(o Options, key *rsa.PrivateKey, certificate *x509.Certificate) *SAMLApp {
	return &SAMLApp{o: o, key: key, certificate: certificate, attempts: map[string]time.Time{}, used: map[string]time.Time{}, people: map[string]samlPerson{}}
}

// EntityID is the app's entity id, ACS and SLO are where it takes messages.
func (a *SAMLApp) EntityID() string { return a.o.BaseURL + "/saml/metadata" }

// ACS is the assertion consumer service.
func (a *SAMLApp) ACS() string { return a.o.BaseURL + "/saml/acs" }

// SLO is the single logout service.
func (a *SAMLApp) SLO() string { return a.o.BaseURL + "/saml/slo" }

// Mount adds the app's routes.
func (a *SAMLApp) Mount(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", a.home)
	mux.HandleFunc("GET /login", a.login)
	mux.HandleFunc("GET /saml/metadata", a.metadata)
	mux.HandleFunc("POST /saml/acs", a.consume)
	mux.HandleFunc("POST /saml/slo", a.slo)
	mux.HandleFunc("POST /logout", a.logout)
	mux.HandleFunc("GET /bye", func(w http.ResponseWriter, _ *http.Request) { a.render(w, http.StatusOK, view{Bye: true}) })
}

func (a *SAMLApp) render(w http.ResponseWriter, status int, v view) {
	v.App = a.o
	render(w, status, v)
}

// describe is the app without the broker's metadata.
func (a *SAMLApp) describe() (*samllib.ServiceProvider, error) {
	sp := &samllib.ServiceProvider{
		EntityID: a.EntityID(), Key: a.key, Certificate: a.certificate, SignatureMethod: dsig.RSASHA256SignatureMethod,
		AuthnNameIDFormat: samllib.PersistentNameIDFormat, LogoutBindings: []string{samllib.HTTPPostBinding},
	}
	for to, address := range map[*url.URL]string{&sp.MetadataURL: a.EntityID(), &sp.AcsURL: a.ACS(), &sp.SloURL: a.SLO()} {
		u, err := url.Parse(address)
		if err != nil {
			return nil, fmt.Errorf("address of the app: %w", err)
		}
		*to = *u
	}
	return sp, nil
}

// discover fetches the broker's metadata once it answers.
func (a *SAMLApp) discover(ctx context.Context) (*samllib.ServiceProvider, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.provider != nil {
		return a.provider, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.o.Issuer+"/saml/metadata", nil)
	if err != nil {
		return nil, fmt.Errorf("metadata of the broker: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("metadata of the broker: %w", err)
	}
	defer func() { _ = res.Body.Close() }() // only read from
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxMetadata))
	if err != nil {
		return nil, fmt.Errorf("metadata of the broker: %w", err)
	}
	var broker samllib.EntityDescriptor
	if err := xml.Unmarshal(raw, &broker); err != nil {
		return nil, fmt.Errorf("metadata of the broker: %w", err)
	}
	sp, err := a.describe()
	if err != nil {
		return nil, err
	}
	sp.IDPMetadata, a.provider = &broker, sp
	return sp, nil
}

func (a *SAMLApp) metadata(w http.ResponseWriter, _ *http.Request) {
	sp, err := a.describe()
	var body []byte
	if err == nil {
		body, err = xml.MarshalIndent(sp.Metadata(), "", "  ")
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/samlmetadata+xml")
	_, _ = w.Write(body) // the peer may have gone
}

func (a *SAMLApp) home(w http.ResponseWriter, r *http.Request) {
	if who, ok := a.visitor(r); ok {
		a.render(w, http.StatusOK, view{Visitor: &who.visitor})
		return
	}
	a.render(w, http.StatusOK, view{})
}

// login begins a sign-in at the broker. ?force and ?passive ask for a new password or
// for no page, to be tried by hand.
func (a *SAMLApp) login(w http.ResponseWriter, r *http.Request) {
	sp, err := a.discover(r.Context())
	if err != nil {
		a.render(w, http.StatusBadGateway, view{Problem: err.Error()})
		return
	}
	req, err := sp.MakeAuthenticationRequest(sp.GetSSOBindingLocation(samllib.HTTPRedirectBinding), samllib.HTTPRedirectBinding, samllib.HTTPPostBinding)
	if err != nil {
		a.render(w, http.StatusInternalServerError, view{Problem: err.Error()})
		return
	}
	yes := true
	if r.URL.Query().Has("force") {
		req.ForceAuthn = &yes
	}
	if r.URL.Query().Has("passive") {
		req.IsPassive = &yes
	}
	a.mu.Lock()
	note(a.attempts, req.ID, a.o.Now())
	a.mu.Unlock()
	a.setCookie(w, a.requestCookie(), req.ID)
	// The library appends the relay state as it is.
	target, err := req.Redirect(url.QueryEscape(rand.Text()), sp)
	if err != nil {
		a.render(w, http.StatusInternalServerError, view{Problem: err.Error()})
		return
	}
	http.Redirect(w, r, target.String(), http.StatusSeeOther)
}

// note remembers an id for as long as a sign-in may take.
func note(ids map[string]time.Time, id string, now time.Time) {
	for known, at := range ids {
		if now.Sub(at) > attemptLife {
			delete(ids, known)
		}
	}
	ids[id] = now
}

// consume takes a response: to a request that this browser brought to the broker, or to
// none, when the broker's portal launched it. An assertion counts once.
func (a *SAMLApp) consume(w http.ResponseWriter, r *http.Request) {
	sp, err := a.discover(r.Context())
	if err != nil {
		a.render(w, http.StatusBadGateway, view{Problem: err.Error()})
		return
	}
	if err := r.ParseForm(); err != nil {
		a.render(w, http.StatusBadRequest, view{Problem: err.Error()})
		return
	}
	known := []string{""} // "" stands for a response that answers nothing
	if c, err := r.Cookie(a.requestCookie()); err == nil {
		a.mu.Lock()
		if _, begun := a.attempts[c.Value]; begun {
			known = append(known, c.Value)
		}
		a.mu.Unlock()
	}
	assertion, err := sp.ParseResponse(r, known)
	if err != nil {
		a.render(w, http.StatusForbidden, view{Problem: "The broker's answer is refused: " + reason(err)})
		return
	}
	who := samlPerson{nameID: *assertion.Subject.NameID, index: assertion.AuthnStatements[0].SessionIndex}
	who.Subject = who.nameID.Value
	for _, s := range assertion.AttributeStatements {
		for _, one := range s.Attributes {
			who.learn(one)
		}
	}
	cookie := rand.Text()
	a.mu.Lock()
	delete(a.attempts, assertion.Subject.SubjectConfirmations[0].SubjectConfirmationData.InResponseTo)
	_, again := a.used[assertion.ID]
	note(a.used, assertion.ID, a.o.Now())
	if !again {
		a.people[cookie] = who
	}
	a.mu.Unlock()
	if again {
		a.render(w, http.StatusForbidden, view{Problem: "The broker's answer is refused: it was used before."})
		return
	}
	a.setCookie(w, a.cookie(), cookie)
	http.Redirect(w, r, a.o.BaseURL+"/", http.StatusSeeOther)
}

// learn notes an attribute.
func (p *samlPerson) learn(a samllib.Attribute) {
	for _, v := range a.Values {
		switch a.Name {
		case "name":
			p.Name = v.Value
		case "email":
			p.Email = v.Value
		case "groups":
			p.Groups = append(p.Groups, v.Value)
		}
	}
}

// reason is what the library keeps for itself.
func reason(err error) string {
	if invalid, ok := errors.AsType[*samllib.InvalidResponseError](err); ok {
		return invalid.PrivateErr.Error()
	}
	return err.Error()
}

func (a *SAMLApp) visitor(r *http.Request) (samlPerson, bool) {
	c, err := r.Cookie(a.cookie())
	if err != nil {
		return samlPerson{}, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	who, ok := a.people[c.Value]
	return who, ok
}

func (a *SAMLApp) cookie() string { return a.o.Name + "-session" }

// requestCookie binds a request to the browser that carries it.
func (a *SAMLApp) requestCookie() string { return a.o.Name + "-request" }

func (a *SAMLApp) setCookie(w http.ResponseWriter, name, value string) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // G124: the demo is plain http on loopback, where Secure would lose the cookie
		Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}
