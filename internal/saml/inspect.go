package saml

import (
	"cmp"
	"encoding/xml"
	"slices"
	"strings"
	"time"
	"unicode"

	samllib "github.com/crewjam/saml"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
)

// maxAge is how long ago an assertion may have been made. It is delivered by a
// browser right away; its identifier is remembered for as long.
const maxAge = 10 * time.Minute

// maxName is the longest name of a person, in bytes (core, section 8.3.7).
const maxName = 256

// Formats of a NameID (core, section 8.3).
const (
	Unspecified = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
	Email       = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
	Persistent  = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
	Transient   = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
)

const bearer = "urn:oasis:names:tc:SAML:2.0:cm:bearer" //nolint:gosec // G101: the name of a method

// Expect is what a response must fit.
type Expect struct {
	// EntityID and ACS are ours, Issuer is the identity provider's entity id.
	EntityID, ACS, Issuer string
	// Request is the id of the AuthnRequest that is answered; empty means that nobody
	// asked, and a response to any request is refused.
	Request string
	// NameIDFormat is the agreed one; empty accepts any.
	NameIDFormat string
	// Contexts are the authentication context classes that are good enough; empty
	// accepts any.
	Contexts []string
	// Since is the earliest time at which the person may have signed in; zero accepts any.
	Since time.Time
	// Now is when the response came, Skew how far the other clock may be off.
	Now  time.Time
	Skew time.Duration
}

// rules are what an assertion itself must fit.
type rules struct {
	Expect
	// answers says that it is to a request of ours, or to none; signsIn that it must say
	// how and when the person signed in.
	answers, signsIn      bool
	audiences, recipients []string
	maxAge                time.Duration
}

// Assertion is what an assertion says that passed.
type Assertion struct {
	ID           string
	Issued       time.Time
	NotOnOrAfter time.Time // the end of its use, Skew not counted in
	NameID       identity.UpstreamSession
	Context      string
	Authn        time.Time
	SessionEnds  time.Time // zero when it does not say
	// Attributes are the values by name, in order.
	Attributes []Attribute
}

// Attribute is one attribute of a person.
type Attribute struct {
	Name, FriendlyName string
	Values             []string
}

// inspection notes every check of one message and remembers the first that failed.
type inspection struct {
	findings *identity.Findings
	failed   error
}

// check notes a check; why is the fault when it failed.
func (i *inspection) check(passed bool, why *fault.Error, expected, got string) bool {
	name := strings.TrimPrefix(why.Code, "saml_")
	i.findings.Note(name, passed, expected, clean(got))
	if !passed && i.failed == nil {
		i.failed = identity.Refuse(why, name, expected, clean(got))
	}
	return passed
}

// there notes a check of something that is there or not, and is not shown.
func (i *inspection) there(is bool, why *fault.Error, expected string) bool {
	got := "that"
	if !is {
		got = "none, or another"
	}
	return i.check(is, why, expected, got)
}

// clean takes out of a stranger's text what moves a cursor or turns the direction.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, s)
}

// beyond is what of an assertion crewjam's types do not hold.
type beyond struct {
	Conditions struct {
		Restrictions []struct {
			Audiences []string `xml:"urn:oasis:names:tc:SAML:2.0:assertion Audience"`
		} `xml:"urn:oasis:names:tc:SAML:2.0:assertion AudienceRestriction"`
		OneTimeUse *struct{} `xml:"urn:oasis:names:tc:SAML:2.0:assertion OneTimeUse"`
		Proxy      *struct{} `xml:"urn:oasis:names:tc:SAML:2.0:assertion ProxyRestriction"`
		Unknown    []struct {
			XMLName xml.Name
		} `xml:",any"`
	} `xml:"urn:oasis:names:tc:SAML:2.0:assertion Conditions"`
}

// Inspect checks a Response that the gate let in, and notes every check. The error is
// that of the first that failed.
func Inspect(m xmlgate.Message, e Expect, findings *identity.Findings) (Assertion, error) {
	i := &inspection{findings: findings}
	i.envelope(m, e)
	return i.assertion(m.Assertion, rules{
		Expect: e, answers: true, signsIn: true, audiences: []string{e.EntityID}, recipients: []string{e.ACS}, maxAge: maxAge,
	})
}

