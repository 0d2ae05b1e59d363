package gatetest

import (
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
)

// contents are assertions that a trusted key signed and whose reader would find
// less, or more, than it checks.
func (l *Lab) contents() []Attack {
	a := PlainAssertion()
	subject := between(a, `<saml:Subject>`, `</saml:Subject>`)
	confirmation := between(a, `<saml:SubjectConfirmation `, `</saml:SubjectConfirmation>`)
	conditions := between(a, `<saml:Conditions `, `</saml:Conditions>`)
	audiences := between(a, `<saml:AudienceRestriction>`, `</saml:AudienceRestriction>`)
	data := between(a, `<saml:SubjectConfirmationData `, `</saml:SubjectConfirmationData>`)
	name := between(a, `<saml:NameID `, `</saml:NameID>`)
	statement := between(a, `<saml:AuthnStatement `, `</saml:AuthnStatement>`)
	good := l.good()
	return append(against("content", good,
		row{"no Subject", "saml_element_missing", l.edited(subject, "")},
		row{"two Subjects", "saml_element_twice", l.edited(subject, subject+swap(subject, NameID, "admin@example.com"))},
		row{"no SubjectConfirmation", "saml_element_missing", l.edited(confirmation, "")},
		row{"no SubjectConfirmationData", "saml_element_missing", l.edited(data, "")},
		row{"a second SubjectConfirmation without data", "saml_element_missing", l.edited(confirmation, confirmation+`<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"></saml:SubjectConfirmation>`)},
		row{"two SubjectConfirmationData", "saml_element_twice", l.edited(data, data+data)},
		row{"two NameIDs", "saml_element_twice", l.edited(name, name+swap(name, NameID, "admin@example.com"))},
		row{"an EncryptedID", "saml_element_unknown", l.edited(name, `<saml:EncryptedID></saml:EncryptedID>`)},
		row{"a BaseID", "saml_element_unknown", l.edited(name, `<saml:BaseID></saml:BaseID>`)},
		row{"an EncryptedAttribute", "saml_element_unknown", l.edited(`<saml:AttributeStatement>`, `<saml:AttributeStatement><saml:EncryptedAttribute></saml:EncryptedAttribute>`)},
		row{"no Conditions", "saml_element_missing", l.edited(conditions, "")},
		row{"two Conditions", "saml_element_twice", l.edited(conditions, conditions+conditions)},
		row{"no AudienceRestriction", "saml_element_missing", l.edited(audiences, "")},
		row{"an AudienceRestriction without an Audience", "saml_element_missing", l.edited(audiences, `<saml:AudienceRestriction></saml:AudienceRestriction>`)},
		row{"a condition that nobody knows", "saml_element_unknown", l.edited(audiences, audiences+`<saml:Condition></saml:Condition>`)},
		row{"no Issuer in the assertion", "saml_element_missing", l.edited(`<saml:Issuer>`+Issuer+`</saml:Issuer>`, "")},
		row{"two Issuers in the assertion", "saml_element_twice", l.edited(`<saml:Issuer>`, `<saml:Issuer>https://evil.example</saml:Issuer><saml:Issuer>`)},
		row{"an AuthnStatement without a context", "saml_element_missing", l.edited(between(statement, `<saml:AuthnContext>`, `</saml:AuthnContext>`), "")},
		row{"an authorisation decision", "saml_element_unknown", l.edited(statement, statement+`<saml:AuthzDecisionStatement></saml:AuthzDecisionStatement>`)},
		row{"an Advice", "saml_element_unknown", l.edited(statement, `<saml:Advice></saml:Advice>`+statement)},
		row{"version 1.1 of an assertion", "saml_version", l.edited(`Version="2.0"`, `Version="1.1"`)},
		row{"no version of an assertion", "saml_version", l.edited(` Version="2.0"`, ``)},
		row{"version 1.1 of a response", "saml_version", strings.Replace(good.Raw, `Version="2.0"`, `Version="1.1"`, 1)},
	), against("content", good,
		row{"no Status", "saml_element_missing", swap(good.Raw, Success, "")},
		row{"two Status", "saml_element_twice", swap(good.Raw, Success, Success+Success)},
		row{"two Issuers of the response", "saml_element_twice", swap(good.Raw, Success, `<saml:Issuer`+nsA+`>https://evil.example</saml:Issuer>`+Success)},
		row{"something of another namespace in the response", "saml_element_unknown", swap(good.Raw, Success, `<x:y xmlns:x="urn:example:x"></x:y>`+Success)},
		row{"text in StatusCode", "saml_mixed_content", swap(good.Raw, `></samlp:StatusCode>`, `>x</samlp:StatusCode>`)},
		row{"the status in Issuer", "saml_mixed_content", swap(good.Raw, Issuer+`</saml:Issuer>`, Issuer+Success+`</saml:Issuer>`)},
		row{"an error without an assertion", "saml_status", Unplaced(strings.Replace(Envelope(""), "status:Success", "status:AuthnFailed", 1))},
		row{"success without an assertion", "saml_assertion_count", Unplaced(Envelope(""))},
	)...)
}

