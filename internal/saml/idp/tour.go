package idp

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/beevik/etree"
	samllib "github.com/crewjam/saml"

	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/saml"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
	"github.com/gatehouse-io/gatehouse/internal/session"
)

// tourPurpose keeps a sign-out under way, by the id of the request that an app has yet
// to answer, for tourLife.
const (
	tourPurpose cache.Purpose = "saml-logout-tour"
	tourLife                  = 10 * time.Minute
)

// tour leads a browser from app to app, each of which ends its own session. Ours has
// ended before it begins: whatever an app answers, or does not, it goes on.
type tour struct {
	Left []stop `json:"left,omitempty"`
	At   stop   `json:"at,omitzero"`
	// Partial says that an app was not signed out of.
	Partial bool `json:"partial,omitempty"`
	// Demand is the LogoutRequest that is answered at the end, else Back is where the
	// browser goes.
	Demand *demand `json:"demand,omitempty"`
	Back   string  `json:"back,omitempty"`
	// Upstream is who vouched for the person, until they were told as well.
	Upstream *identity.Authentication `json:"upstream,omitempty"`
}

// stop is one app.
type stop struct {
	App          string `json:"app"`
	NameID       string `json:"name_id"`
	NameFormat   string `json:"name_format"`
	SessionIndex string `json:"session_index"`
}

// stops are the apps of a session that speak SAML, but for one.
func stops(all []session.Participant, but string) []stop {
	var list []stop
	for _, one := range all {
		if one.SessionIndex != "" && one.App != but {
			list = append(list, stop{one.App, one.NameID, one.NameFormat, one.SessionIndex})
		}
	}
	return list
}

// Leave leads the browser through the apps of a session that has ended, to the
// identity provider that vouched for the person, and then to back, an address of ours
// or of an app that was verified; the page that says so if it is empty. It reports
// whether it answered: it did not where nobody has to be told.
func (p *Provider) Leave(w http.ResponseWriter, r *http.Request, ended session.Session, back string) bool {
	return p.leave(w, r, ended, tour{Back: back, Upstream: &ended.Authentication}) || p.o.Onward(w, r, ended.Authentication, back)
}

// LeaveApps is Leave without the identity provider: where that asked for it.
func (p *Provider) LeaveApps(w http.ResponseWriter, r *http.Request, ended session.Session, back string) bool {
	return p.leave(w, r, ended, tour{Back: back})
}

// leave begins a tour where there is an app to lead to.
func (p *Provider) leave(w http.ResponseWriter, r *http.Request, ended session.Session, t tour) bool {
	all, err := p.o.Participants.Participants(r.Context(), ended.ID)
	if err != nil {
		p.o.Log.WarnContext(r.Context(), "apps cannot be told of a sign-out", "error", err)
	}
	if t.Left = stops(all, ""); len(t.Left) == 0 {
		return false
	}
	p.step(w, r, t)
	return true
}

// step leads to the next app.
func (p *Provider) step(w http.ResponseWriter, r *http.Request, t tour) {
	for len(t.Left) > 0 {
		t.At, t.Left = t.Left[0], t.Left[1:]
		c, err := p.o.Apps.ClientOf(r.Context(), t.At.App)
		switch {
		case err != nil && fault.KindOf(err) != fault.NotFound:
			p.o.UI.Error(w, r, err)
			return
		case err != nil || c.SAML == nil || c.SAML.SLO == "":
			t.Partial = true // it ends by its own time
			continue
		}
		p.visit(w, r, c, t)
		return
	}
	p.finish(w, r, t)
}

// visit sends the browser to an app with a LogoutRequest.
func (p *Provider) visit(w http.ResponseWriter, r *http.Request, c *registry.Client, t tour) {
	id := saml.NewID()
	raw, err := json.Marshal(t)
	if err == nil {
		err = p.o.Memory.Put(r.Context(), tourPurpose, id, raw, tourLife)
	}
	if err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	name := p.nameID(t.At.NameID, t.At.NameFormat, c.ID)
	p.send(w, r, c, saml.Request, saml.LogoutRequest{
		ID: id, EntityID: p.entityID(), Destination: c.SAML.SLO, Issued: p.now(), Session: identity.UpstreamSession{
			Name: name.Value, Format: name.Format, Qualifier: name.NameQualifier, SPQualifier: name.SPNameQualifier, Index: t.At.SessionIndex,
		},
	}, "")
}

// heard takes an app's answer to a LogoutRequest of ours.
func (p *Provider) heard(w http.ResponseWriter, r *http.Request) {
	l, err := p.read(r, xmlgate.LogoutResponse)
	// Even an answer that proves nothing says that the browser is back: the id of our
	// request is known to it and the app alone, and all that is left is to go on.
	t, taken := p.takeTour(r, l.hints.InResponseTo)
	if taken != nil {
		p.o.UI.Error(w, r, taken)
		return
	}
	if err == nil {
		err = p.agreed(l, t.At)
	}
	if err != nil {
		p.o.Log.WarnContext(r.Context(), "an app was not signed out of", "app", t.At.App, "error", err)
		t.Partial = true
	}
	p.step(w, r, t)
}

