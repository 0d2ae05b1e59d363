package gatetest

import (
	"crypto/x509"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
)

// Document is something to be let in or refused.
type Document struct {
	// Raw is a document of the POST binding or a file; Query one of the redirect binding.
	Raw, Query string
	Want       xmlgate.Want
}

// Pass brings the document to the gate.
func (d Document) Pass() (xmlgate.Message, error) {
	if d.Query != "" {
		return xmlgate.VerifyRedirect(d.Query, d.Want)
	}
	return xmlgate.Verify([]byte(d.Raw), d.Want)
}

// Control is a good document with its name.
type Control struct {
	Name string
	Document
}

// Attack is a bad document, the good one beside it, and the check that refuses it.
type Attack struct {
	Name      string
	Good, Bad Document
	Refused   string
}

// row is an attack against the good document of its group, with the same want.
type row struct{ name, refused, raw string }

// against makes the attacks of a group.
func against(group string, good Document, rows ...row) []Attack {
	var all []Attack
	for _, r := range rows {
		bad := good
		if good.Query != "" {
			bad.Query = r.raw
		} else {
			bad.Raw = r.raw
		}
		all = append(all, Attack{Name: group + ": " + r.name, Good: good, Bad: bad, Refused: r.refused})
	}
	return all
}

// Attacks are all there are.
func (l *Lab) Attacks() []Attack {
	var all []Attack
	for _, group := range []func() []Attack{
		l.wrapping, l.hiding, l.naming, l.referring, l.transforming, l.algorithms, l.keys, l.tampering,
		l.markup, l.entities, l.malformed, l.namespaces, l.limits, l.contents, l.kinds, l.wants,
		l.encryption, l.ciphers, l.queries, l.deflation, l.metadata, l.alone,
	} {
		all = append(all, group()...)
	}
	return all
}

// want is what the service provider expects.
func (l *Lab) want(kind xmlgate.Kind, signed xmlgate.Signed) xmlgate.Want {
	return xmlgate.Want{Kind: kind, Signed: signed, Certificates: []*x509.Certificate{l.RSA.Certificate}, Now: l.Now}
}

// good is the document that most attacks start from: a signed assertion in a
// Response that is not.
func (l *Lab) good() Document {
	return Document{Raw: l.SignedAssertion(Sig{}), Want: l.want(xmlgate.Response, xmlgate.Assertion)}
}

// goodBoth is a Response that is signed and its assertion too.
func (l *Lab) goodBoth() Document {
	return Document{Raw: l.SignedBoth(Sig{}), Want: l.want(xmlgate.Response, xmlgate.Both)}
}

// goodEnvelope is a Response that is signed and its assertion not.
func (l *Lab) goodEnvelope() Document {
	return Document{Raw: l.SignedResponse(Sig{}), Want: l.want(xmlgate.Response, xmlgate.Envelope)}
}

// Forged is an assertion that nobody signed, for somebody else.
func Forged() string {
	return strings.NewReplacer(NameID, "admin@example.com", `"`+AssertionID+`"`, `"_evil"`, Place(AssertionID), "").Replace(PlainAssertion())
}

// signed is the assertion with its signature.
func (l *Lab) signed(s Sig) string {
	return Sign(PlainAssertion(), PlainAssertion(), AssertionID, l.by(s))
}

// edited signs an assertion after a change, as a careless identity provider would,
// and puts it into a Response.
func (l *Lab) edited(old, becomes string) string {
	text := swap(PlainAssertion(), old, becomes)
	return Unplaced(Envelope(Sign(text, text, AssertionID, l.by(Sig{}))))
}

// swap replaces what must be there.
func swap(text, old, becomes string) string {
	if !strings.Contains(text, old) {
		panic("gatetest: no " + old + " in the document")
	}
	return strings.Replace(text, old, becomes, 1)
}

// between returns the part of a text from one mark to the end of another.
func between(text, from, to string) string {
	_, rest, found := strings.Cut(text, from)
	inner, _, ends := strings.Cut(rest, to)
	if !found || !ends {
		panic("gatetest: nothing from " + from + " to " + to)
	}
	return from + inner + to
}

// signatureIn returns the first signature in a document.
func signatureIn(document string) string {
	return between(document, `<ds:Signature `, `</ds:Signature>`)
}
