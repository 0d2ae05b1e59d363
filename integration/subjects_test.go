package integration

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/demo"
	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
	"github.com/gatehouse-io/gatehouse/internal/saml"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

const (
	assertionToken = "urn:ietf:params:oauth:token-type:saml2"
	jwtToken       = "urn:ietf:params:oauth:token-type:jwt"
)

// corp is Partner Corp, as an app of it sees it.
func (s *stage) corp() demo.FactIDP {
	for _, idp := range s.Facts().IDPs {
		if idp.SAML != nil {
			return idp
		}
	}
	return demo.FactIDP{}
}

// partnerKnows has somebody of Partner Corp sign in to an app here, so that the broker
// knows them, and returns the browser.
func (s *stage) partnerKnows(t *testing.T, who demo.FactPerson) *browser.Browser {
	t.Helper()
	b := browser.New()
	page, err := b.Get(t.Context(), s.request(url.Values{"idp": {"partner"}, "scope": {"openid profile email groups"}}))
	for _, fill := range []url.Values{{"username": {who.Username}, "password": {who.Password}}, nil} {
		if err != nil {
			t.Fatal(err)
		}
		page, err = b.Submit(t.Context(), page, "", fill)
	}
	if err != nil || !strings.HasPrefix(page.URL.String(), s.Facts().App("expense-bot").URL) {
		t.Fatalf("the browser is at %s: %v %s", page.URL, err, page.Text())
	}
	return b
}

// assertion asks Partner Corp's identity provider for an assertion that is meant to go
// to a recipient, as whoever is signed in at it, and returns it as an app brings it.
func (s *stage) assertion(t *testing.T, b *browser.Browser, recipient string) string {
	t.Helper()
	sp := s.corp().SAML
	form := url.Values{}
	request := `<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="` + saml.NewID() + `" Version="2.0" IssueInstant="` +
		time.Now().UTC().Format(time.RFC3339) + `" Destination="` + sp.IDPSSOURL + `" AssertionConsumerServiceURL="` + recipient + `" ProtocolBinding="` + saml.Post + `"><saml:Issuer>` +
		sp.SPEntityID + `</saml:Issuer></samlp:AuthnRequest>`
	form.Set("SAMLRequest", base64.StdEncoding.EncodeToString([]byte(request)))
	page, err := b.Post(t.Context(), nil, sp.IDPSSOURL, form)
	if err != nil {
		t.Fatal(err)
	}
	answer, ok := page.Form("")
	raw, err := base64.StdEncoding.DecodeString(answer.Values.Get("SAMLResponse"))
	if !ok || err != nil || answer.Action.String() != recipient {
		t.Fatalf("no answer for %s: %v %s", recipient, err, page.Text())
	}
	found := regexp.MustCompile(`(?s)<saml:Assertion.*</saml:Assertion>`).Find(raw)
	if found == nil {
		t.Fatalf("no assertion: %s", raw)
	}
	return base64.RawURLEncoding.EncodeToString(found)
}

