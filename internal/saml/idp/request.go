package idp

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"slices"
	"strconv"

	samllib "github.com/crewjam/saml"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/registry"
	"github.com/gatehouse-io/gatehouse/internal/saml"
)

// request is what an app, or the portal on its behalf, asks for. It travels through
// the sign-in as SignInRequest.State.
type request struct {
	App    string `json:"app"`
	Entity string `json:"entity"`
	// ID is that of the AuthnRequest, empty for a launch.
	ID         string `json:"id,omitempty"`
	ACS        string `json:"acs"`
	RelayState string `json:"relay_state,omitempty"`
	// Contexts are the classes of authentication that are good enough, any if none.
	Contexts []string `json:"contexts,omitempty"`
	// Subject is whom the app already knows the person as, if it says so.
	Subject string `json:"subject,omitempty"`
}

// key names the request in short-term memory.
func (q request) key() string {
	sum := sha256.Sum256([]byte(q.Entity + "\x00" + q.ID))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// authnRequest is an AuthnRequest (core, section 3.4.1) as far as it is acted on. The
// library's type holds one class of authentication, and cannot tell 0 from nothing.
type authnRequest struct {
	XMLName xml.Name `xml:"urn:oasis:names:tc:SAML:2.0:protocol AuthnRequest"`
	header
	ForceAuthn      bool                  `xml:",attr"`
	IsPassive       bool                  `xml:",attr"`
	ACS             string                `xml:"AssertionConsumerServiceURL,attr"`
	ACSIndex        *string               `xml:"AssertionConsumerServiceIndex,attr"`
	ProtocolBinding string                `xml:",attr"`
	Policy          *samllib.NameIDPolicy `xml:"urn:oasis:names:tc:SAML:2.0:protocol NameIDPolicy"`
	Subject         *struct {
		NameID string `xml:"urn:oasis:names:tc:SAML:2.0:assertion NameID"`
	} `xml:"urn:oasis:names:tc:SAML:2.0:assertion Subject"`
	Context *struct {
		Comparison string   `xml:",attr"`
		Classes    []string `xml:"urn:oasis:names:tc:SAML:2.0:assertion AuthnContextClassRef"`
		Decls      []string `xml:"urn:oasis:names:tc:SAML:2.0:assertion AuthnContextDeclRef"`
	} `xml:"urn:oasis:names:tc:SAML:2.0:protocol RequestedAuthnContext"`
}

// acs chooses where the answer goes: what the request names, if the manifest lists
// it, else the first.
func (a *authnRequest) acs(p *registry.ServiceProvider) (string, error) {
	switch {
	case a.ACS != "" && a.ACSIndex != nil:
		return "", ErrACS
	case a.ACS != "":
		if !slices.Contains(p.ACS, a.ACS) {
			return "", ErrACS
		}
		return a.ACS, nil
	case a.ACSIndex != nil:
		i, err := strconv.ParseUint(*a.ACSIndex, 10, 16)
		if err != nil || i >= uint64(len(p.ACS)) {
			return "", ErrACS
		}
		return p.ACS[i], nil
	}
	return p.ACS[0], nil
}

// want checks what may be answered with a status, and says what is asked of the
// sign-in.
func (a *authnRequest) want(c *registry.Client, q *request) (identity.SignInRequest, *status) {
	req := identity.SignInRequest{
		Protocol: identity.SAML, App: c.App, Client: c.ID, Scopes: c.Scopes, Prompt: identity.Prompt{None: a.IsPassive, Login: a.ForceAuthn},
	}
	switch {
	case a.ProtocolBinding != "" && a.ProtocolBinding != saml.Post:
		return req, &status{samllib.StatusRequester, samllib.StatusUnsupportedBinding, "answers go by the POST binding alone"}
	case a.Policy != nil && !named(a.Policy, c):
		return req, &status{samllib.StatusRequester, samllib.StatusInvalidNameIDPolicy, "the app's manifest names people by " + c.SAML.NameIDFormat}
	case a.Subject != nil && a.Subject.NameID == "":
		return req, &status{samllib.StatusRequester, samllib.StatusRequestUnsupported, "a subject is named by its NameID alone"}
	}
	if a.Subject != nil {
		q.Subject = a.Subject.NameID
	}
	if a.Context == nil {
		return req, nil
	}
	classes, ok := acceptable(a.Context.Comparison, a.Context.Classes)
	if !ok || len(a.Context.Decls) > 0 {
		return req, &status{samllib.StatusResponder, samllib.StatusNoAuthnContext, "the app asks for an authentication that nobody here knows"}
	}
	req.ACR, q.Contexts = classes, classes
	return req, nil
}

// named reports whether the manifest names people as the request wants them named.
func named(p *samllib.NameIDPolicy, c *registry.Client) bool {
	if p.SPNameQualifier != nil && *p.SPNameQualifier != "" && *p.SPNameQualifier != c.ID {
		return false
	}
	return p.Format == nil || slices.Contains([]string{"", catalog.NameIDUnspecified, c.SAML.NameIDFormat}, *p.Format)
}