// agreed checks that the app signed its session out.
func (p *Provider) agreed(l letter, at stop) error {
	var answer struct {
		header
		Status struct {
			Code samllib.StatusCode `xml:"urn:oasis:names:tc:SAML:2.0:protocol StatusCode"`
		} `xml:"urn:oasis:names:tc:SAML:2.0:protocol Status"`
	}
	switch {
	case xml.Unmarshal(l.content, &answer) != nil:
		return ErrMessage
	case l.app.App != at.App:
		return ErrIssuer
	case answer.Status.Code.Value != saml.Success:
		return saml.ErrStatus
	}
	return p.check(answer.header, l, sloPath)
}

// finish tells the identity provider, and then answers the app that asked or goes
// where the sign-out was begun.
func (p *Provider) finish(w http.ResponseWriter, r *http.Request, t tour) {
	if t.Upstream != nil {
		a := *t.Upstream
		t.Upstream = nil
		back, err := p.comeBack(r, t)
		if err != nil {
			p.o.UI.Error(w, r, err)
			return
		}
		if p.o.Onward(w, r, a, back) {
			return
		}
	}
	if t.Demand == nil {
		if t.Back == "" {
			t.Back = p.o.Prefix + "/signed-out"
		}
		http.Redirect(w, r, t.Back, http.StatusSeeOther)
		return
	}
	p.answerDemand(w, r, t)
}

// comeBack is where the identity provider leads to: where the sign-out was begun, or
// to us, for the answer that an app waits for.
func (p *Provider) comeBack(r *http.Request, t tour) (string, error) {
	if t.Demand == nil {
		return t.Back, nil
	}
	raw, err := json.Marshal(t)
	if err != nil {
		return "", fmt.Errorf("sign-out: %w", err)
	}
	handle := random()
	return p.o.Issuer + sloPath + "/back/" + handle, p.o.Memory.Put(r.Context(), tourPurpose, handle, raw, tourLife)
}

// returned goes on after the identity provider.
func (p *Provider) returned(w http.ResponseWriter, r *http.Request) {
	t, err := p.takeTour(r, r.PathValue("handle"))
	if err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	p.finish(w, r, t)
}

// takeTour takes a tour out of short-term memory.
func (p *Provider) takeTour(r *http.Request, key string) (t tour, err error) {
	raw, ok, err := p.o.Memory.Take(r.Context(), tourPurpose, key)
	if err == nil && (!ok || json.Unmarshal(raw, &t) != nil) {
		err = ErrHandle
	}
	return t, err
}

// answerDemand answers the LogoutRequest of an app.
func (p *Provider) answerDemand(w http.ResponseWriter, r *http.Request, t tour) {
	c, err := p.o.Apps.ClientOf(r.Context(), t.Demand.App)
	switch {
	case err != nil && fault.KindOf(err) != fault.NotFound:
		p.o.UI.Error(w, r, err)
		return
	case err != nil || c.SAML == nil || c.SAML.SLO == "": // it named no place for an answer
		p.o.UI.Error(w, r, ErrHandle)
		return
	}
	answer := logoutResponse{saml.LogoutResponse{
		ID: saml.NewID(), EntityID: p.entityID(), Destination: c.SAML.SLO, InResponseTo: t.Demand.ID, Issued: p.now(), Status: saml.Success,
	}, t.Partial}
	p.send(w, r, c, saml.Response, answer, t.Demand.RelayState)
}

// send has the browser carry a message to an app's single logout service.
func (p *Provider) send(w http.ResponseWriter, r *http.Request, c *registry.Client, kind string, m saml.Message, relayState string) {
	binding := saml.Redirect
	if c.SAML.SLOPost {
		binding = saml.Post
	}
	k, err := p.keyPair()
	var target string
	var form url.Values
	if err == nil {
		target, form, err = saml.Deliver(binding, c.SAML.SLO, kind, m, relayState, k)
	}
	switch {
	case err != nil:
		p.o.UI.Error(w, r, err)
	case kind == saml.Request && (form != nil || r.Method == http.MethodPost):
		p.o.UI.SignOutOf(w, r, c.Title, target, form)
	case form != nil:
		p.o.UI.Post(w, r, target, form)
	case r.Method == http.MethodPost: // a redirect would count as where the form leads
		p.o.UI.SendToProvider(w, r, c.Title, target)
	default:
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		http.Redirect(w, r, target, http.StatusSeeOther)
	}
}

// logoutResponse is a LogoutResponse that may say that not every app was signed out of.
type logoutResponse struct {
	saml.LogoutResponse
	partial bool
}

// Element returns the response as XML, unsigned.
func (l logoutResponse) Element() *etree.Element {
	el := l.LogoutResponse.Element()
	if code := el.FindElement("./Status/StatusCode"); l.partial && code != nil {
		code.AddChild((&samllib.StatusCode{Value: samllib.StatusPartialLogout}).Element())
	}
	return el
}
