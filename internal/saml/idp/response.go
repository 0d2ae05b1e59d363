package idp

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"time"

	"github.com/beevik/etree"
	samllib "github.com/crewjam/saml"

	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/saml"
	"github.com/gatehouse-io/gatehouse/internal/session"
)

// assertionLife is how long an assertion may be delivered, and early how long before
// it was made an app whose clock is behind may take it.
const (
	assertionLife = 5 * time.Minute
	early         = time.Minute
)

// bearer is the confirmation method of assertions that a browser carries.
const bearer = "urn:oasis:names:tc:SAML:2.0:cm:bearer" //nolint:gosec // G101: the name of a method

// status is why there is no assertion, in the codes of core, section 3.2.2.2, and in a
// sentence for the app's log.
type status struct{ code, sub, message string }

// claim is what is asserted about a person.
type claim struct {
	id         string
	told       session.Participant
	class      string
	authentic  time.Time
	until      time.Time
	attributes []samllib.Attribute
}

// assertion writes what is asserted for the request.
func (p *Provider) assertion(q request, c claim, now time.Time) *samllib.Assertion {
	a := &samllib.Assertion{
		ID: c.id, IssueInstant: now, Version: "2.0", Issuer: samllib.Issuer{Value: p.entityID()},
		Subject: &samllib.Subject{
			NameID: p.nameID(c.told.NameID, c.told.NameFormat, q.Entity),
			SubjectConfirmations: []samllib.SubjectConfirmation{{Method: bearer, SubjectConfirmationData: &samllib.SubjectConfirmationData{
				InResponseTo: q.ID, NotOnOrAfter: now.Add(assertionLife), Recipient: q.ACS,
			}}},
		},
		Conditions: &samllib.Conditions{
			NotBefore: now.Add(-early), NotOnOrAfter: now.Add(assertionLife),
			AudienceRestrictions: []samllib.AudienceRestriction{{Audience: samllib.Audience{Value: q.Entity}}},
		},
		AuthnStatements: []samllib.AuthnStatement{{
			AuthnInstant: c.authentic.UTC().Truncate(time.Millisecond), SessionIndex: c.told.SessionIndex, SessionNotOnOrAfter: &c.until,
			AuthnContext: samllib.AuthnContext{AuthnContextClassRef: &samllib.AuthnContextClassRef{Value: c.class}},
		}},
	}
	if len(c.attributes) > 0 {
		a.AttributeStatements = []samllib.AttributeStatement{{Attributes: c.attributes}}
	}
	return a
}

// sealed signs and encrypts an assertion as the app wants it.
func sealed(a *samllib.Assertion, sp *registry.ServiceProvider, k saml.KeyPair) (*etree.Element, error) {
	el := a.Element()
	if sp.SignAssertion {
		var err error
		if el, err = saml.Sign(el, k); err != nil {
			return nil, err
		}
	}
	if sp.Encrypt == nil {
		return el, nil
	}
	plain, err := saml.Encode(el)
	if err != nil {
		return nil, err
	}
	return encrypt(plain, sp.Encrypt)
}

// response writes the answer to a request around content, which is nil for one that
// tells of a failure, and signs it. A status alone is always signed.
func (p *Provider) response(q request, s samllib.Status, content *etree.Element, sign bool, k saml.KeyPair, now time.Time) ([]byte, error) {
	el := (&samllib.Response{
		ID: saml.NewID(), InResponseTo: q.ID, Version: "2.0", IssueInstant: now, Destination: q.ACS,
		Issuer: &samllib.Issuer{Value: p.entityID()}, Status: s,
	}).Element()
	if content != nil {
		el.AddChild(content)
	}
	if sign {
		var err error
		if el, err = saml.Sign(el, k); err != nil {
			return nil, err
		}
	}
	return saml.Encode(el)
}

// answerClaim sends an assertion.
func (p *Provider) answerClaim(w http.ResponseWriter, r *http.Request, c *registry.Client, q request, what claim) {
	k, err := p.keyPair()
	now := p.now()
	var content *etree.Element
	if err == nil {
		content, err = sealed(p.assertion(q, what, now), c.SAML, k)
	}
	var raw []byte
	if err == nil {
		raw, err = p.response(q, samllib.Status{StatusCode: samllib.StatusCode{Value: samllib.StatusSuccess}}, content, c.SAML.SignResponse, k, now)
	}
	p.deliver(w, r, q, raw, err)
}

// answerStatus tells the app why there is no assertion.
func (p *Provider) answerStatus(w http.ResponseWriter, r *http.Request, c *registry.Client, q request, s status) {
	err := p.spend(r, q)
	var k saml.KeyPair
	if err == nil {
		k, err = p.keyPair()
	}
	var raw []byte
	if err == nil {
		raw, err = p.response(q, samllib.Status{
			StatusCode:    samllib.StatusCode{Value: s.code, StatusCode: &samllib.StatusCode{Value: s.sub}},
			StatusMessage: &samllib.StatusMessage{Value: s.message},
		}, nil, true, k, p.now())
	}
	p.o.Log.InfoContext(r.Context(), "a SAML request is refused", "app", c.Name, "status", s.sub, "detail", s.message)
	p.deliver(w, r, q, raw, err)
}

// deliver has the browser post a response to the app.
func (p *Provider) deliver(w http.ResponseWriter, r *http.Request, q request, raw []byte, err error) {
	if err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	form := url.Values{saml.Response: {base64.StdEncoding.EncodeToString(raw)}}
	if q.RelayState != "" {
		form.Set("RelayState", q.RelayState)
	}
	p.o.UI.Post(w, r, q.ACS, form)
}
