package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/demo"
	"github.com/gatehouse-io/gatehouse/internal/policy"
)

// subject is an access token of the stranger for the broker; pairs alternate claims over
// the good ones and values.
func (s *stranger) subject(audience string, pairs ...any) string {
	claims := map[string]any{
		"iss": s.URL, "aud": audience, "sub": "1", "client_id": "web", "jti": fmt.Sprint(time.Now().UnixNano()), "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
	}
	for i := 0; i < len(pairs); i += 2 {
		claims[pairs[i].(string)] = pairs[i+1]
	}
	return jws(s.t, jose.ES256, jose.JSONWebKey{Key: s.key, KeyID: "one"}, map[jose.HeaderKey]any{"typ": "at+jwt"}, claims)
}

// twin is a connection that was added while the broker runs, in JSON.
func twin(s *stranger, exchange string) []byte {
	return fmt.Appendf(nil, `{"id":"twin","title":"Twin","issuer":%q,"client_id":"gatehouse","client_secret":"secret","algorithms":["ES256"]%s}`, s.URL, exchange)
}

// TestSubjectsOfTwoIssuersAreTwoPeople has two providers that call everything alike:
// people, clients and keys. Only the person whom one of them vouched for is there.
func TestSubjectsOfTwoIssuersAreTwoPeople(t *testing.T) {
	partner, other := newStranger(t), newStranger(t)
	a := &attacker{t: t, client: &http.Client{}, stage: startDemoAt(t, tempDir(t), nil, time.Now, func(c *config.Config) {
		c.Connections = append(c.Connections, config.Connection{
			ID: "partner", Title: "Partner", Type: "oidc", Issuer: partner.URL, ClientID: "gatehouse", ClientSecret: "secret", Scopes: []string{"openid"},
			Algorithms: []string{"ES256"}, Groups: config.Groups{Claim: "groups"},
			Exchange: config.Exchange{Clients: map[string][]string{"microapp-travel-desk": {"web"}}, Types: []string{config.TypeAccessToken}, MaxAge: 10 * time.Minute, Once: true},
		})
		for group, name := range map[string]string{"staff": "all-employees", "money": "finance", "rulers": "marketplace-admins"} {
			c.Mappings = append(c.Mappings, config.Mapping{Connection: "partner", Group: group, Name: name})
		}
	})}
	a.addsTwin(t, other)
	if _, page, in := a.enter(partner, map[string]any{"sub": "1", "groups": []string{"staff", "money", "rulers"}, "email": "one@partner.example"}); !in {
		t.Fatal(page.Text())
	}
	bring := func(raw string) (string, string) {
		return a.swap("travel-desk", raw, "subject_token_type", accessToken)
	}
	ours := a.Issuer()
	good := partner.subject(ours)
	access, code := bring(good)
	if code != "" || !a.takes(access) {
		t.Fatalf("control: %q", code)
	}
	if status := a.bearer(t, access, "/api/v1/people"); status != http.StatusUnauthorized {
		t.Errorf("an administrator's exchanged token administers: %d", status)
	}
	forger := &stranger{Server: partner.Server, t: t, key: other.key} // signs in the partner's name
	for name, c := range map[string]struct{ raw, reason string }{
		"again":                                   {good, "subject_replayed"},
		"the same subject of the other issuer":    {other.subject(ours), "subject_unknown"},
		"by the other's key of the same name":     {forger.subject(ours), "subject_signature"},
		"of an issuer that is no connection":      {partner.subject(ours, "iss", "https://evil.example"), "subject_not_allowed"},
		"of a connection that allows nothing":     {partner.subject(ours, "iss", a.Facts().IDPs[0].Issuer), "subject_not_allowed"},
		"for another audience":                    {partner.subject("https://other.example"), "subject_audience"},
		"for the sign-in":                         {partner.subject("gatehouse"), "subject_audience"},
		"of another client there":                 {partner.subject(ours, "client_id", "evil"), "subject_party"},
		"of the client itself":                    {partner.subject(ours, "sub", "web"), "subject_subject"},
		"of nobody known":                         {partner.subject(ours, "sub", "2"), "subject_unknown"},
		"expired":                                 {partner.subject(ours, "exp", time.Now().Add(-time.Second).Unix()), "subject_expired"},
		"with somebody who acts":                  {partner.subject(ours, "act", map[string]string{"sub": "microapp-travel-desk"}), "subject_act"},
		"with somebody who may act":               {partner.subject(ours, "may_act", map[string]string{"sub": "microapp-travel-desk"}), "subject_may_act"},
		"our issuer's name under a foreign key":   {partner.subject(ours, "iss", ours), "subject_invalid"},
		"a client's own token, to be more by it":  {a.itself(t), "subject_client"},
		"the exchanged token, to be more by that": {access, "may_act"},
	} {
		got, code := bring(c.raw)
		refused := string(a.manage(t, http.MethodGet, "/audit?type=token.refused", nil))
		if got != "" || code != "invalid_request" || !strings.Contains(refused, `"reason":"`+c.reason+`"`) {
			t.Errorf("%s: %q, and the audit log has no %s: %s", name, code, c.reason, refused)
		}
	}
	a.explainsSubjects(t, a.subjectOf(t, access))
	a.subjectEndings(t, partner, bring, access)
}

