package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/admin"
)

const partner = `{"id":"partner","title":"Partner","type":"oidc","issuer":"https://partner.example","client_id":"gatehouse","client_secret":"planted-secret"}`

func TestAConnectionIsAddedChangedAndRemoved(t *testing.T) {
	b := start(t)
	add := b.ask(t, http.MethodPut, "/connections/partner?disabled=true", partner)
	if add.status != http.StatusOK || !strings.Contains(add.body, `"source":"stored"`) || !strings.Contains(add.body, `"enabled":false`) || !strings.Contains(add.body, `"has_secret":true`) {
		t.Fatalf("%d %s", add.status, add.body)
	}
	if on := b.ask(t, http.MethodPost, "/connections/partner/enable", ""); on.status != http.StatusNoContent {
		t.Fatalf("%d %s", on.status, on.body)
	}
	changed := b.ask(t, http.MethodPut, "/connections/partner", strings.Replace(strings.Replace(partner, `"Partner"`, `"Partner Corp"`, 1), `,"client_secret":"planted-secret"`, "", 1))
	if changed.status != http.StatusOK || !strings.Contains(changed.body, "Partner Corp") || !strings.Contains(changed.body, `"has_secret":true`) || !strings.Contains(changed.body, `"enabled":true`) {
		t.Fatalf("%d %s", changed.status, changed.body)
	}
	for what, a := range map[string]asked{
		"another issuer": b.ask(t, http.MethodPut, "/connections/partner", strings.Replace(partner, "https://partner.example", "https://evil.example", 1)),
		"configured":     b.ask(t, http.MethodPut, "/connections/acme", strings.Replace(partner, `"partner"`, `"acme"`, 1)),
		"remove that":    b.ask(t, http.MethodDelete, "/connections/acme", ""),
		"preview that":   b.ask(t, http.MethodGet, "/connections/acme/preview", ""),
	} {
		if a.status != http.StatusConflict {
			t.Errorf("%s: %d %s", what, a.status, a.body)
		}
	}
	if hits := b.ask(t, http.MethodGet, "/connections/partner/preview", ""); hits.status != http.StatusOK || !strings.Contains(hits.body, "same issuer") {
		t.Errorf("%d %s", hits.status, hits.body)
	}
	if items, _ := b.ask(t, http.MethodGet, "/connections?source=stored", "").items(t); len(items) != 1 {
		t.Errorf("%s", items)
	}
	if gone := b.ask(t, http.MethodDelete, "/connections/partner", ""); gone.status != http.StatusNoContent {
		t.Fatalf("%d %s", gone.status, gone.body)
	}
	if a := b.ask(t, http.MethodGet, "/connections/partner", ""); a.status != http.StatusNotFound {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := b.ask(t, http.MethodPut, "/connections/partner", strings.Replace(partner, "https://partner.example", "https://evil.example", 1)); a.status != http.StatusConflict || !strings.Contains(a.body, "connection_id_used") {
		t.Errorf("somebody else takes the id: %d %s", a.status, a.body)
	}
	if a := b.ask(t, http.MethodPut, "/connections/partner", partner); a.status != http.StatusOK {
		t.Errorf("control: the same issuer again: %d %s", a.status, a.body)
	}
}

func TestEveryFaultOfAConnectionIsTold(t *testing.T) {
	a := start(t).ask(t, http.MethodPut, "/connections/partner", `{"id":"partner"}`)
	var problem struct {
		Code   string
		Faults []struct{ Path, Message string }
	}
	if err := json.Unmarshal([]byte(a.body), &problem); err != nil || a.status != http.StatusBadRequest || problem.Code != "connection_invalid" || len(problem.Faults) != 2 || problem.Faults[1].Path != "client_id" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// What waits for a second person is shown to them, and the secret is not.
func TestASecretThatWaitsIsEncryptedAndGoodForItsConnectionAlone(t *testing.T) {
	b := start(t, "applyConnection", "removeConnection")
	ada, grace := b.person(t, "ada"), b.person(t, "grace")
	b.assign(t, "ada", admin.Admin)
	b.assign(t, "grace", admin.Admin)
	token := b.tokenOf(t, b.principal(t, ada), admin.NewToken{Name: "a", Roles: []admin.Role{admin.Admin}})
	second := b.tokenOf(t, b.principal(t, grace), admin.NewToken{Name: "b", Roles: []admin.Role{admin.Admin}})
	if bad := b.ask(t, http.MethodPut, "/connections/partner", `{"id":"partner"}`, "Authorization", token); bad.status != http.StatusBadRequest {
		t.Errorf("a bad one waits: %d %s", bad.status, bad.body)
	}
	a := b.ask(t, http.MethodPut, "/connections/partner", partner, "Authorization", token)
	if a.status != http.StatusAccepted || strings.Contains(a.body, "planted") || !strings.Contains(a.body, "sealed:") {
		t.Fatalf("%d %s", a.status, a.body)
	}
	var change struct {
		ID        string
		Operation struct{ Body string }
	}
	if err := json.Unmarshal([]byte(a.body), &change); err != nil {
		t.Fatal(err)
	}
	stolen := strings.Replace(change.Operation.Body, "https://partner.example", "https://evil.example", 1)
	if a := b.ask(t, http.MethodPut, "/connections/partner", stolen); a.status != http.StatusBadRequest || !strings.Contains(a.body, "another connection") {
		t.Errorf("the secret goes elsewhere: %d %s", a.status, a.body)
	}
	if a := b.ask(t, http.MethodPost, "/changes/"+change.ID+"/approve", "", "Authorization", second); a.status != http.StatusOK || !strings.Contains(a.body, `"state":"made"`) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if secret, err := b.connections.Secret(t.Context(), "partner"); err != nil || secret != "planted-secret" {
		t.Errorf("%q %v", secret, err)
	}
	if a := b.ask(t, http.MethodDelete, "/connections/partner", "", "Authorization", token); a.status != http.StatusAccepted {
		t.Errorf("removal does not wait: %d %s", a.status, a.body)
	}
}

// How a replica's last discovery went changes by itself, and is no change of the
// connection: If-Match holds all the same.
func TestIfMatchOfAConnectionIsAboutItsSettings(t *testing.T) {
	b := start(t)
	if a := b.ask(t, http.MethodPut, "/connections/partner", partner); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	first := b.ask(t, http.MethodGet, "/connections/partner", "")
	b.now.Add(int64(time.Minute)) // the harness tells of a discovery now
	if again := b.ask(t, http.MethodGet, "/connections/partner", ""); again.body == first.body || again.header.Get("ETag") != first.header.Get("ETag") {
		t.Fatalf("control: %s %s", first.body, again.body)
	}
	changed := strings.Replace(partner, `"Partner"`, `"Partner Ltd"`, 1)
	if a := b.ask(t, http.MethodPut, "/connections/partner", changed, "If-Match", first.header.Get("ETag")); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := b.ask(t, http.MethodPut, "/connections/partner", partner, "If-Match", first.header.Get("ETag")); a.status != http.StatusPreconditionFailed {
		t.Errorf("somebody else changed it: %d %s", a.status, a.body)
	}
}
