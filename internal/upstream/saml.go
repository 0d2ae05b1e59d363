package upstream

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/gatehouse-io/gatehouse/internal/cache"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/saml"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
)

// SAMLOptions describe a SAML connection. All but Subject, Attributes, Contexts,
// NameIDFormat, Unsolicited, Subjects, Encrypted and Post are required.
type SAMLOptions struct {
	ID string
	// EntityID, ACS and SLO are ours; Issuer is the identity provider's entity id.
	EntityID, ACS, SLO, Issuer string
	Metadata                   MetadataSource
	// Signed is what must be signed; None is never enough.
	Signed xmlgate.Signed
	// Encrypted refuses assertions that are not encrypted.
	Encrypted bool
	// Post sends requests by form, where the provider takes that.
	Post         bool
	NameIDFormat string
	// Subject is the attribute that is the person's key instead of the NameID.
	Subject string
	// Attributes say which attributes a claim is taken from, the first that is there.
	Attributes map[string][]string
	// Contexts are the authentication context classes that are asked for and accepted.
	Contexts []string
	// Unsolicited lets the provider begin sign-ins.
	Unsolicited bool
	// Subjects says which assertions apps may bring.
	Subjects Subjects
	Skew     time.Duration
	// Keys are ours, the signing one first.
	Keys func() ([]saml.KeyPair, error)
	// Seen remembers the assertions that were used.
	Seen cache.Once
	// HTTP is the guarded client.
	HTTP *http.Client
	Now  func() time.Time
	Log  *slog.Logger
	// Learned is told what the provider signs with whenever its metadata was read, and
	// whether that is something else than before; nil is told nothing.
	Learned func(ctx context.Context, connection string, certificates []*x509.Certificate, changed bool)
}

// The purposes of what SAML keeps in short-term memory.
const (
	assertionPurpose cache.Purpose = "saml-assertion"
	logoutPurpose    cache.Purpose = "saml-logout-request"
)

// SAML is one SAML identity provider.
type SAML struct {
	o    SAMLOptions
	meta samlMetadata
}

// NewSAML returns a SAML connection. It talks to nobody before it is asked to.
func NewSAML(o SAMLOptions) *SAML {
	s := &SAML{o: o}
	s.meta.o = &s.o
	return s
}

// Health tells when the metadata was read last, and what that failed with; zero
// before the first time. It asks nobody and never waits.
func (s *SAML) Health() (asked time.Time, failed error) { return s.meta.health() }

// request is what Finish must know of Begin.
type request struct {
	ID       string    `json:"id"`
	Contexts []string  `json:"contexts,omitempty"`
	Since    time.Time `json:"since,omitzero"`
}

// Begin returns where to send the browser with a signed AuthnRequest, and what
// Finish must be given back. The relay state is the challenge's state: opaque.
func (s *SAML) Begin(ctx context.Context, ch identity.Challenge) (identity.Departure, error) {
	p, err := s.meta.current(ctx)
	if err != nil {
		return identity.Departure{}, err
	}
	keys, err := s.o.Keys()
	if err != nil {
		return identity.Departure{}, err
	}
	now := s.o.Now()
	r := request{ID: saml.NewID(), Contexts: s.contexts(ch.ACR)}
	switch {
	case ch.Fresh:
		r.Since = now
	case ch.MaxAge != nil:
		r.Since = now.Add(-*ch.MaxAge)
	}
	kept, err := json.Marshal(r)
	if err != nil {
		return identity.Departure{}, fmt.Errorf("begin: %w", err)
	}
	binding, to := s.binding(p.SSO)
	message := saml.AuthnRequest{
		ID: r.ID, EntityID: s.o.EntityID, ACS: s.o.ACS, Destination: to, Issued: now, NameIDFormat: s.wantedFormat(),
		// SAML can ask for nothing between: who signs in anew may be another, and is young enough.
		Force: ch.Fresh || ch.SelectAccount || ch.MaxAge != nil, Contexts: r.Contexts,
	}
	target, form, err := saml.Deliver(binding, to, saml.Request, message, ch.State, keys[0])
	return identity.Departure{URL: target, Form: form, Kept: kept}, err
}

// wantedFormat is the format to ask for: none where any will do.
func (s *SAML) wantedFormat() string {
	if s.o.NameIDFormat == saml.Unspecified {
		return ""
	}
	return s.o.NameIDFormat
}

