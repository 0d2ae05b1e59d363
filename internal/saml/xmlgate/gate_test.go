package xmlgate_test

import (
	"errors"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
)

func TestAGateWithoutChecksLetsNothingIn(t *testing.T) {
	_, err := xmlgate.Verify([]byte("<a/>"), xmlgate.Want{Kind: xmlgate.Response})
	var refusal *xmlgate.Refusal
	if !errors.As(err, &refusal) || fault.As(err).Code != refusal.Check {
		t.Fatalf("not a refusal with its code: %v", err)
	}
}
