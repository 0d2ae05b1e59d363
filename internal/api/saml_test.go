package api_test

import (
	"net/http"
	"strings"
	"testing"
)

const samlManifest = `apiVersion: marketplace/v1alpha1
kind: MicroApp
metadata: {name: team-wiki, title: Team Wiki, description: Pages that teams write together.}
spec:
  owner: {team: people-tools, primary: ana.silva@acme.example}
  entitlements: [{name: reader, description: Read pages, groups: [all-employees]}]
  identity:
    protocol: saml
    saml: {entityId: "https://wiki.acme.example/saml", acs: ["https://wiki.acme.example/acs"]}
`

func TestAnAppThatSpeaksSAMLIsAppliedFoundAndTold(t *testing.T) {
	b := start(t)
	if status, answer := both(t, b, http.MethodPut, "/apps/team-wiki", samlManifest); status != http.StatusOK || strings.Contains(answer, "client_secret") {
		t.Fatal(status, answer)
	}
	for path, want := range map[string]string{
		"/apps?q=wiki.acme.example": `"entityId":"https://wiki.acme.example/saml"`,

		"/saml": `-----BEGIN CERTIFICATE-----`,
	} {
		if status, answer := both(t, b, http.MethodGet, path, ""); status != http.StatusOK || !strings.Contains(answer, want) {
			t.Errorf("%s: %d %s", path, status, answer)
		}
	}
	other := strings.NewReplacer("team-wiki", "other-wiki").Replace(samlManifest)
	if status, answer := both(t, b, http.MethodPut, "/apps/other-wiki", other); status != http.StatusConflict || !strings.Contains(answer, "entity_id_taken") {
		t.Errorf("the entity id of another app: %d %s", status, answer)
	}
	if status, answer := both(t, b, http.MethodPost, "/apps/team-wiki/secret", ""); status != http.StatusConflict || !strings.Contains(answer, "client_without_secret") {
		t.Errorf("a secret: %d %s", status, answer)
	}
}
