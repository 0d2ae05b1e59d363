package app

import (
	"encoding/base64"
	"errors"
	"fmt"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/connection"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/policy"
	"github.com/gatehouse-io/gatehouse/internal/upstream"
)

// abroad are connections whose providers' tokens the client desk may bring, and others.
const abroad = `
  - {id: closed, type: oidc, title: Closed, issuer: "https://closed.example", client_id: gatehouse, client_secret: not-used}
  - {id: open, type: oidc, title: Open, issuer: "https://open.example", client_id: gatehouse, client_secret: not-used, exchange: {clients: {desk: [web]}}}
  - {id: off, type: oidc, title: Off, issuer: "https://off.example", client_id: gatehouse, client_secret: not-used, exchange: {clients: {desk: ["*"]}}}
  - {id: one, type: oidc, title: One, issuer: "https://two.example", client_id: gatehouse, client_secret: not-used, exchange: {clients: {desk: ["*"]}}}
  - {id: two, type: oidc, title: Two, issuer: "https://two.example", client_id: gatehouse, client_secret: not-used, exchange: {clients: {desk: ["*"], other: ["*"]}}}
  - {id: partner, type: saml, title: Partner, issuer: "urn:partner", saml: {metadata_url: "https://partner.example/metadata"}, exchange: {clients: {desk: ["*"]}}}
  - {id: apart, type: saml, title: Apart, issuer: "urn:apart", saml: {metadata_url: "https://apart.example/metadata"}}
  - {id: pushes, type: scim, title: Pushes}
`

// TestWhatIsAssumedOfATokenIsWhatBecomesOfOne compares what is said without a token with
// what becomes of one that nobody signed: where it would be taken, it gets as far as the
// signature.
func TestWhatIsAssumedOfATokenIsWhatBecomesOfOne(t *testing.T) {
	p := assembledWith(t, abroad)
	if err := p.people.SetConnectionDisabled(t.Context(), "off", true, identity.System("test")); err != nil {
		t.Fatal(err)
	}
	s := subjects{p.faces.connectors, p.people.ConnectionEnabled, p.meant}
	token := func(issuer string) string {
		part := base64.RawURLEncoding.EncodeToString
		return part([]byte(`{"alg":"none","typ":"at+jwt"}`)) + "." + part(fmt.Appendf(nil, `{"iss":%q}`, issuer)) + "."
	}
	for name, c := range map[string]struct {
		client, connection, kind, issuer string
		want, gets                       string
	}{
		"taken":                          {"desk", "open", "", "https://open.example", "", "token_algorithm"},
		"taken as an access token":       {"desk", "open", upstream.KindAccess, "https://open.example", "", "token_algorithm"},
		"for another client":             {"other", "open", "", "https://open.example", "token_not_allowed", "token_not_allowed"},
		"of a connection for nobody":     {"desk", "closed", "", "https://closed.example", "token_not_allowed", "token_not_allowed"},
		"of one that is off":             {"desk", "off", "", "https://off.example", "connection_disabled", "connection_disabled"},
		"off, and for another client":    {"other", "off", "", "https://off.example", "token_not_allowed", "token_not_allowed"},
		"of one of two of an issuer":     {"desk", "one", "", "https://two.example", "token_connection", "token_connection"},
		"of the other of two":            {"desk", "two", "", "https://two.example", "token_connection", "token_connection"},
		"of the one that the client may": {"other", "two", "", "https://two.example", "", "token_algorithm"},
	} {
		_, got, err := s.Assume(t.Context(), c.client, c.connection, c.kind)
		_, refused := s.Subject(t.Context(), c.client, upstream.KindAccess, token(c.issuer))
		if (err == nil) != (c.want == "") || err != nil && fault.As(err).Code != c.want || fault.As(refused).Code != c.gets {
			t.Errorf("%s: assumed %v, a token gets %v", name, err, refused)
		}
		if err == nil && (got.Authentication.Connection != c.connection || got.Issuer != c.issuer) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	// The one that is on takes the tokens of both.
	if err := p.people.SetConnectionDisabled(t.Context(), "one", true, identity.System("test")); err != nil {
		t.Fatal(err)
	}
	if _, got, err := s.Assume(t.Context(), "desk", "one", ""); err != nil || got.Authentication.Connection != "two" {
		t.Errorf("%+v %v", got, err)
	}
}

func TestWhatAProviderMakesIsCalledAsItSpeaks(t *testing.T) {
	p := assembledWith(t, abroad)
	s := subjects{p.faces.connectors, p.people.ConnectionEnabled, p.meant}
	for name, c := range map[string]struct {
		client, connection, kind string
		as                       string
		want                     error
	}{
		"a token":                     {"desk", "open", "", upstream.KindJWT, nil},
		"an assertion":                {"desk", "partner", "", upstream.KindAssertion, nil},
		"an assertion, so called":     {"desk", "partner", upstream.KindAssertion, upstream.KindAssertion, nil},
		"an assertion called a token": {"desk", "partner", upstream.KindJWT, upstream.KindJWT, policy.ErrSubjectType},
		"a token called an assertion": {"desk", "open", upstream.KindAssertion, upstream.KindAssertion, policy.ErrSubjectType},
		"of nowhere":                  {"desk", "gone", "", "", connection.ErrNotFound},
		"where nobody signs in":       {"desk", "pushes", "", "", connection.ErrNotFound},
	} {
		if as, _, err := s.Assume(t.Context(), c.client, c.connection, c.kind); as != c.as || !errors.Is(err, c.want) {
			t.Errorf("%s: %q %v", name, as, err)
		}
	}
	var refused *identity.Refusal
	for name, c := range map[string]struct{ client, connection, kind, code, expected, got string }{
		"a client that is not named": {"other", "partner", "", "token_not_allowed", "desk", "other"},
		"where none is named":        {"desk", "apart", "", "token_not_allowed", "no client: the connection names none", "desk"},
		"a typ that is not":          {"desk", "open", upstream.KindID, "token_typ", "another subject_token_type: the connection has at+jwt", "JWT"},
	} {
		_, _, err := s.Assume(t.Context(), c.client, c.connection, c.kind)
		if fault.As(err).Code != c.code || !errors.As(err, &refused) || refused.Check.Expected != c.expected || refused.Check.Got != c.got {
			t.Errorf("%s: %v, found %+v", name, err, refused)
		}
	}
}
