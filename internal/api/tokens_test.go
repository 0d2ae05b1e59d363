package api_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/admin"
)

func TestATokenIsMadeOfWhatCanBeReadAndComesToAnEnd(t *testing.T) {
	b := start(t)
	for name, body := range map[string]string{
		"more days than there are":  `{"name":"x","roles":["auditor"],"days":367}`,
		"days that overflow a time": `{"name":"x","roles":["auditor"],"days":213504}`,
		"a name of nothing":         `{"name":" ","roles":["auditor"]}`,
		"a name of two lines":       `{"name":"x\ny","roles":["auditor"]}`,
		"a name that turns around":  `{"name":"x\u202ey","roles":["auditor"]}`,
		"an app without a name":     `{"name":"x","roles":["app-owner"],"apps":[""]}`,
		"an app that is a path":     `{"name":"x","roles":["app-owner"],"apps":["../crm"]}`,
		"an owner of one's choice":  `{"name":"x","roles":["auditor"],"owner":{"kind":"operator","id":"local"}}`,
		"a member in another case":  `{"name":"x","Roles":["admin"]}`,
		"roles twice":               `{"name":"x","roles":["auditor"],"roles":["admin"]}`,
	} {
		if a := b.ask(t, http.MethodPost, "/tokens", body); a.status != http.StatusBadRequest || strings.Contains(a.body, "gha_") {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	for name, body := range map[string]string{
		"the longest":   `{"name":"CI for Zoë's apps","roles":["auditor"],"days":366}`,
		"for some apps": `{"name":"x","roles":["app-owner"],"apps":["crm","hr-feedback"]}`,
	} {
		if a := b.ask(t, http.MethodPost, "/tokens", body); a.status != http.StatusCreated {
			t.Errorf("control: %s: %d %s", name, a.status, a.body)
		}
	}
}

func TestATokenForAnAppHasNoSayInTheNextOneOfThatName(t *testing.T) {
	b := start(t)
	manifest := string(read(t, "manifest/good-minimal.yaml"))
	apply := func() {
		t.Helper()
		if a := b.ask(t, http.MethodPut, "/apps/hr-feedback", manifest); a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	apply()
	owner := b.tokenOf(t, admin.Operator(), admin.NewToken{Name: "own", Roles: []admin.Role{admin.AppOwner}, Apps: []string{"crm", "hr-feedback"}})
	if a := b.ask(t, http.MethodPost, "/apps/hr-feedback/enable", "", "Authorization", owner); a.status != http.StatusOK {
		t.Fatalf("control: %d %s", a.status, a.body)
	}
	if a := b.ask(t, http.MethodDelete, "/apps/hr-feedback", ""); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.body)
	}
	apply()
	for _, what := range []struct{ method, path, body string }{
		{http.MethodPost, "/apps/hr-feedback/disable", ""},
		{http.MethodPost, "/apps/hr-feedback/secret", ""},
		{http.MethodPut, "/apps/hr-feedback", manifest},
		{http.MethodDelete, "/apps/hr-feedback", ""},
	} {
		if a := b.ask(t, what.method, what.path, what.body, "Authorization", owner); a.status != http.StatusForbidden {
			t.Errorf("%s %s: %d %s", what.method, what.path, a.status, a.body)
		}
	}
	if a := b.ask(t, http.MethodGet, "/me", "", "Authorization", owner); !strings.Contains(a.body, `"apps":["crm"]`) {
		t.Errorf("what is left: %d %s", a.status, a.body)
	}
}

// TestABatchRemovesNoAppThatASecondPersonWouldHaveToApprove goes around four eyes
// by the folder that does not have the app.
func TestABatchRemovesNoAppThatASecondPersonWouldHaveToApprove(t *testing.T) {
	b := start(t, "removeApp")
	manifest := read(t, "manifest/good-minimal.yaml")
	file := `{"name":"hr-feedback/microapp.yaml","data":"` + base64.StdEncoding.EncodeToString(manifest) + `"}`
	who := b.token(t, admin.Admin)
	a := b.ask(t, http.MethodPost, "/apps:import", `{"files":[`+file+`],"folder":true,"prune":true}`, "Authorization", who)
	if a.status != http.StatusForbidden || !strings.Contains(a.body, "prune_four_eyes") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := b.ask(t, http.MethodGet, "/apps/hr-feedback", ""); a.status != http.StatusNotFound {
		t.Errorf("half of it was done: %d", a.status)
	}
	if a := b.ask(t, http.MethodPost, "/apps:import", `{"files":[`+file+`],"folder":true}`, "Authorization", who); a.status != http.StatusOK {
		t.Errorf("control: %d %s", a.status, a.body)
	}
	if a := b.ask(t, http.MethodDelete, "/apps/hr-feedback", "", "Authorization", who); a.status != http.StatusAccepted {
		t.Errorf("control: %d %s", a.status, a.body)
	}
}

func TestACursorThatNoPageGaveIsRefused(t *testing.T) {
	b := start(t, "rotateKey")
	who := b.token(t, admin.Admin)
	for range 2 {
		if a := b.ask(t, http.MethodPost, "/keys/ES256/rotate", "", "Authorization", who); a.status != http.StatusAccepted {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	_, next := b.ask(t, http.MethodGet, "/changes?limit=1", "").items(t)
	if items, _ := b.ask(t, http.MethodGet, "/changes?limit=1&after="+next, "").items(t); len(items) != 1 {
		t.Errorf("control: %d changes after %q", len(items), next)
	}
	for _, list := range []string{"/changes", "/people", "/audit", "/sessions", "/holders", "/outbox", "/grants"} {
		for _, forged := range []string{"x", "zzzz%27--", "%FF", next + "0", strings.ToUpper(next)} {
			if a := b.ask(t, http.MethodGet, list+"?after="+forged, ""); a.status != http.StatusBadRequest {
				t.Errorf("%s after %s: %d %s", list, forged, a.status, a.body)
			}
		}
	}
}

func TestATokenIsRefusedWhileNobodyVouchesForWhoMadeIt(t *testing.T) {
	b := start(t)
	ada := b.person(t, "ada")
	b.assign(t, "ada", admin.Admin)
	hers := b.tokenOf(t, b.principal(t, ada), admin.NewToken{Name: "x", Roles: []admin.Role{admin.Admin}})
	status := func(token string) int { return b.ask(t, http.MethodGet, "/me", "", "Authorization", token).status }
	if got := status(hers); got != http.StatusOK {
		t.Fatalf("control: %d", got)
	}
	if a := b.ask(t, http.MethodPost, "/connections/acme/disable", ""); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if got := status(hers); got != http.StatusUnauthorized {
		t.Errorf("her only connection is disabled: %d", got)
	}
	if a := b.ask(t, http.MethodPost, "/connections/acme/enable", "", "Authorization", hers); a.status != http.StatusUnauthorized {
		t.Errorf("she enables the connection that she came over: %d", a.status)
	}
	if got := status(b.token(t, admin.Auditor)); got != http.StatusOK {
		t.Errorf("control: the operator's token: %d", got)
	}
	if a := b.ask(t, http.MethodPost, "/connections/acme/enable", ""); a.status != http.StatusNoContent || status(hers) != http.StatusOK {
		t.Errorf("control: enabled again: %d, %d", a.status, status(hers))
	}
}
