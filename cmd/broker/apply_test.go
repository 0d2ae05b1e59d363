package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/cmd/broker/client"
)

// TestAnOwnerAppliesTheManifestOfTheirApp has a broker that lets somebody change one app
// and import none.
func TestAnOwnerAppliesTheManifestOfTheirApp(t *testing.T) {
	const manifest = `apiVersion: marketplace/v1alpha1
kind: MicroApp
metadata: {name: own, title: Own, description: An app of mine.}
spec:
  version: 1.0.0
  owner: {team: people-tools, primary: ada@acme.example, contacts: {chat: "#own"}}
  entitlements: [{name: user, description: Use it, groups: [all-employees]}]
  identity:
    protocol: oidc
    oidc: {clientId: own, grantTypes: [client_credentials], tokenEndpointAuthMethod: client_secret_basic}
`
	var asked []string
	broker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = append(asked, r.Method+" "+r.URL.Path)
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodPut && string(body) == manifest && r.Header.Get("Content-Type") == "application/yaml" {
			_, _ = io.WriteString(w, `{"app": {"name": "own"}}`)
			return
		}
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"status": 403, "detail": "you may not do that", "code": "right_missing"}`)
	}))
	defer broker.Close()
	t.Setenv("GATEHOUSE_TOKEN", "gha_of-the-owner")
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const imports, changes = "POST /api/v1/apps:import", "PUT /api/v1/apps/own"
	for _, c := range []struct {
		path  string
		asked []string
		done  bool
	}{
		{write("microapp.yaml", manifest), []string{imports, changes}, true},
		{write("another.yaml", strings.Replace(manifest, "1.0.0", "2.0.0", 1)), []string{imports, changes}, false},
		{write("client.json", `{"client_id": "own"}`), []string{imports}, false},
		{dir, []string{imports}, false},
	} {
		asked = nil
		err := (&appApplyCommand{connected: connected{Server: broker.URL, Output: "table"}, Path: c.path}).Run()
		if (err == nil) != c.done || !slices.Equal(asked, c.asked) || err != nil && client.ExitOf(err) != client.Denied {
			t.Errorf("%s: %v, asked %q", c.path, err, asked)
		}
	}
}
