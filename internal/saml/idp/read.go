package idp

import (
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"time"

	samllib "github.com/crewjam/saml"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/saml"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
)

// How old a message may be, and how far an app's clock may be from ours.
const (
	messageAge = 5 * time.Minute
	skew       = 3 * time.Minute
)

// maxRelayState bounds what an app gets back, in bytes. The bindings allow 80, to
// which few apps keep.
const maxRelayState = 1024

// letter is a message that the gate let in, and the app that it is from.
type letter struct {
	app *registry.Client
	// content is what was verified or, where signed is false, what nobody vouches for.
	content    []byte
	signed     bool
	relayState string
	hints      xmlgate.Hints
}

// header is what every message says of itself.
type header struct {
	ID           string              `xml:",attr"`
	Version      string              `xml:",attr"`
	IssueInstant samllib.RelaxedTime `xml:",attr"`
	Destination  string              `xml:",attr"`
	Issuer       string              `xml:"urn:oasis:names:tc:SAML:2.0:assertion Issuer"`
}

// posted returns the form of a request, however often it is asked for.
func posted(r *http.Request) (url.Values, error) {
	if r.PostForm != nil {
		return r.PostForm, nil
	}
	return httpx.Form(r)
}

// carriesResponse reports whether the request brings an answer to a message of ours.
func carriesResponse(r *http.Request) bool {
	if r.Method == http.MethodPost {
		form, err := posted(r)
		return err == nil && form.Has(saml.Response)
	}
	return strings.HasPrefix(r.URL.RawQuery, saml.Response+"=")
}

// read lets a message in. Whom it says it is from chooses whose certificates count:
// an app that has any signs, unless its manifest says that it does not. The hints are
// there beside an error, too.
func (p *Provider) read(r *http.Request, kind xmlgate.Kind) (letter, error) {
	verify, relayState, err := opened(r, kind)
	if err != nil {
		return letter{}, err
	}
	want := xmlgate.Want{Kind: kind, Signed: xmlgate.None, Now: p.o.Now()}
	m, err := verify(want)
	l := letter{relayState: relayState, hints: m.Hints}
	if err != nil {
		return l, unaccepted(err)
	}
	var from header
	if xml.Unmarshal(m.Unsigned, &from) != nil {
		return l, ErrMessage
	}
	c, err := p.o.Apps.ServiceProvider(r.Context(), from.Issuer)
	switch {
	case fault.KindOf(err) == fault.NotFound && err != nil:
		return l, fault.Wrap(err, ErrIssuer.Kind, ErrIssuer.Code, "%s", ErrIssuer.Detail)
	case err != nil:
		return l, err
	}
	if len(c.SAML.Certificates) > 0 {
		if c.SAML.RequestsSigned {
			want.Signed = xmlgate.Envelope
		}
		want.Certificates = c.SAML.Certificates
		if m, err = verify(want); err != nil {
			return l, unaccepted(err)
		}
	}
	l.app, l.content, l.signed = c, m.Envelope, m.Envelope != nil
	if !l.signed {
		l.content = m.Unsigned
	}
	if r.Method != http.MethodPost {
		l.relayState = m.RelayState
	}
	if len(l.relayState) > maxRelayState {
		return l, ErrRelayState
	}
	return l, nil
}

// unaccepted says of a refusal of the gate what the person can make of it. The code is
// that of the check.
func unaccepted(err error) error {
	f := fault.As(err)
	return fault.Wrap(err, f.Kind, f.Code, "the app sent a message that is not accepted here: %s; its owner can fix that", f.Detail)
}

// opened takes the message out of its binding.
func opened(r *http.Request, kind xmlgate.Kind) (verify func(xmlgate.Want) (xmlgate.Message, error), relayState string, err error) {
	if r.Method != http.MethodPost {
		query := r.URL.RawQuery
		if len(query) > httpx.MaxQuery {
			return nil, "", httpx.ErrTooLarge
		}
		return func(w xmlgate.Want) (xmlgate.Message, error) { return xmlgate.VerifyRedirect(query, w) }, "", nil
	}
	form, err := posted(r)
	if err != nil {
		return nil, "", err
	}
	name := saml.Request
	if kind == xmlgate.LogoutResponse {
		name = saml.Response
	}
	raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(form.Get(name)), ""))
	if err != nil {
		return nil, "", fault.Wrap(err, ErrMessage.Kind, ErrMessage.Code, "%s", ErrMessage.Detail)
	}
	return func(w xmlgate.Want) (xmlgate.Message, error) { return xmlgate.Verify(raw, w) }, form.Get("RelayState"), nil
}

// check checks what every message says of itself, which came to the path. The gate has
// looked at its ID.
func (p *Provider) check(h header, l letter, path string) error {
	now, issued := p.o.Now(), time.Time(h.IssueInstant)
	switch {
	case h.Version != "2.0":
		return ErrVersion
	case issued.Before(now.Add(-messageAge-skew)) || issued.After(now.Add(skew)):
		return ErrExpired
	// A signed message names its destination, so that it is good at no other
	// (bindings, sections 3.4.5.2 and 3.5.5.2).
	case h.Destination != p.o.Issuer+path && (h.Destination != "" || l.signed):
		return ErrDestination
	}
	return nil
}
