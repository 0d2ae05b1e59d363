package xmlgate_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"strings"
	"testing"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"

	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate/gatetest"
)

// validated is what goxmldsig's own validation makes of the signature of a document's
// root, or of its assertion: the canonical form of what it covers, nil when it
// refuses. It gets the document without KeyInfo, by which it would choose a key.
func validated(raw []byte, assertion bool, w xmlgate.Want) []byte {
	for _, c := range w.Certificates {
		if _, ok := c.PublicKey.(*rsa.PublicKey); !ok {
			continue // its ECDSA is not that of the standard
		}
		document := etree.NewDocument()
		if document.ReadFromBytes(bytes.TrimPrefix(raw, []byte("\ufeff"))) != nil || document.Root() == nil {
			return nil
		}
		element := document.Root()
		normalize(element)
		if assertion {
			element = element.SelectElement("Assertion")
		}
		if element == nil {
			return nil
		}
		around, err := etreeutils.NSBuildParentContext(element)
		if err != nil {
			return nil
		}
		if element, err = etreeutils.NSDetatch(around, element); err != nil {
			return nil
		}
		if s := element.SelectElement("Signature"); s != nil {
			for _, info := range s.SelectElements("KeyInfo") {
				s.RemoveChild(info)
			}
			if v := s.SelectElement("SignatureValue"); v != nil {
				v.SetText(string(bytes.Join(bytes.Fields([]byte(v.Text())), nil)))
			}
		}
		context := dsig.ValidationContext{
			CertificateStore: &dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{c}}, IdAttribute: "ID", Clock: dsig.NewFakeClockAt(w.Now),
		}
		if covered, err := context.Validate(element); err == nil {
			var out bytes.Buffer
			covered.WriteTo(&out, &etree.WriteSettings{CanonicalAttrVal: true, CanonicalEndTags: true, CanonicalText: true})
			return out.Bytes()
		}
	}
	return nil
}

// normalize does what etree leaves out: the normalisation of attributes' values (XML
// 1.0 section 3.3.3).
func normalize(el *etree.Element) {
	for i := range el.Attr {
		el.Attr[i].Value = strings.NewReplacer("\t", " ", "\n", " ", "\r", " ").Replace(el.Attr[i].Value)
	}
	for _, child := range el.ChildElements() {
		normalize(child)
	}
}

// agree checks that goxmldsig validates what the gate verified, to the same bytes.
func agree(t *testing.T, name string, raw []byte, w xmlgate.Want, m xmlgate.Message) {
	t.Helper()
	ecdsa := func(s *xmlgate.SignedBy) bool { return s == nil || bytes.Contains([]byte(s.Method), []byte("ecdsa")) }
	if !ecdsa(m.EnvelopeSignature) {
		if got := validated(raw, false, w); !bytes.Equal(got, m.Envelope) {
			t.Fatalf("%s: goxmldsig makes another document of it:\n%s\n%s", name, got, m.Envelope)
		}
		raw = m.Envelope // where the assertion is looked for
	}
	if m.Encrypted == nil && !ecdsa(m.AssertionSignature) {
		if got := validated(raw, w.Kind != xmlgate.Bare, w); !bytes.Equal(got, m.Assertion) {
			t.Fatalf("%s: goxmldsig makes another assertion of it:\n%s\n%s", name, got, m.Assertion)
		}
	}
}

func TestTheLibrarysOwnValidationAgrees(t *testing.T) {
	l := labOf(t)
	for _, c := range l.Controls() {
		if c.Query != "" {
			continue
		}
		m, err := c.Pass()
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		agree(t, c.Name, []byte(c.Raw), c.Want, m)
	}
	for _, a := range l.Attacks() {
		forged := a.Refused == "saml_signature_invalid" || a.Refused == "saml_digest_mismatch"
		if forged && a.Bad.Query == "" && a.Bad.Want.Signed != xmlgate.Both && a.Bad.Want.Decrypt == nil && a.Bad.Want.Certificates[0] != l.Expired.Certificate {
			if got := validated([]byte(a.Bad.Raw), a.Bad.Want.Signed == xmlgate.Assertion && a.Bad.Want.Kind != xmlgate.Bare, a.Bad.Want); got != nil {
				t.Errorf("%s: goxmldsig validates it: %s", a.Name, got)
			}
		}
	}
}

// The answer of a response that is signed as a whole is in what was signed.
func TestAnAssertionIsTakenFromTheVerifiedResponse(t *testing.T) {
	l := labOf(t)
	m, err := xmlgate.Verify([]byte(l.SignedResponse(gatetest.Sig{})), want(l, xmlgate.Response, xmlgate.Envelope))
	if err != nil || !bytes.Contains(m.Envelope, m.Assertion) {
		t.Fatalf("%v: %s\nis not in\n%s", err, m.Assertion, m.Envelope)
	}
}
