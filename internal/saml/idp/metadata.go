package idp

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"net/http"

	samllib "github.com/crewjam/saml"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/saml"
)

// metadataAge is how long a peer may keep what it read: far less than the next
// certificate is published before its key signs.
const metadataAge = "PT6H"

// entityDescriptor is an entity with one role. The library's type writes a time of
// the year 1 where there is none.
type entityDescriptor struct {
	XMLName       xml.Name                 `xml:"urn:oasis:names:tc:SAML:2.0:metadata EntityDescriptor"`
	EntityID      string                   `xml:"entityID,attr"`
	CacheDuration string                   `xml:"cacheDuration,attr"`
	Role          samllib.IDPSSODescriptor `xml:"IDPSSODescriptor"`
}

// metadata answers the metadata of the identity provider.
func (p *Provider) metadata(w http.ResponseWriter, r *http.Request) {
	body, err := p.describe()
	if err != nil {
		p.o.UI.Error(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/samlmetadata+xml")
	w.Header().Set("Content-Disposition", `inline; filename="gatehouse-idp.xml"`)
	w.Header().Set("Cache-Control", "public, max-age=300")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(body) // the peer may have gone
}

// describe writes the metadata. It has no validUntil: teams copy it into their apps,
// where running out would shut people out for nothing.
func (p *Provider) describe() ([]byte, error) {
	certified, err := p.o.Keys.Certified()
	if err != nil {
		return nil, err
	}
	var use []samllib.KeyDescriptor
	for _, c := range certified {
		use = append(use, samllib.KeyDescriptor{Use: "signing", KeyInfo: samllib.KeyInfo{X509Data: samllib.X509Data{
			X509Certificates: []samllib.X509Certificate{{Data: base64.StdEncoding.EncodeToString(c.Certificate.Raw)}},
		}}})
	}
	at := func(path string) []samllib.Endpoint {
		return []samllib.Endpoint{{Binding: saml.Redirect, Location: p.o.Issuer + path}, {Binding: saml.Post, Location: p.o.Issuer + path}}
	}
	entity := entityDescriptor{EntityID: p.entityID(), CacheDuration: metadataAge, Role: samllib.IDPSSODescriptor{
		SSODescriptor: samllib.SSODescriptor{
			RoleDescriptor:       samllib.RoleDescriptor{ProtocolSupportEnumeration: "urn:oasis:names:tc:SAML:2.0:protocol", KeyDescriptors: use},
			SingleLogoutServices: at(sloPath),
			NameIDFormats: []samllib.NameIDFormat{
				catalog.NameIDPersistent, catalog.NameIDEmail, catalog.NameIDTransient, catalog.NameIDUnspecified,
			},
		},
		SingleSignOnServices: at(ssoPath),
	}}
	body, err := xml.MarshalIndent(entity, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("SAML metadata: %w", err)
	}
	return append([]byte(xml.Header), body...), nil
}
