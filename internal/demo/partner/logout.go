package partner

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/beevik/etree"
	samllib "github.com/crewjam/saml"
	dsig "github.com/russellhaering/goxmldsig"
)

// The bounds of what the broker may send: a message in bytes, and its age.
const (
	maxMessage = 64 << 10
	maxAge     = 5 * time.Minute
)

// signOut signs the browser out here, and everywhere else by way of the broker (SAML
// profiles, section 4.4).
func (p *Provider) signOut(w http.ResponseWriter, r *http.Request) {
	s, ok := p.current(r)
	if !ok {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	p.end(s.person.Subject, s.index)
	req := &samllib.LogoutRequest{
		ID: "_" + rand.Text(), Version: "2.0", IssueInstant: p.o.Now().UTC(), Destination: p.o.SLO, Issuer: &samllib.Issuer{Value: EntityID(p.o.BaseURL)},
		NameID: &samllib.NameID{Value: s.person.Subject, Format: NameIDFormat}, SessionIndex: &samllib.SessionIndex{Value: s.index},
	}
	p.send(w, r, "SAMLRequest", req.Element(), "")
}

// slo takes the broker's word that a session is over, and its answer to ours.
func (p *Provider) slo(w http.ResponseWriter, r *http.Request) {
	raw, err := p.verified(r)
	if err != nil {
		p.says(w, http.StatusForbidden, "", "The broker's message is refused: "+err.Error())
		return
	}
	if strings.HasPrefix(r.URL.RawQuery, "SAMLResponse=") {
		var answer samllib.LogoutResponse
		err := xml.Unmarshal(raw, &answer) //nolint:gosec // G709: the broker signed it, and XML makes nothing but this type
		if err != nil || answer.Status.StatusCode.Value != samllib.StatusSuccess {
			p.says(w, http.StatusOK, "", "You are signed out here, and not everywhere else.")
			return
		}
		p.says(w, http.StatusOK, "You are signed out.", "")
		return
	}
	var req samllib.LogoutRequest
	err = xml.Unmarshal(raw, &req) //nolint:gosec // G709: the broker signed it, and XML makes nothing but this type
	age := p.o.Now().Sub(req.IssueInstant)
	if err != nil || req.Destination != SLO(p.o.BaseURL) || req.Issuer == nil || req.Issuer.Value != p.o.SPEntityID || req.NameID == nil || age > maxAge || age < -time.Minute {
		p.says(w, http.StatusForbidden, "", "The broker's message is not meant for here, or not now.")
		return
	}
	index := ""
	if req.SessionIndex != nil {
		index = req.SessionIndex.Value
	}
	p.end(req.NameID.Value, index)
	res := &samllib.LogoutResponse{
		ID: "_" + rand.Text(), Version: "2.0", IssueInstant: p.o.Now().UTC(), Destination: p.o.SLO, InResponseTo: req.ID,
		Issuer: &samllib.Issuer{Value: EntityID(p.o.BaseURL)}, Status: samllib.Status{StatusCode: samllib.StatusCode{Value: samllib.StatusSuccess}},
	}
	p.send(w, r, "SAMLResponse", res.Element(), r.URL.Query().Get("RelayState"))
}

// send has the browser take a message to the broker, signed over the query (bindings,
// section 3.4.4.1).
func (p *Provider) send(w http.ResponseWriter, r *http.Request, name string, message *etree.Element, relayState string) {
	doc := etree.NewDocument()
	doc.SetRoot(message)
	var deflated bytes.Buffer
	f, err := flate.NewWriter(&deflated, flate.DefaultCompression)
	if err == nil {
		_, err = doc.WriteTo(f)
	}
	if err == nil {
		err = f.Close()
	}
	query := name + "=" + url.QueryEscape(base64.StdEncoding.EncodeToString(deflated.Bytes()))
	if relayState != "" {
		query += "&RelayState=" + url.QueryEscape(relayState)
	}
	query += "&SigAlg=" + url.QueryEscape(dsig.RSASHA256SignatureMethod)
	digest := sha256.Sum256([]byte(query))
	signature, signed := rsa.SignPKCS1v15(nil, p.o.Key, crypto.SHA256, digest[:])
	if err = errors.Join(err, signed); err != nil {
		p.says(w, http.StatusInternalServerError, "", err.Error())
		return
	}
	http.Redirect(w, r, p.o.SLO+"?"+query+"&Signature="+url.QueryEscape(base64.StdEncoding.EncodeToString(signature)), http.StatusSeeOther)
}

// verified returns the message of a query that the broker signed.
func (p *Provider) verified(r *http.Request) ([]byte, error) {
	trusted, err := p.broker(r)
	if err != nil {
		return nil, err
	}
	octets, encoded, _ := strings.Cut(r.URL.RawQuery, "&Signature=")
	values, err := url.ParseQuery(octets)
	if err != nil || values.Get("SigAlg") != dsig.RSASHA256SignatureMethod {
		return nil, errors.New("it is not signed with RSA and SHA-256")
	}
	plain, err := url.QueryUnescape(encoded)
	var signature []byte
	if err == nil {
		signature, err = base64.StdEncoding.DecodeString(plain)
	}
	if err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	good := false
	for _, c := range trusted {
		good = good || c.CheckSignature(x509.SHA256WithRSA, []byte(octets), signature) == nil
	}
	if !good {
		return nil, errors.New("the broker did not sign it")
	}
	message := values.Get("SAMLRequest") + values.Get("SAMLResponse") // the first parameter is one of them
	packed, err := base64.StdEncoding.DecodeString(message)
	if err != nil {
		return nil, fmt.Errorf("it is no base64: %w", err)
	}
	raw, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), maxMessage))
	if err != nil {
		return nil, fmt.Errorf("it is not deflated: %w", err)
	}
	return raw, nil
}

// broker returns the certificates that the broker's metadata has now.
func (p *Provider) broker(r *http.Request) (all []*x509.Certificate, err error) {
	req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, p.o.SPEntityID, nil)
	if err != nil {
		return nil, fmt.Errorf("metadata of the broker: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("metadata of the broker: %w", err)
	}
	defer func() { _ = res.Body.Close() }() // only read from
	var broker samllib.EntityDescriptor
	if err := xml.NewDecoder(io.LimitReader(res.Body, maxMessage)).Decode(&broker); err != nil {
		return nil, fmt.Errorf("metadata of the broker: %w", err)
	}
	for _, d := range broker.SPSSODescriptors {
		for _, k := range d.KeyDescriptors {
			for _, c := range k.KeyInfo.X509Data.X509Certificates {
				der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(c.Data), ""))
				var one *x509.Certificate
				if err == nil {
					one, err = x509.ParseCertificate(der)
				}
				if err != nil {
					return nil, fmt.Errorf("certificate of the broker: %w", err)
				}
				all = append(all, one)
			}
		}
	}
	return all, nil
}