// assertion checks the one assertion of a message.
func (i *inspection) assertion(raw []byte, e rules) (Assertion, error) {
	var a samllib.Assertion
	var b beyond
	if err := cmp.Or(xml.Unmarshal(raw, &a), xml.Unmarshal(raw, &b)); err != nil {
		return Assertion{}, unreadable(err, "an assertion")
	}
	i.check(a.Version == "2.0", ErrVersion, "2.0", a.Version)
	i.check(strings.TrimSpace(a.Issuer.Value) == e.Issuer, ErrIssuer, e.Issuer, a.Issuer.Value)
	i.check(a.IssueInstant.After(e.Now.Add(-e.maxAge-e.Skew)) && !a.IssueInstant.After(e.Now.Add(e.Skew)), ErrIssueInstant,
		"within "+e.maxAge.String()+" of "+stamp(e.Now), stamp(a.IssueInstant))
	said := Assertion{ID: a.ID, Issued: a.IssueInstant}
	due := i.subject(&said, a.Subject, e)
	until := i.conditions(a.Conditions, b, e)
	said.NotOnOrAfter = earliest(due, until, a.IssueInstant.Add(e.maxAge))
	if e.signsIn || len(a.AuthnStatements) > 0 || len(e.Contexts) > 0 {
		i.statement(&said, a.AuthnStatements, e)
	}
	said.Attributes = attributes(a.AttributeStatements)
	if i.failed != nil {
		return Assertion{}, i.failed
	}
	return said, nil
}

// envelope checks what the Response says of itself. Signed or not, it can refuse.
func (i *inspection) envelope(m xmlgate.Message, e Expect) {
	h := m.Hints
	i.check(h.Issuer == "" || strings.TrimSpace(h.Issuer) == e.Issuer, ErrIssuer, e.Issuer, h.Issuer)
	// A signed message says where it is meant to go (bindings, section 3.5.5.2).
	i.check(h.Destination == e.ACS || h.Destination == "" && m.EnvelopeSignature == nil, ErrDestination, e.ACS, cmp.Or(h.Destination, "none"))
	// What is missing here stands in the assertion, which is signed.
	i.check(h.InResponseTo == e.Request || h.InResponseTo == "", ErrInResponseTo, cmp.Or(e.Request, "none"), cmp.Or(h.InResponseTo, "none"))
}

// subject checks whom the assertion is about and who may present it, and returns
// until when.
func (i *inspection) subject(said *Assertion, s *samllib.Subject, e rules) (due time.Time) {
	if !i.there(s != nil && s.NameID != nil && name(s.NameID.Value), ErrSubject, "a NameID of 1 to 256 bytes, without white space around it or control characters") {
		return due
	}
	n := s.NameID
	format := cmp.Or(n.Format, Unspecified)
	i.check(e.NameIDFormat == "" || e.NameIDFormat == Unspecified || format == e.NameIDFormat, ErrNameIDFormat, cmp.Or(e.NameIDFormat, "any"), format)
	i.check(n.SPNameQualifier == "" || n.SPNameQualifier == e.EntityID, ErrNameIDQualifier, e.EntityID, n.SPNameQualifier)
	said.NameID = identity.UpstreamSession{Name: n.Value, Format: n.Format, Qualifier: n.NameQualifier, SPQualifier: n.SPNameQualifier}
	return i.confirmations(s.SubjectConfirmations, e)
}

// name reports whether text can name a person as it stands. It is not made to fit:
// " alice" may be somebody else than "alice" at the provider.
func name(text string) bool {
	return text != "" && len(text) <= maxName && strings.TrimSpace(text) == text && !strings.ContainsFunc(text, unicode.IsControl)
}

// confirmations wants one bearer confirmation that holds (profiles, section 4.1.4.3).
// Of several, the first that holds counts; if none does, the last tells why.
func (i *inspection) confirmations(all []samllib.SubjectConfirmation, e rules) time.Time {
	all = slices.DeleteFunc(slices.Clone(all), func(c samllib.SubjectConfirmation) bool {
		return c.Method != bearer || c.SubjectConfirmationData == nil
	})
	if !i.there(len(all) > 0, ErrConfirmation, bearer) {
		return time.Time{}
	}
	for n, c := range all {
		try := &inspection{findings: &identity.Findings{}}
		try.confirmation(c.SubjectConfirmationData, e)
		if try.failed == nil || n == len(all)-1 {
			i.findings.Checks = append(i.findings.Checks, try.findings.Checks...)
			if i.failed == nil {
				i.failed = try.failed
			}
			return c.SubjectConfirmationData.NotOnOrAfter
		}
	}
	return time.Time{}
}