// explained is what the API says of an exchange by Travel Desk: whether it would be
// granted, and the rule that refuses.
func (a *attacker) explained(t *testing.T, pairs ...string) (granted bool, rule string) {
	t.Helper()
	q := url.Values{"client": {a.Facts().App("travel-desk").ClientID}, "audience": {a.Facts().Exchange.Audience}}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	var e policy.Explanation
	if err := json.Unmarshal(a.manage(t, http.MethodGet, "/explain/exchange?"+q.Encode(), nil), &e); err != nil {
		t.Fatal(err)
	}
	for _, s := range e.Steps {
		if s.Outcome == policy.Refused {
			rule = s.Rule
		}
	}
	return e.Granted, rule
}

// explainsSubjects asks without any token what became of those that were brought.
func (a *attacker) explainsSubjects(t *testing.T, person string) {
	t.Helper()
	for name, c := range map[string]struct {
		pairs []string
		want  string
	}{
		"what was granted":                    {[]string{"connection", "partner", "subject_type", "access_token"}, ""},
		"under the general name":              {[]string{"connection", "partner"}, ""},
		"the same subject of the other":       {[]string{"connection", "twin"}, "subject_unknown"},
		"of a connection that allows nothing": {[]string{"connection", "acme"}, "subject_not_allowed"},
		"by another client":                   {[]string{"connection", "partner", "client", "payroll-api"}, "subject_not_allowed"},
		"an id_token":                         {[]string{"connection", "partner", "subject_type", "id_token"}, "subject_typ"},
		"of no connection":                    {[]string{"connection", "nowhere"}, "subject_connection_not_found"},
		"to an API that nobody named":         {[]string{"connection", "partner", "audience", a.Facts().Exchange.AudienceDenied}, "audience_denied"},
	} {
		if granted, rule := a.explained(t, append([]string{"person", person}, c.pairs...)...); granted != (c.want == "") || rule != c.want {
			t.Errorf("%s: granted %v, refused by %q", name, granted, rule)
		}
	}
}

// addsTwin adds the other provider over the API, after what is wrong was told, and looks
// at it on its page and in the list of its settings.
func (a *attacker) addsTwin(t *testing.T, other *stranger) {
	t.Helper()
	if status, answer := a.apply(t, twin(other, `,"exchange":{"once":true,"types":["logout+jwt"]}`)); status != http.StatusUnprocessableEntity && status != http.StatusBadRequest || !strings.Contains(answer, "exchange.clients") {
		t.Errorf("%d %s", status, answer)
	}
	a.manage(t, http.MethodPut, "/connections/twin", twin(other, `,"exchange":{"clients":{"microapp-travel-desk":["web"]},"max_age":"5m"}`))
	var shown struct {
		Settings struct{ Exchange map[string]any }
	}
	if err := json.Unmarshal(a.manage(t, http.MethodGet, "/connections/twin", nil), &shown); err != nil || fmt.Sprint(shown.Settings.Exchange) != "map[clients:map[microapp-travel-desk:[web]] max_age:5m types:[at+jwt]]" {
		t.Errorf("%v %v", shown, err)
	}
	page, err := a.atAcmeAs("ada").Get(t.Context(), a.Issuer()+"/admin/connections/twin")
	if err != nil || !strings.Contains(page.Text(), "microapp-travel-desk = web") || !strings.Contains(page.Text(), "How old they may be") {
		t.Errorf("the connection's page does not say who may bring tokens: %v %s", err, page.Text())
	}
}

