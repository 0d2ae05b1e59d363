package xmlgate_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate/gatetest"
)

// lab makes the keys once for all tests.
var lab = sync.OnceValues(gatetest.New)

func labOf(t testing.TB) *gatetest.Lab {
	t.Helper()
	l, err := lab()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func want(l *gatetest.Lab, kind xmlgate.Kind, signed xmlgate.Signed) xmlgate.Want {
	return xmlgate.Want{Kind: kind, Signed: signed, Certificates: []*x509.Certificate{l.RSA.Certificate}, Now: l.Now}
}

func TestWhatComesOutIsWhatWasSigned(t *testing.T) {
	l := labOf(t)
	assertion := []byte(strings.ReplaceAll(gatetest.PlainAssertion(), gatetest.Place(gatetest.AssertionID), ""))
	for name, c := range map[string]struct {
		raw                 string
		signed              xmlgate.Signed
		envelope, assertion bool
	}{
		"assertion":            {l.SignedAssertion(gatetest.Sig{}), xmlgate.Assertion, false, true},
		"assertion, as either": {l.SignedAssertion(gatetest.Sig{}), xmlgate.Either, false, true},
		"envelope":             {l.SignedResponse(gatetest.Sig{}), xmlgate.Envelope, true, false},
		"envelope, as either":  {l.SignedResponse(gatetest.Sig{}), xmlgate.Either, true, false},
		"both":                 {l.SignedBoth(gatetest.Sig{}), xmlgate.Both, true, true},
	} {
		m, err := xmlgate.Verify([]byte(c.raw), want(l, xmlgate.Response, c.signed))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !bytes.Equal(m.Assertion, assertion) {
			t.Errorf("%s: the assertion is not the one that was signed:\n%s", name, m.Assertion)
		}
		if c.envelope != (m.Envelope != nil) || c.envelope != (m.EnvelopeSignature != nil) || c.assertion != (m.AssertionSignature != nil) {
			t.Errorf("%s: told wrongly what was signed: %+v", name, m)
		}
		if m.Unsigned != nil || m.Hints.ID != gatetest.ResponseID || m.Hints.Issuer != gatetest.Issuer {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

func TestWhatIsMadeWellIsLetInHoweverItIsWritten(t *testing.T) {
	l := labOf(t)
	for _, c := range l.Controls() {
		m, err := c.Pass()
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		out := m.Assertion
		if !asserts(c.Want.Kind) {
			out = m.Envelope
			if out == nil {
				out = m.Unsigned
			}
		}
		if out == nil || bytes.Contains(out, []byte("Signature")) {
			t.Errorf("%s: nothing comes out, or a signature: %s", c.Name, out)
		}
		if (m.Envelope == nil) != (m.EnvelopeSignature == nil) || m.Envelope != nil && m.Unsigned != nil {
			t.Errorf("%s: bytes without a signature over them: %+v", c.Name, m)
		}
		if asserts(c.Want.Kind) && !bytes.Contains(m.Assertion, []byte(">"+gatetest.NameID+"<")) {
			t.Errorf("%s: another subject: %s", c.Name, m.Assertion)
		}
	}
}

// Who asks for no signature and knows certificates still learns whether there was one,
// and is not told of a bad one as if there were none.
func TestASignatureThatNobodyAskedForIsVerifiedAllTheSame(t *testing.T) {
	l := labOf(t)
	w := want(l, xmlgate.LogoutRequest, xmlgate.None)
	plain := gatetest.Query("SAMLRequest", gatetest.Unplaced(gatetest.LogoutRequest()), "state")
	signed := gatetest.SignQuery(plain, gatetest.RSASHA256, l.RSA)
	if m, err := xmlgate.VerifyRedirect(plain, w); err != nil || m.Unsigned == nil || m.Envelope != nil {
		t.Errorf("control, none: %+v %v", m, err)
	}
	if m, err := xmlgate.VerifyRedirect(signed, w); err != nil || m.Envelope == nil || m.EnvelopeSignature == nil || m.Unsigned != nil {
		t.Errorf("a good one: %+v %v", m, err)
	}
	for name, query := range map[string]string{
		"a stranger's": gatetest.SignQuery(plain, gatetest.RSASHA256, l.Stranger), "of another state": strings.Replace(signed, "=state", "=other", 1),
	} {
		var refusal *xmlgate.Refusal
		if m, err := xmlgate.VerifyRedirect(query, w); !errors.As(err, &refusal) || refusal.Check != "saml_signature_invalid" || m.Unsigned != nil {
			t.Errorf("%s: %+v %v", name, m, err)
		}
	}
}
