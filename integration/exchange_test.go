package integration

import (
	"encoding/json"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

const (
	grantExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
	accessToken   = "urn:ietf:params:oauth:token-type:access_token"
)

// swap exchanges a token as the facts say that it can be tried; pairs alternate
// further parameters and values.
func (a *attacker) swap(client, subject string, pairs ...string) (access, code string) {
	a.t.Helper()
	x, app := a.Facts().Exchange, a.Facts().App(client)
	form := url.Values{
		"grant_type": {grantExchange}, "subject_token": {subject}, "subject_token_type": {accessToken}, "audience": {x.Audience}, "scope": {x.Scope},
	}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	header := basicAuth(app.ClientID, app.Secret)
	if app.Auth == "client_secret_post" {
		header = nil
		form.Set("client_id", app.ClientID)
		form.Set("client_secret", app.Secret)
	}
	_, text := a.send(http.MethodPost, "/token", form, header)
	var answer struct {
		Access string `json:"access_token"`
		Error  string `json:"error"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		a.t.Fatal(text)
	}
	return answer.Access, answer.Error
}

// takes asks, as the API, whether a token is good.
func (a *attacker) takes(raw string) bool {
	a.t.Helper()
	api := a.Facts().APIs[0]
	_, code, _ := a.post("/introspect", url.Values{"token": {raw}}.Encode(), basicAuth(api.ClientID, api.Secret))
	return code == ""
}

func TestTheFactsOfTheExchangeAreSo(t *testing.T) {
	a := newAttacker(t)
	if err := a.WriteFacts(t.Context(), filepath.Join(t.TempDir(), "facts.json")); err != nil { // and so the token has expired
		t.Fatal(err)
	}
	x, held := a.Facts().Exchange, a.signedIn()
	good, code := a.swap(x.Client, held.AccessToken)
	if code != "" || !a.takes(good) {
		t.Fatalf("control: %q", code)
	}
	for name, c := range map[string]struct {
		client, subject string
		pairs           []string
		code            string
	}{
		"client_denied":              {x.ClientDenied, held.AccessToken, nil, "unauthorized_client"},
		"the subject's own client":   {x.SubjectClient, held.AccessToken, nil, "unauthorized_client"},
		"audience_denied":            {x.Client, held.AccessToken, []string{"audience", x.AudienceDenied, "scope", ""}, "invalid_target"},
		"scope_wider":                {x.Client, held.AccessToken, []string{"scope", x.Scope + " " + x.ScopeWider}, "invalid_scope"},
		"expired_token":              {x.Client, x.ExpiredToken, nil, "invalid_request"},
		"a refresh token as subject": {x.Client, held.RefreshToken, nil, "invalid_request"},
		"an exchanged one, again":    {x.Client, good, nil, "invalid_request"},
	} {
		if access, code := a.swap(c.client, c.subject, c.pairs...); access != "" || code != c.code {
			t.Errorf("%s: %q", name, code)
		}
	}
	refused := string(a.manage(t, http.MethodGet, "/audit?type=token.refused", nil))
	for _, reason := range []string{"audience_denied", "scope_denied", "subject_expired", "subject_invalid", "may_act"} {
		if !strings.Contains(refused, `"reason":"`+reason+`"`) {
			t.Errorf("the audit log has no refusal for %s: %s", reason, refused)
		}
	}
	if issued := string(a.manage(t, http.MethodGet, "/audit?type=token.issued", nil)); !strings.Contains(issued, `"parent_client":"`+a.Facts().App(x.SubjectClient).ClientID) {
		t.Errorf("the audit log does not tell of the exchange: %s", issued)
	}
	if status, _, _ := a.post("/userinfo", "", http.Header{"Authorization": {"Bearer " + good}}); status != http.StatusUnauthorized {
		t.Errorf("userinfo takes the API's token: %d", status)
	}
	if _, code, _ := a.post("/introspect", url.Values{"token": {good}}.Encode(), basicAuth(a.Facts().APIs[1].ClientID, a.Facts().APIs[1].Secret)); code != "inactive" {
		t.Errorf("another API takes it: %q", code)
	}
}

// TestAnExchangedTokenIsLostWithWhatItGrewFrom ends each thing in turn.
func TestAnExchangedTokenIsLostWithWhatItGrewFrom(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*attacker, *oauth2.Token){
		"nothing":    func(*attacker, *oauth2.Token) {},
		"person":     func(a *attacker, _ *oauth2.Token) { a.disable("/people/" + a.person(a.t, "alice")) },
		"connection": func(a *attacker, _ *oauth2.Token) { a.disable("/connections/acme") },
		"sessions": func(a *attacker, _ *oauth2.Token) {
			a.manage(a.t, http.MethodDelete, "/people/"+a.person(a.t, "alice")+"/sessions", nil)
		},
		"the subject's app": func(a *attacker, _ *oauth2.Token) { a.disable("/apps/expense-bot") },
		"the client's app":  func(a *attacker, _ *oauth2.Token) { a.disable("/apps/travel-desk") },
		"the subject token": func(a *attacker, held *oauth2.Token) {
			app := a.Facts().App("expense-bot")
			a.post("/revoke", url.Values{"token": {held.AccessToken}}.Encode(), basicAuth(app.ClientID, app.Secret))
		},
		"the group": func(a *attacker, _ *oauth2.Token) { a.unmap("finance") }, // of the API alone
	} {
		t.Run(name, func(t *testing.T) {
			a := newAttacker(t)
			held := a.signedIn()
			access, code := a.swap("travel-desk", held.AccessToken)
			if code != "" || !a.takes(access) {
				t.Fatalf("before: %q", code)
			}
			end(a, held)
			_, code = a.swap("travel-desk", held.AccessToken)
			switch name {
			case "nothing":
				if code != "" || !a.takes(access) {
					t.Errorf("%q", code)
				}
			case "the group":
				if code != "invalid_target" {
					t.Errorf("exchanged anew: %q", code)
				}
			case "the client's app":
				if code != "invalid_client" || a.takes(access) {
					t.Errorf("exchanged anew: %q", code)
				}
			default:
				if code != "invalid_request" || a.takes(access) {
					t.Errorf("exchanged anew: %q", code)
				}
			}
		})
	}
}