// contexts are the classes to ask for: those of the connection, of which the app may
// want some. Where the connection wants none, the app's own are asked for if they
// are URIs, as SAML's all are.
func (s *SAML) contexts(wanted []string) []string {
	var asked []string
	for _, class := range wanted {
		if slices.Contains(s.o.Contexts, class) || len(s.o.Contexts) == 0 && strings.Contains(class, ":") {
			asked = append(asked, class)
		}
	}
	if len(asked) == 0 {
		return s.o.Contexts
	}
	return asked
}

// binding picks one of the endpoints that there are.
func (s *SAML) binding(places map[string]string) (binding, to string) {
	order := []string{saml.Redirect, saml.Post}
	if s.o.Post {
		slices.Reverse(order)
	}
	for _, b := range order {
		if to, ok := places[b]; ok {
			return b, to
		}
	}
	return "", ""
}

// Finish verifies the provider's answer to what Begin asked. params are those of the
// form. Beside an error, Checks and Document of the assertion are filled in.
func (s *SAML) Finish(ctx context.Context, params url.Values, kept []byte) (identity.Assertion, error) {
	var r request
	if err := json.Unmarshal(kept, &r); err != nil {
		return identity.Assertion{}, fmt.Errorf("finish: %w", err)
	}
	return s.answer(ctx, params.Get(saml.Response), r)
}

// Unsolicited verifies an answer that nobody asked for, where the connection allows
// that: one that says that it answers something is refused.
func (s *SAML) Unsolicited(ctx context.Context, params url.Values) (identity.Assertion, error) {
	if !s.o.Unsolicited {
		var f identity.Findings
		f.Note("unsolicited", false, "an answer to a request of this browser", "one that nobody here began, or began too long ago")
		return identity.Assertion{Checks: f.Checks, Document: saml.Redact(params.Get(saml.Response))}, saml.ErrUnsolicited
	}
	return s.answer(ctx, params.Get(saml.Response), request{Contexts: s.o.Contexts})
}

// answer verifies a response, and takes its assertion: once, at whichever replica.
func (s *SAML) answer(ctx context.Context, encoded string, r request) (identity.Assertion, error) {
	var f identity.Findings
	said, err := s.verify(ctx, encoded, r, &f)
	if err == nil {
		err = s.once(ctx, assertionPurpose, said.ID, said.Issued, said.NotOnOrAfter, &f)
	}
	var a identity.Assertion
	if err == nil {
		a, err = s.assertion(said, &f)
	}
	a.Checks, a.Document = f.Checks, saml.Redact(encoded)
	return a, err
}

func (s *SAML) verify(ctx context.Context, encoded string, r request, f *identity.Findings) (saml.Assertion, error) {
	p, err := s.meta.current(ctx)
	if err != nil {
		f.Refused(err, "metadata")
		return saml.Assertion{}, err
	}
	keys, err := s.o.Keys()
	if err != nil {
		return saml.Assertion{}, err
	}
	raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(encoded), ""))
	if err != nil || len(raw) == 0 {
		err = identity.Refuse(saml.ErrMalformed, "malformed", "a SAMLResponse in base64", "something else")
		f.Refused(err, "malformed")
		return saml.Assertion{}, err
	}
	m, err := xmlgate.Verify(raw, xmlgate.Want{Kind: xmlgate.Response, Signed: s.o.Signed, Certificates: p.Certificates, Decrypt: decrypting(keys), Now: s.o.Now()})
	if err != nil {
		return saml.Assertion{}, gateRefused(f, err)
	}
	noteGate(f, m)
	if s.o.Encrypted && !f.Note("encrypted", m.Encrypted != nil, "an encrypted assertion", "one that is not") {
		return saml.Assertion{}, saml.ErrNotEncrypted
	}
	return saml.Inspect(m, saml.Expect{
		EntityID: s.o.EntityID, ACS: s.o.ACS, Issuer: s.o.Issuer, Request: r.ID, NameIDFormat: s.wantedFormat(), Contexts: r.Contexts, Since: r.Since,
		Now: s.o.Now(), Skew: s.o.Skew,
	}, f)
}

