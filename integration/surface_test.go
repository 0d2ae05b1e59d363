package integration

import (
	"net/http"
	"strings"
	"testing"
)

func TestAKeySetThatDidNotChangeIsNotSentAgain(t *testing.T) {
	a := newAttacker(t)
	first, body := a.send(http.MethodGet, "/jwks", nil, nil)
	if first.Header.Get("ETag") == "" || !strings.Contains(body, `"ES256"`) || strings.Contains(body, `"d"`) {
		t.Fatalf("%v %s", first.Header, body)
	}
	again, body := a.send(http.MethodGet, "/jwks", nil, http.Header{"If-None-Match": {first.Header.Get("ETag")}})
	if again.StatusCode != http.StatusNotModified || body != "" {
		t.Errorf("known: %d %q", again.StatusCode, body)
	}
	if other, _ := a.send(http.MethodGet, "/jwks", nil, http.Header{"If-None-Match": {`"another"`}}); other.StatusCode != http.StatusOK {
		t.Errorf("another: %d", other.StatusCode)
	}
	if known, _ := a.send(http.MethodGet, "/jwks", nil, http.Header{"If-None-Match": {"*"}}); known.StatusCode != http.StatusNotModified { // RFC 9110, section 13.1.2
		t.Errorf("any: %d", known.StatusCode)
	}
}

// TestPagesOfAnyOriginMayReadWhatIsPublic asks first, as browsers do for a request
// with headers of its own.
func TestPagesOfAnyOriginMayReadWhatIsPublic(t *testing.T) {
	a := newAttacker(t)
	from := http.Header{"Origin": {"https://spa.example"}, "Access-Control-Request-Method": {"GET"}, "Access-Control-Request-Headers": {"if-none-match"}}
	for _, path := range []string{"/jwks", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		for method, want := range map[string]int{http.MethodOptions: http.StatusNoContent, http.MethodGet: http.StatusOK, http.MethodHead: http.StatusOK, http.MethodPost: http.StatusMethodNotAllowed} {
			res, _ := a.send(method, path, nil, from)
			if allowed := res.Header.Get("Access-Control-Allow-Origin") == "*"; res.StatusCode != want || allowed != (want < http.StatusBadRequest) {
				t.Errorf("%s %s: %d %v", method, path, res.StatusCode, res.Header)
			}
			if res.Header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s %s: cookies are asked for", method, path)
			}
		}
	}
}

func TestTheBrokerSaysHowItIs(t *testing.T) {
	a := newAttacker(t)
	a.signedIn()
	for path, want := range map[string]string{
		"/healthz": "ok", "/readyz": `"database":"ok"`, "/metrics": "gatehouse_revocations_applied",
	} {
		if res, body := a.send(http.MethodGet, path, nil, nil); res.StatusCode != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d, no %s", path, res.StatusCode, want)
		}
	}
}
