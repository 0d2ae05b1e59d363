package xmlgate_test

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate/gatetest"
)

// enough is how many attacks the corpus has at the least.
const enough = 80

func TestEveryAttackIsRefusedByItsCheckBesideAGoodDocument(t *testing.T) {
	l := labOf(t)
	attacks := l.Attacks()
	names := map[string]bool{}
	for _, a := range attacks {
		if names[a.Name] {
			t.Errorf("two attacks are called %q", a.Name)
		}
		names[a.Name] = true
		t.Run(a.Name, func(t *testing.T) {
			if _, err := a.Good.Pass(); err != nil {
				t.Fatalf("the good document beside it is refused: %v", err)
			}
			m, err := a.Bad.Pass()
			if err == nil {
				t.Fatalf("let in: %+v", m)
			}
			var refusal *xmlgate.Refusal
			if !errors.As(err, &refusal) || refusal.Check != a.Refused || fault.As(err).Code != a.Refused {
				t.Fatalf("refused by another check than %s: %v", a.Refused, err)
			}
			if refusal.Expected == "" || refusal.Came == "" {
				t.Errorf("the refusal does not explain itself: %v", refusal)
			}
			if m.Assertion != nil || m.Envelope != nil || m.Unsigned != nil {
				t.Errorf("bytes come beside a refusal: %+v", m)
			}
		})
	}
	if len(names) < enough {
		t.Errorf("%d attacks, which are less than %d", len(names), enough)
	}
	t.Logf("%d attacks", len(names))
}

func TestEveryCheckHasAnAttackThatItAloneRefuses(t *testing.T) {
	var refused []string
	for _, a := range labOf(t).Attacks() {
		refused = append(refused, a.Refused)
	}
	for _, check := range xmlgate.Checks() {
		// A panic is what no document brings about: fuzzing looks for one.
		if check != "saml_panic" && !slices.Contains(refused, check) {
			t.Errorf("no attack shows %s", check)
		}
	}
}

// A bomb costs what it weighs: the largest document that is read is bounded, and so
// is what is made of it.
func TestABombTakesNoMoreMemoryThanItsKindMay(t *testing.T) {
	for _, a := range labOf(t).Attacks() {
		bound := uint64(4 << 20)
		switch {
		case a.Bad.Want.Kind == xmlgate.Metadata:
			bound = 32 << 20
		case a.Name == "tampering: a hundred signatures", a.Refused == "saml_size", a.Refused == "saml_doctype":
			bound = 512 << 10 // refused before it is read to its end
		}
		raw := []byte(a.Bad.Raw)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var err error
		if a.Bad.Query != "" {
			_, err = xmlgate.VerifyRedirect(a.Bad.Query, a.Bad.Want)
		} else {
			_, err = xmlgate.Verify(raw, a.Bad.Want)
		}
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; err == nil || took > bound {
			t.Errorf("%s: %d KB for %d bytes: %v", a.Name, took>>10, len(a.Bad.Raw)+len(a.Bad.Query), err)
		}
	}
}

func TestAHintIsCutAndStaysText(t *testing.T) {
	l := labOf(t)
	raw := strings.Replace(l.SignedAssertion(gatetest.Sig{}), "status:Success\"></samlp:StatusCode>",
		"status:Responder\"></samlp:StatusCode><samlp:StatusMessage>"+strings.Repeat("ü", 300)+"</samlp:StatusMessage>", 1)
	m, err := xmlgate.Verify([]byte(raw), want(l, xmlgate.Response, xmlgate.Assertion))
	if err == nil || m.Hints.Status != "urn:oasis:names:tc:SAML:2.0:status:Responder" || m.Hints.InResponseTo != gatetest.RequestID {
		t.Fatalf("%v: %+v", err, m.Hints)
	}
	if said := m.Hints.StatusMessage; len(said) > 256 || !utf8.ValidString(said) || !strings.HasPrefix(said, "üü") {
		t.Errorf("%d bytes: %s", len(said), said)
	}
}
