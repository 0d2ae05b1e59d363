package upstream_test

import (
	"compress/flate"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"io"
	"log/slog"
	"math/big"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/saml"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate/gatetest"
	"github.com/gatehouse-io/gatehouse/internal/upstream"
)

var (
	inResponseTo   = regexp.MustCompile(` InResponseTo="[^"]*"`)
	authnStatement = regexp.MustCompile(`<saml:AuthnStatement.*</saml:AuthnStatement>`)
)

func ptr[T any](v T) *T { return &v }

// keysOnce makes the keys of all tests.
var keysOnce = sync.OnceValues(func() (*gatetest.Lab, error) { return gatetest.New() })

// partner is a SAML identity provider that answers as a test tells it to.
type partner struct {
	t    *testing.T
	lab  *gatetest.Lab
	now  time.Time
	ours saml.KeyPair
	seen cache.Engine
	// options change the connection, assertion and response what is answered.
	options             func(*upstream.SAMLOptions)
	assertion, response func(string) string
	// signed is what it signs.
	signed xmlgate.Signed
	// entities are what its metadata holds beside endpoints.
	metadata string
}

func newPartner(t *testing.T) *partner {
	t.Helper()
	lab, err := keysOnce()
	if err != nil {
		t.Fatal(err)
	}
	p := &partner{t: t, lab: lab, now: lab.Now, signed: xmlgate.Assertion}
	p.seen = cache.NewMemory(func() time.Time { return p.now }, time.Time{})
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: lab.Now.AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, lab.Ours.Public(), lab.Ours)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	p.ours = saml.KeyPair{Key: lab.Ours, Certificate: certificate}
	p.metadata = samlMetadata(lab.RSA.Certificate)
	return p
}

// samlMetadata is the provider's metadata with these signing certificates.
func samlMetadata(certificates ...*x509.Certificate) string {
	keys := ""
	for _, c := range certificates {
		keys += `<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>` +
			base64.StdEncoding.EncodeToString(c.Raw) + `</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>`
	}
	return `<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="` + gatetest.Issuer + `">` +
		`<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` + keys +
		`<md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example.com/slo" ResponseLocation="https://idp.example.com/slo/done"/>` +
		`<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example.com/sso/post"/>` +
		`<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example.com/sso?tenant=1"/>` +
		`</md:IDPSSODescriptor></md:EntityDescriptor>`
}

// connection returns the broker's side.
func (p *partner) connection() *upstream.SAML {
	o := upstream.SAMLOptions{
		ID: "partner", EntityID: gatetest.Audience, ACS: gatetest.ACS, SLO: "https://gate.example.com/saml/slo", Issuer: gatetest.Issuer,
		Metadata: upstream.MetadataSource{Document: p.metadata, Refresh: time.Hour, MaxAge: 24 * time.Hour, Trusted: func() ([]*x509.Certificate, error) { return nil, nil }},
		Signed:   p.signed, NameIDFormat: saml.Unspecified, Skew: time.Minute, Keys: func() ([]saml.KeyPair, error) { return []saml.KeyPair{p.ours}, nil },
		Seen: p.seen, Now: func() time.Time { return p.now }, Log: slog.New(slog.DiscardHandler),
	}
	if p.options != nil {
		p.options(&o)
	}
	return upstream.NewSAML(o)
}

// answer is a response to the request, as a form has it.
func (p *partner) answer(request string) url.Values {
	change := func(f func(string) string, text string) string {
		text = strings.ReplaceAll(text, `InResponseTo="`+gatetest.RequestID+`"`, `InResponseTo="`+request+`"`)
		if f != nil {
			text = f(text)
		}
		return text
	}
	sig := gatetest.Sig{By: p.lab.RSA}
	assertion := change(p.assertion, gatetest.PlainAssertion())
	if p.signed != xmlgate.Envelope {
		assertion = gatetest.Sign(assertion, assertion, gatetest.AssertionID, sig)
	}
	response := strings.ReplaceAll(change(p.response, gatetest.Envelope("{assertion}")), "{assertion}", strings.ReplaceAll(assertion, gatetest.Place(gatetest.AssertionID), ""))
	if p.signed != xmlgate.Assertion {
		response = gatetest.Sign(response, response, gatetest.ResponseID, sig)
	}
	return url.Values{saml.Response: {base64.StdEncoding.EncodeToString([]byte(gatetest.Unplaced(response)))}}
}

// askedFor is what of a request a test looks at.
type askedFor struct {
	ID        string   `xml:",attr"`
	ForceAuth string   `xml:"ForceAuthn,attr"`
	Contexts  []string `xml:"RequestedAuthnContext>AuthnContextClassRef"`
}

