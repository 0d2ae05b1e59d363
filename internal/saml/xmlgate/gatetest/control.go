package gatetest

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
)

// Controls are documents to be let in, in every way that identity providers and
// apps write them.
func (l *Lab) Controls() []Control {
	var all []Control
	for _, group := range []func() []Control{l.plain, l.rewritten, l.encrypted, l.others, l.redirects, l.bares} {
		all = append(all, group()...)
	}
	return all
}

// plain are responses by every algorithm and with every KeyInfo.
func (l *Lab) plain() []Control {
	assertion, both := l.want(xmlgate.Response, xmlgate.Assertion), l.want(xmlgate.Response, xmlgate.Both)
	either, envelope := l.want(xmlgate.Response, xmlgate.Either), l.want(xmlgate.Response, xmlgate.Envelope)
	trusting := func(w xmlgate.Want, all ...*x509.Certificate) xmlgate.Want { w.Certificates = all; return w }
	keyInfo := func(becomes string) Sig {
		return Sig{Done: func(s string) string { return swap(s, between(s, `<ds:KeyInfo>`, `</ds:KeyInfo>`), becomes) }}
	}
	foreign := base64.StdEncoding.EncodeToString(l.Stranger.Certificate.Raw)
	prefixes := swap(Reference(AssertionID, SHA256), `"`+Exclusive+`">`, `"`+Exclusive+`"><ec:InclusiveNamespaces xmlns:ec="`+Exclusive+`" PrefixList="xsd none"></ec:InclusiveNamespaces>`)
	bare := strings.NewReplacer(`"`+AssertionID+`"`, `"28338c8c-39ab-4b94-bcdc-46f68f99d962"`, Place(AssertionID), Place("28338c8c-39ab-4b94-bcdc-46f68f99d962")).Replace(PlainAssertion())
	uuid := Unplaced(Envelope(Sign(bare, bare, "28338c8c-39ab-4b94-bcdc-46f68f99d962", l.by(Sig{}))))
	return []Control{
		{"an ID that is a bare UUID", Document{Raw: uuid, Want: assertion}},
		{"assertion signed", Document{Raw: l.SignedAssertion(Sig{}), Want: assertion}},
		{"assertion signed, either wanted", Document{Raw: l.SignedAssertion(Sig{}), Want: either}},
		{"response signed", Document{Raw: l.SignedResponse(Sig{}), Want: envelope}},
		{"response signed, either wanted", Document{Raw: l.SignedResponse(Sig{}), Want: either}},
		{"both signed", Document{Raw: l.SignedBoth(Sig{}), Want: both}},
		{"both signed, assertion wanted", Document{Raw: l.SignedBoth(Sig{}), Want: assertion}},
		{"RSA with SHA-384", Document{Raw: l.SignedAssertion(Sig{Method: RSASHA384, Digest: SHA384}), Want: assertion}},
		{"RSA with SHA-512", Document{Raw: l.SignedAssertion(Sig{Method: RSASHA512, Digest: SHA512}), Want: assertion}},
		{"ECDSA on P-256", Document{Raw: l.SignedAssertion(Sig{By: l.EC}), Want: trusting(assertion, l.EC.Certificate)}},
		{"ECDSA with SHA-384", Document{Raw: l.SignedBoth(Sig{By: l.EC, Method: ECDSASHA384}), Want: trusting(both, l.EC.Certificate)}},
		{"the second key of two", Document{Raw: l.SignedAssertion(Sig{By: l.Next}), Want: trusting(assertion, l.RSA.Certificate, l.Next.Certificate)}},
		{"the good key beside one that has expired", Document{Raw: l.SignedBoth(Sig{}), Want: trusting(both, l.Expired.Certificate, l.RSA.Certificate)}},
		{"a key beside one of another kind", Document{Raw: l.SignedAssertion(Sig{By: l.EC}), Want: trusting(assertion, l.RSA.Certificate, l.EC.Certificate)}},
		{"no KeyInfo", Document{Raw: l.SignedAssertion(keyInfo("")), Want: assertion}},
		{"somebody else's certificate in KeyInfo", Document{Raw: l.SignedAssertion(keyInfo(`<ds:KeyInfo><ds:X509Data><ds:X509Certificate>` + foreign + `</ds:X509Certificate></ds:X509Data></ds:KeyInfo>`)), Want: assertion}},
		{"a key's name in KeyInfo", Document{Raw: l.SignedAssertion(keyInfo(`<ds:KeyInfo><ds:KeyName>k1</ds:KeyName></ds:KeyInfo>`)), Want: assertion}},
		{"two KeyInfo certificates", Document{Raw: l.SignedAssertion(keyInfo(`<ds:KeyInfo><ds:X509Data><ds:X509Certificate>AAAA</ds:X509Certificate><ds:X509Certificate>BBBB</ds:X509Certificate></ds:X509Data></ds:KeyInfo>`)), Want: assertion}},
		{"prefixes listed", Document{Raw: l.SignedAssertion(Sig{Reference: prefixes}), Want: assertion}},
	}
}

