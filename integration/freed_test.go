package integration

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
)

// legacy is what travel-desk leaves behind, and who has its client_id next gets nothing of.
type legacy struct {
	*attacker
	alice *browser.Browser
	// subject is a token that mayAct let it exchange, exchanged what it got for that;
	// signedIn is of alice, itself of nobody.
	subject, exchanged, signedIn, itself string
	stream                               string
}

// asking is a request of whoever has the client_id of travel-desk.
func (l *legacy) asking(prompt string) url.Values {
	app := l.Facts().App("travel-desk")
	change := url.Values{"client_id": {app.ClientID}, "redirect_uri": {app.RedirectURIs[0]}, "scope": {"openid email"}}
	if prompt != "" {
		change.Set("prompt", prompt)
	}
	return change
}

// told is what alice's last request brought to that client.
func (l *legacy) told() url.Values {
	for _, u := range l.alice.Visited {
		if strings.HasPrefix(u.String(), l.Facts().App("travel-desk").RedirectURIs[0]) {
			return u.Query()
		}
	}
	return nil
}

// signsIn is what the client is told without alice being asked anything.
func (l *legacy) signsIn() url.Values {
	l.t.Helper()
	if _, err := l.alice.Get(l.t.Context(), l.request(l.asking("none"))); err != nil {
		l.t.Fatal(err)
	}
	return l.told()
}

// swaps exchanges a token with the secret that the client_id has now.
func (l *legacy) swaps(secret, subject string) (access, code string) {
	l.t.Helper()
	x := l.Facts().Exchange
	held, code := l.tokenAnswer(l.Facts().App("travel-desk").ClientID, secret, url.Values{
		"grant_type": {grantExchange}, "subject_token": {subject}, "subject_token_type": {accessToken}, "audience": {x.Audience}, "scope": {x.Scope},
	}.Encode())
	return held.AccessToken, code
}

// heir makes an app of a name that has the client_id of travel-desk, which is gone, and
// asks for all that it had. An administrator agrees to all of it.
func (l *legacy) heir(name string, manifest map[string]any) (secret string) {
	l.t.Helper()
	manifest["metadata"].(map[string]any)["name"] = name
	text, err := json.Marshal(manifest)
	if err != nil {
		l.t.Fatal(err)
	}
	var made struct {
		Secret string `json:"client_secret"`
	}
	if err := json.Unmarshal(l.manage(l.t, http.MethodPut, "/apps/"+name, text), &made); err != nil || made.Secret == "" {
		l.t.Fatalf("%s has no secret: %v", name, err)
	}
	return made.Secret
}

// givesNothing fails unless the heir with this secret gets nothing of what there was.
func (l *legacy) givesNothing(heir, secret string, partner *stranger) {
	l.t.Helper()
	app := l.Facts().App("travel-desk")
	for what, raw := range map[string]string{"exchanged": l.exchanged, "of alice": l.signedIn, "of nobody": l.itself} {
		if _, code, _ := l.post("/introspect", url.Values{"token": {raw}}.Encode(), basicAuth(app.ClientID, secret)); code != "inactive" {
			l.t.Errorf("%s: the token %s is good: %q", heir, what, code)
		}
	}
	for what, subject := range map[string]string{
		"from before": l.subject, "from now": l.tokens(l.alice).AccessToken, "of another issuer": partner.subject(l.Issuer()),
	} {
		if access, code := l.swaps(secret, subject); access != "" || code != "invalid_request" {
			l.t.Errorf("%s exchanges a token %s: %q", heir, what, code)
		}
	}
	if got := l.signsIn(); got.Get("error") != "consent_required" || got.Has("code") {
		l.t.Errorf("%s has the consent that another app got: %v", heir, got)
	}
	next := receiver{l.attacker, app.ClientID, secret}
	if status, _ := next.ask(http.MethodGet, "/ssf/stream?stream_id="+l.stream, nil, nil); status != http.StatusNotFound {
		l.t.Errorf("%s has the stream of another app: %d", heir, status)
	}
}

// trusting is a demo where travel-desk is a third party's app that may bring tokens of a
// partner, over whom somebody signed in before.
func trusting(t *testing.T) (*attacker, *stranger) {
	t.Helper()
	partner := newStranger(t)
	a := &attacker{t: t, client: &http.Client{}, stage: startDemoAt(t, tempDir(t), nil, time.Now, func(c *config.Config) {
		c.Policy.ThirdParty = []string{"travel-desk", "heir"}
		c.Connections = append(c.Connections, config.Connection{
			ID: "partner", Title: "Partner", Type: "oidc", Issuer: partner.URL, ClientID: "gatehouse", ClientSecret: "secret", Scopes: []string{"openid"},
			Algorithms: []string{"ES256"}, Groups: config.Groups{Claim: "groups"},
			Exchange: config.Exchange{Clients: map[string][]string{"microapp-travel-desk": {"web"}}, Types: []string{config.TypeAccessToken}, MaxAge: 10 * time.Minute},
		})
		for group, name := range map[string]string{"staff": "all-employees", "money": "finance"} {
			c.Mappings = append(c.Mappings, config.Mapping{Connection: "partner", Group: group, Name: name})
		}
	})}
	if _, page, in := a.enter(partner, map[string]any{"sub": "1", "groups": []string{"staff", "money"}, "email": "one@partner.example"}); !in {
		t.Fatal(page.Text())
	}
	return a, partner
}

