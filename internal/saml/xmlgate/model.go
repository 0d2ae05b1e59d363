package xmlgate

import "strings"

// spaces are the prefixes that the models are written with.
var spaces = map[string]string{
	"p": nsProtocol, "a": nsAssertion, "ds": nsSignature, "e": nsEncrypt, "e11": nsEncrypt11, "ec": nsExclusive,
}

// model says which elements may be in another and how often. open ones may contain
// anything but what forbidden names.
type model struct {
	open  bool
	child map[name]count
	order []name
}

// count bounds how often an element may be there; max 0 means any number. at is
// its place in the model.
type count struct{ min, max, at int }

// longest is how many different elements a model has at the most.
const longest = 8

// models is the content of messages (SAML core, XML Signature, XML Encryption), as
// far as the gate lets it in. What the product has no use for is not in it: it is
// refused rather than passed over. An element that is not a key holds text alone.
var models = map[name]model{
	element("p:Response"):       content("a:Issuer? ds:Signature? p:Extensions? p:Status a:Assertion? a:EncryptedAssertion?"),
	element("p:AuthnRequest"):   content("a:Issuer ds:Signature? p:Extensions? a:Subject? p:NameIDPolicy? a:Conditions? p:RequestedAuthnContext? p:Scoping?"),
	element("p:LogoutRequest"):  content("a:Issuer ds:Signature? p:Extensions? a:NameID p:SessionIndex*"),
	element("p:LogoutResponse"): content("a:Issuer? ds:Signature? p:Extensions? p:Status"),

	element("p:Extensions"):            open,
	element("p:Status"):                content("p:StatusCode p:StatusMessage? p:StatusDetail?"),
	element("p:StatusCode"):            content("p:StatusCode?"),
	element("p:StatusDetail"):          open,
	element("p:RequestedAuthnContext"): content("a:AuthnContextClassRef* a:AuthnContextDeclRef*"),
	element("p:Scoping"):               content("p:IDPList? p:RequesterID*"),
	element("p:IDPList"):               content("p:IDPEntry* p:GetComplete?"),

	element("a:EncryptedAssertion"):      content("e:EncryptedData e:EncryptedKey?"),
	element("a:Assertion"):               content("a:Issuer ds:Signature? a:Subject a:Conditions a:AuthnStatement* a:AttributeStatement*"),
	element("a:Subject"):                 content("a:NameID? a:SubjectConfirmation*"),
	element("a:SubjectConfirmation"):     content("a:NameID? a:SubjectConfirmationData?"),
	element("a:SubjectConfirmationData"): open,
	element("a:Conditions"):              content("a:AudienceRestriction* a:OneTimeUse? a:ProxyRestriction?"),
	element("a:AudienceRestriction"):     content("a:Audience+"),
	element("a:ProxyRestriction"):        content("a:Audience*"),
	element("a:AuthnStatement"):          content("a:SubjectLocality? a:AuthnContext"),
	element("a:AuthnContext"):            content("a:AuthnContextClassRef? a:AuthnContextDecl? a:AuthnContextDeclRef? a:AuthenticatingAuthority*"),
	element("a:AuthnContextDecl"):        open,
	element("a:AttributeStatement"):      content("a:Attribute*"),
	element("a:Attribute"):               content("a:AttributeValue*"),
	element("a:AttributeValue"):          open,

	element("ds:Signature"):              content("ds:SignedInfo ds:SignatureValue ds:KeyInfo?"),
	element("ds:SignedInfo"):             content("ds:CanonicalizationMethod ds:SignatureMethod ds:Reference"),
	element("ds:CanonicalizationMethod"): content("ec:InclusiveNamespaces?"),
	element("ds:Reference"):              content("ds:Transforms ds:DigestMethod ds:DigestValue"),
	element("ds:Transforms"):             content("ds:Transform*"),
	element("ds:Transform"):              content("ec:InclusiveNamespaces?"),
	element("ds:KeyInfo"):                open,

	element("e:EncryptedData"):    content("e:EncryptionMethod ds:KeyInfo? e:CipherData"),
	element("e:EncryptedKey"):     content("e:EncryptionMethod ds:KeyInfo? e:CipherData e:ReferenceList? e:CarriedKeyName?"),
	element("e:EncryptionMethod"): content("e:KeySize? e:OAEPparams? ds:DigestMethod? e11:MGF?"),
	element("e:CipherData"):       content("e:CipherValue"),
	element("e:ReferenceList"):    open,
}

// open is the model of an element with any content.
var open = model{open: true}

// forbidden are elements that open content has none of, in whatever namespace: a
// careless reader would look for them there.
var forbidden = map[string]bool{
	"Response": true, "Assertion": true, "EncryptedAssertion": true, "Signature": true, "SignedInfo": true,
}

// element reads a prefixed name.
func element(s string) name {
	prefix, local, _ := strings.Cut(s, ":")
	return name{spaces[prefix], local}
}

// content reads a model: names with ?, * or +, or nothing for exactly once.
func content(spec string) model {
	m := model{child: map[name]count{}}
	for field := range strings.FieldsSeq(spec) {
		c := count{1, 1, 0}
		switch field[len(field)-1] {
		case '?':
			c = count{0, 1, 0}
		case '*':
			c = count{0, 0, 0}
		case '+':
			c = count{1, 0, 0}
		}
		n := element(strings.TrimRight(field, "?*+"))
		c.at = len(m.order)
		m.child[n] = c
		m.order = append(m.order, n)
	}
	return m
}

// conforms checks an element and everything in it against the models.
func conforms(n *node) error {
	m, known := models[n.name]
	switch {
	case !known && len(n.children) > 0:
		return refuse("saml_element_unknown", quote(n.local)+" without elements in it", "%s", quote(n.children[0].local))
	case !known:
		return nil
	case m.open:
		return foreign(n)
	case n.text:
		return refuse("saml_mixed_content", quote(n.local)+" without text", "text")
	}
	var seen [longest]int
	for _, c := range n.children {
		bounds, may := m.child[c.name]
		if !may {
			return refuse("saml_element_unknown", "what "+quote(n.local)+" may contain", "%s", quote(c.local))
		}
		if seen[bounds.at]++; bounds.max > 0 && seen[bounds.at] > bounds.max {
			return refuse("saml_element_twice", quote(c.local)+" once in "+quote(n.local), "another")
		}
		if err := conforms(c); err != nil {
			return err
		}
	}
	for at, want := range m.order {
		if seen[at] < m.child[want].min {
			return refuse("saml_element_missing", quote(want.local)+" in "+quote(n.local), "none")
		}
	}
	return nil
}

// foreign checks open content.
func foreign(n *node) error {
	for _, c := range n.children {
		if forbidden[c.local] {
			return refuse("saml_element_hidden", "no "+quote(c.local)+" in "+quote(n.local), "one")
		}
		if err := foreign(c); err != nil {
			return err
		}
	}
	return nil
}
