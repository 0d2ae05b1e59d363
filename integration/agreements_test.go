package integration

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// as asks the management API with a token.
func (a *attacker) as(token, method, path, media string, body []byte) (status int, answer string) {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.Issuer()+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if media != "" {
		req.Header.Set("Content-Type", media)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// owning is an API token of the owner of apps.
func (a *attacker) owning(apps ...string) string {
	a.t.Helper()
	body, err := json.Marshal(map[string]any{"name": "owner of " + apps[0], "roles": []string{"app-owner"}, "apps": apps, "days": 1})
	if err != nil {
		a.t.Fatal(err)
	}
	var made struct {
		Secret string `json:"secret"`
	}
	if err := json.Unmarshal(a.manage(a.t, http.MethodPost, "/tokens", body), &made); err != nil || made.Secret == "" {
		a.t.Fatalf("no token: %v", err)
	}
	return made.Secret
}

// An owner writes their app's manifest alone. What they ask of the payroll, somebody on
// the payroll's side agrees to.
func TestAnOwnerGetsOfAnAPIWhatItsSideAgreesTo(t *testing.T) {
	a := newAttacker(t)
	job := a.Facts().App("nightly-report")
	owner, payroll := a.owning("nightly-report"), a.owning("payroll-api")
	take := func(scope string) (string, string) {
		held, code := a.tokenAnswer(job.ClientID, job.Secret, url.Values{"grant_type": {"client_credentials"}, "resource": {"payroll-api"}, "scope": {scope}}.Encode())
		return held.AccessToken, code
	}
	read, code := take("payroll.read")
	if code != "" {
		t.Fatalf("control: %s", code)
	}
	wider := a.manifest(t, "nightly-report", map[string]any{"scopes": []any{map[string]any{"name": "payroll.read"}, map[string]any{"name": "payroll.write"}}})
	if status, answer := a.as(owner, http.MethodPut, "/apps/nightly-report", "application/yaml", wider); status != http.StatusOK ||
		!strings.Contains(answer, `"pending":[{"path":"spec.identity.oidc.scopes[1].name","audience":"payroll-api","scope":"payroll.write","mode":"client_credentials","api":"payroll-api","team":"finance"}]`) {
		t.Fatalf("%d %s", status, answer)
	}
	if _, code := take("payroll.write"); code != "invalid_scope" {
		t.Errorf("before anybody agreed: %q", code)
	}
	agree, withdraw := "/apps/payroll-api/callers/nightly-report", "/apps/payroll-api/callers/nightly-report?scope=payroll.write"
	body := []byte(`{"scopes":["payroll.write"]}`)
	if status, answer := a.as(owner, http.MethodPost, agree, "application/json", body); status != http.StatusForbidden {
		t.Errorf("the owner agrees with themselves: %d %s", status, answer)
	}
	if status, answer := a.as(payroll, http.MethodPost, agree, "application/json", body); status != http.StatusOK || strings.Contains(answer, `"agreed":false`) {
		t.Fatalf("the API's owner: %d %s", status, answer)
	}
	write, code := take("payroll.write")
	if code != "" || !a.takes(write) || !a.takes(read) {
		t.Fatalf("control: it was agreed to: %q", code)
	}
	if status, answer := a.as(payroll, http.MethodDelete, withdraw, "", nil); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, answer)
	}
	if a.takes(write) || a.takes(read) {
		t.Error("a token of before is good when the agreement is withdrawn")
	}
	if _, code := take("payroll.write"); code != "invalid_scope" {
		t.Errorf("withdrawn: %q", code)
	}
	if again, code := take("payroll.read"); code != "" || !a.takes(again) {
		t.Errorf("control: what is still agreed to: %q", code)
	}
	entries := string(a.manage(t, http.MethodGet, "/audit?type=app.withdrawn", nil))
	if !strings.Contains(entries, `"rights":"payroll-api payroll.write client_credentials"`) || !strings.Contains(entries, `"kind":"token"`) {
		t.Errorf("the audit log does not say who withdrew what: %s", entries)
	}
}

