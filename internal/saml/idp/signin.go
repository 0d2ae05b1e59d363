package idp

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
)

// What is kept in short-term memory: which requests were answered, and those that a
// browser is to repeat with its cookies.
const (
	requestPurpose cache.Purpose = "saml-request"
	againPurpose   cache.Purpose = "saml-again"
)

// How long a request is remembered, longer than it is good and a person may take; and
// how long a browser may take to repeat one.
const (
	requestLife = 20 * time.Minute
	againLife   = time.Minute
)

// What is remembered of a request.
var open, answered = []byte("open"), []byte("answered")

// signIn answers the single sign-on service.
func (p *Provider) signIn(w http.ResponseWriter, r *http.Request) {
	if err := p.o.Limits.Address.Count(r.Context(), httpx.ClientNetwork(r)); err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	l, err := p.read(r, xmlgate.AuthnRequest)
	var a authnRequest
	if err == nil && xml.Unmarshal(l.content, &a) != nil {
		err = ErrMessage
	}
	if err == nil {
		err = p.check(a.header, l, ssoPath)
	}
	q := request{ID: a.ID, RelayState: l.relayState}
	if err == nil {
		q.App, q.Entity = l.app.App, l.app.ID
		q.ACS, err = a.acs(l.app.SAML)
	}
	if err == nil {
		err = p.remember(r, q)
	}
	if err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	req, refusal := a.want(l.app, &q)
	if refusal != nil {
		p.answerStatus(w, r, l.app, q, *refusal)
		return
	}
	if req.State, err = json.Marshal(q); err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	if cookieless(r) {
		p.askAgain(w, r, ssoPath, req)
		return
	}
	p.o.Authenticator.Authenticate(w, r, req)
}

// remember notes a request, and refuses one that was answered.
func (p *Provider) remember(r *http.Request, q request) error {
	known, is, err := p.o.Memory.Get(r.Context(), requestPurpose, q.key())
	switch {
	case err != nil:
		return err
	case is && string(known) != string(open):
		return ErrAnswered
	case is:
		return nil
	}
	return p.o.Memory.Put(r.Context(), requestPurpose, q.key(), open, requestLife)
}

// spend marks a request as answered: of two who try, one does.
func (p *Provider) spend(r *http.Request, q request) error {
	if q.ID == "" {
		return nil // a launch answers nothing
	}
	swapped, err := p.o.Memory.Swap(r.Context(), requestPurpose, q.key(), open, answered, requestLife)
	if err == nil && !swapped {
		err = ErrAnswered
	}
	return err
}

// cookieless reports whether another site's form may have been posted: browsers keep
// SameSite cookies from those, and with them the session.
func cookieless(r *http.Request) bool { return r.Method == http.MethodPost && len(r.Cookies()) == 0 }

// askAgain has the browser come back by GET, which brings cookies. A posted message
// cannot be repeated in a query: its signature is in the document.
func (p *Provider) askAgain(w http.ResponseWriter, r *http.Request, path string, what any) {
	raw, err := json.Marshal(what)
	handle := random()
	if err == nil {
		err = p.o.Memory.Put(r.Context(), againPurpose, path+"/"+handle, raw, againLife)
	}
	if err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	http.Redirect(w, r, p.o.Prefix+path+"/"+handle, http.StatusSeeOther)
}

// again takes what askAgain kept.
func (p *Provider) again(r *http.Request, path string, what any) error {
	raw, ok, err := p.o.Memory.Take(r.Context(), againPurpose, path+"/"+r.PathValue("handle"))
	switch {
	case err != nil:
		return err
	case !ok:
		return ErrHandle
	}
	if err := json.Unmarshal(raw, what); err != nil {
		return fmt.Errorf("repeated request: %w", err)
	}
	return nil
}

// signInAgain goes on with a request that was posted.
func (p *Provider) signInAgain(w http.ResponseWriter, r *http.Request) {
	var req identity.SignInRequest
	if err := p.again(r, ssoPath, &req); err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	p.o.Authenticator.Authenticate(w, r, req)
}

// launch begins a sign-in that the app did not ask for (profiles, section 4.1.5). Its
// relay state is the manifest's: a link cannot bring another.
func (p *Provider) launch(w http.ResponseWriter, r *http.Request) {
	if err := p.o.Limits.Address.Count(r.Context(), httpx.ClientNetwork(r)); err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	c, err := p.o.Apps.Named(r.Context(), r.PathValue("app"))
	if err == nil && (c.SAML == nil || !c.SAML.Unsolicited) || err != nil && fault.KindOf(err) == fault.NotFound {
		err = ErrNoLaunch
	}
	if err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	state, err := json.Marshal(request{App: c.App, Entity: c.ID, ACS: c.SAML.ACS[0], RelayState: c.SAML.RelayState})
	if err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	p.o.Authenticator.Authenticate(w, r, identity.SignInRequest{Protocol: identity.SAML, State: state, App: c.App, Client: c.ID, Scopes: c.Scopes})
}

// current is the app of a request as it is now: time has passed since it was made.
func (p *Provider) current(r *http.Request, q request) (*registry.Client, error) {
	c, err := p.o.Apps.ClientOf(r.Context(), q.App)
	switch {
	case err != nil && fault.KindOf(err) != fault.NotFound:
		return nil, err
	case err != nil, c.SAML == nil, c.ID != q.Entity:
		return nil, ErrIssuer
	}
	for _, acs := range c.SAML.ACS {
		if acs == q.ACS {
			return c, nil
		}
	}
	return nil, ErrACS
}

// random is a name that nobody guesses.
func random() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // crypto/rand.Read never fails
	return base64.RawURLEncoding.EncodeToString(b)
}