// kinds are documents that somebody signed for another purpose.
func (l *Lab) kinds() []Attack {
	response := l.good()
	authn := Document{Raw: l.Signed(AuthnRequest(), RequestID, Sig{}), Want: l.want(xmlgate.AuthnRequest, xmlgate.Envelope)}
	request := Document{Raw: l.Signed(LogoutRequest(), RequestID, Sig{}), Want: l.want(xmlgate.LogoutRequest, xmlgate.Envelope)}
	answer := Document{Raw: l.Signed(LogoutResponse(), ResponseID, Sig{}), Want: l.want(xmlgate.LogoutResponse, xmlgate.Envelope)}
	all := against("kind", response,
		row{"an AuthnRequest as a response", "saml_root", authn.Raw},
		row{"a LogoutResponse as a response", "saml_root", answer.Raw},
		row{"an assertion alone", "saml_root", l.signed(Sig{})},
		row{"an ArtifactResponse", "saml_root", strings.ReplaceAll(response.Raw, "samlp:Response", "samlp:ArtifactResponse")},
		row{"SAML 1.1", "saml_root", strings.ReplaceAll(response.Raw, "SAML:2.0:protocol", "SAML:1.0:protocol")},
	)
	all = append(all, against("kind", authn,
		row{"a LogoutRequest as an AuthnRequest", "saml_root", request.Raw},
		row{"an AuthnRequest without a signature", "saml_unsigned", Unplaced(AuthnRequest())},
		row{"an AuthnRequest that was changed", "saml_digest_mismatch", swap(authn.Raw, "app.example.com/acs", "evil.example.com/acs")},
		row{"an AuthnRequest without an Issuer", "saml_element_missing", swap(authn.Raw, between(authn.Raw, `<saml:Issuer`, `</saml:Issuer>`), "")},
		row{"an assertion in an AuthnRequest", "saml_assertion_count", swap(authn.Raw, `<samlp:NameIDPolicy`, Forged()+`<samlp:NameIDPolicy`)},
		row{"an AuthnRequest of a stranger", "saml_signature_invalid", l.Signed(AuthnRequest(), RequestID, Sig{By: l.Stranger})},
	)...)
	all = append(all, against("kind", request,
		row{"an AuthnRequest as a LogoutRequest", "saml_root", authn.Raw},
		row{"a LogoutRequest of a stranger", "saml_signature_invalid", l.Signed(LogoutRequest(), RequestID, Sig{By: l.Stranger})},
		row{"a LogoutRequest for somebody else", "saml_digest_mismatch", swap(request.Raw, NameID, "admin@example.com")},
		row{"a LogoutRequest with two NameIDs", "saml_element_twice", swap(request.Raw, `<samlp:SessionIndex>`, `<saml:NameID`+nsA+`>admin@example.com</saml:NameID><samlp:SessionIndex>`)},
		row{"a comment in a LogoutRequest's NameID", "saml_comment", swap(request.Raw, "alice@", "alice<!--x-->@")},
	)...)
	return append(all, against("kind", answer,
		row{"a LogoutRequest as a LogoutResponse", "saml_root", request.Raw},
		row{"a LogoutResponse without a signature", "saml_unsigned", Unplaced(LogoutResponse())},
	)...)
}

