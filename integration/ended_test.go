package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/gatehouse-io/gatehouse/internal/demo"
)

// manage asks the management API over the broker's socket.
func (s *stage) manage(t *testing.T, method, path string, body []byte) []byte {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", s.broker.Socket())
	}}}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://broker/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		kind := "application/json"
		if method == http.MethodPut && strings.HasPrefix(path, "/apps/") {
			kind = "application/yaml" // a manifest
		}
		req.Header.Set("Content-Type", kind)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= http.StatusMultipleChoices {
		t.Fatalf("%s %s: %d %v %s", method, path, res.StatusCode, err, text)
	}
	return text
}

// person is the id of somebody who has signed in.
func (s *stage) person(t *testing.T, username string) string {
	t.Helper()
	return s.mailed(t, s.Facts().Person(username).Email)
}

// mailed returns the id of whoever has an e-mail address.
func (s *stage) mailed(t *testing.T, email string) string {
	t.Helper()
	var page struct {
		Items []struct {
			ID      string
			Profile struct{ Email string }
		}
	}
	if err := json.Unmarshal(s.manage(t, http.MethodGet, "/people", nil), &page); err != nil {
		t.Fatal(err)
	}
	for _, p := range page.Items {
		if p.Profile.Email == email {
			return p.ID
		}
	}
	t.Fatalf("%s has never signed in", email)
	return ""
}

// userinfo answers with the status of a token of expense-bot.
func (a *attacker) userinfo(held *oauth2.Token) int {
	a.t.Helper()
	status, _, _ := a.post("/userinfo", "", http.Header{"Authorization": {"Bearer " + held.AccessToken}})
	return status
}

// refresh uses a refresh token as app; next is empty when it is refused.
func (a *attacker) refresh(app demo.FactApp, token, extra string) (next oauth2.Token, code string) {
	a.t.Helper()
	return a.tokenAnswer(app.ClientID, app.Secret, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}.Encode()+extra)
}

// exchange asks for tokens with a form.
func (a *attacker) exchange(t *testing.T, form url.Values, id, secret string) (*oauth2.Token, string) {
	t.Helper()
	held, code := a.tokenAnswer(id, secret, form.Encode())
	return &held, code
}

