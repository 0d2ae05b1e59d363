package apps

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// samlFacts are those of an app that speaks SAML, and what its team has to know of
// the broker.
func (c *Console) samlFacts(s *catalog.SAML) []kit.Fact {
	facts := []kit.Fact{
		kit.Code(ui.T("Entity id"), s.EntityID), kit.Each(ui.T("Assertion consumer services"), s.ACS, true), kit.Code(ui.T("Single logout"), s.SLO),
		kit.Is(ui.T("People are named by"), cmp.Or(s.NameIDFormat, "persistent")), samlSigning(s), samlCertificates(s), samlAttributes(s),
		kit.Code(ui.T("Opens at"), s.LaunchURI),
	}
	return append(facts, kit.Says(ui.T("Identity provider metadata"), kit.Cell{Text: c.o.SAML.MetadataURL, Href: c.o.SAML.MetadataURL, Code: true}),
		kit.Code(ui.T("Single sign-on service"), c.o.SAML.SSOURL), kit.Code(ui.T("Single logout service"), c.o.SAML.SLOURL))
}

// samlSigning says what is signed and encrypted.
func samlSigning(s *catalog.SAML) kit.Fact {
	f := kit.Fact{Label: ui.T("Signed")}
	if s.WantSigned == nil || *s.WantSigned {
		f.Values = append(f.Values, kit.Cell{Say: ui.T("The assertion")})
	}
	if s.SignResponse == nil || *s.SignResponse {
		f.Values = append(f.Values, kit.Cell{Say: ui.T("The response")})
	}
	if s.Certificate != "" && (s.RequestsSigned == nil || *s.RequestsSigned) {
		f.Values = append(f.Values, kit.Cell{Say: ui.T("Requests of the app, which are refused otherwise")})
	}
	if s.EncryptAssertions {
		f.Values = append(f.Values, kit.Cell{Say: ui.T("Assertions are encrypted")})
	}
	return f
}

// samlCertificates are those of the app.
func samlCertificates(s *catalog.SAML) kit.Fact {
	f := kit.Fact{Label: ui.T("Certificate of the app")}
	all, err := s.Certificates()
	if err != nil {
		return f
	}
	for _, one := range all {
		sum := sha256.Sum256(one.Raw)
		f.Values = append(f.Values, kit.Cell{Text: hex.EncodeToString(sum[:]), Code: true, Also: one.Subject.CommonName})
	}
	return f
}

// samlAttributes are what the app learns of people.
func samlAttributes(s *catalog.SAML) kit.Fact {
	f := scopesFact(s.Scopes)
	f.Label = ui.T("Learns of people")
	if len(s.Scopes) == 0 {
		f = kit.Each(f.Label, []string{"profile", "email"}, true)
	}
	for _, claim := range slices.Sorted(maps.Keys(s.Attributes)) {
		f.Values = append(f.Values, kit.Cell{Text: s.Attributes[claim], Code: true, Also: claim})
	}
	return f
}
