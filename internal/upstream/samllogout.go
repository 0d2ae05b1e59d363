package upstream

import (
	"context"
	"encoding/base64"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/saml"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
)

// received is a message of the provider about signing out, as a browser brought it.
type received struct {
	kind  xmlgate.Kind
	query string // as it came, in the redirect binding
	form  string // base64, in the POST binding
	relay string
}

// verified lets a signed message in. One without a signature is refused, whatever the
// configuration says: whoever could send one could sign people out.
func (s *SAML) verified(ctx context.Context, r received, f *identity.Findings) (xmlgate.Message, error) {
	p, err := s.meta.current(ctx)
	if err != nil {
		return xmlgate.Message{}, err
	}
	want := xmlgate.Want{Kind: r.kind, Signed: xmlgate.Envelope, Certificates: p.Certificates, Now: s.o.Now()}
	var m xmlgate.Message
	if r.form == "" {
		m, err = xmlgate.VerifyRedirect(r.query, want)
	} else {
		var raw []byte
		if raw, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(r.form), "")); err != nil {
			return xmlgate.Message{}, identity.Refuse(saml.ErrMalformed, "malformed", "a message in base64", "something else")
		}
		m, err = xmlgate.Verify(raw, want)
	}
	if err != nil {
		return m, gateRefused(f, err)
	}
	return m, nil
}

// logoutRequested verifies a LogoutRequest, which is good once, and says whom it is
// about.
func (s *SAML) logoutRequested(ctx context.Context, r received) (saml.LogoutRequest, error) {
	var f identity.Findings
	m, err := s.verified(ctx, r, &f)
	if err != nil {
		return saml.LogoutRequest{}, err
	}
	asked, err := saml.ReadLogoutRequest(m, s.expectLogout(""), &f)
	if err != nil {
		return saml.LogoutRequest{}, err
	}
	return asked, s.once(ctx, logoutPurpose, asked.ID, asked.Issued, asked.NotOnOrAfter, &f)
}

// logoutAnswered verifies the answer to a LogoutRequest of ours.
func (s *SAML) logoutAnswered(ctx context.Context, r received, request string) error {
	var f identity.Findings
	m, err := s.verified(ctx, r, &f)
	if err != nil {
		return err
	}
	return saml.ReadLogoutResponse(m, s.expectLogout(request), &f)
}

func (s *SAML) expectLogout(request string) saml.ExpectLogout {
	return saml.ExpectLogout{Issuer: s.o.Issuer, Destination: s.o.SLO, Request: request, Now: s.o.Now(), Skew: s.o.Skew}
}

// answerLogout says how the browser takes the answer to a LogoutRequest back. ok is
// false when the provider takes none.
func (s *SAML) answerLogout(ctx context.Context, asked saml.LogoutRequest, status, relay string) (left identity.Departure, ok bool, err error) {
	p, err := s.meta.current(ctx)
	if err != nil {
		return left, false, err
	}
	places := map[string]string{}
	for binding, place := range p.SLO {
		places[binding] = place.Answers
	}
	return s.send(places, saml.Response, relay, func(to string) saml.Message {
		return saml.LogoutResponse{ID: saml.NewID(), EntityID: s.o.EntityID, Destination: to, InResponseTo: asked.ID, Issued: s.o.Now(), Status: status}
	})
}

// askLogout says how the browser takes a LogoutRequest for a session there. ok is
// false when the provider takes none.
func (s *SAML) askLogout(ctx context.Context, id string, of identity.UpstreamSession, relay string) (left identity.Departure, ok bool, err error) {
	p, err := s.meta.current(ctx)
	if err != nil {
		return left, false, err
	}
	places := map[string]string{}
	for binding, place := range p.SLO {
		places[binding] = place.Location
	}
	return s.send(places, saml.Request, relay, func(to string) saml.Message {
		return saml.LogoutRequest{ID: id, EntityID: s.o.EntityID, Destination: to, Issued: s.o.Now(), Session: of}
	})
}

func (s *SAML) send(places map[string]string, kind, relay string, message func(to string) saml.Message) (identity.Departure, bool, error) {
	binding, to := s.binding(places)
	if to == "" {
		return identity.Departure{}, false, nil
	}
	keys, err := s.o.Keys()
	if err != nil {
		return identity.Departure{}, false, err
	}
	target, form, err := saml.Deliver(binding, to, kind, message(to), relay, keys[0])
	return identity.Departure{URL: target, Form: form}, err == nil, err
}

// SPMetadata is our metadata for this provider.
func (s *SAML) SPMetadata() ([]byte, error) {
	keys, err := s.o.Keys()
	if err != nil {
		return nil, err
	}
	return saml.SPMetadata{
		EntityID: s.o.EntityID, ACS: s.o.ACS, SLO: s.o.SLO, WantAssertionsSigned: s.o.Signed == xmlgate.Assertion || s.o.Signed == xmlgate.Both,
		NameIDFormat: s.wantedFormat(), Keys: keys,
	}.Document()
}

// pending is a LogoutRequest of ours that the provider has not answered.
type pending struct {
	Connection string `json:"connection"`
	Request    string `json:"request"`
	// Back is where the person goes then: an address that was verified, or empty.
	Back string `json:"back,omitempty"`
}

// pendingLife is how long the provider has.
const pendingLife = 10 * time.Minute

// messageIn returns what a query or form carries; kind is 0 for neither.
func messageIn(values url.Values) (encoded string, kind xmlgate.Kind) {
	request, response := values.Get(saml.Request), values.Get(saml.Response)
	switch {
	case request != "" && response == "":
		return request, xmlgate.LogoutRequest
	case response != "" && request == "":
		return response, xmlgate.LogoutResponse
	}
	return "", 0
}
