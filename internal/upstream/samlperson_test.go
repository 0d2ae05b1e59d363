package upstream_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/saml"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate/gatetest"
	"github.com/gatehouse-io/gatehouse/internal/upstream"
)

// nameID is the NameID of the assertion with another format, qualifier or name.
func nameID(attributes, name string) func(string) string {
	return func(s string) string {
		before, rest, _ := strings.Cut(s, "<saml:NameID")
		_, after, _ := strings.Cut(rest, "</saml:NameID>")
		return before + "<saml:NameID" + attributes + ">" + name + "</saml:NameID>" + after
	}
}

// Whoever can send the provider an AuthnRequest chooses the format of the answer, and
// the provider fills it from an attribute that people edit.
func TestOneNameInTwoFormatsIsTwoPeople(t *testing.T) {
	const name = "bob@partner.example"
	format := func(f string) string { return ` Format="` + f + `"` }
	of := func(agreed, attributes, name string) string {
		t.Helper()
		p := newPartner(t)
		p.options = func(o *upstream.SAMLOptions) { o.NameIDFormat = agreed }
		p.assertion = nameID(attributes, name)
		a, err := p.signIn(p.connection(), identity.Challenge{})
		if err != nil {
			t.Fatalf("%s: %v", attributes, err)
		}
		return a.Authentication.Subject
	}
	people := map[string]string{}
	for _, attributes := range []string{
		"", format(saml.Email), format(saml.Persistent), format(saml.Email) + ` NameQualifier="https://behind.example"`, ` NameQualifier="https://behind.example"`,
	} {
		subject := of(saml.Unspecified, attributes, name)
		if before, known := people[subject]; known {
			t.Errorf("%q and %q are one person", before, attributes)
		}
		people[subject] = attributes
		// Nobody gets there by a name that looks like the key of another.
		if forged := of(saml.Unspecified, "", subject); subject != name && people[forged] != "" {
			t.Errorf("the name %q is the person of %q", subject, people[forged])
		}
	}
	for _, same := range []string{format(saml.Unspecified), ` NameQualifier="` + gatetest.Issuer + `"`} {
		if got := of(saml.Unspecified, same, name); got != name {
			t.Errorf("control: %s: %q", same, got)
		}
	}
	if got := of(saml.Email, format(saml.Email), name); got != name {
		t.Errorf("control: in the agreed format: %q", got)
	}
}

func TestNobodyIsKnownByANameThatHasToBeMadeToFit(t *testing.T) {
	const begin, end = "<saml:AttributeStatement>", "</saml:AttributeStatement>"
	attribute := func(more, value string) func(string) string {
		return func(s string) string {
			before, rest, _ := strings.Cut(s, begin)
			_, after, _ := strings.Cut(rest, end)
			return before + begin + `<saml:Attribute ` + more + `><saml:AttributeValue>` + value + `</saml:AttributeValue></saml:Attribute>` + end + after
		}
	}
	for name, c := range map[string]struct {
		assertion func(string) string
		subject   string
		want      string
	}{
		"a name":                      {assertion: nameID("", "bob"), want: "bob"},
		"a space before":              {assertion: nameID("", " bob")},
		"a space behind":              {assertion: nameID("", "bob ")},
		"a space that is hard to see": {assertion: nameID("", "\u00a0bob")},
		"a line in it":                {assertion: nameID("", "bo\nb")},
		"a next line in it":           {assertion: nameID("", "bo\u0085b")},
		"spaces alone":                {assertion: nameID("", "  ")},
		"an attribute":                {subject: "uid", assertion: attribute(`Name="uid"`, "bob"), want: "bob"},
		"an attribute that is called so by friends": {subject: "uid", assertion: attribute(`FriendlyName="uid" Name="urn:x:nick"`, "bob")},
		"an attribute with a space":                 {subject: "uid", assertion: attribute(`Name="uid"`, "bob ")},
		"an attribute of another case":              {subject: "uid", assertion: attribute(`Name="UID"`, "bob")},
		"an attribute with a control character":     {subject: "uid", assertion: attribute(`Name="uid"`, "bo\u0085b")},
	} {
		p := newPartner(t)
		p.assertion = c.assertion
		p.options = func(o *upstream.SAMLOptions) { o.Subject = c.subject }
		a, err := p.signIn(p.connection(), identity.Challenge{})
		switch {
		case c.want != "" && (err != nil || a.Authentication.Subject != c.want):
			t.Errorf("control: %s: %q %v", name, a.Authentication.Subject, err)
		case c.want == "" && (err == nil || fault.As(err).Code != "saml_subject" && fault.As(err).Code != "saml_character"):
			t.Errorf("%s: %q %v", name, a.Authentication.Subject, err)
		}
	}
}
