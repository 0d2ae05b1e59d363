package saml_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/saml"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate/gatetest"
)

var labTime = time.Date(2026, 11, 26, 2, 0, 0, 0, time.UTC)

func expectation() saml.Expect {
	return saml.Expect{EntityID: gatetest.Audience, ACS: gatetest.ACS, Issuer: gatetest.Issuer, Request: gatetest.RequestID, Now: labTime, Skew: time.Minute}
}

// The shapes that a library reads as if they were whole, and then falls over or lets in.
func TestAnAssertionThatLacksSomethingIsRefusedByItsName(t *testing.T) {
	cut := func(from, to string) func(string) string {
		return func(s string) string {
			before, rest, ok := strings.Cut(s, from)
			if _, after, found := strings.Cut(rest, to); ok && found {
				return before + after
			}
			t.Fatalf("nothing from %s to %s", from, to)
			return ""
		}
	}
	swap := func(old, fresh string) func(string) string {
		return func(s string) string { return strings.ReplaceAll(s, old, fresh) }
	}
	bearer := func(recipient string) string {
		return `<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData InResponseTo="` + gatetest.RequestID +
			`" NotOnOrAfter="2026-11-26T02:05:00Z" Recipient="` + recipient + `"/></saml:SubjectConfirmation></saml:Subject>`
	}
	audience := func(names ...string) func(string) string {
		return swap("<saml:Audience>"+gatetest.Audience+"</saml:Audience>", "<saml:Audience>"+strings.Join(names, "</saml:Audience><saml:Audience>")+"</saml:Audience>")
	}
	for name, c := range map[string]struct {
		change func(string) string
		code   string // none is good
	}{
		"whole":                       {swap("x", "x"), ""},
		"no subject":                  {cut("<saml:Subject>", "</saml:Subject>"), "saml_subject"},
		"no name":                     {cut("<saml:NameID", "</saml:NameID>"), "saml_subject"},
		"an empty name":               {swap(">"+gatetest.NameID+"</saml:NameID>", "> </saml:NameID>"), "saml_subject"},
		"no confirmation":             {cut("<saml:SubjectConfirmation ", "</saml:SubjectConfirmation>"), "saml_subject_confirmation"},
		"a confirmation without data": {cut("<saml:SubjectConfirmationData", "</saml:SubjectConfirmationData>"), "saml_subject_confirmation"},
		"a second confirmation, good": {swap("</saml:Subject>", bearer("https://other.example/acs")), ""},
		"a first confirmation, foreign": {func(s string) string {
			return swap("</saml:Subject>", bearer(gatetest.ACS))(strings.Replace(s, `Recipient="`+gatetest.ACS, `Recipient="https://other.example`, 1))
		}, ""},
		"two confirmations, both not": {func(s string) string {
			return swap("</saml:Subject>", bearer("https://b.example"))(strings.Replace(s, `Recipient="`+gatetest.ACS, `Recipient="https://a.example`, 1))
		}, "saml_recipient"},
		"no conditions":                 {cut("<saml:Conditions ", "</saml:Conditions>"), "saml_conditions"},
		"a condition that nobody knows": {swap("</saml:Conditions>", `<x:Delegation xmlns:x="urn:x"/></saml:Conditions>`), "saml_conditions"},
		"one time use":                  {swap("</saml:Conditions>", `<saml:OneTimeUse/><saml:ProxyRestriction Count="0"/></saml:Conditions>`), ""},
		"no audience":                   {cut("<saml:AudienceRestriction>", "</saml:AudienceRestriction>"), "saml_audience"},
		"one of two audiences":          {audience("https://other.example", gatetest.Audience), ""},
		"one of two, ours first":        {audience(gatetest.Audience, "https://other.example"), ""},
		"no statement":                  {cut("<saml:AuthnStatement", "</saml:AuthnStatement>"), "saml_authn_statement"},
		"no class":                      {cut("<saml:AuthnContextClassRef>", "</saml:AuthnContextClassRef>"), ""},
		"no attributes":                 {cut("<saml:AttributeStatement>", "</saml:AttributeStatement>"), ""},
		"another version":               {swap(`Version="2.0"`, `Version="1.1"`), "saml_version"},
		"a time that is none":           {swap("2026-11-26T02:05:00Z", "tomorrow"), "saml_malformed"},
	} {
		var f identity.Findings
		said, err := saml.Inspect(xmlgate.Message{Assertion: []byte(c.change(gatetest.Unplaced(gatetest.PlainAssertion())))}, expectation(), &f)
		if c.code == "" {
			if err != nil || said.NameID.Name != gatetest.NameID || said.NotOnOrAfter.IsZero() {
				t.Errorf("%s: %+v %v", name, said, err)
			}
			continue
		}
		if fault.As(err).Code != c.code || said.ID != "" {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
}

// FuzzInspect reads what a provider that one trusts may have signed.
func FuzzInspect(f *testing.F) {
	f.Add([]byte(gatetest.Unplaced(gatetest.PlainAssertion())))
	f.Add([]byte(gatetest.Unplaced(gatetest.LogoutRequest())))
	f.Add([]byte(`<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"/>`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var found identity.Findings
		said, err := saml.Inspect(xmlgate.Message{Assertion: raw}, expectation(), &found)
		if err == nil && (said.NameID.Name == "" || said.NotOnOrAfter.IsZero() || said.NotOnOrAfter.After(labTime.Add(time.Hour))) {
			t.Errorf("%+v", said)
		}
		asked, err := saml.ReadLogoutRequest(xmlgate.Message{Envelope: raw}, saml.ExpectLogout{Issuer: gatetest.Issuer, Destination: "https://gate.example.com/saml/slo", Now: labTime}, &found)
		if err == nil && (asked.Session.Name == "" || len(asked.Indexes) > 100) {
			t.Errorf("%+v", asked)
		}
		_ = saml.ReadLogoutResponse(xmlgate.Message{Envelope: raw}, saml.ExpectLogout{Now: labTime}, &found)
	})
}
