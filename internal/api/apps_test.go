package api_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/catalog"
)

// both asks and returns the status and the body.
func both(t *testing.T, b *broker, method, path, body string) (int, string) {
	t.Helper()
	a := b.ask(t, method, path, body)
	return a.status, a.body
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile("../catalog/testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func batch(t *testing.T, name string, data []byte) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"files": []catalog.File{{Name: name, Data: data}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestAnImportSaysWhatKeepsTheAppFromBeingUsed(t *testing.T) {
	b := start(t)
	status, answer := both(t, b, http.MethodPost, "/apps:import", batch(t, "s9.json", read(t, "metadata/good-s9.json")))
	if status != http.StatusOK || !strings.Contains(answer, `"missing":["owner","groups","keys"]`) || !strings.Contains(answer, `"outcome":"created"`) {
		t.Errorf("%d %s", status, answer)
	}
	if status, answer := both(t, b, http.MethodGet, "/apps/hr-feedback", ""); status != http.StatusOK || !strings.Contains(answer, "microapp-hr-feedback") {
		t.Errorf("%d %s", status, answer)
	}
}

func TestABadManifestIsRefusedWithEveryFaultAndItsPlace(t *testing.T) {
	b := start(t)
	status, answer := both(t, b, http.MethodPost, "/apps:import", batch(t, "names.yaml", read(t, "manifest/names.yaml")))
	if status != http.StatusBadRequest || !strings.Contains(answer, `"code":"manifest_invalid"`) ||
		!strings.Contains(answer, "names.yaml:4:9: metadata.name") || !strings.Contains(answer, "names.yaml:18:17: spec.identity.oidc.clientId") {
		t.Errorf("%d %s", status, answer)
	}
	if status, answer := both(t, b, http.MethodGet, "/apps", ""); status != http.StatusOK || strings.Contains(answer, "hr") {
		t.Errorf("%d %s", status, answer)
	}
}

func TestASecretIsInTheAnswerThatMadeItAndInNoOther(t *testing.T) {
	b := start(t)
	_, made := both(t, b, http.MethodPut, "/apps/hr-feedback", string(read(t, "manifest/good-minimal.yaml")))
	if !strings.Contains(made, `"client_secret":"`) {
		t.Fatal(made)
	}
	for _, again := range []struct{ method, path, body string }{
		{http.MethodPut, "/apps/hr-feedback", string(read(t, "manifest/good-minimal.yaml"))},
		{http.MethodGet, "/apps/hr-feedback", ""},
		{http.MethodGet, "/apps", ""},
		{http.MethodPost, "/apps/hr-feedback/disable", ""},
		{http.MethodPost, "/apps/hr-feedback/enable", ""},
	} {
		if status, answer := both(t, b, again.method, again.path, again.body); status != http.StatusOK || strings.Contains(answer, "secret\":") || strings.Contains(answer, "hash") {
			t.Errorf("%s %s: %d %s", again.method, again.path, status, answer)
		}
	}
	if _, rotated := both(t, b, http.MethodPost, "/apps/hr-feedback/secret", ""); !strings.Contains(rotated, `"client_secret":"`) {
		t.Error(rotated)
	}
}

func TestRequestsThatMeanNothingHereAreRefused(t *testing.T) {
	b := start(t)
	for name, c := range map[string]struct {
		method, path, body string
		want               int
	}{
		"unknown app":            {http.MethodGet, "/apps/nobody", "", http.StatusNotFound},
		"removing nothing":       {http.MethodDelete, "/apps/nobody", "", http.StatusNotFound},
		"another app's manifest": {http.MethodPut, "/apps/other", string(read(t, "manifest/good-minimal.yaml")), http.StatusBadRequest},
		"unknown member":         {http.MethodPost, "/apps:import", `{"files":[],"force":true}`, http.StatusBadRequest},
		"no JSON":                {http.MethodPost, "/apps:import", `files`, http.StatusBadRequest},
		"pruning by no folder":   {http.MethodPost, "/apps:import", `{"files":[],"prune":true}`, http.StatusBadRequest},
		"pruning by an empty one": {
			http.MethodPost, "/apps:import", `{"files":[],"folder":true,"prune":true}`, http.StatusConflict,
		},
	} {
		if status, answer := both(t, b, c.method, c.path, c.body); status != c.want || !strings.Contains(answer, `"code"`) {
			t.Errorf("%s: %d %s, want %d", name, status, answer, c.want)
		}
	}
}

func TestAMappingIsSetListedAndTakenAway(t *testing.T) {
	b := start(t)
	if status, answer := both(t, b, http.MethodPut, "/mappings/acme/00g1", `{"name":"all-employees"}`); status != http.StatusOK {
		t.Fatalf("%d %s", status, answer)
	}
	if _, answer := both(t, b, http.MethodGet, "/mappings", ""); !strings.Contains(answer, "all-employees") {
		t.Error(answer)
	}
	if status, _ := both(t, b, http.MethodDelete, "/mappings/acme/00g1", ""); status != http.StatusNoContent {
		t.Error(status)
	}
	if status, _ := both(t, b, http.MethodDelete, "/mappings/acme/00g1", ""); status != http.StatusNotFound {
		t.Errorf("taken away twice: %d", status)
	}
}

func TestPeopleAreListedAndFoundByID(t *testing.T) {
	b := start(t)
	if status, answer := both(t, b, http.MethodGet, "/people", ""); status != http.StatusOK || strings.TrimSpace(answer) != `{"items":[]}` {
		t.Errorf("%d %s", status, answer)
	}
	if status, _ := both(t, b, http.MethodGet, "/people/nobody", ""); status != http.StatusNotFound {
		t.Errorf("nobody: %d", status)
	}
}
