package gatetest

import "strings"

// IDs and names in the documents.
const (
	ResponseID  = "_r1"
	AssertionID = "_a1"
	RequestID   = "_q1"
	MetadataID  = "_m1"
	Issuer      = "https://idp.example.com"
	Audience    = "https://gate.example.com"
	ACS         = "https://gate.example.com/saml/acs"
	NameID      = "alice@example.com"
)

// The namespace declarations that documents are written with.
const (
	nsA  = ` xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"`
	nsP  = ` xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"`
	nsDS = ` xmlns:ds="http://www.w3.org/2000/09/xmldsig#"`
	nsMD = ` xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"`
)

// Success is the status of a response that grants something.
const Success = `<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"></samlp:StatusCode></samlp:Status>`

// PlainAssertion is an assertion in canonical form, with the place of its signature.
func PlainAssertion() string {
	return `<saml:Assertion` + nsA + ` ID="` + AssertionID + `" IssueInstant="2026-11-26T01:59:58Z" Version="2.0">` +
		`<saml:Issuer>` + Issuer + `</saml:Issuer>` + Place(AssertionID) +
		`<saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress">` + NameID + `</saml:NameID>` +
		`<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData InResponseTo="` + RequestID +
		`" NotOnOrAfter="2026-11-26T02:05:00Z" Recipient="` + ACS + `"></saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject>` +
		`<saml:Conditions NotBefore="2026-11-26T01:55:00Z" NotOnOrAfter="2026-11-26T02:05:00Z"><saml:AudienceRestriction><saml:Audience>` + Audience +
		`</saml:Audience></saml:AudienceRestriction></saml:Conditions>` +
		`<saml:AuthnStatement AuthnInstant="2026-11-26T01:59:50Z" SessionIndex="_s1" SessionNotOnOrAfter="2026-11-26T10:00:00Z"><saml:AuthnContext><saml:AuthnContextClassRef>` +
		`urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>` +
		`<saml:AttributeStatement><saml:Attribute Name="email" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:basic"><saml:AttributeValue` +
		` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="xs:string">` + NameID + `</saml:AttributeValue></saml:Attribute>` +
		`<saml:Attribute Name="groups" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:basic"><saml:AttributeValue>payroll</saml:AttributeValue>` +
		`<saml:AttributeValue>Göttingen &amp; R&amp;D</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion>`
}

// Envelope is a Response in canonical form around content, with the place of its
// signature.
func Envelope(content string) string {
	return `<samlp:Response` + nsP + ` Destination="` + ACS + `" ID="` + ResponseID + `" InResponseTo="` + RequestID +
		`" IssueInstant="2026-11-26T01:59:59Z" Version="2.0"><saml:Issuer` + nsA + `>` + Issuer + `</saml:Issuer>` + Place(ResponseID) + Success + content + `</samlp:Response>`
}

// AuthnRequest is an AuthnRequest in canonical form, with the place of its signature.
func AuthnRequest() string {
	return `<samlp:AuthnRequest` + nsP + ` AssertionConsumerServiceURL="https://app.example.com/acs?a=1&amp;b=2" Destination="https://gate.example.com/saml/sso" ID="` + RequestID +
		`" IssueInstant="2026-11-26T01:59:59Z" Version="2.0"><saml:Issuer` + nsA + `>https://app.example.com</saml:Issuer>` + Place(RequestID) +
		`<samlp:NameIDPolicy AllowCreate="true" Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"></samlp:NameIDPolicy></samlp:AuthnRequest>`
}

// LogoutRequest is a LogoutRequest in canonical form, with the place of its signature.
func LogoutRequest() string {
	return `<samlp:LogoutRequest` + nsP + ` Destination="https://gate.example.com/saml/slo" ID="` + RequestID + `" IssueInstant="2026-11-26T01:59:59Z" Version="2.0"><saml:Issuer` + nsA + `>` + Issuer +
		`</saml:Issuer>` + Place(RequestID) + `<saml:NameID` + nsA + `>` + NameID + `</saml:NameID><samlp:SessionIndex>_s1</samlp:SessionIndex></samlp:LogoutRequest>`
}

// LogoutResponse is a LogoutResponse in canonical form, with the place of its signature.
func LogoutResponse() string {
	return `<samlp:LogoutResponse` + nsP + ` Destination="https://gate.example.com/saml/slo" ID="` + ResponseID + `" InResponseTo="` + RequestID +
		`" IssueInstant="2026-11-26T01:59:59Z" Version="2.0"><saml:Issuer` + nsA + `>` + Issuer + `</saml:Issuer>` + Place(ResponseID) + Success + `</samlp:LogoutResponse>`
}

// Metadata is an EntityDescriptor in canonical form, with the place of its signature.
func Metadata() string {
	return `<md:EntityDescriptor` + nsMD + ` ID="` + MetadataID + `" entityID="` + Issuer + `">` + Place(MetadataID) +
		`<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"` +
		` Location="https://idp.example.com/sso"></md:SingleSignOnService></md:IDPSSODescriptor></md:EntityDescriptor>`
}

// Unplaced takes out the places of signatures that were not made.
func Unplaced(document string) string {
	for _, id := range []string{ResponseID, AssertionID, RequestID, MetadataID} {
		document = strings.ReplaceAll(document, Place(id), "")
	}
	return document
}

// SignedAssertion is a Response whose assertion alone is signed.
func (l *Lab) SignedAssertion(s Sig) string {
	s = l.by(s)
	return Unplaced(Envelope(Sign(PlainAssertion(), PlainAssertion(), AssertionID, s)))
}

// SignedResponse is a Response that is signed and whose assertion is not.
func (l *Lab) SignedResponse(s Sig) string {
	whole := strings.ReplaceAll(Envelope(PlainAssertion()), Place(AssertionID), "")
	return Sign(whole, whole, ResponseID, l.by(s))
}

// SignedBoth is a Response that is signed around an assertion that is signed.
func (l *Lab) SignedBoth(s Sig) string {
	whole := Envelope(Sign(PlainAssertion(), PlainAssertion(), AssertionID, l.by(s)))
	return Sign(whole, whole, ResponseID, l.by(s))
}

// Signed signs a document of one of the other kinds.
func (l *Lab) Signed(document, id string, s Sig) string {
	return Sign(document, document, id, l.by(s))
}

// by fills in who signs.
func (l *Lab) by(s Sig) Sig {
	if s.By.Key == nil {
		s.By = l.RSA
	}
	return s
}
