package upstream_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/saml"
	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate/gatetest"
)

func TestAProviderThatSignsPeopleOutIsAnsweredOnceTheAppsWereToldToo(t *testing.T) {
	p := newPartner(t)
	e := newExit(t, p)
	e.here, e.apps = "s-1", true
	w := e.send(t, p.signedQuery(saml.Request, gatetest.LogoutRequest(), "theirs"), nil)
	if to := w.Header().Get("Location"); to != "https://app.example/slo" || len(e.ended) != 1 {
		t.Fatalf("%d to %s, ended %v", w.Code, to, e.ended)
	}
	_, handle, _ := strings.Cut(e.back, "/slo/") // the tests' address of ours is another than the route's
	back := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		e.mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, sloPath+"/"+handle, nil))
		return w
	}
	target := back().Header().Get("Location")
	if !strings.HasPrefix(target, "https://idp.example.com/slo/done?SAMLResponse=") || !strings.Contains(target, "RelayState=theirs") {
		t.Fatalf("from the apps to %s", target)
	}
	if to, status := p.said(target); to != gatetest.RequestID || status != saml.Success {
		t.Errorf("answers %s with %s", to, status)
	}
	if again := back(); again.Code != http.StatusBadRequest {
		t.Errorf("a second time: %d", again.Code)
	}
}

func TestAnotherBrowsersSignOutLeadsThroughNoApps(t *testing.T) {
	for name, change := range map[string]func(*exit){
		"no session here":          func(e *exit) { e.apps = true },
		"no app to be led to":      func(e *exit) { e.here = "s-1" },
		"a request that is not so": func(e *exit) { e.here, e.apps, e.partner.lab.RSA = "s-1", true, e.partner.lab.Stranger },
	} {
		p := newPartner(t)
		e := newExit(t, p)
		good := p.lab.RSA
		change(e)
		w := e.send(t, p.signedQuery(saml.Request, gatetest.LogoutRequest(), ""), nil)
		p.lab.RSA = good
		if to := w.Header().Get("Location"); e.back != "" && strings.HasPrefix(to, "https://app.example") {
			t.Errorf("%s: %d to %s", name, w.Code, to)
		}
	}
}
