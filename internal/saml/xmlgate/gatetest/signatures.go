package gatetest

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"strings"
	"time"
)

// referring plays with SignedInfo and its references.
func (l *Lab) referring() []Attack {
	good := l.good()
	ref := func(reference string) string { return l.SignedAssertion(Sig{Reference: reference}) }
	fine := Reference(AssertionID, SHA256)
	info := between(good.Raw, `<ds:SignedInfo`, `</ds:SignedInfo>`)
	evil := strings.ReplaceAll(Reference("_evil", SHA256), "%s", base64.StdEncoding.EncodeToString(digest(SHA256, Forged())))
	otherInfo := swap(info, between(info, `<ds:Reference `, `</ds:Reference>`), evil)
	return against("reference", good,
		row{"two SignedInfo, the signed one first", "saml_signed_info_count", swap(good.Raw, info, info+otherInfo)},
		row{"two SignedInfo, the signed one last", "saml_signed_info_count", swap(good.Raw, info, otherInfo+info)},
		row{"no SignedInfo", "saml_signed_info_count", swap(good.Raw, info, "")},
		row{"two references, the other one to nothing", "saml_reference_count", ref(fine + evil)},
		row{"two references, the first one to a forged assertion", "saml_reference_count", ref(evil + fine)},
		row{"two references to the same", "saml_reference_count", ref(fine + fine)},
		row{"no reference", "saml_reference_count", l.SignedAssertion(Sig{Info: func(s string) string { return swap(s, between(s, `<ds:Reference `, `</ds:Reference>`), "") }})},
		row{"a reference in a Manifest", "saml_reference_count", ref(`<ds:Manifest>` + fine + `</ds:Manifest>`)},
		row{"a reference to the whole document", "saml_reference_uri", ref(swap(fine, `URI="#`+AssertionID+`"`, `URI=""`))},
		row{"a reference without a URI", "saml_reference_uri", ref(swap(fine, ` URI="#`+AssertionID+`"`, ``))},
		row{"a reference to another ID", "saml_reference_uri", ref(swap(fine, "#"+AssertionID, "#"+ResponseID))},
		row{"a reference by XPointer", "saml_reference_uri", ref(swap(fine, "#"+AssertionID, "#xpointer(id('"+AssertionID+"'))"))},
		row{"a reference to a file", "saml_reference_uri", ref(swap(fine, "#"+AssertionID, "file:///etc/passwd"))},
		row{"a reference to a server", "saml_reference_uri", ref(swap(fine, "#"+AssertionID, "http://169.254.169.254/latest"))},
		row{"a comment in DigestValue", "saml_comment", swap(good.Raw, `<ds:DigestValue>`, `<ds:DigestValue><!--x-->`)},
		row{"two DigestValues", "saml_element_twice", ref(swap(fine, `<ds:DigestValue>`, `<ds:DigestValue>AAAA</ds:DigestValue><ds:DigestValue>`))},
		row{"no DigestValue", "saml_element_missing", ref(swap(fine, `<ds:DigestValue>%s</ds:DigestValue>`, ``))},
		row{"a digest of nothing", "saml_digest_value", ref(swap(fine, `%s`, ``))},
		row{"a digest that is cut", "saml_digest_value", ref(swap(fine, `%s`, `AAAAAAAA`))},
		row{"a digest that is no base64", "saml_digest_value", ref(swap(fine, `%s`, `!!!`))},
	)
}