// tokenAnswer posts to the token endpoint with client_secret_basic.
func (a *attacker) tokenAnswer(id, secret, body string) (next oauth2.Token, code string) {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost, a.Issuer()+"/token", strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header = basicAuth(id, secret)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := a.client.Do(req)
	if err != nil {
		a.t.Error(err)
		return next, "unreachable"
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		Error   string `json:"error"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		a.t.Error(err)
	}
	return oauth2.Token{AccessToken: answer.Access, RefreshToken: answer.Refresh}, answer.Error
}

func TestWhatIsSwitchedOffIsOutAtOnceEverywhereAndStaysOut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		path    func(*attacker) string
		refused string // what a refresh gets meanwhile
		session bool   // whether the browser's session ends
	}{
		"person":     {func(a *attacker) string { return "/people/" + a.person(a.t, "alice") }, "invalid_grant", true},
		"connection": {func(*attacker) string { return "/connections/acme" }, "invalid_grant", true},
		"app":        {func(*attacker) string { return "/apps/expense-bot" }, "invalid_client", false},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAttacker(t)
			app, held := a.Facts().App("expense-bot"), a.signedIn()
			alice, bob := a.signIn(t, "alice", "expense-bot"), a.signIn(t, "bob", "expense-bot")
			if got := a.userinfo(held); got != http.StatusOK {
				t.Fatalf("control: %d", got)
			}
			next, code := a.refresh(app, held.RefreshToken, "")
			if code != "" {
				t.Fatalf("control: %s", code)
			}
			a.manage(t, http.MethodPost, c.path(a)+"/disable", nil)
			for what, token := range map[string]*oauth2.Token{"first": held, "refreshed": &next} {
				if got := a.userinfo(token); got != http.StatusUnauthorized {
					t.Errorf("the %s access token: %d", what, got)
				}
			}
			if _, code := a.refresh(app, next.RefreshToken, ""); code != c.refused {
				t.Errorf("refresh: %q", code)
			}
			if _, in := a.account(t, alice); in == c.session {
				t.Errorf("the browser is signed in: %v", in)
			}
			if _, in := a.account(t, bob); name == "person" && !in {
				t.Error("somebody else's session ended")
			}
			a.manage(t, http.MethodPost, c.path(a)+"/enable", nil)
			if got := a.userinfo(&next); got != http.StatusUnauthorized {
				t.Errorf("switched on again, the old access token: %d", got)
			}
			if _, code := a.refresh(app, next.RefreshToken, ""); code != "invalid_grant" {
				t.Errorf("switched on again, the old refresh token: %q", code)
			}
			if got := a.userinfo(a.signedIn()); got != http.StatusOK {
				t.Errorf("a new sign-in: %d", got)
			}
		})
	}
}

func TestARemovedAppIsGoneAndItsClientIDInheritsNothing(t *testing.T) {
	a := newAttacker(t)
	app, held := a.Facts().App("expense-bot"), a.signedIn()
	manifest := a.manifest(t, "expense-bot", nil)
	a.manage(t, http.MethodDelete, "/apps/expense-bot", nil)
	if got := a.userinfo(held); got != http.StatusUnauthorized {
		t.Errorf("the access token of a removed app: %d", got)
	}
	if _, code := a.refresh(app, held.RefreshToken, ""); code != "invalid_client" {
		t.Errorf("its refresh token: %q", code)
	}
	var answer struct {
		Secret string `json:"client_secret"`
	}
	if err := json.Unmarshal(a.manage(t, http.MethodPut, "/apps/expense-bot", manifest), &answer); err != nil || answer.Secret == "" {
		t.Fatalf("%v %+v", err, answer)
	}
	app.Secret = answer.Secret
	if _, code := a.refresh(app, held.RefreshToken, ""); code != "invalid_grant" {
		t.Errorf("another app with its client id: %q", code)
	}
	if got := a.userinfo(held); got != http.StatusUnauthorized {
		t.Errorf("and the access token: %d", got)
	}
}

// manifest returns an app's manifest, with changes to spec.identity.oidc.
func (s *stage) manifest(t *testing.T, name string, change map[string]any) []byte {
	t.Helper()
	var app struct {
		Manifest map[string]any `json:"manifest"`
	}
	if err := json.Unmarshal(s.manage(t, http.MethodGet, "/apps/"+name, nil), &app); err != nil {
		t.Fatal(err)
	}
	oidc := app.Manifest["spec"].(map[string]any)["identity"].(map[string]any)["oidc"].(map[string]any)
	for member, v := range change {
		oidc[member] = v
	}
	text, err := json.Marshal(app.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestARefreshTokenIsWorthOneSuccessor(t *testing.T) {
	a := newAttacker(t)
	app, crm := a.Facts().App("expense-bot"), a.Facts().App("nightly-report")
	held := a.signedIn()
	if _, code := a.refresh(crm, held.RefreshToken, ""); code != "unauthorized_client" && code != "invalid_grant" {
		t.Errorf("of another client: %q", code)
	}
	if _, code := a.refresh(app, held.RefreshToken, "&scope=openid+admin"); code != "invalid_scope" {
		t.Errorf("for a wider scope: %q", code)
	}
	if _, code := a.refresh(app, held.RefreshToken, "&resource=payroll-api"); code != "invalid_target" {
		t.Errorf("for another resource: %q", code)
	}
	next, code := a.refresh(app, held.RefreshToken, "&scope=openid")
	if code != "" || next.RefreshToken == held.RefreshToken {
		t.Fatalf("control, after refusals that cost nothing: %q", code)
	}
	if _, code := a.refresh(app, held.RefreshToken, ""); code != "invalid_grant" {
		t.Errorf("used again: %q", code)
	}
	if _, code := a.refresh(app, next.RefreshToken, ""); code != "invalid_grant" {
		t.Errorf("its successor, after that: %q", code)
	}
	if got := a.userinfo(&next); got != http.StatusUnauthorized {
		t.Errorf("the successor's access token, after that: %d", got)
	}
}

func TestOfRefreshesAtOnceOneWinsAndTheFamilyEnds(t *testing.T) {
	a := newAttacker(t)
	app, held := a.Facts().App("expense-bot"), a.signedIn()
	const callers = 8
	won := make(chan oauth2.Token, callers)
	for range callers {
		go func() { next, _ := a.refresh(app, held.RefreshToken, ""); won <- next }()
	}
	var winners []oauth2.Token
	for range callers {
		if next := <-won; next.RefreshToken != "" {
			winners = append(winners, next)
		}
	}
	if len(winners) != 1 {
		t.Fatalf("%d won", len(winners))
	}
	if _, code := a.refresh(app, winners[0].RefreshToken, ""); code != "invalid_grant" {
		t.Errorf("the winner's: %q", code)
	}
	if got := a.userinfo(&winners[0]); got != http.StatusUnauthorized {
		t.Errorf("the winner's access token: %d", got)
	}
}

func TestARetryWithinTheWindowGetsTheSameSuccessor(t *testing.T) {
	a := newAttacker(t)
	app := a.Facts().App("expense-bot")
	a.manage(t, http.MethodPut, "/apps/expense-bot", a.manifest(t, "expense-bot", map[string]any{"refreshRetryWindow": "10s"}))
	held := a.signedIn()
	first, code := a.refresh(app, held.RefreshToken, "")
	if code != "" {
		t.Fatal(code)
	}
	again, code := a.refresh(app, held.RefreshToken, "")
	if code != "" || again.RefreshToken != first.RefreshToken || again.AccessToken == first.AccessToken {
		t.Errorf("%q, the same successor: %v", code, again.RefreshToken == first.RefreshToken)
	}
	second, code := a.refresh(app, first.RefreshToken, "")
	if code != "" {
		t.Fatal(code)
	}
	// The successor was used: who sends the first token now has stolen it.
	if _, code := a.refresh(app, held.RefreshToken, ""); code != "invalid_grant" {
		t.Errorf("a replay: %q", code)
	}
	if _, code := a.refresh(app, second.RefreshToken, ""); code != "invalid_grant" {
		t.Errorf("the family after a replay: %q", code)
	}
}

// TestUserinfoTellsNothingOfSomebodyWhoLostTheGroup holds it to the facts of now,
// not to those that the token was made from.
func TestUserinfoTellsNothingOfSomebodyWhoLostTheGroup(t *testing.T) {
	a := newAttacker(t)
	held := a.signedIn()
	if status := a.userinfo(held); status != http.StatusOK {
		t.Fatalf("in the group: %d", status)
	}
	a.unmap("all-employees")
	if status := a.userinfo(held); status != http.StatusUnauthorized {
		t.Errorf("out of the group: %d", status)
	}
}

// A code is a minute old at most when it is redeemed. What was revoked in that minute is
// not begun anew by the refresh token that comes with it.
func TestACodeFromBeforeARevocationIsWorthNothing(t *testing.T) {
	a := newAttacker(t)
	b := a.signIn(t, "alice", "crm-dash")
	for _, what := range []string{"client/" + a.Facts().App("expense-bot").ClientID, "app/expense-bot"} {
		redeem := a.code(b)
		a.manage(t, http.MethodPost, "/revocations/"+what, []byte(`{"reason":"its secret was seen"}`))
		var refused *oauth2.RetrieveError
		if _, err := redeem(); !errors.As(err, &refused) || refused.ErrorCode != "invalid_grant" {
			t.Errorf("%s: %v", what, err)
		}
		if held, err := a.code(b)(); err != nil || held.RefreshToken == "" || a.userinfo(held) != http.StatusOK {
			t.Errorf("%s, control: a code from after it: %v", what, err)
		}
	}
}
