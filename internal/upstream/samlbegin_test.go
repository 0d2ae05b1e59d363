package upstream_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strings"
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

const mfa = "https://refeds.org/profile/mfa"

func TestARequestIsSignedAndAsksForWhatIsWanted(t *testing.T) {
	for name, c := range map[string]struct {
		options  func(*upstream.SAMLOptions)
		ch       identity.Challenge
		force    string
		contexts []string
	}{
		"nothing":                   {},
		"prompt=login":              {ch: identity.Challenge{Fresh: true}, force: "true"},
		"another account":           {ch: identity.Challenge{SelectAccount: true}, force: "true"},
		"max_age":                   {ch: identity.Challenge{MaxAge: ptr(time.Hour)}, force: "true"},
		"class of the app":          {ch: identity.Challenge{ACR: []string{"silver", mfa}}, contexts: []string{mfa}},
		"classes of the connection": {options: func(o *upstream.SAMLOptions) { o.Contexts = []string{"urn:a", "urn:b"} }, contexts: []string{"urn:a", "urn:b"}},
		"both":                      {options: func(o *upstream.SAMLOptions) { o.Contexts = []string{"urn:a", mfa} }, ch: identity.Challenge{ACR: []string{mfa}}, contexts: []string{mfa}},
		"another than agreed":       {options: func(o *upstream.SAMLOptions) { o.Contexts = []string{"urn:a"} }, ch: identity.Challenge{ACR: []string{mfa}}, contexts: []string{"urn:a"}},
	} {
		p := newPartner(t)
		p.options = c.options
		c.ch.State = "opaque-handle"
		left, err := p.connection().Begin(t.Context(), c.ch)
		if err != nil || left.Form != nil || !strings.HasPrefix(left.URL, "https://idp.example.com/sso?tenant=1&SAMLRequest=") {
			t.Fatalf("%s: %+v %v", name, left, err)
		}
		asked := p.asked(left.URL)
		if asked.ForceAuth != c.force || !slices.Equal(asked.Contexts, c.contexts) || !strings.HasPrefix(asked.ID, "_") || len(asked.ID) != 41 {
			t.Errorf("%s: %+v", name, asked)
		}
		_, query, _ := strings.Cut(left.URL, "?tenant=1&")
		signed, signature, _ := strings.Cut(query, "&Signature=")
		value, err := url.QueryUnescape(signature)
		raw, err2 := base64.StdEncoding.DecodeString(value)
		digest := sha256.Sum256([]byte(signed))
		if err := errors.Join(err, err2, rsa.VerifyPKCS1v15(&p.ours.Key.PublicKey, crypto.SHA256, digest[:], raw)); err != nil || !strings.Contains(signed, "&RelayState=opaque-handle&SigAlg=") {
			t.Errorf("%s: %v in %s", name, err, left.URL)
		}
	}
}

func TestARequestInAFormPassesTheGate(t *testing.T) {
	p := newPartner(t)
	p.options = func(o *upstream.SAMLOptions) { o.Post = true }
	left, err := p.connection().Begin(t.Context(), identity.Challenge{State: "opaque"})
	if err != nil || left.URL != "https://idp.example.com/sso/post" || left.Form.Get("RelayState") != "opaque" {
		t.Fatalf("%+v %v", left, err)
	}
	raw, err := base64.StdEncoding.DecodeString(left.Form.Get(saml.Request))
	if err != nil {
		t.Fatal(err)
	}
	p.ours.Certificate.NotBefore = p.now.Add(-time.Hour)
	want := xmlgate.Want{Kind: xmlgate.AuthnRequest, Signed: xmlgate.Envelope, Certificates: []*x509.Certificate{p.ours.Certificate}, Now: p.now}
	if m, err := xmlgate.Verify(raw, want); err != nil || m.Hints.Issuer != gatetest.Audience {
		t.Errorf("%+v %v", m, err)
	}
	want.Certificates = []*x509.Certificate{p.lab.Stranger.Certificate}
	if _, err := xmlgate.Verify(raw, want); err == nil {
		t.Error("it holds with another key, too")
	}
}

func TestAnAssertionCountsOnce(t *testing.T) {
	p := newPartner(t)
	c, other := p.connection(), p.connection() // as at another replica
	left, err := c.Begin(t.Context(), identity.Challenge{})
	if err != nil {
		t.Fatal(err)
	}
	answer := p.answer(p.asked(left.URL).ID)
	if _, err := c.Finish(t.Context(), answer, left.Kept); err != nil {
		t.Fatalf("control: %v", err)
	}
	for name, at := range map[string]*upstream.SAML{"here": c, "elsewhere": other} {
		a, err := at.Finish(t.Context(), answer, left.Kept)
		refusedFor(t, name, a, err, "saml_replayed")
	}
	// A memory that was lost does not know what was used before.
	p = newPartner(t)
	left, err = p.connection().Begin(t.Context(), identity.Challenge{})
	if err != nil {
		t.Fatal(err)
	}
	answer = p.answer(p.asked(left.URL).ID)
	p.seen = cache.NewMemory(func() time.Time { return p.now }, p.now.Add(5*time.Minute))
	if _, err := p.connection().Finish(t.Context(), answer, left.Kept); fault.As(err).Code != "replay_unknown" {
		t.Errorf("after a loss: %v", err)
	}
}

