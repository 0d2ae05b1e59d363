package connections

import (
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// The protocols of connections.
const (
	typeOIDC = "oidc"
	typeSAML = "saml"
)

// kind is how a field of the form is written and read.
type kind int

const (
	asLine   kind = iota // a line of text
	asSecret             // one that is not shown again
	asText               // text of several lines
	asWords              // a list, separated by blanks
	asRules              // a line each: field = expression
	asLists              // a line each: name = value, value
	asTruth              // on or off
	asChoice             // one of several
)

var kindNames = map[kind]string{
	asLine: "text", asSecret: "password", asText: "area", asWords: "text", asRules: "area", asLists: "area", asTruth: "check", asChoice: "select",
}

// setting is a field of the form: path is where it stands in a connection.
type setting struct {
	path        string
	kind        kind
	label, help ui.Text
	required    bool
	choices     []ui.Option
}

// general are the fields of every connection, mapping those about people.
func general() []setting {
	return []setting{
		{path: "id", label: ui.T("Id"), help: ui.T("Lower-case letters, digits and hyphens. It is part of the addresses that the identity provider is told, and never changes."), required: true},
		{path: "title", label: ui.T("Title"), help: ui.T("What people choose on the sign-in page.")},
	}
}

func mapping() []setting {
	return []setting{
		{path: "domains", kind: asWords, label: ui.T("Domains"), help: ui.T("The e-mail domains that this provider has proved, separated by blanks: only their addresses count as verified, and they choose the connection.")},
		{path: "claims", kind: asRules, label: ui.T("Claim rules"), help: ui.T("A line each: field = CEL expression, such as department = claims.dept. Other fields take the standard claims.")},
		{path: "groups.claim", label: ui.T("Claim with the groups"), help: ui.T("“groups” unless told.")},
	}
}

func oidcSettings() []setting {
	return []setting{
		{path: "issuer", label: ui.T("Issuer"), help: ui.T("Exactly what the provider's metadata says. It never changes: it says whose people they are."), required: true},
		{path: "client_id", label: ui.T("Client id"), help: ui.T("What the provider knows the broker by."), required: true},
		{path: "client_secret", kind: asSecret, label: ui.T("Client secret"), help: ui.T("Kept encrypted, and never shown.")},
		{path: "scopes", kind: asWords, label: ui.T("Scopes"), help: ui.T("openid, profile and email unless told.")},
		{path: "userinfo", kind: asTruth, label: ui.T("Also ask the userinfo endpoint")},
		{path: "algorithms", kind: asWords, label: ui.T("Algorithms of ID tokens"), help: ui.T("RS256, ES256, EdDSA and PS256 unless told.")},
		{path: "allowed_tenants", kind: asWords, label: ui.T("Tenants"), help: ui.T("Only for an issuer that contains {tenantid}: the tenants whose people may sign in.")},
	}
}

func samlSettings() []setting {
	choice := func(values ...string) (all []ui.Option) {
		for _, v := range values {
			all = append(all, ui.Option{Value: v, Text: ui.Plain(v)})
		}
		return all
	}
	return []setting{
		{path: "issuer", label: ui.T("Entity id of the provider"), help: ui.T("It never changes: it says whose people they are."), required: true},
		{path: "saml.metadata_url", label: ui.T("Address of its metadata"), help: ui.T("It is read again and again, so that new certificates are known. Or give the document itself.")},
		{path: "saml.metadata", kind: asText, label: ui.T("Metadata"), help: ui.T("The XML document. Metadata names certificates and addresses; it never decides on what is checked.")},
		{path: "saml.metadata_certificates", kind: asText, label: ui.T("Certificates that sign the metadata"), help: ui.T("PEM. Without any, https vouches for it.")},
		{path: "saml.signed", kind: asChoice, label: ui.T("What must be signed"), choices: choice("assertion", "response", "both")},
		{path: "saml.encrypted", kind: asTruth, label: ui.T("Refuse assertions that are not encrypted")},
		{path: "saml.binding", kind: asChoice, label: ui.T("How requests are sent"), choices: choice("redirect", "post")},
		{path: "saml.name_id_format", label: ui.T("Format of names"), help: ui.T("persistent, email, transient, unspecified, or the URI of another.")},
		{path: "saml.subject", label: ui.T("Attribute that people are known by"), help: ui.T("Instead of the NameID: one that never changes.")},
		{path: "saml.attributes", kind: asLists, label: ui.T("Attributes"), help: ui.T("A line each: claim = attribute, attribute. Common names need none.")},
		{path: "saml.authn_contexts", kind: asWords, label: ui.T("Authentication contexts"), help: ui.T("Those that are asked for and accepted; any unless told.")},
		{path: "saml.idp_initiated", kind: asTruth, label: ui.T("Let the provider begin sign-ins"), help: ui.T("Whoever has an account there can then sign somebody else's browser in as themselves.")},
		{path: "saml.entity_id", label: ui.T("Our entity id there"), help: ui.T("The address of our metadata unless told.")},
		{path: "saml.refresh", label: ui.T("How often metadata is read"), help: ui.T("Such as 1h.")},
		{path: "saml.max_age", label: ui.T("How long it is used while it cannot be read"), help: ui.T("Such as 7d.")},
		{path: "saml.skew", label: ui.T("How far its clock may be off"), help: ui.T("Such as 1m.")},
	}
}

func settingsOf(protocol string) []setting {
	own := oidcSettings()
	if protocol == typeSAML {
		own = samlSettings()
	}
	return slices.Concat(general(), own, mapping(), subjectSettings(protocol))
}
