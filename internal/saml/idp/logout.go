package idp

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	samllib "github.com/crewjam/saml"

	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
	"github.com/gatehouse-io/gatehouse/internal/session"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// askPurpose keeps a sign-out while the person is asked, for askLife; logoutPurpose
// which signed requests were taken.
const (
	askPurpose    cache.Purpose = "saml-logout-ask"
	askLife                     = 10 * time.Minute
	logoutPurpose cache.Purpose = "saml-logout"
)

// logoutRequest is a LogoutRequest (core, section 3.7.1).
type logoutRequest struct {
	XMLName xml.Name `xml:"urn:oasis:names:tc:SAML:2.0:protocol LogoutRequest"`
	header
	NotOnOrAfter *samllib.RelaxedTime `xml:",attr"`
	NameID       string               `xml:"urn:oasis:names:tc:SAML:2.0:assertion NameID"`
	Indexes      []string             `xml:"urn:oasis:names:tc:SAML:2.0:protocol SessionIndex"`
}

// demand is an app's wish to sign somebody out, and where its answer goes.
type demand struct {
	App        string   `json:"app"`
	ID         string   `json:"id"`
	RelayState string   `json:"relay_state,omitempty"`
	NameID     string   `json:"name_id"`
	Indexes    []string `json:"indexes,omitempty"`
	// Proved says that the app signed it.
	Proved bool `json:"proved,omitempty"`
}

// logout answers the single logout service: to a request of an app, or to an app's
// answer to ours.
func (p *Provider) logout(w http.ResponseWriter, r *http.Request) {
	if err := p.o.Limits.Address.Count(r.Context(), httpx.ClientNetwork(r)); err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	if carriesResponse(r) {
		p.heard(w, r)
		return
	}
	d, err := p.demanded(r)
	switch {
	case err != nil:
		p.o.UI.Error(w, r, err)
	case cookieless(r):
		p.askAgain(w, r, sloPath, d)
	default:
		p.decide(w, r, d)
	}
}

// demanded reads and checks a LogoutRequest.
func (p *Provider) demanded(r *http.Request) (demand, error) {
	l, err := p.read(r, xmlgate.LogoutRequest)
	if err != nil {
		return demand{}, err
	}
	var req logoutRequest
	if xml.Unmarshal(l.content, &req) != nil {
		return demand{}, ErrMessage
	}
	if err := p.check(req.header, l, sloPath); err != nil {
		return demand{}, err
	}
	switch {
	case req.NotOnOrAfter != nil && !p.o.Now().Before(time.Time(*req.NotOnOrAfter).Add(skew)):
		return demand{}, ErrExpired
	case req.NameID == "":
		return demand{}, ErrNameID
	}
	d := demand{App: l.app.App, ID: req.ID, RelayState: l.relayState, NameID: strings.TrimSpace(req.NameID)}
	for _, index := range req.Indexes {
		d.Indexes = append(d.Indexes, strings.TrimSpace(index))
	}
	if l.signed {
		d.Proved, err = p.first(r, request{Entity: l.app.ID, ID: req.ID}, time.Time(req.IssueInstant))
	}
	return d, err
}

// first reports whether a signed request proves something. It does so once: one that
// was taken is refused, and of one from before what is remembered the person is asked.
func (p *Provider) first(r *http.Request, q request, issued time.Time) (bool, error) {
	is, err := p.o.Seen.First(r.Context(), logoutPurpose, q.key(), issued, issued.Add(messageAge+skew))
	switch {
	case err != nil && fault.KindOf(err) == fault.Unauthenticated:
		return false, nil
	case err == nil && !is:
		return false, ErrAnswered
	}
	return is, err
}

// logoutAgain goes on with a request that was posted.
func (p *Provider) logoutAgain(w http.ResponseWriter, r *http.Request) {
	var d demand
	if err := p.again(r, sloPath, &d); err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	p.decide(w, r, d)
}

// decide ends the browser's session if the app proved that it means that very one,
// and asks the person otherwise.
func (p *Provider) decide(w http.ResponseWriter, r *http.Request, d demand) {
	s, err := p.o.Sessions.Current(r)
	if errors.Is(err, session.ErrNotFound) {
		p.finish(w, r, tour{Demand: &d}) // nobody is signed in
		return
	}
	var sure bool
	if err == nil {
		sure, err = p.means(r, d, s)
	}
	switch {
	case err != nil:
		p.o.UI.Error(w, r, err)
	case sure:
		p.end(w, r, s, d)
	default:
		p.askPerson(w, r, d)
	}
}

// means reports whether the app signed that the session is over, by the names that it
// was told for it.
func (p *Provider) means(r *http.Request, d demand, s session.Session) (bool, error) {
	if !d.Proved {
		return false, nil
	}
	all, err := p.o.Participants.Participants(r.Context(), s.ID)
	return slices.ContainsFunc(all, func(one session.Participant) bool {
		return one.App == d.App && one.NameID == d.NameID && one.SessionIndex != "" &&
			(len(d.Indexes) == 0 || slices.Contains(d.Indexes, one.SessionIndex))
	}), err
}

func (p *Provider) askPerson(w http.ResponseWriter, r *http.Request, d demand) {
	c, err := p.o.Apps.ClientOf(r.Context(), d.App)
	var raw []byte
	if err == nil {
		raw, err = json.Marshal(d)
	}
	handle := random()
	if err == nil {
		err = p.o.Memory.Put(r.Context(), askPurpose, handle, raw, askLife)
	}
	if err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	p.o.UI.Render(w, r, http.StatusOK, ui.Page{Title: ui.T("Sign out?"), Template: p.ask, Data: map[string]any{"App": c.Title, "Handle": handle}})
}

// confirmLogout takes the person's yes.
func (p *Provider) confirmLogout(w http.ResponseWriter, r *http.Request) {
	form, err := httpx.Form(r)
	if err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	raw, ok, err := p.o.Memory.Take(r.Context(), askPurpose, form.Get("handle"))
	var d demand
	if err == nil && (!ok || json.Unmarshal(raw, &d) != nil) {
		err = ErrHandle
	}
	if err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	s, err := p.o.Sessions.Current(r)
	switch {
	case errors.Is(err, session.ErrNotFound):
		p.finish(w, r, tour{Demand: &d})
	case err != nil:
		p.o.UI.Error(w, r, err)
	default:
		p.end(w, r, s, d)
	}
}

// end ends the session and leads the browser through the other apps, and back to the
// one that asked.
func (p *Provider) end(w http.ResponseWriter, r *http.Request, s session.Session, d demand) {
	if err := p.o.Sessions.End(r.Context(), s.ID, p.o.Actor(r, identity.Person(s.Person)), "logout"); err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	p.o.Sessions.Clear(w)
	all, err := p.o.Participants.Participants(r.Context(), s.ID)
	if err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	p.step(w, r, tour{Left: stops(all, d.App), Demand: &d, Upstream: &s.Authentication})
}