// transforming plays with transforms and canonicalization.
func (l *Lab) transforming() []Attack {
	fine := Reference(AssertionID, SHA256)
	transform := func(id string) string { return `<ds:Transform Algorithm="` + id + `"></ds:Transform>` }
	with := func(transforms ...string) string {
		return l.SignedAssertion(Sig{Reference: swap(fine, between(fine, `<ds:Transforms>`, `</ds:Transforms>`), `<ds:Transforms>`+strings.Join(transforms, "")+`</ds:Transforms>`)})
	}
	c14n := func(id, inside string) string {
		return l.SignedAssertion(Sig{Info: func(s string) string {
			return swap(s, `<ds:CanonicalizationMethod Algorithm="`+Exclusive+`">`, `<ds:CanonicalizationMethod Algorithm="`+id+`">`+inside)
		}})
	}
	prefixes := func(list string) string {
		return `<ec:InclusiveNamespaces xmlns:ec="` + Exclusive + `" PrefixList="` + list + `"></ec:InclusiveNamespaces>`
	}
	void := swap(l.good().Raw, `<samlp:Response`, `<samlp:Response xmlns:void="1"`)
	return against("transform", l.good(),
		row{"XSLT", "saml_element_unknown", with(transform(Enveloped), `<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"><xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform"></xsl:stylesheet></ds:Transform>`, transform(Exclusive))},
		row{"XSLT without a stylesheet", "saml_transforms", with(transform(Enveloped), transform("http://www.w3.org/TR/1999/REC-xslt-19991116"))},
		row{"XPath", "saml_element_unknown", with(transform(Enveloped), `<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>true()</ds:XPath></ds:Transform>`, transform(Exclusive))},
		row{"XPath filter 2.0", "saml_transforms", with(transform(Enveloped), transform("http://www.w3.org/2002/06/xmldsig-filter2"), transform(Exclusive))},
		row{"base64", "saml_transforms", with(transform(Enveloped), transform("http://www.w3.org/2000/09/xmldsig#base64"), transform(Exclusive))},
		row{"no transform", "saml_transforms", with()},
		row{"enveloped alone", "saml_transforms", with(transform(Enveloped))},
		row{"canonicalization alone", "saml_transforms", with(transform(Exclusive))},
		row{"in the other order", "saml_transforms", with(transform(Exclusive), transform(Enveloped))},
		row{"enveloped twice", "saml_transforms", with(transform(Enveloped), transform(Enveloped), transform(Exclusive))},
		row{"with comments", "saml_transforms", with(transform(Enveloped), transform(Exclusive+"WithComments"))},
		row{"inclusive", "saml_transforms", with(transform(Enveloped), transform("http://www.w3.org/TR/2001/REC-xml-c14n-20010315"))},
		row{"inclusive 1.1", "saml_transforms", with(transform(Enveloped), transform("http://www.w3.org/2006/12/xml-c14n11"))},
		row{"nothing that anybody knows", "saml_transforms", with(transform(Enveloped), transform("urn:example:identity"))},
		row{"a hundred transforms", "saml_transforms", with(strings.Repeat(transform(Exclusive), 100))},
		row{"prefixes for the enveloped transform", "saml_prefix_list", with(`<ds:Transform Algorithm="`+Enveloped+`">`+prefixes("xs")+`</ds:Transform>`, transform(Exclusive))},
		row{"the default namespace among prefixes", "saml_prefix_list", with(transform(Enveloped), `<ds:Transform Algorithm="`+Exclusive+`">`+prefixes("#default")+`</ds:Transform>`)},
		row{"SignedInfo with comments", "saml_canonicalization", c14n(Exclusive+"WithComments", "")},
		row{"SignedInfo inclusive", "saml_canonicalization", c14n("http://www.w3.org/TR/2001/REC-xml-c14n-20010315", "")},
		row{"SignedInfo by nothing", "saml_canonicalization", c14n("", "")},
		row{"SignedInfo by what nobody knows", "saml_canonicalization", c14n("urn:example:void", "")},
		row{"prefixes for SignedInfo", "saml_canonicalization", c14n(Exclusive, prefixes("saml"))},
		row{"void canonicalization by a relative namespace", "saml_namespace", void},
	)
}

// algorithms are those that do not prove anything, used rightly.
func (l *Lab) algorithms() []Attack {
	sign := func(s Sig) string { return l.SignedAssertion(s) }
	method := func(id string) string { return sign(Sig{Method: id}) }
	length := func(s string) string {
		return swap(s, `hmac-sha256">`, `hmac-sha256"><ds:HMACOutputLength>8</ds:HMACOutputLength>`)
	}
	return against("algorithm", l.good(),
		row{"RSA with SHA-1", "saml_signature_algorithm", method(RSASHA1)},
		row{"a digest with SHA-1", "saml_digest_algorithm", sign(Sig{Digest: SHA1})},
		row{"a digest with MD5", "saml_digest_algorithm", sign(Sig{Digest: "http://www.w3.org/2001/04/xmldsig-more#md5"})},
		row{"a digest with nothing", "saml_digest_algorithm", sign(Sig{Reference: Reference(AssertionID, "")})},
		row{"RSA with MD5", "saml_signature_algorithm", method("http://www.w3.org/2001/04/xmldsig-more#rsa-md5")},
		row{"HMAC with the certificate as its key", "saml_signature_algorithm", method(HMACSHA256)},
		row{"HMAC cut to a byte", "saml_element_unknown", sign(Sig{Method: HMACSHA256, Info: length})},
		row{"DSA", "saml_signature_algorithm", method("http://www.w3.org/2000/09/xmldsig#dsa-sha1")},
		row{"RSA-PSS, which the verifier does not know", "saml_signature_algorithm", method("http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1")},
		row{"no algorithm", "saml_signature_algorithm", sign(Sig{Info: func(s string) string { return swap(s, ` Algorithm="`+RSASHA256+`"`, "") }})},
		row{"an empty algorithm", "saml_signature_algorithm", sign(Sig{Info: func(s string) string { return swap(s, RSASHA256, "") }})},
		row{"none, as in JWT", "saml_signature_algorithm", method("none")},
		row{"ECDSA named over an RSA key", "saml_key_type", method(ECDSASHA256)},
		row{"ECDSA with SHA-1", "saml_signature_algorithm", method(ECDSASHA1)},
	)
}

