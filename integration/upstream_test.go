package integration

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// TestACompanysOwnIdentityProviderSignsPeopleIn uses npm oidc-provider: another
// implementation, whose id_token says who and whose userinfo says the rest.
func TestACompanysOwnIdentityProviderSignsPeopleIn(t *testing.T) {
	if err := nodeModules(); err != nil {
		t.Fatalf("`make test` installs Node.js: %v", err)
	}
	port := testkit.FreePort(t)
	s := startDemoAt(t, tempDir(t), nil, time.Now, func(c *config.Config) {
		own := c.Connections[0]
		own.ID, own.Title, own.Issuer, own.Domains, own.UserInfo = "own", "Elsewhere", "http://127.0.0.1:"+port, []string{"elsewhere.example"}, true
		own.Algorithms, own.Scopes = []string{"ES256"}, []string{"openid", "profile", "email", "groups"}
		c.Connections = append(c.Connections, own)
		c.Mappings = append(c.Mappings, config.Mapping{Connection: "own", Group: "g-42", Name: "all-employees"})
	})
	startProgram(t, "node", []string{"node", "oidc-provider.mjs"}, port,
		"CLIENT_SECRET="+s.idpSecret(t), "REDIRECT_URI="+s.Issuer()+"/login/callback/own")

	b := browser.New()
	page, err := b.Get(t.Context(), s.request(url.Values{"scope": {"openid profile email groups"}, "idp": {"own"}}))
	if err != nil {
		t.Fatal(err)
	}
	for _, fill := range []url.Values{{"login": {"grace"}, "password": {"any"}}, {}} { // its sign-in, then its consent
		if page, err = b.Submit(t.Context(), page, "", fill); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.HasPrefix(page.URL.String(), s.Facts().App("expense-bot").URL) {
		t.Fatalf("the browser is at %s: %s", page.URL, page.Text())
	}
	text, signedIn := s.account(t, b)
	if !signedIn || !strings.Contains(text, "grace@elsewhere.example") || !strings.Contains(text, "grace of Elsewhere") {
		t.Errorf("the account says: %s", text)
	}
}
