package integration

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
)

// TestAConnectionThatTheConfigurationNoLongerHasSpeaksForNobody restarts the broker
// with the connection under another id: who came over the former one is out, with
// everything that was issued to them, though nobody has switched anything off.
func TestAConnectionThatTheConfigurationNoLongerHasSpeaksForNobody(t *testing.T) {
	for name, gone := range map[string]bool{"it stays": false, "it goes": true} {
		t.Run(name, func(t *testing.T) {
			dir := tempDir(t)
			var before held
			t.Run("before", func(t *testing.T) {
				a := &attacker{t: t, client: &http.Client{}, stage: startDemo(t, dir, nil)}
				before.browser = a.signIn(t, "alice", "expense-bot")
				before.token, before.offline = a.tokens(before.browser), a.offline(before.browser)
			})
			a := &attacker{t: t, client: &http.Client{}, stage: startDemoAt(t, dir, nil, time.Now, func(c *config.Config) {
				if gone {
					c.Connections[0].ID, c.Mappings = "another", nil
				}
			})}
			app := a.Facts().App("expense-bot")
			if _, code, _ := a.post("/introspect", url.Values{"token": {before.token.AccessToken}}.Encode(), basicAuth(app.ClientID, app.Secret)); (code == "inactive") != gone {
				t.Errorf("introspection: %q", code)
			}
			if got := a.userinfo(before.token) == http.StatusOK; got == gone {
				t.Errorf("the access token is good: %v", got)
			}
			if _, in := a.account(t, before.browser); in == gone {
				t.Errorf("the session lives: %v", in)
			}
			for what, raw := range map[string]string{"the refresh token": before.token.RefreshToken, "the one for offline access": before.offline.RefreshToken} {
				if _, code := a.refresh(app, raw, ""); (code == "invalid_grant") != gone {
					t.Errorf("%s: %q", what, code)
				}
			}
		})
	}
}