// TestAnAssertionOfPartnerCorpIsASubject asks the demo's identity provider for one with
// the right recipient, and for others.
func TestAnAssertionOfPartnerCorpIsASubject(t *testing.T) {
	a := &attacker{t: t, stage: startDemoWithSAML(t), client: still()}
	sp, dora := a.corp().SAML, a.corp().People[0]
	bring := func(client, encoded string, pairs ...string) (access, code string) {
		t.Helper()
		return a.swap(client, encoded, append([]string{"subject_token_type", assertionToken}, pairs...)...)
	}
	b := a.partnerKnows(t, dora)
	good := a.assertion(t, b, sp.Recipient)
	access, code := bring(sp.ExchangeClient, good)
	if code != "" || !a.takes(access) {
		t.Fatalf("refused: %q", code)
	}
	raw, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	unsigned := regexp.MustCompile(`(?s)<ds:Signature.*</ds:Signature>`).ReplaceAll(raw, nil)
	fresh := func() string { return a.assertion(t, b, sp.Recipient) }
	changed := strings.NewReplacer(dora.Subject, a.corp().People[1].Subject)
	decoded, err := base64.RawURLEncoding.DecodeString(fresh())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ client, subject, reason string }{
		"again":                       {sp.ExchangeClient, good, "subject_replayed"},
		"made for a sign-in":          {sp.ExchangeClient, a.assertion(t, b, sp.ACS), "subject_recipient"},
		"unsigned":                    {sp.ExchangeClient, base64.RawURLEncoding.EncodeToString(unsigned), "subject_assertion_unsigned"},
		"about somebody else":         {sp.ExchangeClient, base64.RawURLEncoding.EncodeToString([]byte(changed.Replace(string(decoded)))), "subject_digest_mismatch"},
		"called a JWT":                {sp.ExchangeClient, fresh(), "subject_not_allowed"},
		"an access token, so called":  {sp.ExchangeClient, access, "subject_malformed"},
		"by a client that may not":    {"payroll-api", fresh(), ""},
		"by one that exchanges alone": {"crm-dash", fresh(), ""},
	} {
		kind := assertionToken
		if name == "called a JWT" {
			kind = jwtToken
		}
		if access, code := a.swap(c.client, c.subject, "subject_token_type", kind); access != "" || code == "" {
			t.Errorf("%s: taken", name)
		}
		if refused := string(a.manage(t, http.MethodGet, "/audit?type=token.refused", nil)); c.reason != "" && !strings.Contains(refused, `"reason":"`+c.reason+`"`) {
			t.Errorf("%s: the audit log has no %s: %s", name, c.reason, refused)
		}
	}
	if issued := string(a.manage(t, http.MethodGet, "/audit?type=token.issued", nil)); !strings.Contains(issued, `"subject_issuer":"`+sp.IDPEntityID) || !strings.Contains(issued, `"subject_type":"`+assertionToken) {
		t.Errorf("the audit log does not say where it came from: %s", issued)
	}
	known := []string{"person", a.subjectOf(t, access), "connection", "partner"}
	if granted, rule := a.explained(t, known...); !granted {
		t.Errorf("explained as refused by %q", rule)
	}
	if _, rule := a.explained(t, append(known, "client", a.Facts().App("crm-dash").ClientID)...); rule != "unauthorized_client" {
		t.Errorf("by a client that may not: explained by %q", rule)
	}
	if _, rule := a.explained(t, append(known, "connection", "acme")...); rule != "subject_not_allowed" {
		t.Errorf("of a connection that allows nothing: explained by %q", rule)
	}
	a.strangersOf(t, bring)
	a.endings(t, bring, fresh, access)
}