func TestTheProviderBeginsSignInsOnlyWhereItMay(t *testing.T) {
	p := newPartner(t)
	unasked := func(s string) string { return inResponseTo.ReplaceAllString(s, "") }
	p.assertion, p.response = unasked, unasked
	answer := p.answer("")
	a, err := p.connection().Unsolicited(t.Context(), answer)
	refusedFor(t, "not allowed", a, err, "saml_unsolicited")
	p.options = func(o *upstream.SAMLOptions) { o.Unsolicited = true }
	if a, err := p.connection().Unsolicited(t.Context(), answer); err != nil || a.Authentication.Subject != saml.Email+"!!"+gatetest.NameID {
		t.Errorf("control: %v", err)
	}
	a, err = p.connection().Unsolicited(t.Context(), answer)
	refusedFor(t, "again", a, err, "saml_replayed")
	// One that answers something is none that nobody asked for: it was stolen.
	p = newPartner(t)
	p.options = func(o *upstream.SAMLOptions) { o.Unsolicited = true }
	left, err := p.connection().Begin(t.Context(), identity.Challenge{})
	if err != nil {
		t.Fatal(err)
	}
	a, err = p.connection().Unsolicited(t.Context(), p.answer(p.asked(left.URL).ID))
	refusedFor(t, "solicited", a, err, "saml_in_response_to")
}

func TestAnUnsignedOrForeignAnswerIsRefusedByTheGate(t *testing.T) {
	for name, c := range map[string]struct {
		signed xmlgate.Signed
		want   xmlgate.Signed
		code   string
	}{
		"assertion signed, response wanted": {xmlgate.Assertion, xmlgate.Envelope, "saml_unsigned"},
		"response signed, assertion wanted": {xmlgate.Envelope, xmlgate.Assertion, "saml_unsigned"},
		"assertion signed, both wanted":     {xmlgate.Assertion, xmlgate.Both, "saml_unsigned"},
	} {
		p := newPartner(t)
		p.signed = c.signed
		p.options = func(o *upstream.SAMLOptions) { o.Signed = c.want }
		a, err := p.signIn(p.connection(), identity.Challenge{})
		if err == nil || a.Authentication.Subject != "" || !strings.HasPrefix(fault.As(err).Code, "saml_") || fault.As(err).Detail != upstream.ErrUntrusted.Detail {
			t.Errorf("%s: %v", name, err)
		}
		t.Logf("%s: %s", name, fault.As(err).Code)
	}
	p := newPartner(t)
	p.metadata = samlMetadata(p.lab.Stranger.Certificate)
	if _, err := p.signIn(p.connection(), identity.Challenge{}); err == nil {
		t.Error("a key that is not in the metadata is believed")
	}
	p.metadata = samlMetadata(p.lab.Stranger.Certificate, p.lab.RSA.Certificate)
	if _, err := p.signIn(p.connection(), identity.Challenge{}); err != nil {
		t.Errorf("with the next certificate beside: %v", err)
	}
}

func TestAttributesBecomeClaims(t *testing.T) {
	attribute := func(name, friendly string, values ...string) string {
		text := `<saml:Attribute FriendlyName="` + friendly + `" Name="` + name + `">`
		for _, v := range values {
			text += `<saml:AttributeValue>` + v + `</saml:AttributeValue>`
		}
		return text + `</saml:Attribute>`
	}
	const begin, end = "<saml:AttributeStatement>", "</saml:AttributeStatement>"
	for name, c := range map[string]struct {
		attributes string
		options    func(*upstream.SAMLOptions)
		want       map[string]any
		subject    string
	}{
		"Microsoft's": {
			attributes: attribute("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress", "", "a@p.example") + attribute("http://schemas.xmlsoap.org/claims/Group", "", "g1"),
			want:       map[string]any{"email": "a@p.example", "groups": []any{"g1"}, "email_verified": true},
		},
		"X.500's": {
			attributes: attribute("urn:oid:0.9.2342.19200300.100.1.3", "mail", "a@p.example") + attribute("urn:oid:2.5.4.42", "givenName", "Ann"),
			want:       map[string]any{"email": "a@p.example", "given_name": "Ann"},
		},
		"configured": {
			attributes: attribute("groups", "", "not these") + attribute("urn:x:roles", "roles", "g1", "g2") + attribute("email", "", "no@p.example") + attribute("second", "", "a@p.example"),
			options: func(o *upstream.SAMLOptions) {
				o.Attributes = map[string][]string{"groups": {"roles"}, "email": {"first", "second"}}
			},
			want: map[string]any{"groups": []any{"g1", "g2"}, "email": "a@p.example", "second": "a@p.example"},
		},
		"unverified":      {attributes: attribute("email_verified", "", "false"), want: map[string]any{"email_verified": "false"}},
		"named by e-mail": {attributes: attribute("x", "", "y"), want: map[string]any{"email": gatetest.NameID, "name_id": gatetest.NameID}},
		"known by an attribute": {
			attributes: attribute("urn:x:number", "employee", "42"), options: func(o *upstream.SAMLOptions) { o.Subject = "urn:x:number" }, subject: "42",
		},
	} {
		p := newPartner(t)
		p.options = c.options
		p.assertion = func(s string) string {
			before, rest, _ := strings.Cut(s, begin)
			_, after, _ := strings.Cut(rest, end)
			return before + begin + c.attributes + end + after
		}
		a, err := p.signIn(p.connection(), identity.Challenge{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for claim, want := range c.want {
			if got := a.Attributes[claim]; !equal(got, want) {
				t.Errorf("%s: %s is %v", name, claim, got)
			}
		}
		if c.subject != "" && a.Authentication.Subject != c.subject {
			t.Errorf("%s: subject %q", name, a.Authentication.Subject)
		}
	}
}

func equal(a, b any) bool {
	x, isList := a.([]any)
	y, also := b.([]any)
	if isList || also {
		return slices.Equal(x, y)
	}
	return a == b
}
