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