// keys are signed by whom nobody configured, or no more.
func (l *Lab) keys() []Attack {
	by := func(i Identity) string { return l.SignedAssertion(Sig{By: i}) }
	trusting := func(bad string, certificates ...*x509.Certificate) Document {
		d := l.good()
		d.Raw, d.Want.Certificates = bad, certificates
		return d
	}
	own := base64.StdEncoding.EncodeToString(l.RSA.Certificate.Raw)
	foreign := base64.StdEncoding.EncodeToString(l.Stranger.Certificate.Raw)
	keyInfo := func(s string) string { return swap(s, foreign, own) }
	early := *l.RSA.Certificate
	early.NotBefore = l.Now.Add(time.Hour)
	all := against("key", l.good(),
		row{"a stranger's, with his certificate in KeyInfo", "saml_signature_invalid", by(l.Stranger)},
		row{"a stranger's, with the trusted certificate in KeyInfo", "saml_signature_invalid", l.SignedAssertion(Sig{By: l.Stranger, Done: keyInfo})},
		row{
			"a stranger's, without KeyInfo", "saml_signature_invalid",
			l.SignedAssertion(Sig{By: l.Stranger, Done: func(s string) string { return swap(s, between(s, `<ds:KeyInfo>`, `</ds:KeyInfo>`), "") }}),
		},
	)
	for _, c := range []struct {
		name, refused string
		bad           Document
	}{
		{"a stranger's, among two that are trusted", "saml_signature_invalid", trusting(by(l.Stranger), l.RSA.Certificate, l.Next.Certificate)},
		{"an RSA key of 1024 bits, though trusted", "saml_key_size", trusting(by(l.Weak), l.Weak.Certificate)},
		{"an RSA key of 9000 bits, which takes long", "saml_key_size", trusting(l.good().Raw, &x509.Certificate{
			PublicKey: &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 8999), E: exponent}, NotBefore: l.Now, NotAfter: l.Now,
		})},
		{"a certificate that has expired, though trusted", "saml_certificate_time", trusting(by(l.Expired), l.Expired.Certificate)},
		{"a certificate that is not valid yet", "saml_certificate_time", trusting(l.good().Raw, &early)},
		{"the expired one of two", "saml_signature_invalid", trusting(by(l.Expired), l.Expired.Certificate, l.RSA.Certificate)},
		{"nobody is trusted", "saml_certificates", trusting(l.good().Raw)},
		{"seventeen are trusted", "saml_certificates", trusting(l.good().Raw, repeated(l.RSA.Certificate, 17)...)},
		{"an RSA signature where an ECDSA key is trusted", "saml_key_type", trusting(l.good().Raw, l.EC.Certificate)},
		{"ECDSA in ASN.1", "saml_signature_value", trusting(l.SignedAssertion(Sig{By: l.EC, Done: asn1Value}), l.EC.Certificate)},
		{"ECDSA with r and s of nought", "saml_signature_invalid", trusting(l.SignedAssertion(Sig{By: l.EC, Done: noughtValue}), l.EC.Certificate)},
	} {
		all = append(all, Attack{Name: "key: " + c.name, Good: l.good(), Bad: c.bad, Refused: c.refused})
	}
	return all
}

// repeated is a certificate n times.
func repeated(c *x509.Certificate, n int) []*x509.Certificate {
	all := make([]*x509.Certificate, n)
	for i := range all {
		all[i] = c
	}
	return all
}

// value replaces the value of a signature.
func value(signature, becomes string) string {
	return swap(signature, between(signature, `<ds:SignatureValue>`, `</ds:SignatureValue>`), `<ds:SignatureValue>`+becomes+`</ds:SignatureValue>`)
}

// noughtValue is r and s of nought, which a careless verifier accepts for any key.
func noughtValue(signature string) string {
	return value(signature, base64.StdEncoding.EncodeToString(make([]byte, 64)))
}

// asn1Value is a value in the form that XML Signature does not have.
func asn1Value(signature string) string {
	return value(signature, base64.StdEncoding.EncodeToString(append([]byte{0x30, 0x44, 0x02, 0x20}, make([]byte, 66)...)))
}

