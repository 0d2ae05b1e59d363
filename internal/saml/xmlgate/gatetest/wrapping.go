package gatetest

import (
	"strings"
)

// inSignature puts something into a signature, before its end.
func inSignature(signature, what string) string {
	return swap(signature, `</ds:Signature>`, what+`</ds:Signature>`)
}

// object wraps something in an Object of XML Signature.
func object(what string) string {
	return `<ds:Object` + nsDS + `>` + what + `</ds:Object>`
}

// wrapping is the eight ways to wrap a signature (Somorovsky and others 2012), by
// their usual numbers, and what came after.
func (l *Lab) wrapping() []Attack {
	signed := l.signed(Sig{})
	signature := signatureIn(signed)
	bare := swap(signed, signature, "")
	response := l.SignedResponse(Sig{})
	outer := signatureIn(response)
	bareResponse := swap(response, outer, "")
	evilResponse := strings.NewReplacer(NameID, "admin@example.com", `"`+ResponseID+`"`, `"_evilr"`, `"`+AssertionID+`"`, `"_evila"`).Replace(bareResponse)
	evilSigned := strings.Replace(swap(signed, NameID, "admin@example.com"), `"`+AssertionID+`"`, `"_evil"`, 1)
	all := against("wrapping", l.goodEnvelope(),
		row{"XSW1, the original response after the signature", "saml_assertion_count", swap(evilResponse, Success, outer+bareResponse+Success)},
		row{"XSW2, the original response before the signature", "saml_assertion_count", swap(evilResponse, Success, bareResponse+outer+Success)},
		row{"XSW1, the original response within the signature", "saml_assertion_count", swap(evilResponse, Success, inSignature(outer, object(bareResponse))+Success)},
		row{"a signed response within a forged one", "saml_assertion_count", swap(evilResponse, `</samlp:Response>`, response+`</samlp:Response>`)},
	)
	return append(all, against("wrapping", l.good(),
		row{"XSW3, a forged assertion before the signed one", "saml_assertion_count", Unplaced(Envelope(Forged() + signed))},
		row{"XSW3 the other way, a forged assertion after the signed one", "saml_assertion_count", Unplaced(Envelope(signed + Forged()))},
		row{"XSW4, a forged assertion around the signed one", "saml_assertion_count", Unplaced(Envelope(swap(Forged(), `</saml:Assertion>`, signed+`</saml:Assertion>`)))},
		row{"XSW5, the signed assertion changed and the original at the end", "saml_assertion_count", Unplaced(Envelope(evilSigned + bare))},
		row{
			"XSW6, the signed assertion changed and the original in its signature", "saml_assertion_count",
			Unplaced(Envelope(swap(evilSigned, signature, inSignature(signature, bare)))),
		},
		row{
			"XSW7, a forged assertion and the signed one in Extensions", "saml_assertion_count",
			Unplaced(swap(Envelope(Forged()), Success, `<samlp:Extensions>`+signed+`</samlp:Extensions>`+Success)),
		},
		row{
			"XSW8, the original assertion in an Object of the signature", "saml_assertion_count",
			Unplaced(Envelope(swap(evilSigned, signature, inSignature(signature, object(bare))))),
		},
		row{
			"XSW9, a forged assertion in Advice of the signed one", "saml_assertion_count",
			l.edited(`<saml:AuthnStatement `, `<saml:Advice>`+Forged()+`</saml:Advice><saml:AuthnStatement `),
		},
		row{
			"the signed assertion in a wrapper of another namespace", "saml_assertion_path",
			Unplaced(Envelope(`<x:Wrapper xmlns:x="urn:example:x">` + signed + `</x:Wrapper>`)),
		},
		row{
			"a forged assertion in a namespace of its own beside the signed one", "saml_assertion_count",
			Unplaced(Envelope(signed + strings.ReplaceAll(Forged(), "SAML:2.0:assertion", "SAML:2.0:assertions"))),
		},
		row{
			"an assertion of another namespace", "saml_assertion_namespace",
			Unplaced(Envelope(strings.ReplaceAll(Forged(), "SAML:2.0:assertion", "SAML:1.0:assertion"))),
		},
		row{"an encrypted assertion beside the signed one", "saml_assertion_count", Unplaced(Envelope(signed + `<saml:EncryptedAssertion` + nsA + `></saml:EncryptedAssertion>`))},
		row{"the same assertion twice", "saml_id_twice", Unplaced(Envelope(signed + signed))},
		row{"ten assertions", "saml_assertion_count", Unplaced(Envelope(signed + numbered(9)))},
	)...)
}

// numbered is a number of forged assertions, each with an ID of its own.
func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Replace(Forged(), `"_evil"`, `"_evil`+strings.Repeat("x", i)+`"`, 1))
	}
	return b.String()
}

