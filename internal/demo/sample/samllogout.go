package sample

import (
	"crypto/rand"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/beevik/etree"
	samllib "github.com/crewjam/saml"
	dsig "github.com/russellhaering/goxmldsig"
)

//go:embed post.html
var postHTML string

// postPage has the browser post a message: with a button for browsers without scripts.
var postPage = template.Must(template.New("post").Parse(postHTML))

// logout signs out here and at the broker (SAML profiles, section 4.4).
func (a *SAMLApp) logout(w http.ResponseWriter, r *http.Request) {
	sp, err := a.discover(r.Context())
	if err != nil {
		a.render(w, http.StatusBadGateway, view{Problem: err.Error()})
		return
	}
	who, ok := a.visitor(r)
	if !ok {
		a.render(w, http.StatusOK, view{Bye: true})
		return
	}
	to := sp.GetSLOBindingLocation(samllib.HTTPPostBinding)
	req := &samllib.LogoutRequest{
		ID: "_" + randomHex(), Version: "2.0", IssueInstant: a.o.Now().UTC(), Destination: to, Issuer: &samllib.Issuer{Value: a.EntityID()},
		NameID: &who.nameID, SessionIndex: &samllib.SessionIndex{Value: who.index},
	}
	if err := sp.SignLogoutRequest(req); err != nil {
		a.render(w, http.StatusInternalServerError, view{Problem: err.Error()})
		return
	}
	a.forget(who.index)
	a.post(w, to, "SAMLRequest", req.Element(), "")
}

// slo takes the broker's word that a session is over, and its answer to ours.
func (a *SAMLApp) slo(w http.ResponseWriter, r *http.Request) {
	sp, err := a.discover(r.Context())
	if err != nil {
		a.render(w, http.StatusBadGateway, view{Problem: err.Error()})
		return
	}
	if answer := r.PostFormValue("SAMLResponse"); answer != "" {
		if err := sp.ValidateLogoutResponseForm(answer); err != nil {
			a.render(w, http.StatusForbidden, view{Problem: "The broker's answer is refused: " + reason(err)})
			return
		}
		http.Redirect(w, r, a.o.BaseURL+"/bye", http.StatusSeeOther)
		return
	}
	req, err := a.told(sp, r.PostFormValue("SAMLRequest"))
	if err != nil {
		a.render(w, http.StatusForbidden, view{Problem: "The broker's request is refused: " + err.Error()})
		return
	}
	a.forget(req.SessionIndex.Value)
	to := sp.GetSLOBindingLocation(samllib.HTTPPostBinding)
	res, err := sp.MakeLogoutResponse(to, req.ID)
	if err != nil {
		a.render(w, http.StatusInternalServerError, view{Problem: err.Error()})
		return
	}
	a.post(w, to, "SAMLResponse", res.Element(), r.PostFormValue("RelayState"))
}

// told reads a LogoutRequest of the broker, which must have signed it for here and now.
func (a *SAMLApp) told(sp *samllib.ServiceProvider, encoded string) (*samllib.LogoutRequest, error) {
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, fmt.Errorf("it is no base64: %w", err)
	}
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(raw); err != nil {
		return nil, fmt.Errorf("it is no XML: %w", err)
	}
	var trusted dsig.MemoryX509CertificateStore
	for _, d := range sp.IDPMetadata.IDPSSODescriptors[0].KeyDescriptors {
		c, err := certificate(d)
		if err != nil {
			return nil, err
		}
		trusted.Roots = append(trusted.Roots, c)
	}
	verified, err := dsig.NewDefaultValidationContext(&trusted).Validate(doc.Root())
	if err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	out := etree.NewDocument()
	out.SetRoot(verified)
	signed, err := out.WriteToBytes()
	if err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	var req samllib.LogoutRequest
	if err := xml.Unmarshal(signed, &req); err != nil {
		return nil, fmt.Errorf("it is no LogoutRequest: %w", err)
	}
	age := a.o.Now().Sub(req.IssueInstant)
	if req.Destination != a.SLO() || req.Issuer == nil || req.Issuer.Value != sp.IDPMetadata.EntityID || req.SessionIndex == nil || age > 5*time.Minute || age < -time.Minute {
		return nil, errors.New("it is not meant for this app, or not now")
	}
	return &req, nil
}

// forget ends the session with this index.
func (a *SAMLApp) forget(index string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for cookie, who := range a.people {
		if who.index == index {
			delete(a.people, cookie)
		}
	}
}

// post has the browser carry a message.
func (a *SAMLApp) post(w http.ResponseWriter, to, name string, message *etree.Element, relayState string) {
	doc := etree.NewDocument()
	doc.SetRoot(message)
	raw, err := doc.WriteToBytes()
	if err != nil {
		a.render(w, http.StatusInternalServerError, view{Problem: err.Error()})
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'none'")
	_ = postPage.Execute(w, map[string]string{ // the peer has gone: nobody is left to tell
		"Title": a.o.Title, "To": to, "Name": name, "Message": base64.StdEncoding.EncodeToString(raw), "RelayState": relayState,
	})
}

// certificate reads the certificate of a key in metadata.
func certificate(d samllib.KeyDescriptor) (*x509.Certificate, error) {
	if len(d.KeyInfo.X509Data.X509Certificates) == 0 {
		return nil, errors.New("the broker's metadata has a key without a certificate")
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(d.KeyInfo.X509Data.X509Certificates[0].Data), ""))
	if err != nil {
		return nil, fmt.Errorf("certificate of the broker: %w", err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("certificate of the broker: %w", err)
	}
	return c, nil
}

// randomHex is the random part of a message's id.
func randomHex() string {
	b := make([]byte, 20)
	_, _ = rand.Read(b) // crypto/rand.Read never fails
	return hex.EncodeToString(b)
}