func TestAnOwnerExchangesForNoAPIThatDidNotAgree(t *testing.T) {
	a := newAttacker(t)
	owner := a.owning("crm-dash")
	app := a.Facts().App("crm-dash")
	var shown struct{ Manifest map[string]any }
	if err := json.Unmarshal(a.manage(t, http.MethodGet, "/apps/crm-dash", nil), &shown); err != nil {
		t.Fatal(err)
	}
	identity := shown.Manifest["spec"].(map[string]any)["identity"].(map[string]any)
	identity["tokenExchange"] = []any{map[string]any{"audience": "payroll-api", "scopes": []string{"payroll.read"}, "maxTtl": "2m", "mode": "delegation"}}
	text, err := json.Marshal(shown.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	if status, answer := a.as(owner, http.MethodPut, "/apps/crm-dash", "application/yaml", text); status != http.StatusOK || !strings.Contains(answer, `"pending"`) {
		t.Fatalf("%d %s", status, answer)
	}
	subject := a.tokens(a.signIn(t, "alice", "expense-bot")).AccessToken // mayAct names another: here only the API's side is in question
	may := a.manifest(t, "expense-bot", map[string]any{"mayAct": []string{app.ClientID, a.Facts().App("travel-desk").ClientID}})
	a.manage(t, http.MethodPut, "/apps/expense-bot", may)
	if raw, code := a.swap("crm-dash", subject); raw != "" || code != "invalid_scope" {
		t.Errorf("before anybody agreed: %q", code)
	}
	if raw, code := a.swap("travel-desk", subject); raw == "" {
		t.Errorf("control: what an administrator agreed to: %q", code)
	}
	a.manage(t, http.MethodPost, "/apps/payroll-api/callers/crm-dash", []byte(`{"scopes":["payroll.read"],"modes":["delegation"]}`))
	raw, code := a.swap("crm-dash", subject)
	if raw == "" || !a.takes(raw) {
		t.Fatalf("control: it was agreed to: %q", code)
	}
	a.manage(t, http.MethodDelete, "/apps/payroll-api/callers/crm-dash", nil)
	if a.takes(raw) {
		t.Error("an exchanged token is good when the agreement is withdrawn")
	}
	if other, code := a.swap("travel-desk", subject); other == "" || !a.takes(other) {
		t.Errorf("control: another app's agreement: %q", code)
	}
}

func TestTheScopesOfTheBrokerWaitForNobodyButAnAdministrator(t *testing.T) {
	a := newAttacker(t)
	owner := a.owning("nightly-report", "payroll-api")
	job := a.Facts().App("nightly-report")
	listens := a.manifest(t, "nightly-report", map[string]any{"scopes": []any{map[string]any{"name": "payroll.read"}, map[string]any{"name": scopeManage}}})
	status, answer := a.as(owner, http.MethodPut, "/apps/nightly-report", "application/yaml", listens)
	if status != http.StatusForbidden || !strings.Contains(answer, "scope_of_the_broker") || !strings.Contains(answer, "spec.identity.oidc.scopes[1].name") || !strings.Contains(answer, "administrator") {
		t.Errorf("%d %s", status, answer)
	}
	ask := func() string {
		_, code := a.tokenAnswer(job.ClientID, job.Secret, "grant_type=client_credentials&scope="+scopeManage)
		return code
	}
	if code := ask(); code != "invalid_scope" {
		t.Errorf("%q", code)
	}
	a.manage(t, http.MethodPut, "/apps/nightly-report", listens)
	if code := ask(); code != "" {
		t.Fatalf("control: an administrator gave it: %q", code)
	}
	if status, answer := a.as(owner, http.MethodDelete, "/apps/-/callers/nightly-report", "", nil); status != http.StatusForbidden {
		t.Errorf("an owner speaks for the broker: %d %s", status, answer)
	}
	a.manage(t, http.MethodDelete, "/apps/-/callers/nightly-report", nil)
	if code := ask(); code != "invalid_scope" {
		t.Errorf("withdrawn: %q", code)
	}
	if status, answer := a.as(owner, http.MethodPost, "/apps/-/callers/nightly-report", "application/json", []byte(`{"scopes":["`+scopeManage+`"]}`)); status != http.StatusForbidden {
		t.Errorf("an owner agrees for the broker: %d %s", status, answer)
	}
	a.manage(t, http.MethodPost, "/apps/-/callers/nightly-report", []byte(`{"scopes":["`+scopeManage+`"]}`))
	if code := ask(); code != "" {
		t.Errorf("control: an administrator agreed anew: %q", code)
	}
}

// What an API's entitlements say of people holds however an app comes to a token for it:
// also by the parameter resource of a sign-in (RFC 8707), and when it is refreshed.
func TestASignInGetsNoTokenOfAnAPIForWhoMayNotUseIt(t *testing.T) {
	a := newAttacker(t)
	app := a.Facts().App("expense-bot")
	a.manage(t, http.MethodPut, "/apps/expense-bot", a.manifest(t, "expense-bot", map[string]any{
		"scopes": []any{map[string]any{"name": "openid"}, map[string]any{"name": "payroll.read"}},
	}))
	wanted := url.Values{"resource": {"payroll-api"}, "scope": {"openid payroll.read"}}
	if params, _ := a.answer(t, a.signIn(t, "ada", "crm-dash"), wanted); params.Get("error") != "invalid_target" || params.Has("code") || params.Get("state") != "s" {
		t.Errorf("ada is in no group that may use the payroll: %v", params)
	}
	params, _ := a.answer(t, a.signIn(t, "alice", "crm-dash"), wanted)
	redeem := func(params url.Values) string {
		return url.Values{
			"grant_type": {"authorization_code"}, "code": {params.Get("code")}, "redirect_uri": {app.RedirectURIs[0]}, "code_verifier": {strings.Repeat("v", 43)},
		}.Encode()
	}
	held, code := a.tokenAnswer(app.ClientID, app.Secret, redeem(params))
	if code != "" || !a.takes(held.AccessToken) {
		t.Fatalf("control: alice may: %q", code)
	}
	late, _ := a.answer(t, a.signIn(t, "alice", "crm-dash"), wanted)

	payroll := a.manifest(t, "payroll-api", nil)
	closed := bytes.Replace(payroll, []byte(`["finance","partners"]`), []byte(`["partners"]`), 1)
	if bytes.Equal(closed, payroll) {
		t.Fatalf("the manifest has other groups: %s", payroll)
	}
	a.manage(t, http.MethodPut, "/apps/payroll-api", closed)
	if a.takes(held.AccessToken) {
		t.Error("the token is good when alice may use the payroll no longer")
	}
	if _, code := a.refresh(app, held.RefreshToken, ""); code != "invalid_target" {
		t.Errorf("and is refreshed: %q", code)
	}
	if _, code := a.tokenAnswer(app.ClientID, app.Secret, redeem(late)); code != "invalid_target" {
		t.Errorf("and is had for a code of before: %q", code)
	}
	a.manage(t, http.MethodPut, "/apps/payroll-api", payroll)
	if next, code := a.refresh(app, held.RefreshToken, ""); code != "" || !a.takes(next.AccessToken) {
		t.Errorf("control: she may again: %q", code)
	}
}
