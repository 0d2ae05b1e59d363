package xmlgate_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/xml"
	"errors"
	"sync"
	"testing"

	samllib "github.com/crewjam/saml"

	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate/gatetest"
)

// derived makes the keys of fuzzing: workers are processes of their own and must
// verify what another signed.
var derived = sync.OnceValues(func() (*gatetest.Lab, error) { return gatetest.Derived("fuzz") })

// largest is the size of the largest seed, in bytes: what is larger is refused by
// its size alone and only slows fuzzing down.
const largest = 16 << 10

// kinds is how many kinds of document there are.
const kinds = 6

// asserts reports whether an assertion comes out of a kind.
func asserts(k xmlgate.Kind) bool { return k == xmlgate.Response || k == xmlgate.Bare }

// wants are what fuzzing asks for, by number.
func wants(l *gatetest.Lab, choice uint8) xmlgate.Want {
	all := [kinds]xmlgate.Kind{xmlgate.Response, xmlgate.AuthnRequest, xmlgate.LogoutRequest, xmlgate.LogoutResponse, xmlgate.Metadata, xmlgate.Bare}
	w := xmlgate.Want{
		Kind: all[choice%kinds], Signed: xmlgate.Signed(choice / kinds % 5), Now: l.Now,
		Certificates: []*x509.Certificate{l.RSA.Certificate, l.EC.Certificate}, Decrypt: []*rsa.PrivateKey{l.Ours},
	}
	if choice >= 128 {
		w.Certificates = nil
	}
	return w
}

// choiceOf is the number of a want.
func choiceOf(w xmlgate.Want) uint8 {
	choice := uint8(w.Kind) - 1 + kinds*uint8(w.Signed)
	if len(w.Certificates) == 0 {
		choice += 150
	}
	return choice
}

// documents are all that the corpus has, good and bad.
func documents(f *testing.F) (*gatetest.Lab, []gatetest.Document) {
	f.Helper()
	l, err := derived()
	if err != nil {
		f.Fatal(err)
	}
	var all []gatetest.Document
	for _, c := range l.Controls() {
		all = append(all, c.Document)
	}
	for _, a := range l.Attacks() {
		if len(a.Bad.Raw)+len(a.Bad.Query) < largest && a.Bad.Want.Kind > 0 && a.Refused != "saml_want" {
			all = append(all, a.Bad)
		}
	}
	return l, all
}

// hold checks what holds for whatever came: a refusal is one of the checks, and what
// is let in is what somebody signed and reads as itself.
func hold(t *testing.T, l *gatetest.Lab, w xmlgate.Want, m xmlgate.Message, err error) {
	t.Helper()
	if err != nil {
		var refusal *xmlgate.Refusal
		if !errors.As(err, &refusal) || refusal.Check == "saml_panic" || m.Assertion != nil || m.Envelope != nil || m.Unsigned != nil {
			t.Fatalf("%v, %+v", err, m)
		}
		return
	}
	if (m.Envelope != nil) != (m.EnvelopeSignature != nil) || m.Unsigned != nil && w.Signed != xmlgate.None {
		t.Fatalf("bytes that nobody vouches for: %+v", m)
	}
	if asserts(w.Kind) {
		var a samllib.Assertion
		if err := xml.Unmarshal(m.Assertion, &a); err != nil || a.Subject == nil || a.Conditions == nil || len(a.Subject.SubjectConfirmations) == 0 {
			t.Fatalf("an assertion without what is checked (%v): %s", err, m.Assertion)
		}
		if bytes.Contains(m.Assertion, []byte("admin@example.com")) {
			t.Fatalf("somebody forged: %s", m.Assertion)
		}
	}
	for _, out := range [][]byte{m.Envelope, m.Unsigned} {
		if out == nil {
			continue
		}
		again, err := xmlgate.Verify(out, xmlgate.Want{Kind: w.Kind, Signed: xmlgate.None, Now: l.Now})
		if !asserts(w.Kind) && (err != nil || !bytes.Equal(again.Unsigned, out)) {
			t.Fatalf("%s\ndoes not read as itself (%v):\n%s", out, err, again.Unsigned)
		}
	}
}

func FuzzVerify(f *testing.F) {
	l, all := documents(f)
	for _, d := range all {
		if d.Query == "" {
			f.Add([]byte(d.Raw), choiceOf(d.Want))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, choice uint8) {
		w := wants(l, choice)
		m, err := xmlgate.Verify(raw, w)
		hold(t, l, w, m, err)
		if err == nil {
			agree(t, "let in", raw, w, m)
		}
	})
}

func FuzzVerifyRedirect(f *testing.F) {
	l, all := documents(f)
	for _, d := range all {
		if d.Query != "" {
			f.Add(d.Query, choiceOf(d.Want))
		}
	}
	f.Fuzz(func(t *testing.T, query string, choice uint8) {
		w := wants(l, choice)
		m, err := xmlgate.VerifyRedirect(query, w)
		hold(t, l, w, m, err)
	})
}

// FuzzInflated fuzzes the document of a query rather than its compressed form.
func FuzzInflated(f *testing.F) {
	l, all := documents(f)
	for _, d := range all {
		if d.Query == "" && !asserts(d.Want.Kind) {
			f.Add(d.Raw, choiceOf(d.Want))
		}
	}
	f.Fuzz(func(t *testing.T, message string, choice uint8) {
		w := wants(l, choice)
		key := "SAMLRequest"
		if w.Kind == xmlgate.LogoutResponse {
			key = "SAMLResponse"
		}
		query := gatetest.Query(key, message, "x")
		if w.Signed != xmlgate.None {
			query = gatetest.SignQuery(query, gatetest.ECDSASHA256, l.EC)
		}
		m, err := xmlgate.VerifyRedirect(query, w)
		hold(t, l, w, m, err)
	})
}

// FuzzDecrypted fuzzes what is in an encrypted assertion.
func FuzzDecrypted(f *testing.F) {
	l, all := documents(f)
	for _, d := range all {
		if d.Query == "" && d.Want.Kind == xmlgate.Response {
			_, rest, found := bytes.Cut([]byte(d.Raw), []byte("<saml:Assertion"))
			inside, _, ends := bytes.Cut(rest, []byte("</samlp:Response>"))
			if found && ends {
				f.Add("<saml:Assertion"+string(inside), choiceOf(d.Want))
			}
		}
	}
	f.Fuzz(func(t *testing.T, plain string, choice uint8) {
		w := wants(l, choice/kinds*kinds) // a response
		raw := gatetest.Unplaced(gatetest.Envelope(gatetest.Encrypt(plain, gatetest.Enc{To: &l.Ours.PublicKey})))
		m, err := xmlgate.Verify([]byte(raw), w)
		hold(t, l, w, m, err)
	})
}