// gateRefused notes the check that the gate refused by, and returns what may be said
// of it: what was expected and what came is for those who look into it.
func gateRefused(f *identity.Findings, err error) error {
	refusal, ok := errors.AsType[*xmlgate.Refusal](err)
	if !ok {
		f.Refused(err, "gate")
		return err
	}
	kind, detail := fault.As(err), ErrUntrusted.Detail
	if kind.Code == saml.ErrStatus.Code {
		detail = ErrRefused.Detail
	}
	name := strings.TrimPrefix(refusal.Check, "saml_")
	f.Note(name, false, refusal.Expected, refusal.Came)
	return identity.Refuse(fault.Wrap(err, kind.Kind, kind.Code, "%s", detail), name, refusal.Expected, refusal.Came)
}

// noteGate notes by what the gate let a message in.
func noteGate(f *identity.Findings, m xmlgate.Message) {
	for name, by := range map[string]*xmlgate.SignedBy{"response_signature": m.EnvelopeSignature, "assertion_signature": m.AssertionSignature} {
		if by != nil {
			f.Note(name, true, "a key of the metadata, and SHA-256 or better", by.Method+" by the certificate "+by.Fingerprint)
		}
	}
	if m.Encrypted != nil {
		f.Note("encryption", true, "OAEP and GCM", m.Encrypted.Key+" and "+m.Encrypted.Data)
	}
}

func decrypting(keys []saml.KeyPair) []*rsa.PrivateKey {
	var all []*rsa.PrivateKey
	for _, k := range keys {
		if k.Key != nil {
			all = append(all, k.Key)
		}
	}
	return all
}

// once takes the id of a message of this provider, or fails because it was taken.
func (s *SAML) once(ctx context.Context, purpose cache.Purpose, id string, issued, until time.Time, f *identity.Findings) error {
	sum := sha256.Sum256([]byte(s.o.ID + "\x00" + id))
	first, err := s.o.Seen.First(ctx, purpose, hex.EncodeToString(sum[:]), issued, until.Add(s.o.Skew))
	if err == nil && !first {
		err = saml.ErrReplayed
	}
	f.Note("replayed", err == nil, "an identifier that was never seen", "")
	return err
}

// assertion is what was said as the claim rules take it.
func (s *SAML) assertion(said saml.Assertion, f *identity.Findings) (identity.Assertion, error) {
	name := said.NameID
	subject, expected := s.key(name), "a NameID that stays the same"
	if s.o.Subject != "" {
		subject, expected = subjectOf(said.Attributes, s.o.Subject), "one value of "+s.o.Subject+", without white space around it or control characters"
	} else if name.Format == saml.Transient {
		f.Note("name_id_transient", false, expected, name.Format)
		return identity.Assertion{}, saml.ErrTransient
	}
	if !f.Note("subject", subject != "" && len(subject) <= maxSubject, expected, "") {
		return identity.Assertion{}, saml.ErrSubject
	}
	at := said.Authn
	if now := s.o.Now(); at.After(now) {
		at = now
	}
	return identity.Assertion{
		Authentication: identity.Authentication{
			Connection: s.o.ID, Subject: subject, ACR: said.Context, Time: at.UTC(), Until: said.SessionEnds, Upstream: &name,
		},
		Attributes: s.claims(said),
	}, nil
}

// key is what a person is known by whom a NameID names. A name is one only within its
// format and qualifier (core, section 8.3), and whoever sends the provider a request
// of their own chooses the format where none was agreed on: an e-mail address that
// somebody gave themselves must not be the login name of another.
func (s *SAML) key(n identity.UpstreamSession) string {
	format, qualifier := n.Format, n.Qualifier
	if format == saml.Unspecified || s.wantedFormat() != "" {
		format = ""
	}
	if qualifier == s.o.Issuer {
		qualifier = ""
	}
	if format == "" && qualifier == "" && !strings.Contains(n.Name, "!") {
		return n.Name
	}
	escaped := strings.NewReplacer("!", "%21")
	return escaped.Replace(format) + "!" + escaped.Replace(qualifier) + "!" + n.Name
}

// subjectOf is the one value of the attribute with this very name, empty for none. A
// friendly name identifies nothing (core, section 2.7.3.1), and a value that has to be
// made to fit could be somebody else's.
func subjectOf(all []saml.Attribute, name string) string {
	i := slices.IndexFunc(all, func(a saml.Attribute) bool { return a.Name == name })
	if i < 0 || len(all[i].Values) != 1 {
		return ""
	}
	if v := all[i].Values[0]; strings.TrimSpace(v) == v && !strings.ContainsFunc(v, unicode.IsControl) {
		return v
	}
	return ""
}

// maxSubject is the longest subject, in bytes, as for OpenID Connect.
const maxSubject = 255