// rewritten are documents in forms whose canonical form is the same.
func (l *Lab) rewritten() []Control {
	w := l.want(xmlgate.Response, xmlgate.Both)
	raw := l.SignedBoth(Sig{})
	xs := swap(raw, `<samlp:Response`, `<samlp:Response xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"`)
	rows := []struct{ name, raw string }{
		{"an XML declaration", `<?xml version="1.0" encoding="UTF-8"?>` + "\r\n" + raw},
		{"an XML declaration in small letters, standalone", `<?xml version='1.0' encoding='utf-8' standalone='no'?>` + raw},
		{"a byte order mark", "\ufeff" + raw},
		{"white space around", "\n\t " + raw + "\r\n"},
		{"tags that close themselves", strings.ReplaceAll(raw, `></saml:SubjectConfirmationData>`, `/>`)},
		{"single quotes", swap(raw, `ID="`+AssertionID+`"`, `ID='`+AssertionID+`'`)},
		{"lines in tags", strings.ReplaceAll(raw, ` IssueInstant=`, "\r\n\tIssueInstant=")},
		{"attributes in another order", swap(raw, ` ID="`+AssertionID+`" IssueInstant="2026-11-26T01:59:58Z"`, ` IssueInstant="2026-11-26T01:59:58Z" ID="`+AssertionID+`"`)},
		{"namespaces nobody uses", xs},
		{"the prefix xml declared on the response", swap(raw, `<samlp:Response`, `<samlp:Response xmlns:xml="http://www.w3.org/XML/1998/namespace"`)},
		{"the prefix xml declared on the assertion", swap(raw, `<saml:Assertion`, `<saml:Assertion xmlns:xml="http://www.w3.org/XML/1998/namespace"`)},
		{"character references in text", swap(raw, nameID, `>&#97;lice&#x40;example.com</saml:NameID>`)},
		{"umlauts as references", strings.Replace(raw, "Göttingen", "G&#xF6;ttingen", 1)},
		{"&gt; written out", strings.Replace(raw, `R&amp;D`, `R&#38;D`, 1)},
		{"a signature value in lines", lined(raw, "\n")},
		{"a signature value in lines that end as in Java", lined(raw, "&#13;\n")},
		{"a signature value that is indented", lined(raw, "\n    ")},
	}
	all := make([]Control, 0, len(rows))
	for _, r := range rows {
		all = append(all, Control{r.name, Document{Raw: r.raw, Want: w}})
	}
	return all
}

// lined breaks the value of the outer signature, which no signature covers, into lines.
func lined(raw, end string) string {
	value := between(raw, `<ds:SignatureValue>`, `</ds:SignatureValue>`)
	text := strings.TrimSuffix(strings.TrimPrefix(value, `<ds:SignatureValue>`), `</ds:SignatureValue>`)
	return swap(raw, text, end+text[:76]+end+text[76:]+end)
}