// leaves has travel-desk use all that it has, each the control of what its heirs are refused.
func (a *attacker) leaves(partner *stranger) *legacy {
	a.t.Helper()
	app := a.Facts().App("travel-desk")
	r := a.subscribe("travel-desk", scopeManage)
	l := &legacy{attacker: a, alice: a.atAcme(), stream: r.polling("session-revoked").ID, itself: r.token(scopeManage)}
	a.consent(l.alice, a.consentPage(l.alice, l.asking("")), "allow")
	held, code := a.exchange(a.t, url.Values{
		"grant_type": {"authorization_code"}, "code": {l.told().Get("code")}, "redirect_uri": {app.RedirectURIs[0]}, "code_verifier": {strings.Repeat("v", 43)},
	}, app.ClientID, app.Secret)
	if l.signedIn = held.AccessToken; code != "" || a.userinfo(held) != http.StatusOK {
		a.t.Fatalf("control: nobody signs in: %q", code)
	}
	if got := l.signsIn(); !got.Has("code") {
		a.t.Fatalf("control: alice consented: %v", got)
	}
	l.subject = a.tokens(l.alice).AccessToken
	if l.exchanged, code = l.swaps(app.Secret, l.subject); code != "" || !a.takes(l.exchanged) {
		a.t.Fatalf("control: no exchange: %q", code)
	}
	if _, code := l.swaps(app.Secret, partner.subject(a.Issuer())); code != "" {
		a.t.Fatalf("control: no exchange of the partner's token: %q", code)
	}
	if status, _ := r.ask(http.MethodGet, "/ssf/stream?stream_id="+l.stream, nil, nil); status != http.StatusOK {
		a.t.Fatalf("control: no stream: %d", status)
	}
	return l
}

// TestWhoGetsAFreedClientIDInheritsNothing removes an app that others trust, and gives its
// client_id to other ones, which ask for the same and are agreed to it.
func TestWhoGetsAFreedClientIDInheritsNothing(t *testing.T) {
	t.Parallel()
	a, partner := trusting(t)
	l := a.leaves(partner)
	var was struct {
		Manifest map[string]any `json:"manifest"`
	}
	if err := json.Unmarshal(a.manage(t, http.MethodGet, "/apps/travel-desk", nil), &was); err != nil {
		t.Fatal(err)
	}
	a.manage(t, http.MethodDelete, "/apps/travel-desk", nil)
	l.givesNothing("another app", l.heir("heir", was.Manifest), partner)
	a.manage(t, http.MethodDelete, "/apps/heir", nil)
	secret := l.heir("travel-desk", was.Manifest)
	l.givesNothing("an app of the same name", secret, partner)
	if app := string(a.manage(t, http.MethodGet, "/apps/expense-bot", nil)); !strings.Contains(app, `"lapsed":{"microapp-travel-desk":`) {
		t.Errorf("nothing says that the trust has lapsed: %s", app)
	}
	refused := string(a.manage(t, http.MethodGet, "/audit?type=token.refused", nil))
	for _, reason := range []string{"subject_holder", "subject_not_allowed"} { // and not since it was all a moment ago
		if !strings.Contains(refused, `"reason":"`+reason+`"`) {
			t.Errorf("nothing was refused for %s: %s", reason, refused)
		}
	}
	for _, clients := range [][]string{{}, {"microapp-travel-desk"}} { // named anew
		a.manage(t, http.MethodPut, "/apps/expense-bot", a.manifest(t, "expense-bot", map[string]any{"mayAct": clients}))
	}
	// Bob, of whom nothing was read since before the client_id was revoked.
	if access, code := l.swaps(secret, a.tokens(a.atAcmeAs("bob")).AccessToken); code != "" || !a.takes(access) {
		t.Errorf("control: it was named anew: %q", code)
	}
	if _, code := l.swaps(secret, l.subject); code != "invalid_request" {
		t.Errorf("a token from before is exchanged: %q", code)
	}
	a.consent(l.alice, a.consentPage(l.alice, l.asking("")), "allow")
	if got := l.signsIn(); !got.Has("code") {
		t.Errorf("control: alice consented anew: %v", got)
	}
}

// TestWhoGetsAFreedClientIDIsAgreedToNothing has the next app be its owner's, whom nobody on
// the side of the API agreed to anything.
func TestWhoGetsAFreedClientIDIsAgreedToNothing(t *testing.T) {
	t.Parallel()
	a := newAttacker(t)
	owner := a.owning("heir")
	var was struct {
		Manifest map[string]any `json:"manifest"`
	}
	if err := json.Unmarshal(a.manage(t, http.MethodGet, "/apps/nightly-report", nil), &was); err != nil {
		t.Fatal(err)
	}
	was.Manifest["metadata"].(map[string]any)["name"] = "heir"
	text, err := json.Marshal(was.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	a.manage(t, http.MethodDelete, "/apps/nightly-report", nil)
	status, answer := a.as(owner, http.MethodPut, "/apps/heir", "application/yaml", text)
	var made struct {
		Secret string `json:"client_secret"`
	}
	if err := json.Unmarshal([]byte(answer), &made); err != nil || status >= http.StatusMultipleChoices || !strings.Contains(answer, `"pending"`) {
		t.Fatalf("%d %s", status, answer)
	}
	ask := func() string {
		_, code := a.tokenAnswer(a.Facts().App("nightly-report").ClientID, made.Secret, "grant_type=client_credentials&resource=payroll-api&scope=payroll.read")
		return code
	}
	if code := ask(); code != "invalid_scope" {
		t.Errorf("before anybody agreed: %q", code)
	}
	a.manage(t, http.MethodPost, "/apps/payroll-api/callers/heir", []byte(`{"scopes":["payroll.read"]}`))
	if code := ask(); code != "" {
		t.Errorf("control: it was agreed to: %q", code)
	}
}