// wants are mistakes of a caller, which let nothing in.
func (l *Lab) wants() []Attack {
	good := l.good()
	var all []Attack
	for name, change := range map[string]func(*xmlgate.Want){
		"no kind":                        func(w *xmlgate.Want) { w.Kind = 0 },
		"a kind that is within only":     func(w *xmlgate.Want) { w.Kind = -1 },
		"no time":                        func(w *xmlgate.Want) { w.Now = time.Time{} },
		"a response with nothing signed": func(w *xmlgate.Want) { w.Signed = xmlgate.None },
		"signed in a way there is not":   func(w *xmlgate.Want) { w.Signed = 9 },
		"a request with an assertion":    func(w *xmlgate.Want) { w.Kind = xmlgate.AuthnRequest },
	} {
		bad := good
		change(&bad.Want)
		all = append(all, Attack{Name: "want: " + name, Good: good, Bad: bad, Refused: "saml_want"})
	}
	return all
}

// metadata is imported from files that anybody may have written.
func (l *Lab) metadata() []Attack {
	good := Document{Raw: l.Signed(Metadata(), MetadataID, Sig{}), Want: l.want(xmlgate.Metadata, xmlgate.Envelope)}
	location := `Location="https://idp.example.com/sso"`
	signature := signatureIn(good.Raw)
	unnamed := swap(Metadata(), ` ID="`+MetadataID+`"`, "")
	federation := func(inner string) string {
		return `<md:EntitiesDescriptor` + nsMD + `>` + inner + `</md:EntitiesDescriptor>`
	}
	return against("metadata", good,
		row{"unsigned where a signature is wanted", "saml_unsigned", Unplaced(Metadata())},
		row{"an endpoint changed", "saml_digest_mismatch", swap(good.Raw, location, `Location="https://evil.example.com/sso"`)},
		row{"signed by a stranger", "saml_signature_invalid", l.Signed(Metadata(), MetadataID, Sig{By: l.Stranger})},
		row{"signed entity within an unsigned federation", "saml_signature_path", federation(good.Raw)},
		row{"no ID, and a reference to it", "saml_reference_uri", l.Signed(unnamed, MetadataID, Sig{Reference: swap(Reference(MetadataID, SHA256), "#"+MetadataID, "#")})},
		row{"the signature moved down", "saml_signature_path", swap(swap(good.Raw, signature, ""), `<md:SingleSignOnService`, signature+`<md:SingleSignOnService`)},
		row{"two signatures", "saml_signature_count", swap(good.Raw, signature, signature+signature)},
		row{"an ID twice", "saml_id_twice", swap(good.Raw, `<md:IDPSSODescriptor`, `<md:IDPSSODescriptor ID="`+MetadataID+`"`)},
		row{"SHA-1", "saml_signature_algorithm", l.Signed(Metadata(), MetadataID, Sig{Method: RSASHA1})},
		row{"a DTD", "saml_doctype", `<!DOCTYPE md [<!ENTITY x SYSTEM "file:///etc/passwd">]>` + good.Raw},
		row{"a comment inside of text", "saml_comment", swap(good.Raw, `</md:IDPSSODescriptor>`, `</md:IDPSSODescriptor><md:Organization><md:OrganizationName xml:lang="en">a<!--x-->b</md:OrganizationName></md:Organization>`)},
		row{"a response as metadata", "saml_root", l.good().Raw},
		row{"5 MB", "saml_size", good.Raw + strings.Repeat(" ", 5<<20)},
		row{"60,000 elements", "saml_elements", swap(good.Raw, `</md:EntityDescriptor>`, strings.Repeat("<a/>", 60_000)+`</md:EntityDescriptor>`)},
		row{"an Object in the signature", "saml_signature_object", l.Signed(Metadata(), MetadataID, Sig{Done: func(s string) string { return inSignature(s, object("x")) }})},
		row{"an unknown element in the signature", "saml_element_unknown", l.Signed(Metadata(), MetadataID, Sig{Done: func(s string) string { return inSignature(s, "<x></x>") }})},
	)
}