// encrypted are by every algorithm that is let in.
func (l *Lab) encrypted() []Control {
	assertion := l.wantEncrypted(xmlgate.Assertion)
	whole := Envelope(Encrypt(strings.ReplaceAll(PlainAssertion(), Place(AssertionID), ""), l.to(Enc{})))
	enveloped := Sign(whole, whole, ResponseID, l.by(Sig{}))
	double := Envelope(Encrypt(l.signed(Sig{}), l.to(Enc{})))
	two := assertion
	two.Decrypt = append(two.Decrypt[:0:0], l.Stranger.Key.(*rsa.PrivateKey), l.Ours)
	all := []Control{
		{"encrypted in a signed response", Document{Raw: enveloped, Want: l.wantEncrypted(xmlgate.Envelope)}},
		{"encrypted in a signed response, either wanted", Document{Raw: enveloped, Want: l.wantEncrypted(xmlgate.Either)}},
		{"encrypted, both signed", Document{Raw: Sign(double, double, ResponseID, l.by(Sig{})), Want: l.wantEncrypted(xmlgate.Both)}},
		{"encrypted for the second key", Document{Raw: l.EncryptedAssertion(Sig{}, Enc{}), Want: two}},
	}
	for name, e := range map[string]Enc{
		"AES-128-GCM":                        {Data: AES128GCM},
		"AES-192-GCM":                        {Data: AES192GCM},
		"AES-256-GCM":                        {Data: AES256GCM},
		"OAEP with SHA-1 by name":            {Digest: SHA1},
		"OAEP with SHA-256, mask with SHA-1": {Digest: SHA256},
		"OAEP 1.1 as it is by default":       {Key: OAEP},
		"OAEP 1.1 with SHA-256 for both":     {Key: OAEP, Digest: SHA256, MGF: MGF1SHA2},
		"OAEP 1.1 with SHA-512 and SHA-1":    {Key: OAEP, Digest: SHA512, MGF: MGF1SHA1},
		"the key beside the data":            {Sibling: true},
	} {
		all = append(all, Control{"encrypted: " + name, Document{Raw: l.EncryptedAssertion(Sig{}, e), Want: assertion}})
	}
	return all
}

