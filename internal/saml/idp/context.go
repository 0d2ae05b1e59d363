package idp

import (
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Classes of authentication with a second factor, or with a key that cannot be told.
const (
	acrMFA       = "https://refeds.org/profile/mfa"
	acrTwoFactor = "urn:oasis:names:tc:SAML:2.0:ac:classes:MobileTwoFactorContract"
	acrX509      = "urn:oasis:names:tc:SAML:2.0:ac:classes:X509"
	acrSmartcard = "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI"
)

// strengths are the classes that can be compared, weakest first; those in one step
// are of one strength (core, section 3.3.2.2.1, leaves the order to the responder).
var strengths = [][]string{
	{identity.ACRUnspecified},
	{identity.ACRPassword},
	{identity.ACRPasswordProtected},
	{acrTwoFactor, acrMFA, acrX509, acrSmartcard},
}

// strength is the place of a class in strengths, -1 for one that is not there.
func strength(class string) int {
	return slices.IndexFunc(strengths, func(step []string) bool { return slices.Contains(step, class) })
}

// acceptable returns the classes that satisfy a RequestedAuthnContext. Any class can
// be asked for exactly; others are compared by their strength. ok is false where
// there is none.
func acceptable(comparison string, asked []string) (classes []string, ok bool) {
	for i := range asked {
		asked[i] = strings.TrimSpace(asked[i])
	}
	if comparison == "" || comparison == "exact" {
		return asked, len(asked) > 0
	}
	for _, class := range asked {
		at := strength(class)
		if at < 0 {
			continue
		}
		switch comparison {
		case "minimum":
			classes = append(classes, slices.Concat(strengths[at:]...)...)
		case "better":
			classes = append(classes, slices.Concat(strengths[at+1:]...)...)
		case "maximum":
			classes = append(classes, slices.Concat(strengths[:at+1]...)...)
		}
	}
	slices.Sort(classes)
	return slices.Compact(classes), len(classes) > 0
}

// classOf is what an assertion says of the authentication: one of the classes that
// were asked for, or the upstream's own, or what its methods come to. ok is false
// where it reaches none of those that were asked for.
func classOf(a identity.Authentication, asked []string) (class string, ok bool) {
	if len(asked) > 0 {
		i := slices.IndexFunc(asked, a.Reaches)
		if i < 0 {
			return "", false
		}
		return asked[i], true
	}
	switch {
	case strings.Contains(a.ACR, ":"): // a URI, as the schema wants it
		return a.ACR, true
	case slices.Contains(a.AMR, "mfa"):
		return acrMFA, true
	case a.Reaches(identity.ACRPasswordProtected):
		return identity.ACRPasswordProtected, true
	}
	return identity.ACRUnspecified, true
}
