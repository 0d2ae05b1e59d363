package integration

import (
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
)

// later is a demo whose broker's clock a test moves.
type later struct {
	*attacker
	passed atomic.Int64
}

func newLater(t *testing.T) *later {
	t.Helper()
	l := &later{}
	l.attacker = &attacker{t: t, client: &http.Client{}, stage: startDemoAt(t, tempDir(t), nil, l.now)}
	return l
}

func (l *later) now() time.Time { return time.Now().Add(time.Duration(l.passed.Load())) }

// pass lets time go by, and waits until the broker has followed.
func (l *later) pass(d time.Duration) {
	l.t.Helper()
	l.passed.Add(int64(d))
	eventually(l.t, "the broker is ready", func() bool {
		res, err := l.client.Get(l.Issuer() + "/readyz")
		if err != nil {
			l.t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// grant signs the browser's person in to expense-bot with a scope.
func (a *attacker) grant(b *browser.Browser, scope string) *oauth2.Token {
	a.t.Helper()
	app := a.Facts().App("expense-bot")
	params, _ := a.answer(a.t, b, url.Values{"scope": {scope}})
	held, code := a.exchange(a.t, url.Values{
		"grant_type": {"authorization_code"}, "code": {params.Get("code")}, "redirect_uri": {app.RedirectURIs[0]}, "code_verifier": {strings.Repeat("v", 43)},
	}, app.ClientID, app.Secret)
	if code != "" {
		a.t.Fatalf("%s: %s", scope, code)
	}
	return held
}

func TestARefreshTokenDiesWithItsSessionUnlessItIsForOfflineAccess(t *testing.T) {
	a := newAttacker(t)
	app, alice := a.Facts().App("expense-bot"), a.signIn(t, "alice", "crm-dash")
	bound, offline := a.grant(alice, "openid"), a.grant(alice, "openid offline_access")
	page := a.logoutPage(t, alice, nil)
	if _, err := alice.Submit(t.Context(), page, "confirm", nil); err != nil {
		t.Fatal(err)
	}
	if _, code := a.refresh(app, bound.RefreshToken, ""); code != "invalid_grant" {
		t.Errorf("of the session that ended: %q", code)
	}
	next, code := a.refresh(app, offline.RefreshToken, "")
	if code != "" || a.userinfo(&next) != http.StatusOK {
		t.Errorf("for offline access: %q", code)
	}
	// Signing out ends sessions. What goes on without one is taken away by name.
	again := a.signIn(t, "alice", "crm-dash")
	account, err := again.Get(t.Context(), a.Facts().Account)
	if err == nil {
		_, err = again.Submit(t.Context(), account, "withdraw", nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, code := a.refresh(app, next.RefreshToken, ""); code != "invalid_grant" {
		t.Errorf("offline access that was taken away: %q", code)
	}
}

func TestCodesAndAccessTokensAreShortLived(t *testing.T) {
	l := newLater(t)
	alice := l.signIn(t, "alice", "expense-bot")
	held, redeem := l.tokens(alice), l.code(alice)
	l.pass(4*time.Minute + 50*time.Second)
	if got := l.userinfo(held); got != http.StatusOK {
		t.Errorf("before five minutes: %d", got)
	}
	l.pass(20 * time.Second)
	if got := l.userinfo(held); got != http.StatusUnauthorized {
		t.Errorf("after five minutes: %d", got)
	}
	if _, err := redeem(); err == nil {
		t.Error("a code of five minutes ago is redeemed")
	}
	if got := l.userinfo(l.tokens(alice)); got != http.StatusOK {
		t.Errorf("control: %d", got)
	}
}

func TestGroupsThatOnlyASignInToldOfHoldForTwelveHours(t *testing.T) {
	l := &later{}
	l.attacker = &attacker{t: t, client: &http.Client{}, stage: startUnpushed(t, l.now)}
	app, alice := l.Facts().App("expense-bot"), l.signIn(t, "alice", "crm-dash")
	held := l.grant(alice, "openid offline_access")
	l.pass(11 * time.Hour)
	next, code := l.refresh(app, held.RefreshToken, "")
	if code != "" {
		t.Fatalf("control: %q", code)
	}
	l.pass(2 * time.Hour)
	if _, code := l.refresh(app, next.RefreshToken, ""); code != "invalid_grant" {
		t.Errorf("after 13 hours without a sign-in: %q", code)
	}
	// The person proves anew what they may: the grant was not used up.
	l.signIn(t, "alice", "crm-dash")
	if _, code := l.refresh(app, next.RefreshToken, ""); code != "" {
		t.Errorf("after another sign-in: %q", code)
	}
}

// Groups that an identity provider pushes hold until it takes them away.
func TestGroupsThatArePushedDoNotLapse(t *testing.T) {
	l := newLater(t)
	app, held := l.Facts().App("expense-bot"), l.grant(l.signIn(t, "alice", "crm-dash"), "openid offline_access")
	l.pass(13 * time.Hour)
	if _, code := l.refresh(app, held.RefreshToken, ""); code != "" {
		t.Errorf("after 13 hours without a sign-in: %q", code)
	}
}

func TestOfflineAccessEndsAfterThirtyDays(t *testing.T) {
	l := newLater(t)
	app, held := l.Facts().App("expense-bot"), l.grant(l.signIn(t, "alice", "crm-dash"), "openid offline_access")
	l.pass(29 * 24 * time.Hour)
	l.signIn(t, "alice", "crm-dash")
	next, code := l.refresh(app, held.RefreshToken, "")
	if code != "" {
		t.Fatalf("control, after 29 days: %q", code)
	}
	l.pass(25 * time.Hour)
	l.signIn(t, "alice", "crm-dash")
	if _, code := l.refresh(app, next.RefreshToken, ""); code != "invalid_grant" {
		t.Errorf("after 30 days: %q", code)
	}
}
