package saml

import (
	"time"

	"github.com/beevik/etree"
	samllib "github.com/crewjam/saml"
)

// Bindings that we speak.
const (
	Redirect = samllib.HTTPRedirectBinding
	Post     = samllib.HTTPPostBinding
)

// AuthnRequest is what is asked of an identity provider (core, section 3.4.1).
type AuthnRequest struct {
	ID, EntityID, ACS, Destination string
	Issued                         time.Time
	// NameIDFormat is asked for; empty leaves it to the provider.
	NameIDFormat string
	// Force asks for a new authentication.
	Force bool
	// Contexts are the classes that are good enough: one of them, exactly.
	Contexts []string
}

// Element returns the request as XML, unsigned.
func (r AuthnRequest) Element() *etree.Element {
	yes := true
	lib := &samllib.AuthnRequest{
		ID: r.ID, Version: "2.0", IssueInstant: instant(r.Issued), Destination: r.Destination, Issuer: issuer(r.EntityID),
		AssertionConsumerServiceURL: r.ACS, ProtocolBinding: Post, NameIDPolicy: &samllib.NameIDPolicy{AllowCreate: &yes},
	}
	if r.NameIDFormat != "" {
		lib.NameIDPolicy.Format = &r.NameIDFormat
	}
	if r.Force {
		lib.ForceAuthn = &yes
	}
	el := lib.Element()
	if len(r.Contexts) > 0 { // the library's type holds one class
		wanted := el.CreateElement("samlp:RequestedAuthnContext")
		wanted.CreateAttr("Comparison", "exact")
		for _, class := range r.Contexts {
			wanted.CreateElement("saml:AuthnContextClassRef").SetText(class)
		}
	}
	return el
}

func issuer(entityID string) *samllib.Issuer { return &samllib.Issuer{Value: entityID} }

// instant is a time as precise as documents may be (core, section 1.3.3).
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