func (i *inspection) confirmation(d *samllib.SubjectConfirmationData, e rules) {
	i.check(d.Recipient != "" && slices.Contains(e.recipients, d.Recipient), ErrRecipient, strings.Join(e.recipients, " "), cmp.Or(d.Recipient, "none"))
	if e.answers {
		i.check(d.InResponseTo == e.Request, ErrInResponseTo, cmp.Or(e.Request, "none"), cmp.Or(d.InResponseTo, "none"))
	}
	i.check(d.NotBefore.IsZero() && e.Now.Before(d.NotOnOrAfter.Add(e.Skew)), ErrConfirmationDue, "a time after "+stamp(e.Now)+", and no time before", stamp(d.NotOnOrAfter))
}

// conditions checks when and where the assertion counts, and returns until when.
func (i *inspection) conditions(c *samllib.Conditions, b beyond, e rules) time.Time {
	if !i.there(c != nil, ErrConditions, "conditions") {
		return time.Time{}
	}
	unknown := ""
	for _, u := range b.Conditions.Unknown {
		unknown = u.XMLName.Local
	}
	i.check(unknown == "", ErrConditions, "AudienceRestriction, OneTimeUse, ProxyRestriction", cmp.Or(unknown, "nothing else"))
	i.check(c.NotBefore.IsZero() || !e.Now.Before(c.NotBefore.Add(-e.Skew)), ErrNotBefore, "a time before "+stamp(e.Now), stamp(c.NotBefore))
	i.check(c.NotOnOrAfter.IsZero() || e.Now.Before(c.NotOnOrAfter.Add(e.Skew)), ErrExpired, "a time after "+stamp(e.Now), stamp(c.NotOnOrAfter))
	// All restrictions must hold, each by one of its audiences (core, section 2.5.1.4).
	held, got := len(b.Conditions.Restrictions) > 0, "none"
	for _, r := range b.Conditions.Restrictions {
		if !slices.ContainsFunc(r.Audiences, func(a string) bool { return slices.Contains(e.audiences, strings.TrimSpace(a)) }) {
			held = false
		}
		got = strings.Join(r.Audiences, " ")
	}
	i.check(held, ErrAudience, strings.Join(e.audiences, " "), got)
	return c.NotOnOrAfter
}

// statement checks how and when the person signed in there.
func (i *inspection) statement(said *Assertion, all []samllib.AuthnStatement, e rules) {
	if !i.there(len(all) > 0, ErrAuthnStatement, "an AuthnStatement") {
		return
	}
	s := all[0]
	if s.AuthnContext.AuthnContextClassRef != nil {
		said.Context = strings.TrimSpace(s.AuthnContext.AuthnContextClassRef.Value)
	}
	i.check(len(e.Contexts) == 0 || slices.Contains(e.Contexts, said.Context), ErrAuthnContext, cmp.Or(strings.Join(e.Contexts, " "), "any"), cmp.Or(said.Context, "none"))
	late := !e.Since.IsZero() && s.AuthnInstant.Before(e.Since.Add(-e.Skew))
	expected := "a time before " + stamp(e.Now)
	if !e.Since.IsZero() {
		expected = stamp(e.Since) + " or later"
	}
	i.check(!s.AuthnInstant.IsZero() && !s.AuthnInstant.After(e.Now.Add(e.Skew)) && !late, ErrAuthnInstant, expected, stamp(s.AuthnInstant))
	said.Authn, said.NameID.Index = s.AuthnInstant, s.SessionIndex
	for _, s := range all {
		if ends := s.SessionNotOnOrAfter; ends != nil && !ends.IsZero() {
			said.SessionEnds = earliest(said.SessionEnds, *ends)
		}
	}
	i.check(said.SessionEnds.IsZero() || e.Now.Before(said.SessionEnds), ErrSessionOver, "a time after "+stamp(e.Now), stamp(said.SessionEnds))
}

// attributes gathers the values of each name, in order and as they stand.
func attributes(statements []samllib.AttributeStatement) []Attribute {
	var all []Attribute
	for _, s := range statements {
		for _, a := range s.Attributes {
			at := slices.IndexFunc(all, func(have Attribute) bool { return have.Name == a.Name })
			if at < 0 {
				at, all = len(all), append(all, Attribute{Name: a.Name, FriendlyName: a.FriendlyName})
			}
			for _, v := range a.Values {
				text := v.Value
				if v.NameID != nil { // eduPersonTargetedID and its like
					text = v.NameID.Value
				}
				all[at].Values = append(all[at].Values, text)
			}
		}
	}
	return all
}

// earliest is the first of the times that are known.
func earliest(times ...time.Time) (first time.Time) {
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// stamp is a time as documents write it.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "none"
	}
	return t.UTC().Format(time.RFC3339)
}
