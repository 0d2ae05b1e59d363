package gatetest

import (
	"crypto/rsa"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
)

// BareAssertion is an assertion that is signed, without a Response around it.
func (l *Lab) BareAssertion(s Sig) string { return l.signed(s) }

// BareEncrypted is the same, encrypted.
func (l *Lab) BareEncrypted(s Sig, e Enc) string { return Encrypt(l.signed(s), l.to(e)) }

// goodBare is an assertion as an app brings one.
func (l *Lab) goodBare() Document {
	return Document{Raw: l.signed(Sig{}), Want: l.want(xmlgate.Bare, xmlgate.Assertion)}
}

// goodBareEncrypted is one that is encrypted.
func (l *Lab) goodBareEncrypted() Document {
	d := Document{Raw: l.BareEncrypted(Sig{}, Enc{}), Want: l.want(xmlgate.Bare, xmlgate.Assertion)}
	d.Want.Decrypt = []*rsa.PrivateKey{l.Ours}
	return d
}

// bares are assertions without a response.
func (l *Lab) bares() []Control {
	plain, encrypted := l.goodBare(), l.goodBareEncrypted()
	ready, declared, sibling := plain, plain, encrypted
	ready.Want.Decrypt = encrypted.Want.Decrypt
	declared.Raw = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + declared.Raw
	sibling.Raw = l.BareEncrypted(Sig{Method: RSASHA512, Digest: SHA512}, Enc{Key: OAEP, Digest: SHA256, MGF: MGF1SHA2, Sibling: true})
	return []Control{
		{"a bare assertion", plain},
		{"a bare assertion where one may be encrypted", ready},
		{"a bare assertion with a declaration", declared},
		{"a bare assertion, encrypted", encrypted},
		{"a bare assertion, encrypted with the key beside the data", sibling},
	}
}

// alone are attacks on an assertion without a response.
func (l *Lab) alone() []Attack {
	good := l.goodBare()
	signature := signatureIn(good.Raw)
	original := swap(good.Raw, signature, "")
	evil := strings.Replace(swap(good.Raw, NameID, "admin@example.com"), `"`+AssertionID+`"`, `"_evil"`, 1)
	all := against("bare", good,
		row{"without a signature", "saml_assertion_unsigned", original},
		row{"forged", "saml_assertion_unsigned", Forged()},
		row{"for somebody else", "saml_digest_mismatch", swap(good.Raw, nameID, `>admin@example.com</saml:NameID>`)},
		row{"signed by a stranger", "saml_signature_invalid", l.signed(Sig{By: l.Stranger})},
		row{"signed with SHA-1", "saml_signature_algorithm", l.signed(Sig{Method: RSASHA1})},
		row{"in a response", "saml_root", l.good().Raw},
		row{"a signed response", "saml_root", l.goodEnvelope().Raw},
		row{"two, one behind the other", "saml_xml", good.Raw + Forged()},
		row{"a forged one around it", "saml_assertion_count", swap(Forged(), `</saml:Assertion>`, good.Raw+`</saml:Assertion>`)},
		row{"a forged one within", "saml_assertion_count", swap(good.Raw, `<saml:AuthnStatement `, Forged()+`<saml:AuthnStatement `)},
		row{"the original in the signature of a forged one", "saml_assertion_count", swap(evil, signature, inSignature(signature, original))},
		row{"the original in an Object of a forged one", "saml_assertion_count", swap(evil, signature, inSignature(signature, object(original)))},
		row{"two signatures", "saml_signature_count", swap(good.Raw, signature, signature+signature)},
		row{"a reference to nothing", "saml_reference_uri", swap(good.Raw, `"#`+AssertionID+`"`, `""`)},
		row{"a DTD", "saml_doctype", `<!DOCTYPE a [<!ENTITY x "y">]>` + good.Raw},
		row{"a comment in NameID", "saml_comment", swap(good.Raw, "alice@", "alice<!--x-->@")},
		row{"encrypted, and nobody has the key", "saml_decryption_key", l.goodBareEncrypted().Raw},
		row{"SAML 1.1", "saml_root", strings.ReplaceAll(good.Raw, "SAML:2.0:assertion", "SAML:1.0:assertion")},
		row{"no Conditions", "saml_element_missing", swap(good.Raw, between(good.Raw, `<saml:Conditions `, `</saml:Conditions>`), "")},
	)
	holds := func(plain string) string { return Encrypt(plain, l.to(Enc{})) }
	all = append(all, against("bare, encrypted", l.goodBareEncrypted(),
		row{"a forged assertion", "saml_assertion_unsigned", holds(Forged())},
		row{"changed within", "saml_digest_mismatch", holds(swap(good.Raw, nameID, `>admin@example.com</saml:NameID>`))},
		row{"encrypted twice", "saml_root", holds(holds(good.Raw))},
		row{"a response within", "saml_root", holds(l.good().Raw)},
		row{"with CBC", "saml_block_cipher", l.BareEncrypted(Sig{}, Enc{Data: AES256CBC})},
		row{"with PKCS #1 v1.5", "saml_key_transport", l.BareEncrypted(Sig{}, Enc{Key: RSA15})},
		row{"beside one that is not", "saml_element_unknown", swap(holds(good.Raw), `</saml:EncryptedAssertion>`, `<saml:NameID>x</saml:NameID></saml:EncryptedAssertion>`)},
	)...)
	for name, signed := range map[string]xmlgate.Signed{"nothing": xmlgate.None, "an envelope": xmlgate.Envelope, "either": xmlgate.Either} {
		bad := good
		bad.Want.Signed = signed
		all = append(all, Attack{Name: "want: a bare assertion with a signature of " + name, Good: good, Bad: bad, Refused: "saml_want"})
	}
	query := Document{Query: Query("SAMLResponse", good.Raw, "x"), Want: good.Want}
	return append(all, Attack{Name: "want: a bare assertion in a query", Good: good, Bad: query, Refused: "saml_binding"})
}
