package integration

import (
	"net/http"
	"testing"
)

// TestAHeldAccessTokenEndsInWhicheverDialectAliceIsSwitchedOff switches her off as Okta and
// Entra do, who may both push over one connection. Controls are changes in the same dialect
// that switch nobody off.
func TestAHeldAccessTokenEndsInWhicheverDialectAliceIsSwitchedOff(t *testing.T) {
	a := newAttacker(t)
	by := a.employer()
	alice := by.record("alice")
	for _, dialect := range []struct{ name, control, off string }{
		{"Okta, path-less", `{"op":"replace","value":{"id":"` + alice + `","active":true}}`, `{"op":"replace","value":{"active":false}}`},
		{"Entra, a text", `{"op":"Replace","path":"active","value":"True"}`, `{"op":"Replace","path":"active","value":"False"}`},
		{"Entra, in its other mode", `{"op":"replace","value":{"active":true,"title":"Chief"}}`, `{"op":"replace","value":{"active":false,"title":"Chief"}}`},
		{"the RFC's", `{"op":"replace","path":"active","value":true}`, `{"op":"replace","path":"active","value":false}`},
	} {
		by.active(alice, true)
		held := a.signedIn()
		patch := func(operation string) {
			by.ask(http.MethodPatch, "/Users/"+alice, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`+operation+`]}`)
		}
		patch(dialect.control)
		if got := a.userinfo(held); got != http.StatusOK {
			t.Errorf("%s: control: her access token while she is there: %d", dialect.name, got)
		}
		patch(dialect.off)
		if got := a.userinfo(held); got != http.StatusUnauthorized {
			t.Errorf("%s: her access token after the answer: %d", dialect.name, got)
		}
	}
}
