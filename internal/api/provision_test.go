package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/admin"
)

// An app's owner writes its manifest. What opens the SCIM of a connection makes people
// and groups, and so is not theirs to give.
func TestAnOwnerDoesNotGiveTheirAppTheSCIMOfAConnection(t *testing.T) {
	b := start(t)
	plain := string(read(t, "manifest/good-minimal.yaml"))
	opens := strings.NewReplacer("[authorization_code, refresh_token]", "[authorization_code, refresh_token, client_credentials]",
		"{name: profile}]", "{name: profile}, {name: \"scim:acme\"}]").Replace(plain)
	if opens == plain {
		t.Fatal("the manifest is not as this test takes it to be")
	}
	if a := b.ask(t, http.MethodPut, "/apps/hr-feedback", plain); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	owner := b.tokenOf(t, admin.Operator(), admin.NewToken{Name: "own", Roles: []admin.Role{admin.AppOwner}, Apps: []string{"hr-feedback"}})
	put := func(manifest string, header ...string) asked {
		t.Helper()
		seen := b.ask(t, http.MethodGet, "/apps/hr-feedback", "").header.Get("ETag")
		return b.ask(t, http.MethodPut, "/apps/hr-feedback", manifest, append(header, "If-Match", seen)...)
	}
	if a := put(opens, "Authorization", owner); a.status != http.StatusForbidden || !strings.Contains(a.body, "scope_of_the_broker") || !strings.Contains(a.body, "spec.identity.oidc.scopes[2].name") {
		t.Errorf("an owner: %d %s", a.status, a.body)
	}
	if a := put(strings.Replace(plain, "refresh_token]", "refresh_token, client_credentials]", 1), "Authorization", owner); a.status != http.StatusOK {
		t.Errorf("control: what is the owner's to change: %d %s", a.status, a.body)
	}
	if a := put(opens); a.status != http.StatusOK {
		t.Errorf("control: who may change connections: %d %s", a.status, a.body)
	}
	if a := put(opens+"\n# seen\n", "Authorization", owner); a.status != http.StatusOK {
		t.Errorf("control: an owner leaves what was given: %d %s", a.status, a.body)
	}
}
