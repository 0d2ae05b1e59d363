package integration

import (
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/app"
	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
)

// held is everything that one sign-in gave.
type held struct {
	browser *browser.Browser
	token   *oauth2.Token
	offline *oauth2.Token // outlives the session
	code    url.Values
}

// TestADatabaseOfAnotherEraHonoursNothingIssuedBefore restarts the broker on its
// database as it is, and once more as one that was put back from a backup.
func TestADatabaseOfAnotherEraHonoursNothingIssuedBefore(t *testing.T) {
	t.Parallel()
	for name, restored := range map[string]bool{"as it is": false, "restored": true} {
		t.Run(name, func(t *testing.T) {
			dir := tempDir(t)
			var before held
			t.Run("before", func(t *testing.T) {
				a := &attacker{t: t, client: &http.Client{}, stage: startDemo(t, dir, nil)}
				before.browser = a.signIn(t, "alice", "expense-bot")
				before.token = a.tokens(before.browser)
				before.offline = a.offline(before.browser)
				params, _ := a.answer(t, before.browser, nil)
				before.code = url.Values{
					"grant_type": {"authorization_code"}, "code": {params.Get("code")}, "redirect_uri": {a.Facts().App("expense-bot").RedirectURIs[0]},
					"code_verifier": {strings.Repeat("v", 43)},
				}
			})
			if restored {
				cfg, err := config.Load(filepath.Join(dir, "broker.yaml"), nil)
				if err == nil {
					err = app.Adopt(t.Context(), cfg, io.Discard)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			a := &attacker{t: t, client: &http.Client{}, stage: startDemo(t, dir, nil)}
			expense := a.Facts().App("expense-bot")
			if got := a.userinfo(before.token) == http.StatusOK; got == restored {
				t.Errorf("the access token is good: %v", got)
			}
			if _, in := a.account(t, before.browser); in == restored {
				t.Errorf("the session lives: %v", in)
			}
			if _, code := a.refresh(expense, before.token.RefreshToken, ""); (code == "invalid_grant") != restored {
				t.Errorf("the refresh token: %q", code)
			}
			if _, code := a.refresh(expense, before.offline.RefreshToken, ""); (code == "invalid_grant") != restored {
				t.Errorf("the refresh token that needs no session: %q", code)
			}
			if _, code := a.exchange(t, before.code, expense.ClientID, expense.Secret); (code == "invalid_grant") != restored {
				t.Errorf("the code: %q", code)
			}
			if got := a.userinfo(a.signedIn()); got != http.StatusOK {
				t.Errorf("control: a new sign-in: %d", got)
			}
		})
	}
}

// offline returns tokens for expense-bot that outlive the browser's session.
func (a *attacker) offline(b *browser.Browser) *oauth2.Token {
	a.t.Helper()
	app := a.Facts().App("expense-bot")
	params, _ := a.answer(a.t, b, url.Values{"scope": {"openid offline_access"}})
	token, code := a.exchange(a.t, url.Values{
		"grant_type": {"authorization_code"}, "code": {params.Get("code")}, "redirect_uri": {app.RedirectURIs[0]}, "code_verifier": {strings.Repeat("v", 43)},
	}, app.ClientID, app.Secret)
	if code != "" {
		a.t.Fatal(code)
	}
	return token
}

// TestOfflineAccessEndsWhenNobodyKnowsTheGroupsAnyMore moves the clock: groups that
// only a sign-in told of hold for twelve hours.
func TestOfflineAccessEndsWhenNobodyKnowsTheGroupsAnyMore(t *testing.T) {
	var passed atomic.Int64
	a := &attacker{t: t, client: &http.Client{}, stage: startUnpushed(t, func() time.Time {
		return time.Now().Add(time.Duration(passed.Load()))
	})}
	app := a.Facts().App("expense-bot")
	raw := a.offline(a.signIn(t, "alice", "expense-bot")).RefreshToken
	for _, c := range []struct {
		after time.Duration
		want  string
	}{{11 * time.Hour, ""}, {13 * time.Hour, "invalid_grant"}} {
		passed.Store(int64(c.after))
		eventually(t, "the broker is ready", func() bool { status, _, _ := a.get("/readyz"); return status == http.StatusOK })
		next, code := a.refresh(app, raw, "")
		if code != c.want {
			t.Fatalf("after %s: %q", c.after, code)
		}
		raw = next.RefreshToken
	}
}