// tampering changes what was signed, the signature, or where it is.
func (l *Lab) tampering() []Attack {
	good, both, envelope := l.good(), l.goodBoth(), l.goodEnvelope()
	signature := signatureIn(good.Raw)
	moved := swap(good.Raw, signature, "")
	all := against("tampering", good,
		row{"another NameID", "saml_digest_mismatch", swap(good.Raw, `>`+NameID+`</saml:NameID>`, `>admin@example.com</saml:NameID>`)},
		row{"another Recipient", "saml_digest_mismatch", swap(good.Raw, `Recipient="`+ACS, `Recipient="https://evil.example.com`)},
		row{"another Audience", "saml_digest_mismatch", swap(good.Raw, Audience+`</saml:Audience>`, `https://evil.example.com</saml:Audience>`)},
		row{"a later NotOnOrAfter", "saml_digest_mismatch", swap(good.Raw, `NotOnOrAfter="2026-11-26T02:05:00Z">`, `NotOnOrAfter="2027-11-26T02:05:00Z">`)},
		row{"a group more", "saml_digest_mismatch", swap(good.Raw, `<saml:AttributeValue>payroll</saml:AttributeValue>`, `<saml:AttributeValue>payroll</saml:AttributeValue><saml:AttributeValue>admins</saml:AttributeValue>`)},
		row{"white space between elements", "saml_digest_mismatch", swap(good.Raw, `</saml:Issuer><ds:`, "</saml:Issuer>\n<ds:")},
		row{"another digest method in SignedInfo", "saml_signature_invalid", l.SignedAssertion(Sig{Done: func(s string) string { return swap(s, RSASHA256, RSASHA512) }})},
		row{"a value that is cut", "saml_signature_invalid", l.SignedAssertion(Sig{Done: func(s string) string { return value(s, "AAAA") }})},
		row{"an empty value", "saml_base64", l.SignedAssertion(Sig{Done: func(s string) string { return value(s, "") }})},
		row{"a value that is no base64", "saml_base64", l.SignedAssertion(Sig{Done: func(s string) string { return value(s, "$$$$") }})},
		row{"no value", "saml_element_missing", swap(good.Raw, between(good.Raw, `<ds:SignatureValue>`, `</ds:SignatureValue>`), "")},
		row{"two values", "saml_element_twice", swap(good.Raw, `<ds:SignatureValue>`, `<ds:SignatureValue>AAAA</ds:SignatureValue><ds:SignatureValue>`)},
		row{"no signature at all", "saml_assertion_unsigned", moved},
		row{"the signature moved to the response", "saml_reference_uri", swap(moved, Success, signature+Success)},
		row{"the signature moved into the subject", "saml_signature_path", swap(moved, `<saml:Subject>`, `<saml:Subject>`+signature)},
		row{"the signature moved to Extensions", "saml_signature_path", swap(moved, Success, `<samlp:Extensions>`+signature+`</samlp:Extensions>`+Success)},
		row{"the signature at the end of the assertion", "saml_signature_place", swap(moved, `</saml:Assertion>`, signature+`</saml:Assertion>`)},
		row{"the signature twice", "saml_signature_count", swap(good.Raw, signature, signature+signature)},
		row{"a hundred signatures", "saml_signature_count", swap(good.Raw, signature, strings.Repeat(signature, 100))},
		row{"a signature of another namespace", "saml_signature_namespace", swap(good.Raw, signature, strings.ReplaceAll(signature, `xmldsig#"`, `xmldsig2#"`))},
	)
	all = append(all, against("tampering", both,
		row{"both wanted, the response unsigned", "saml_unsigned", good.Raw},
		row{"both wanted, the assertion unsigned", "saml_assertion_unsigned", envelope.Raw},
		row{"both signed, the response changed", "saml_digest_mismatch", swap(both.Raw, RequestID, "_q2")},
		row{"both signed, the inner signature by a stranger", "saml_signature_invalid", l.mixed(l.RSA, l.Stranger)},
		row{"both signed, the outer signature by a stranger", "saml_signature_invalid", l.mixed(l.Stranger, l.RSA)},
	)...)
	return append(all, against("tampering", envelope,
		row{"the response wanted, the assertion signed", "saml_unsigned", good.Raw},
		row{"the response signed, its assertion changed", "saml_digest_mismatch", swap(envelope.Raw, `>`+NameID+`</saml:NameID>`, `>admin@example.com</saml:NameID>`)},
		row{"the response signed, its assertion replaced", "saml_digest_mismatch", swap(envelope.Raw, between(envelope.Raw, `<saml:Assertion`, `</saml:Assertion>`), Forged())},
		row{"the response signed, a good assertion of another session", "saml_digest_mismatch", swap(envelope.Raw, between(envelope.Raw, `<saml:Assertion`, `</saml:Assertion>`), l.signed(Sig{}))},
	)...)
}

// mixed is a response and an assertion signed by two.
func (l *Lab) mixed(outer, inner Identity) string {
	whole := Envelope(Sign(PlainAssertion(), PlainAssertion(), AssertionID, Sig{By: inner}))
	return Sign(whole, whole, ResponseID, Sig{By: outer})
}