// apply sends a connection that may be refused.
func (a *attacker) apply(t *testing.T, body []byte) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, a.Issuer()+"/api/v1/connections/twin", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+a.Facts().Admin.APIToken)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var problem json.RawMessage
	if err := json.NewDecoder(res.Body).Decode(&problem); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(problem)
}

// bearer asks for a path with a token.
func (a *attacker) bearer(t *testing.T, raw, path string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.Issuer()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+raw)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// itself is a token that Travel Desk got for itself.
func (a *attacker) itself(t *testing.T) string {
	t.Helper()
	app := a.Facts().App("travel-desk")
	_, text := a.send(http.MethodPost, "/token", url.Values{"grant_type": {"client_credentials"}}, basicAuth(app.ClientID, app.Secret))
	var answer struct {
		Access string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || answer.Access == "" {
		t.Fatalf("%v %s", err, text)
	}
	return answer.Access
}

// subjectEndings switches the person off and on, and the connection: what was exchanged ends, and
// what was made before is refused also after all is on again.
func (a *attacker) subjectEndings(t *testing.T, partner *stranger, bring func(string) (string, string), access string) {
	t.Helper()
	before := partner.subject(a.Issuer())
	person := a.subjectOf(t, access)
	off := map[string]string{"/people/" + person: "subject_revoked", "/connections/partner": "subject_connection_disabled"}
	for _, of := range []string{"/people/" + person, "/connections/partner"} {
		a.disable(of)
		if _, code := bring(partner.subject(a.Issuer())); code != "invalid_request" || a.takes(access) {
			t.Errorf("%s is switched off: %q", of, code)
		}
		if granted, rule := a.explained(t, "person", person, "connection", "partner"); granted || rule != off[of] {
			t.Errorf("%s is switched off: explained by %q", of, rule)
		}
		a.manage(t, http.MethodPost, of+"/enable", nil)
		if _, code := bring(before); code != "invalid_request" || a.takes(access) {
			t.Errorf("%s is on again: %q", of, code)
		}
	}
	refused := string(a.manage(t, http.MethodGet, "/audit?type=token.refused", nil))
	for _, reason := range []string{"subject_connection_disabled", "subject_revoked"} {
		if !strings.Contains(refused, `"reason":"`+reason+`"`) {
			t.Errorf("the audit log has no refusal for %s: %s", reason, refused)
		}
	}
	if fresh, code := bring(partner.subject(a.Issuer(), "iat", time.Now().Add(59*time.Second).Unix(), "exp", time.Now().Add(5*time.Minute).Unix())); code != "invalid_request" || fresh != "" {
		t.Errorf("within the minute that clocks may differ by: %q", code)
	}
	if granted, rule := a.explained(t, "person", person, "connection", "partner"); granted || rule != "subject_revoked" {
		t.Errorf("within that minute: explained by %q", rule)
	}
}

// subjectOf is whom an API's token speaks of.
func (a *attacker) subjectOf(t *testing.T, raw string) string {
	t.Helper()
	parsed, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.ES256})
	var said struct {
		Subject string `json:"sub"`
	}
	if err == nil {
		err = json.Unmarshal(parsed.UnsafePayloadWithoutVerification(), &said)
	}
	if err != nil {
		t.Fatal(err)
	}
	return said.Subject
}

// TestAnAssertionCountsOnceAtTwoReplicas brings one to each of two brokers that share
// PostgreSQL and Redis.
func TestAnAssertionCountsOnceAtTwoReplicas(t *testing.T) {
	t.Parallel()
	c := startClusterOf(t, demo.Options{Addr: "127.0.0.1:0", Data: tempDir(t), Exact: true, SAML: true, Now: time.Now})
	a := &attacker{t: t, client: still(), stage: &stage{Demo: c.Demo}}
	sp := a.corp().SAML
	c.everywhere(t, sp.ExchangeClient, http.StatusBadRequest)
	b := a.partnerKnows(t, a.corp().People[0])
	for first := range int32(2) {
		assertion := a.assertion(t, b, sp.Recipient)
		c.at.Store(first)
		if _, code := a.swap(sp.ExchangeClient, assertion, "subject_token_type", assertionToken); code != "" {
			t.Fatalf("at replica %d: %q", first, code)
		}
		for _, again := range []int32{1 - first, first} {
			c.at.Store(again)
			if access, code := a.swap(sp.ExchangeClient, assertion, "subject_token_type", assertionToken); access != "" || code != "invalid_request" {
				t.Errorf("again, at replica %d after %d: %q", again, first, code)
			}
		}
	}
}