// asked is the request that a redirect carries.
func (p *partner) asked(target string) (request askedFor) {
	p.t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		p.t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(u.Query().Get(saml.Request))
	if err == nil {
		raw, err = io.ReadAll(flate.NewReader(strings.NewReader(string(raw))))
	}
	if err == nil {
		err = xml.Unmarshal(raw, &request)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return request
}

// signIn goes through one sign-in.
func (p *partner) signIn(c *upstream.SAML, ch identity.Challenge) (identity.Assertion, error) {
	p.t.Helper()
	ch.State = "opaque"
	left, err := c.Begin(p.t.Context(), ch)
	if err != nil {
		return identity.Assertion{}, err
	}
	return c.Finish(p.t.Context(), p.answer(p.asked(left.URL).ID), left.Kept)
}

// refusedFor fails the test unless err has the code and the checks name it last but
// for those that passed.
func refusedFor(t *testing.T, name string, a identity.Assertion, err error, code string) {
	t.Helper()
	failed := slices.IndexFunc(a.Checks, func(c identity.Check) bool { return !c.Passed })
	if err == nil || fault.As(err).Code != code || failed < 0 || "saml_"+a.Checks[failed].Name != code || a.Authentication.Subject != "" || a.Attributes != nil {
		t.Errorf("%s: %v, want %s; the checks say %+v", name, err, code, a.Checks)
	}
}

func TestAGoodAssertionIsBelieved(t *testing.T) {
	for _, signed := range []xmlgate.Signed{xmlgate.Assertion, xmlgate.Envelope, xmlgate.Both} {
		p := newPartner(t)
		p.signed = signed
		a, err := p.signIn(p.connection(), identity.Challenge{})
		n := a.Authentication
		if err != nil || n.Connection != "partner" || n.Subject != saml.Email+"!!"+gatetest.NameID || n.ACR != "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport" {
			t.Fatalf("%s: %+v %v", signed, a, err)
		}
		if n.Upstream.Index != "_s1" || n.Upstream.Name != gatetest.NameID || !n.Until.Equal(p.now.Add(8*time.Hour)) || !n.Time.Equal(p.now.Add(-10*time.Second)) {
			t.Errorf("%s: %+v", signed, n)
		}
		if a.Attributes["email"] != gatetest.NameID || a.Attributes["email_verified"] != true || len(a.Attributes["groups"].([]any)) != 2 {
			t.Errorf("%s: %v", signed, a.Attributes)
		}
		odd := func(c identity.Check) bool {
			return !c.Passed || strings.HasPrefix(c.Got, "none") && c.Expected != "none"
		}
		if slices.ContainsFunc(a.Checks, odd) || len(a.Checks) < 15 || strings.Contains(a.Document, gatetest.NameID) {
			t.Errorf("%s: %+v\n%s", signed, a.Checks, a.Document)
		}
	}
}

func replace(old, fresh string) func(string) string {
	return func(text string) string {
		if !strings.Contains(text, old) {
			panic("nothing to replace: " + old)
		}
		return strings.ReplaceAll(text, old, fresh)
	}
}

func TestAnAssertionThatDoesNotFitIsRefusedByItsCheck(t *testing.T) {
	for name, c := range map[string]struct {
		assertion, response func(string) string
		options             func(*upstream.SAMLOptions)
		challenge           identity.Challenge
		code                string
	}{
		"issuer":                    {assertion: replace(gatetest.Issuer+"<", "https://other.example<"), code: "saml_issuer"},
		"issuer of the envelope":    {response: replace(gatetest.Issuer+"<", "https://other.example<"), code: "saml_issuer"},
		"recipient":                 {assertion: replace(`Recipient="`+gatetest.ACS, `Recipient="https://other.example/acs`), code: "saml_recipient"},
		"recipient of another case": {assertion: replace(`Recipient="https://gate`, `Recipient="https://Gate`), code: "saml_recipient"},
		"no recipient":              {assertion: replace(` Recipient="`+gatetest.ACS+`"`, ``), code: "saml_recipient"},
		"destination":               {response: replace(`Destination="`+gatetest.ACS, `Destination="https://other.example/acs`), code: "saml_destination"},
		"audience":                  {assertion: replace(`<saml:Audience>`+gatetest.Audience, `<saml:Audience>https://other.example`), code: "saml_audience"},
		"audience with more":        {assertion: replace(gatetest.Audience+`</saml:Audience>`, gatetest.Audience+`/more</saml:Audience>`), code: "saml_audience"},
		"a second, foreign restriction": {
			assertion: replace(`</saml:AudienceRestriction>`, `</saml:AudienceRestriction><saml:AudienceRestriction><saml:Audience>https://other.example</saml:Audience></saml:AudienceRestriction>`), code: "saml_audience",
		},
		"not valid yet":                   {assertion: replace(`NotBefore="2026-11-26T01:55:00Z"`, `NotBefore="2026-11-26T02:01:01Z"`), code: "saml_not_before"},
		"not valid any more":              {assertion: replace(`<saml:Conditions NotBefore="2026-11-26T01:55:00Z" NotOnOrAfter="2026-11-26T02:05:00Z"`, `<saml:Conditions NotBefore="2026-11-26T01:55:00Z" NotOnOrAfter="2026-11-26T01:59:00Z"`), code: "saml_not_on_or_after"},
		"confirmation expired":            {assertion: replace(`NotOnOrAfter="2026-11-26T02:05:00Z" Recipient`, `NotOnOrAfter="2026-11-26T01:59:00Z" Recipient`), code: "saml_confirmation_expired"},
		"confirmation without an end":     {assertion: replace(` NotOnOrAfter="2026-11-26T02:05:00Z" Recipient`, ` Recipient`), code: "saml_confirmation_expired"},
		"confirmation with a beginning":   {assertion: replace(`NotOnOrAfter="2026-11-26T02:05:00Z" Recipient`, `NotBefore="2026-11-26T01:00:00Z" NotOnOrAfter="2026-11-26T02:05:00Z" Recipient`), code: "saml_confirmation_expired"},
		"holder of key":                   {assertion: replace(`cm:bearer`, `cm:holder-of-key`), code: "saml_subject_confirmation"},
		"answers another request":         {assertion: func(s string) string { return inResponseTo.ReplaceAllString(s, ` InResponseTo="_other"`) }, code: "saml_in_response_to"},
		"answers no request":              {assertion: func(s string) string { return inResponseTo.ReplaceAllString(s, ``) }, response: func(s string) string { return inResponseTo.ReplaceAllString(s, ``) }, code: "saml_in_response_to"},
		"envelope answers another":        {response: func(s string) string { return inResponseTo.ReplaceAllString(s, ` InResponseTo="_other"`) }, code: "saml_in_response_to"},
		"made too long ago":               {assertion: replace(`IssueInstant="2026-11-26T01:59:58Z"`, `IssueInstant="2026-11-26T01:40:00Z"`), code: "saml_issue_instant"},
		"made in the future":              {assertion: replace(`IssueInstant="2026-11-26T01:59:58Z"`, `IssueInstant="2026-11-26T02:01:01Z"`), code: "saml_issue_instant"},
		"session over":                    {assertion: replace(`SessionNotOnOrAfter="2026-11-26T10:00:00Z"`, `SessionNotOnOrAfter="2026-11-26T02:00:00Z"`), code: "saml_session_not_on_or_after"},
		"signed in tomorrow":              {assertion: replace(`AuthnInstant="2026-11-26T01:59:50Z"`, `AuthnInstant="2026-11-27T01:59:50Z"`), code: "saml_authn_instant"},
		"not fresh":                       {assertion: replace(`AuthnInstant="2026-11-26T01:59:50Z"`, `AuthnInstant="2026-11-26T01:50:00Z"`), challenge: identity.Challenge{Fresh: true}, code: "saml_authn_instant"},
		"too old":                         {assertion: replace(`AuthnInstant="2026-11-26T01:59:50Z"`, `AuthnInstant="2026-11-26T01:50:00Z"`), challenge: identity.Challenge{MaxAge: ptr(5 * time.Minute)}, code: "saml_authn_instant"},
		"class that the connection wants": {options: func(o *upstream.SAMLOptions) { o.Contexts = []string{"https://refeds.org/profile/mfa"} }, code: "saml_authn_context"},
		"class that the app wants":        {challenge: identity.Challenge{ACR: []string{"https://refeds.org/profile/mfa"}}, code: "saml_authn_context"},
		"no statement":                    {assertion: func(s string) string { return authnStatement.ReplaceAllString(s, ``) }, code: "saml_authn_statement"},
		"format":                          {options: func(o *upstream.SAMLOptions) { o.NameIDFormat = saml.Persistent }, code: "saml_name_id_format"},
		"name for another":                {assertion: replace(`nameid-format:emailAddress">`, `nameid-format:emailAddress" SPNameQualifier="https://other.example">`), code: "saml_name_id_qualifier"},
		"transient name":                  {assertion: replace(saml.Email, saml.Transient), code: "saml_name_id_transient"},
		"no such subject attribute":       {options: func(o *upstream.SAMLOptions) { o.Subject = "employee" }, code: "saml_subject"},
		"two values of subject attribute": {options: func(o *upstream.SAMLOptions) { o.Subject = "groups" }, code: "saml_subject"},
		"long name":                       {assertion: replace(`>`+gatetest.NameID+`</saml:NameID>`, `>`+strings.Repeat("a", 257)+`</saml:NameID>`), code: "saml_subject"},
		"not encrypted":                   {options: func(o *upstream.SAMLOptions) { o.Encrypted = true }, code: "saml_encrypted"},
		"the provider refused": {response: func(s string) string {
			return strings.ReplaceAll(replace(`status:Success`, `status:AuthnFailed`)(s), "{assertion}", "")
		}, code: "saml_status"},
		"another audience in the same key": {options: func(o *upstream.SAMLOptions) { o.EntityID = "https://gate.example.com/other" }, code: "saml_audience"},
	} {
		p := newPartner(t)
		p.options = c.options
		p.assertion, p.response = c.assertion, c.response
		a, err := p.signIn(p.connection(), c.challenge)
		refusedFor(t, name, a, err, c.code)
		p = newPartner(t)
		if _, err := p.signIn(p.connection(), identity.Challenge{}); err != nil {
			t.Errorf("%s: control: %v", name, err)
		}
	}
}
