package saml_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gatehouse-io/gatehouse/internal/saml"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate/gatetest"
)

func TestARedactedDocumentSaysNothingOfAPerson(t *testing.T) {
	lab, err := gatetest.New()
	if err != nil {
		t.Fatal(err)
	}
	text := saml.Redact(base64.StdEncoding.EncodeToString([]byte(lab.SignedBoth(gatetest.Sig{}))))
	for _, secret := range []string{gatetest.NameID, "payroll", base64.StdEncoding.EncodeToString(lab.RSA.Certificate.Raw)[:40]} {
		if strings.Contains(text, secret) {
			t.Errorf("it says %s", secret)
		}
	}
	for _, plain := range []string{gatetest.Audience, gatetest.Issuer, `Recipient="` + gatetest.ACS + `"`, `NotOnOrAfter="2026-11-26T02:05:00Z"`, `Name="groups"`, "PasswordProtectedTransport", "<ds:SignatureValue>\n"} {
		if !strings.Contains(text, plain) {
			t.Errorf("it lacks %s in\n%s", plain, text)
		}
	}
	for name, c := range map[string]struct{ document, want string }{
		"nothing":           {"", ""},
		"no XML":            {"hello", "[5 bytes]\n"},
		"cut off":           {"<a><b>secret", "<a>\n  <b>\n    [6 bytes]\n"},
		"a comment":         {"<a><!--secret--></a>", "<a>\n  [a comment of 6 bytes]\n</a>\n"},
		"a document type":   {`<!DOCTYPE a [<!ENTITY e "secret">]><a/>`, "[a document type or directive]\n<a>\n</a>\n"},
		"an instruction":    {"<?secret x?><a/>", "[a processing instruction]\n<a>\n</a>\n"},
		"text in an issuer": {"<Issuer>urn:x</Issuer>", "<Issuer>\n  urn:x\n</Issuer>\n"},
	} {
		if got := saml.Redact(base64.StdEncoding.EncodeToString([]byte(c.document))); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if saml.Redact("%%%") != "" {
		t.Error("what is no base64 is shown")
	}
}

func FuzzRedact(f *testing.F) {
	f.Add([]byte(gatetest.Unplaced(gatetest.Envelope(gatetest.PlainAssertion()))))
	f.Add([]byte("<a b='c'>" + strings.Repeat("<d>", 100)))
	f.Fuzz(func(t *testing.T, document []byte) {
		text := saml.Redact(base64.StdEncoding.EncodeToString(document))
		if len(text) > 20<<10 || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			t.Errorf("%d bytes, valid %v", len(text), utf8.ValidString(text))
		}
	})
}
