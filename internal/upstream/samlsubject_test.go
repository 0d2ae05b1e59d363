package upstream_test

import (
	"crypto/rsa"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/saml"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate/gatetest"
	"github.com/gatehouse-io/gatehouse/internal/upstream"
)

// ourToken is the token endpoint, which assertions are meant to go to.
const ourToken = "https://gate.example.com/token"

const passwordClass = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"

// bringing has assertions of the partner be brought by desk.
func (p *partner) bringing(change func(*upstream.SAMLOptions)) *upstream.SAML {
	before := p.options
	p.options = func(o *upstream.SAMLOptions) {
		o.Subjects = upstream.Subjects{
			Clients: map[string][]string{"desk": {upstream.Any}}, Audiences: []string{gatetest.Audience, ourToken}, Recipients: []string{ourToken}, MaxAge: 10 * time.Minute,
			ACR: []string{passwordClass},
		}
		if change != nil {
			change(o)
		}
	}
	defer func() { p.options = before }()
	return p.connection()
}

// meant is an assertion for the token endpoint, after further changes.
func meant(changes ...func(string) string) string {
	text := strings.Replace(gatetest.PlainAssertion(), `Recipient="`+gatetest.ACS+`"`, `Recipient="`+ourToken+`"`, 1)
	for _, change := range changes {
		text = change(text)
	}
	return text
}

// made signs an assertion and writes it as an app brings it.
func (p *partner) made(text string) string { return carried(p.signedBy(p.lab.RSA, text)) }

func (p *partner) signedBy(by gatetest.Identity, text string) string {
	return gatetest.Sign(text, text, gatetest.AssertionID, gatetest.Sig{By: by})
}

func carried(raw string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(gatetest.Unplaced(raw)))
}

// bring brings an assertion, and takes it.
func (p *partner) bring(c *upstream.SAML, encoded string) (identity.SubjectToken, error) {
	p.t.Helper()
	raw, _, err := upstream.BroughtAssertion(encoded)
	if err != nil {
		return identity.SubjectToken{}, err
	}
	t, err := c.Subject(p.t.Context(), "desk", raw)
	if err == nil {
		err = t.Use(p.t.Context())
	}
	return t, err
}

