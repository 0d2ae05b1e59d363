package xmlgate_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
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
