package api_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestAGroupThatNobodyKnowsIsWarnedOf(t *testing.T) {
	b := start(t)
	plain := string(read(t, "manifest/good-minimal.yaml"))
	const unknown = `"warnings":["spec.entitlements[0].groups[0]: no upstream group has the name`
	if a := b.ask(t, http.MethodPut, "/apps/hr-feedback", plain); a.status != http.StatusOK || !strings.Contains(a.body, unknown) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := b.ask(t, http.MethodPut, "/mappings/acme/typo", `{"name":"all-employees"}`); a.status != http.StatusOK || !strings.Contains(a.body, `"warnings":["nobody was seen in the group`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	b.person(t, "zoe", "everybody")
	if a := b.ask(t, http.MethodPut, "/mappings/acme/everybody", `{"name":"all-employees"}`); a.status != http.StatusOK || strings.Contains(a.body, "warnings") {
		t.Errorf("control: a group that somebody was seen in: %d %s", a.status, a.body)
	}
	if a := b.ask(t, http.MethodPut, "/apps/hr-feedback", plain); a.status != http.StatusOK || strings.Contains(a.body, "warnings") {
		t.Errorf("control: a name that a group has: %d %s", a.status, a.body)
	}
}

func TestAnAppSaysWhatItLacksAndWhatItWaitsFor(t *testing.T) {
	b := start(t)
	asks := strings.NewReplacer("[authorization_code, refresh_token]", "[authorization_code, refresh_token, client_credentials]", "{name: profile}]", "{name: profile}, {name: ledger.read}]").
		Replace(string(read(t, "manifest/good-minimal.yaml")))
	if a := b.ask(t, http.MethodPut, "/apps/hr-feedback", string(read(t, "manifest/good-minimal.yaml"))); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	const ledger = `{apiVersion: marketplace/v1alpha1, kind: MicroApp, metadata: {name: ledger, title: Ledger, description: What was booked.},
  spec: {version: 1.0.0, identity: {protocol: none, resource: {audience: ledger, scopes: [ledger.read]}}}}`
	if a := b.ask(t, http.MethodPut, "/apps/ledger", ledger); a.status != http.StatusOK || !strings.Contains(a.body, `"missing":["owner"]`) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := b.ask(t, http.MethodPut, "/apps/hr-feedback", asks); a.status != http.StatusOK || strings.Contains(a.body, "pending") {
		t.Fatalf("an administrator agrees by applying: %d %s", a.status, a.body)
	}
	if a := b.ask(t, http.MethodDelete, "/apps/ledger/callers/hr-feedback?scope=ledger.read&mode=client_credentials", ""); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.body)
	}
	const waits = `"pending":[{"path":"spec.identity.oidc.scopes[2].name","audience":"ledger","scope":"ledger.read","mode":"client_credentials","api":"ledger"}]`
	for _, path := range []string{"/apps/hr-feedback", "/apps"} {
		if a := b.ask(t, http.MethodGet, path, ""); !strings.Contains(a.body, waits) {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	if a := b.ask(t, http.MethodGet, "/apps/ledger", ""); !strings.Contains(a.body, `"missing":["owner"]`) {
		t.Errorf("%s", a.body)
	}
	for query, want := range map[string]bool{"?waiting=true": true, "?waiting=false": false, "": true} {
		if a := b.ask(t, http.MethodGet, "/apps/ledger/callers"+query, ""); a.status != http.StatusOK || strings.Contains(a.body, "hr-feedback") != want {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
	if a := b.ask(t, http.MethodGet, "/apps/ledger/callers/nobody", ""); a.status != http.StatusNotFound {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := b.ask(t, http.MethodGet, "/apps/ledger/callers/hr-feedback/preview", ""); a.status != http.StatusOK || !strings.Contains(a.body, `"apps":["hr-feedback"]`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := b.ask(t, http.MethodGet, "/apps/hr-feedback/callers", ""); a.status != http.StatusNotFound {
		t.Errorf("an app without an API: %d %s", a.status, a.body)
	}
}