func TestAnAssertionThatIsMeantForUsSaysWhoItIsAbout(t *testing.T) {
	for name, encoded := range map[string]func(*partner) string{
		"as it is": func(p *partner) string { return p.made(meant()) },
		"padded":   func(p *partner) string { return p.made(meant()) + "==" },
		"encrypted": func(p *partner) string {
			return carried(gatetest.Encrypt(p.signedBy(p.lab.RSA, meant()), gatetest.Enc{To: &p.lab.Ours.PublicKey}))
		},
	} {
		p := newPartner(t)
		got, err := p.bring(p.bringing(nil), encoded(p))
		a := got.Authentication
		if err != nil || a.Connection != "partner" || a.Subject != saml.Email+"!!"+gatetest.NameID || a.ACR != passwordClass || !a.Time.Equal(p.now.Add(-10*time.Second)) {
			t.Errorf("%s: %+v %v", name, got, err)
		}
		if got.Issuer != gatetest.Issuer || got.ID != gatetest.AssertionID || !got.Expires.Equal(p.now.Add(5*time.Minute)) || !got.Issued.Equal(p.now.Add(-2*time.Second)) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestABroughtAssertionIsRefusedByItsRule has what RFC 7522, section 3, asks for, and
// what of it is not so.
func TestABroughtAssertionIsRefusedByItsRule(t *testing.T) {
	cut := func(from, to string) func(string) string {
		return func(s string) string {
			before, rest, _ := strings.Cut(s, from)
			_, after, _ := strings.Cut(rest, to)
			return before + after
		}
	}
	everywhere := func(old, fresh string) func(string) string {
		return func(s string) string { return strings.ReplaceAll(s, old, fresh) }
	}
	late := everywhere("2026-11-26T02:05:00Z", "2026-11-26T01:58:00Z")
	for name, c := range map[string]struct {
		options func(*upstream.SAMLOptions)
		change  func(string) string
		want    string
	}{
		"good":                     {nil, everywhere("x", "x"), ""},
		"made for a sign-in":       {nil, replace(`Recipient="`+ourToken+`"`, `Recipient="`+gatetest.ACS+`"`), "recipient"},
		"for another recipient":    {nil, replace(`Recipient="`+ourToken+`"`, `Recipient="https://other.example/token"`), "recipient"},
		"for no recipient":         {nil, replace(` Recipient="`+ourToken+`"`, ""), "recipient"},
		"for another audience":     {nil, replace(">"+gatetest.Audience+"<", ">https://other.example<"), "audience"},
		"for the token endpoint":   {nil, replace(">"+gatetest.Audience+"<", ">"+ourToken+"<"), ""},
		"of another issuer":        {nil, replace(gatetest.Issuer+"</saml:Issuer>", "https://evil.example</saml:Issuer>"), "issuer"},
		"over":                     {nil, late, "confirmation_expired"},
		"too old":                  {nil, replace(`IssueInstant="2026-11-26T01:59:58Z"`, `IssueInstant="2026-11-26T01:40:00Z"`), "issue_instant"},
		"from the future":          {nil, replace(`IssueInstant="2026-11-26T01:59:58Z"`, `IssueInstant="2026-11-26T02:02:00Z"`), "issue_instant"},
		"not yet":                  {nil, replace(`NotBefore="2026-11-26T01:55:00Z"`, `NotBefore="2026-11-26T02:02:00Z"`), "not_before"},
		"without an end":           {nil, replace(` NotOnOrAfter="2026-11-26T02:05:00Z" Recipient`, ` Recipient`), "confirmation_expired"},
		"not by its bearer":        {nil, replace("cm:bearer", "cm:sender-vouches"), "subject_confirmation"},
		"with another's name":      {nil, replace(`emailAddress">`, `emailAddress" SPNameQualifier="https://other.example">`), "name_id_qualifier"},
		"with a name for a moment": {nil, replace("1.1:nameid-format:emailAddress", "2.0:nameid-format:transient"), "name_id_transient"},
		"over at the provider":     {nil, replace(`SessionNotOnOrAfter="2026-11-26T10:00:00Z"`, `SessionNotOnOrAfter="2026-11-26T01:59:00Z"`), "session_not_on_or_after"},
		"without a sign-in":        {nil, cut("<saml:AuthnStatement", "</saml:AuthnStatement>"), ""},
		"without the one it needs": {func(o *upstream.SAMLOptions) { o.Contexts = []string{"urn:mfa"} }, cut("<saml:AuthnStatement", "</saml:AuthnStatement>"), "authn_statement"},
		"of a weaker sign-in":      {func(o *upstream.SAMLOptions) { o.Contexts = []string{"urn:mfa"} }, everywhere("x", "x"), "authn_context"},
		"not encrypted":            {func(o *upstream.SAMLOptions) { o.Encrypted = true }, everywhere("x", "x"), "encrypted"},
		"in another format":        {func(o *upstream.SAMLOptions) { o.NameIDFormat = saml.Persistent }, everywhere("x", "x"), "name_id_format"},
		"for another confirmation": {nil, replace("</saml:Subject>", `<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="2026-11-26T02:05:00Z" Recipient="https://other.example"></saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject>`), ""},
		"for a sign-in, which may": {func(o *upstream.SAMLOptions) { o.Subjects.Recipients = append(o.Subjects.Recipients, gatetest.ACS) }, replace(`Recipient="`+ourToken+`"`, `Recipient="`+gatetest.ACS+`"`), ""},
	} {
		p := newPartner(t)
		got, err := p.bring(p.bringing(c.options), p.made(meant(c.change)))
		if code := strings.TrimPrefix(fault.As(err).Code, "saml_"); err != nil && code != c.want || err == nil && (c.want != "" || got.Authentication.Subject == "") {
			t.Errorf("%s: %+v %v, want %q", name, got, err, c.want)
		}
		if c.want != "" && strings.Contains(fault.As(err).Detail, "answer") {
			t.Errorf("%s: %s", name, fault.As(err).Detail)
		}
	}
}

// TestAForgedAssertionPassesNoGate is a selection: gatetest has every attack on an
// assertion that comes alone.
func TestAForgedAssertionPassesNoGate(t *testing.T) {
	p := newPartner(t)
	c := p.bringing(nil)
	good := p.signedBy(p.lab.RSA, meant())
	forged := strings.Replace(gatetest.Forged(), `Recipient="`+gatetest.ACS+`"`, `Recipient="`+ourToken+`"`, 1)
	for name, a := range map[string]struct{ encoded, want string }{
		"unsigned":               {carried(meant()), "saml_assertion_unsigned"},
		"changed":                {carried(strings.Replace(good, ">"+gatetest.NameID+"</saml:NameID>", ">admin@example.com</saml:NameID>", 1)), "saml_digest_mismatch"},
		"signed by a stranger":   {carried(p.signedBy(p.lab.Stranger, meant())), "saml_signature_invalid"},
		"around the signed one":  {carried(strings.Replace(forged, "</saml:Assertion>", good+"</saml:Assertion>", 1)), "saml_assertion_count"},
		"within the signed one":  {carried(strings.Replace(good, "<saml:AuthnStatement ", forged+"<saml:AuthnStatement ", 1)), "saml_assertion_count"},
		"a response":             {carried(gatetest.Envelope(good)), "saml_root"},
		"encrypted and unsigned": {carried(gatetest.Encrypt(gatetest.Unplaced(meant()), gatetest.Enc{To: &p.lab.Ours.PublicKey})), "saml_assertion_unsigned"},
		"for another's key":      {carried(gatetest.Encrypt(good, gatetest.Enc{To: p.lab.RSA.Key.Public().(*rsa.PublicKey)})), "saml_decrypt"},
		"base64 with a slash":    {"PHNhbWw/" + "+", "token_malformed"},
		"nothing":                {"", "token_malformed"},
		"a token":                {"eyJhbGciOiJub25lIn0.e30.", "token_malformed"},
		"lines":                  {"PHNh\nbWw", "token_malformed"},
	} {
		if got, err := p.bring(c, a.encoded); fault.As(err).Code != a.want || got.Authentication.Subject != "" {
			t.Errorf("%s: %+v %v, want %s", name, got, err, a.want)
		}
	}
	if _, err := p.bring(c, carried(good)); err != nil {
		t.Errorf("control: %v", err)
	}
}

func TestABroughtAssertionCountsOnceAtEveryReplicaAndForOneUse(t *testing.T) {
	p := newPartner(t)
	one, two := p.bringing(nil), p.bringing(nil)
	encoded := p.made(meant())
	if _, err := p.bring(one, encoded); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*upstream.SAML{one, two} {
		if _, err := p.bring(c, encoded); fault.As(err).Code != "token_replayed" {
			t.Errorf("again: %v", err)
		}
	}
	p = newPartner(t) // whose assertion signs somebody in first
	acs := p.bringing(func(o *upstream.SAMLOptions) { o.Subjects.Recipients = []string{gatetest.ACS} })
	left, err := acs.Begin(t.Context(), identity.Challenge{State: "opaque"})
	if err != nil {
		t.Fatal(err)
	}
	request := p.asked(left.URL).ID
	if _, err := acs.Finish(t.Context(), p.answer(request), left.Kept); err != nil {
		t.Fatal(err)
	}
	used := p.made(strings.ReplaceAll(gatetest.PlainAssertion(), gatetest.RequestID, request))
	if _, err := p.bring(acs, used); fault.As(err).Code != "token_replayed" {
		t.Errorf("after a sign-in: %v", err)
	}
}

func TestNobodyBringsAnAssertionUnlessTheConnectionNamesThem(t *testing.T) {
	p := newPartner(t)
	raw, _, err := upstream.BroughtAssertion(p.made(meant()))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		of     *upstream.SAML
		client string
	}{"another client": {p.bringing(nil), "other"}, "no client": {p.connection(), "desk"}} {
		if _, err := c.of.Subject(t.Context(), c.client, raw); fault.As(err).Code != "token_not_allowed" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := p.bringing(nil).Subject(t.Context(), "desk", raw); err != nil {
		t.Errorf("control: %v", err)
	}
}
