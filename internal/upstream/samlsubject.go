package upstream

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/saml"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
)

// BroughtAssertion reads an assertion that an app brings: base64url (RFC 7522, section
// 2.1), with or without padding. issuer is who it says made it, empty for one that is
// encrypted; nobody vouches for it.
func BroughtAssertion(encoded string) (raw []byte, issuer string, err error) {
	raw, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(encoded, "="))
	if err != nil || len(raw) == 0 || strings.ContainsAny(encoded, "\r\n") {
		return nil, "", refusal("malformed", "is not an assertion in base64url", "base64url", "something else")
	}
	h, err := xmlgate.Peek(raw, xmlgate.Bare)
	if err != nil {
		return nil, "", refusedAssertion(err)
	}
	return raw, strings.TrimSpace(h.Issuer), nil
}

// Issues reports whether the assertions of an issuer are this provider's.
func (s *SAML) Issues(issuer string) bool { return issuer == s.o.Issuer }

// Issuer is who its assertions are of.
func (s *SAML) Issuer() string { return s.o.Issuer }

// Subjects says which of its assertions may be brought.
func (s *SAML) Subjects() Subjects { return s.o.Subjects }

// Subject verifies an assertion of the provider that a client here brings (RFC 8693,
// section 2.1; RFC 7522, section 3), through the gate and by its own signature. It
// counts once, for a sign-in or for this. The error is a fault whose code names the
// check, token_… or saml_….
func (s *SAML) Subject(ctx context.Context, client string, raw []byte) (identity.SubjectToken, error) {
	if err := s.o.Subjects.allow(client); err != nil {
		return identity.SubjectToken{}, err
	}
	said, err := s.vouched(ctx, raw)
	if err != nil {
		return identity.SubjectToken{}, refusedAssertion(err)
	}
	var f identity.Findings
	a, err := s.assertion(said, &f)
	if err != nil {
		return identity.SubjectToken{}, refusedAssertion(err)
	}
	who := identity.Authentication{Connection: s.o.ID, Subject: a.Authentication.Subject, Time: a.Authentication.Time}
	who.ACR, _ = s.o.Subjects.believed(said.Context, nil)
	t := identity.SubjectToken{Authentication: who, Issuer: s.o.Issuer, ID: said.ID, Issued: said.Issued.UTC(), Expires: said.NotOnOrAfter.UTC()}
	if !said.SessionEnds.IsZero() && said.SessionEnds.Before(t.Expires) {
		t.Expires = said.SessionEnds.UTC()
	}
	t.Use = func(ctx context.Context) error {
		err := s.once(ctx, assertionPurpose, said.ID, said.Issued, said.NotOnOrAfter, &f)
		if errors.Is(err, saml.ErrReplayed) {
			return takenOnce(false, nil)
		}
		return err
	}
	return t, nil
}

// Assume returns what Subject would of a good assertion, by the checks that need none:
// whom it is about and when it was made is left out.
func (s *SAML) Assume(client string) (identity.SubjectToken, error) {
	if err := s.o.Subjects.allow(client); err != nil {
		return identity.SubjectToken{}, err
	}
	return identity.SubjectToken{Authentication: identity.Authentication{Connection: s.o.ID}, Issuer: s.o.Issuer}, nil
}

// vouched has an assertion pass the gate, and checks what it says.
func (s *SAML) vouched(ctx context.Context, raw []byte) (saml.Assertion, error) {
	p, err := s.meta.current(ctx)
	if err != nil {
		return saml.Assertion{}, err
	}
	keys, err := s.o.Keys()
	if err != nil {
		return saml.Assertion{}, err
	}
	m, err := xmlgate.Verify(raw, xmlgate.Want{Kind: xmlgate.Bare, Signed: xmlgate.Assertion, Certificates: p.Certificates, Decrypt: decrypting(keys), Now: s.o.Now()})
	switch {
	case err != nil:
		return saml.Assertion{}, err
	case s.o.Encrypted && m.Encrypted == nil:
		return saml.Assertion{}, saml.ErrNotEncrypted
	}
	return saml.InspectSubject(m, saml.ExpectSubject{
		EntityID: s.o.EntityID, Issuer: s.o.Issuer, Audiences: s.o.Subjects.Audiences, Recipients: s.o.Subjects.Recipients, NameIDFormat: s.wantedFormat(),
		Contexts: s.o.Contexts, MaxAge: s.o.Subjects.MaxAge, Now: s.o.Now(), Skew: s.o.Skew,
	}, &identity.Findings{})
}

// refusedAssertion says of an assertion, by the same code, what is said of an answer.
func refusedAssertion(err error) error {
	f := fault.As(err)
	if f.Kind == fault.Unavailable || f.Kind == fault.Internal {
		return err
	}
	check := strings.TrimPrefix(f.Code, "saml_")
	expected, came := "", ""
	if refused, ok := errors.AsType[*identity.Refusal](err); ok {
		expected, came = refused.Check.Expected, refused.Check.Got
	}
	detail := strings.NewReplacer("the answer ", "the assertion ", "this answer ", "the assertion ").Replace(f.Detail)
	if refused, ok := errors.AsType[*xmlgate.Refusal](err); ok {
		expected, came, detail = refused.Expected, refused.Came, "the subject_token could not be trusted: "+check
	}
	return identity.Refuse(fault.Wrap(err, fault.Denied, f.Code, "%s", detail), check, expected, came)
}