// others are the other kinds.
func (l *Lab) others() []Control {
	federation := `<md:EntitiesDescriptor` + nsMD + ` ID="_f1">` + Place("_f1") + swap(Unplaced(Metadata()), nsMD, "") + `</md:EntitiesDescriptor>`
	open := func(k xmlgate.Kind) xmlgate.Want { w := l.want(k, xmlgate.None); w.Certificates = nil; return w }
	return []Control{
		{"AuthnRequest", Document{Raw: l.Signed(AuthnRequest(), RequestID, Sig{}), Want: l.want(xmlgate.AuthnRequest, xmlgate.Envelope)}},
		{"AuthnRequest without a signature", Document{Raw: Unplaced(AuthnRequest()), Want: open(xmlgate.AuthnRequest)}},
		{"AuthnRequest with a signature that nobody can judge", Document{Raw: l.Signed(AuthnRequest(), RequestID, Sig{Method: RSASHA1}), Want: open(xmlgate.AuthnRequest)}},
		{"AuthnRequest with a signature that nobody asked for", Document{Raw: l.Signed(AuthnRequest(), RequestID, Sig{}), Want: l.want(xmlgate.AuthnRequest, xmlgate.None)}},
		{"LogoutRequest", Document{Raw: l.Signed(LogoutRequest(), RequestID, Sig{}), Want: l.want(xmlgate.LogoutRequest, xmlgate.Envelope)}},
		{"LogoutResponse", Document{Raw: l.Signed(LogoutResponse(), ResponseID, Sig{}), Want: l.want(xmlgate.LogoutResponse, xmlgate.Envelope)}},
		{"metadata", Document{Raw: l.Signed(Metadata(), MetadataID, Sig{}), Want: l.want(xmlgate.Metadata, xmlgate.Envelope)}},
		{"metadata that declares the prefix xml", Document{Raw: swap(l.Signed(Metadata(), MetadataID, Sig{}), nsMD, nsMD+` xmlns:xml="http://www.w3.org/XML/1998/namespace"`), Want: l.want(xmlgate.Metadata, xmlgate.Envelope)}},
		{"metadata of a federation", Document{Raw: l.Signed(federation, "_f1", Sig{}), Want: l.want(xmlgate.Metadata, xmlgate.Envelope)}},
		{"metadata without a signature", Document{Raw: Unplaced(Metadata()), Want: open(xmlgate.Metadata)}},
		{"metadata signed by somebody", Document{Raw: l.Signed(Metadata(), MetadataID, Sig{By: l.Stranger, Method: RSASHA1}), Want: open(xmlgate.Metadata)}},
		{"metadata from Windows, with comments", Document{Raw: "\ufeff<?xml version=\"1.0\"?>\r\n<!-- idp -->\r\n" + swap(Unplaced(Metadata()), `<md:IDPSSO`, "\r\n<!-- sso -->\r\n<md:IDPSSO"), Want: open(xmlgate.Metadata)}},
		{"metadata with a schema location in lines", Document{Raw: swap(l.Signed(swap(Metadata(), ` entityID="`+Issuer+`">`, ` entityID="`+Issuer+`" validUntil="a b">`), MetadataID, Sig{}), `"a b"`, "\"a\nb\""), Want: l.want(xmlgate.Metadata, xmlgate.Envelope)}},
	}
}

// redirects are queries.
func (l *Lab) redirects() []Control {
	request := l.want(xmlgate.LogoutRequest, xmlgate.Envelope)
	authn := l.want(xmlgate.AuthnRequest, xmlgate.None)
	logout, response := Unplaced(LogoutRequest()), Unplaced(LogoutResponse())
	ec := request
	ec.Certificates = []*x509.Certificate{l.RSA.Certificate, l.EC.Certificate}
	keyless := authn
	keyless.Certificates = nil
	small := strings.NewReplacer("%2F", "%2f", "%2B", "%2b", "%3D", "%3d")
	return []Control{
		{"query with RelayState", l.goodQuery()},
		{"query without RelayState", Document{Query: SignQuery(Query("SAMLRequest", logout, ""), RSASHA256, l.RSA), Want: request}},
		{"query with an empty RelayState", Document{Query: SignQuery(Query("SAMLRequest", logout, "")+"&RelayState=", RSASHA512, l.RSA), Want: request}},
		{"query in small escapes", Document{Query: SignQuery(small.Replace(Query("SAMLRequest", logout, "a/b+c=")), RSASHA256, l.RSA), Want: request}},
		{"query by ECDSA", Document{Query: SignQuery(Query("SAMLRequest", logout, "x"), ECDSASHA256, l.EC), Want: ec}},
		{"query with a LogoutResponse", Document{Query: SignQuery(Query("SAMLResponse", response, "x"), RSASHA256, l.RSA), Want: l.want(xmlgate.LogoutResponse, xmlgate.Envelope)}},
		{"query with an AuthnRequest", Document{Query: SignQuery(Query("SAMLRequest", Unplaced(AuthnRequest()), "x"), RSASHA384, l.RSA), Want: authn}},
		{"query without a signature", Document{Query: Query("SAMLRequest", Unplaced(AuthnRequest()), "x"), Want: authn}},
		{"query with a signature that nobody can judge", Document{Query: SignQuery(Query("SAMLRequest", Unplaced(AuthnRequest()), "x"), RSASHA1, l.RSA), Want: keyless}},
	}
}