// hiding puts the signed assertion where a reader that searches would find it, and
// the forged one where SAML has it; or the other way round.
func (l *Lab) hiding() []Attack {
	signed := l.signed(Sig{})
	errorStatus := strings.Replace(Success, "status:Success", "status:Responder", 1)
	failed := func(inSig, content string) string {
		whole := strings.Replace(Envelope(""), Success, errorStatus, 1)
		return Sign(swap(whole, `</samlp:Response>`, content+`</samlp:Response>`), whole, ResponseID,
			l.by(Sig{Done: func(s string) string { return inSignature(s, inSig) }}))
	}
	all := against("hiding", l.goodEnvelope(),
		row{"a forged assertion in an Object of a signed error", "saml_assertion_count", failed(object(Forged()), "")},
		row{"a forged assertion beside a signed error", "saml_assertion_count", failed("", Forged())},
		row{"an Object in the signature", "saml_signature_object", l.SignedResponse(Sig{Done: func(s string) string { return inSignature(s, object("x")) }})},
		row{"a signed error", "saml_status", failed("", "")},
	)
	hidden := func(old, becomes string) string { return Unplaced(swap(Envelope(""), old, becomes)) }
	all = append(all, against("hiding", l.good(),
		row{"the signed assertion in Extensions", "saml_assertion_path", hidden(Success, `<samlp:Extensions>`+signed+`</samlp:Extensions>`+Success)},
		row{"the signed assertion in StatusDetail", "saml_assertion_path", hidden(`</samlp:Status>`, `<samlp:StatusDetail>`+signed+`</samlp:StatusDetail></samlp:Status>`)},
		row{"the signed assertion in an Object of no signature", "saml_assertion_path", hidden(`</samlp:Response>`, object(signed)+`</samlp:Response>`)},
		row{"a response in Extensions", "saml_element_hidden", swap(l.good().Raw, Success, `<samlp:Extensions><samlp:Response></samlp:Response></samlp:Extensions>`+Success)},
		row{
			"a SignedInfo in an attribute", "saml_element_hidden",
			l.edited(`<saml:AttributeValue>payroll</saml:AttributeValue>`, `<saml:AttributeValue><ds:SignedInfo`+nsDS+`></ds:SignedInfo></saml:AttributeValue>`),
		},
		row{
			"an assertion in an attribute of the signed one", "saml_assertion_count",
			l.edited(`<saml:AttributeValue>payroll</saml:AttributeValue>`, `<saml:AttributeValue>`+Forged()+`</saml:AttributeValue>`),
		},
		row{
			"an unsigned assertion in the KeyInfo of the signature", "saml_assertion_count",
			swap(l.good().Raw, `<ds:KeyInfo>`, `<ds:KeyInfo>`+Forged()),
		},
		row{
			"an assertion in SubjectConfirmationData", "saml_assertion_count",
			l.edited(`></saml:SubjectConfirmationData>`, `>`+Forged()+`</saml:SubjectConfirmationData>`),
		},
	)...)
	return all
}

// naming plays with IDs.
func (l *Lab) naming() []Attack {
	good := l.good()
	id := `ID="` + AssertionID + `"`
	return against("naming", good,
		row{"the response has the ID of the assertion", "saml_id_twice", strings.Replace(good.Raw, `ID="`+ResponseID+`"`, id, 1)},
		row{
			"an ID in an element of Extensions repeats the assertion's", "saml_id_twice",
			swap(good.Raw, Success, `<samlp:Extensions><x:e xmlns:x="urn:example:x" `+id+`></x:e></samlp:Extensions>`+Success),
		},
		row{"an Id in other letters repeats the assertion's", "saml_id_twice", swap(good.Raw, `<ds:Signature `, `<ds:Signature Id="`+AssertionID+`" `)},
		row{"the ID has SAML's prefix", "saml_id_namespaced", swap(good.Raw, ` `+id, ` saml:`+id)},
		row{"a second ID with a prefix of another namespace", "saml_id_namespaced", swap(good.Raw, ` `+id, ` xmlns:x="urn:example:x" x:ID="_evil" `+id)},
		row{"xml:id", "saml_id_namespaced", swap(good.Raw, ` `+id, ` xml:id="_evil" `+id)},
		row{
			"a prefixed id in Extensions", "saml_id_namespaced",
			swap(good.Raw, Success, `<samlp:Extensions><x:e xmlns:x="urn:example:x" x:Id="`+AssertionID+`"></x:e></samlp:Extensions>`+Success),
		},
		row{"two attributes called ID", "saml_attribute_twice", swap(good.Raw, ` `+id, ` `+id+` ID="_evil"`)},
		row{"an ID with a space", "saml_id", swap(good.Raw, id, `ID="_a1 "`)},
		row{"an empty ID", "saml_id", swap(good.Raw, id, `ID=""`)},
		row{"an ID that is a path", "saml_id", swap(good.Raw, id, `ID="a/b"`)},
		row{"an ID of 300 characters", "saml_id", swap(good.Raw, `ID="`+ResponseID+`"`, `ID="_`+strings.Repeat("r", 300)+`"`)},
		row{"an entity-encoded ID", "saml_character_reference", swap(good.Raw, id, `ID="&#95;a1"`)},
		row{"an ID with an ampersand", "saml_id", swap(good.Raw, id, `ID="_a1&amp;"`)},
		row{"an assertion without an ID", "saml_id_missing", swap(good.Raw, ` `+id, "")},
		row{"a response without an ID", "saml_id_missing", strings.Replace(good.Raw, ` ID="`+ResponseID+`"`, "", 1)},
	)
}