// strangersOf brings an assertion about somebody who never signed in here.
func (a *attacker) strangersOf(t *testing.T, bring func(client, encoded string, pairs ...string) (access, code string)) {
	t.Helper()
	sp, emil := a.corp().SAML, a.corp().People[1]
	b := browser.New()
	page, err := b.Get(t.Context(), a.request(url.Values{"idp": {"partner"}}))
	if err == nil { // at Partner Corp, and no further
		_, err = b.Submit(t.Context(), page, "", url.Values{"username": {emil.Username}, "password": {emil.Password}})
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, code := bring(sp.ExchangeClient, a.assertion(t, b, sp.Recipient)); code != "invalid_request" {
		t.Errorf("somebody who never signed in: %q", code)
	}
	b = a.partnerKnows(t, emil)
	if _, code := bring(sp.ExchangeClient, a.assertion(t, b, sp.Recipient)); code != "" {
		t.Errorf("once they did: %q", code)
	}
}

// endings switches the connection off, which ends what it vouched for and takes nothing
// more over it, and on again, which brings nothing back.
func (a *attacker) endings(t *testing.T, bring func(client, encoded string, pairs ...string) (access, code string), fresh func() string, access string) {
	t.Helper()
	sp, before := a.corp().SAML, fresh()
	if !a.takes(access) {
		t.Fatal("control")
	}
	person := a.subjectOf(t, access)
	a.manage(t, http.MethodPost, "/connections/partner/disable", nil)
	if granted, rule := a.explained(t, "person", person, "connection", "partner"); granted || rule != "subject_connection_disabled" {
		t.Errorf("switched off: explained by %q", rule)
	}
	if _, code := bring(sp.ExchangeClient, before); code != "invalid_request" || a.takes(access) {
		t.Errorf("switched off: %q", code)
	}
	a.manage(t, http.MethodPost, "/connections/partner/enable", nil)
	if _, code := bring(sp.ExchangeClient, before); code != "invalid_request" || a.takes(access) {
		t.Errorf("an assertion from before: %q", code)
	}
	if granted, rule := a.explained(t, "person", person, "connection", "partner"); granted || rule != "subject_revoked" {
		t.Errorf("on again within a minute: explained by %q", rule)
	}
}

// elsewhere adds a connection to npm oidc-provider at a port, whose tokens Travel Desk
// and HR Feedback may bring.
func elsewhere(port string) func(*config.Config) {
	return func(c *config.Config) {
		own := c.Connections[0]
		own.ID, own.Title, own.Issuer, own.Domains, own.UserInfo = "own", "Elsewhere", "http://127.0.0.1:"+port, []string{"elsewhere.example"}, true
		own.Algorithms, own.Scopes = []string{"ES256"}, []string{"openid", "profile", "email", "groups"}
		own.Exchange = config.Exchange{
			Clients: map[string][]string{"microapp-travel-desk": {"travel-web"}, "microapp-hr-feedback": {config.AnyParty}}, Types: []string{config.TypeAccessToken}, MaxAge: 10 * time.Minute,
		}
		c.Connections = append(c.Connections, own)
		c.Mappings = append(c.Mappings, config.Mapping{Connection: "own", Group: "g-42", Name: "all-employees"}, config.Mapping{Connection: "own", Group: "g-43", Name: "finance"})
	}
}

// exchanges has an app's manifest name the payroll.
func (s *stage) exchanges(t *testing.T, name string) {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(s.manifest(t, name, nil), &m); err != nil {
		t.Fatal(err)
	}
	m["spec"].(map[string]any)["identity"].(map[string]any)["tokenExchange"] = []map[string]any{
		{"audience": s.Facts().Exchange.Audience, "scopes": []string{s.Facts().Exchange.Scope}, "mode": "delegation", "maxTtl": "5m"},
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	s.manage(t, http.MethodPut, "/apps/"+name, text)
}

// TestOAuth4webapiExchangesTokensOfEveryKind has npm oauth4webapi exchange tokens of
// ours, of npm oidc-provider, and assertions of Partner Corp.
func TestOAuth4webapiExchangesTokensOfEveryKind(t *testing.T) {
	t.Parallel()
	if err := nodeModules(); err != nil {
		t.Fatalf("`make test` installs Node.js: %v", err)
	}
	port := testkit.FreePort(t)
	s := startDemoWithSAML(t, elsewhere(port))
	const redirect = "http://127.0.0.1:9/callback" // nobody is there: the browser stops before
	startProgram(t, "node", []string{"node", "oidc-provider.mjs"}, port,
		"CLIENT_SECRET="+s.idpSecret(t), "REDIRECT_URI="+s.Issuer()+"/login/callback/own", "APP_REDIRECT_URI="+redirect, "RESOURCE="+s.Issuer())
	s.exchanges(t, "hr-feedback")
	b, sp := s.partnerKnows(t, s.corp().People[0]), s.corp().SAML
	given, err := json.Marshal(map[string]any{
		"issuer": "http://127.0.0.1:" + port, "redirect": redirect, "assertions": []string{s.assertion(t, b, sp.Recipient), s.assertion(t, b, sp.ACS)},
	})
	file := filepath.Join(t.TempDir(), "subjects.json")
	if err == nil {
		err = os.WriteFile(file, given, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "node", filepath.Join("node", "oauth4webapi.mjs"), s.factsFile(t), file).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "all held") {
		t.Fatalf("oauth4webapi: %v\n%s", err, out)
	}
	t.Logf("%s", out)
	a := &attacker{t: t, stage: s, client: still()}
	grace := a.mailed(t, "grace@elsewhere.example")
	for _, kind := range []string{"access_token", "jwt"} { // as the program brought
		if granted, rule := a.explained(t, "person", grace, "connection", "own", "subject_type", kind); !granted {
			t.Errorf("%s: explained as refused by %q", kind, rule)
		}
	}
	if _, rule := a.explained(t, "person", grace, "connection", "own", "subject_type", "id_token"); rule != "subject_typ" {
		t.Errorf("an id_token: explained by %q", rule)
	}
}