// TestAnExchangeFollowsTheManifest changes what the manifests say.
func TestAnExchangeFollowsTheManifest(t *testing.T) {
	a := newAttacker(t)
	held := a.signedIn()
	a.manage(t, http.MethodPut, "/apps/expense-bot", a.manifest(t, "expense-bot", map[string]any{"mayAct": []string{"microapp-crm-dash"}}))
	if _, code := a.swap("travel-desk", held.AccessToken); code != "invalid_request" {
		t.Errorf("the subject's app names another client: %q", code)
	}
	a.manage(t, http.MethodPut, "/apps/expense-bot", a.manifest(t, "expense-bot", map[string]any{"mayAct": []string{"microapp-travel-desk"}}))
	if _, code := a.swap("travel-desk", held.AccessToken); code != "" {
		t.Errorf("control: %q", code)
	}
	page, err := a.signIn(t, "ada", "crm-dash").Get(t.Context(), a.Issuer()+"/admin/apps/travel-desk")
	if err != nil || !strings.Contains(page.Text(), "payroll-api") || !strings.Contains(page.Text(), "payroll.read") {
		t.Errorf("the app's page does not say what it may exchange for: %v %s", err, page.Text())
	}
	if page, err = a.signIn(t, "ada", "crm-dash").Get(t.Context(), a.Issuer()+"/admin/apps/expense-bot"); err != nil || !strings.Contains(page.Text(), "microapp-travel-desk") {
		t.Errorf("the app's page does not say who may exchange its tokens: %v %s", err, page.Text())
	}
	if text := string(a.manage(t, http.MethodGet, "/apps/travel-desk", nil)); !strings.Contains(text, "tokenExchange") || !strings.Contains(text, "payroll.read") {
		t.Error(text)
	}
}

// TestASignInsLifeIsTheMostThatAnExchangeGets moves the clock.
func TestASignInsLifeIsTheMostThatAnExchangeGets(t *testing.T) {
	a := newLater(t)
	held := a.signedIn()
	a.pass(4 * time.Minute)
	access, code := a.swap("travel-desk", held.AccessToken)
	if code != "" || !a.takes(access) {
		t.Fatalf("control: %q", code)
	}
	a.pass(time.Minute + time.Second)
	if a.takes(access) {
		t.Error("it lives longer than the token that it was exchanged for")
	}
	if _, code := a.swap("travel-desk", held.AccessToken); code != "invalid_request" {
		t.Errorf("an expired token: %q", code)
	}
}
