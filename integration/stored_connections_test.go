package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
	"github.com/gatehouse-io/gatehouse/internal/demo/idp"
)

const partnerSecret = "planted-partner-secret"

// partnerSettings is the connection to a partner as an administrator sends it.
func partnerSettings(issuer string, change ...string) []byte {
	text := fmt.Sprintf(`{"id":"partner","title":"Partner Corp","issuer":%q,"client_id":"gatehouse","client_secret":%q,"domains":["partner.example"],"scopes":["openid","profile","email","groups"]}`, issuer, partnerSecret)
	return []byte(strings.NewReplacer(change...).Replace(text))
}

// addPartner starts a provider and adds the connection to it while the broker runs.
func addPartner(t *testing.T, a *attacker, change ...string) (issuer string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	issuer = serveProvider(t, l, a.Issuer()+"/login/callback/partner", partnerSecret)
	a.manage(t, http.MethodPut, "/connections/partner", partnerSettings(issuer, change...))
	return issuer
}

// throughPartner signs mallory in over the partner, as far as she gets.
func (a *attacker) throughPartner(b *browser.Browser) *browser.Page {
	a.t.Helper()
	page := a.ask(b, "openid", url.Values{"idp": {"partner"}})
	if a.provider(page) != "partner" {
		return page
	}
	return a.password(b, page, mallory)
}

func TestAConnectionIsAddedWhileTheBrokerRunsAndTakesItsPeopleWithIt(t *testing.T) {
	a := newAttacker(t)
	if page := a.ask(browser.New(), "openid", url.Values{"idp": {"partner"}}); page.Status != http.StatusBadRequest {
		t.Fatalf("control: there is a partner already: %s", page.Text())
	}
	issuer := addPartner(t, a)
	a.manage(t, http.MethodPut, "/mappings/partner/"+idp.GroupID("employees"), []byte(`{"name":"all-employees"}`))
	b := browser.New()
	page := a.throughPartner(b)
	if page.Status != http.StatusForbidden || !strings.Contains(page.Text(), mallory.Email) {
		t.Fatalf("she is in no group, and known: %d %s", page.Status, page.Text())
	}
	// Nobody else's sign-in changed.
	if page := a.ask(browser.New(), "openid", url.Values{"idp": {"acme"}}); a.provider(page) != "acme" {
		t.Errorf("%s", page.Text())
	}
	if text := string(a.manage(t, http.MethodGet, "/connections/partner", nil)); strings.Contains(text, partnerSecret) || !strings.Contains(text, `"stored"`) {
		t.Errorf("the API says %s", text)
	}
	a.manage(t, http.MethodPut, "/connections/partner", partnerSettings(issuer, "Partner Corp", "Partner Ltd", `"client_secret":"`+partnerSecret+`",`, ""))
	if page := a.throughPartner(browser.New()); page.Status != http.StatusForbidden {
		t.Errorf("without sending the secret again: %d %s", page.Status, page.Text())
	}
	if text, in := a.account(t, b); !in || !strings.Contains(text, "Partner Ltd") {
		t.Errorf("a change of the title signs nobody out: %v %s", in, text)
	}
	a.manage(t, http.MethodDelete, "/connections/partner", nil)
	if text, in := a.account(t, b); in {
		t.Errorf("signed in after the connection is gone: %s", text)
	}
	if page := a.ask(browser.New(), "openid", url.Values{"idp": {"partner"}}); page.Status != http.StatusBadRequest {
		t.Errorf("%d %s", page.Status, page.Text())
	}
	if strings.Contains(a.log.String(), partnerSecret) {
		t.Error("the secret is in the log")
	}
}

var codeOnPage = regexp.MustCompile(`[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}`)

// trace is what the API tells of a sign-in.
type trace struct {
	ID, Kind, Connection, Rule, Document string
	Passed                               bool
	Checks                               []struct {
		Name, Expected, Got string
		Passed              bool
	}
	Attributes map[string]any
	Mapping    []struct{ Field, From, Value, Failure string }
}

func (a *attacker) trace(id string) (found trace) {
	a.t.Helper()
	if err := json.Unmarshal(a.manage(a.t, http.MethodGet, "/traces/"+id, nil), &found); err != nil {
		a.t.Fatal(err)
	}
	return found
}

func TestTheCodeOnThePageFindsWhyASignInFailed(t *testing.T) {
	a := newAttacker(t)
	addPartner(t, a, `"client_id":"gatehouse"`, `"client_id":"gatehouse","claims":{"department":"claims.dept"}`)
	page := a.throughPartner(browser.New())
	code := codeOnPage.FindString(page.Text())
	if page.Status != http.StatusForbidden || code == "" {
		t.Fatalf("%d %s", page.Status, page.Text())
	}
	found := a.trace(strings.ToLower(strings.ReplaceAll(code, "-", "")))
	last := found.Checks[len(found.Checks)-1]
	if found.Kind != "sign-in" || found.Rule != "claim_rule_failed" || last.Name != "claim_rule" || last.Passed || !strings.Contains(last.Got, "no such key: dept") || last.Expected != "department = claims.dept" {
		t.Errorf("%+v", found)
	}
	if len(found.Checks) < 10 || strings.Contains(found.Document, mallory.Name) || !strings.Contains(found.Document, `"iss"`) {
		t.Errorf("%+v", found)
	}
	entries := a.manage(t, http.MethodGet, "/audit?type=signin.failed", nil)
	if !bytes.Contains(entries, []byte(code)) {
		t.Errorf("the audit log does not lead to the trace: %s", entries)
	}
	list := string(a.manage(t, http.MethodGet, "/traces?connection=partner&check=claim_rule&kind=sign-in", nil))
	if !strings.Contains(list, code) || strings.Contains(list, `"document"`) {
		t.Errorf("%s", list)
	}
	// What the provider refuses is told in its own words, to administrators alone.
	a.manage(t, http.MethodPut, "/connections/partner", partnerSettings(found.Checks[0].Expected, partnerSecret, "another-secret"))
	page = a.throughPartner(browser.New())
	if code = codeOnPage.FindString(page.Text()); code == "" {
		t.Fatal(page.Text())
	}
	if found = a.trace(code); found.Checks[len(found.Checks)-1].Name != "token_response" || !strings.Contains(found.Checks[len(found.Checks)-1].Got, "401 invalid_client") {
		t.Errorf("%+v", found.Checks)
	}
}

func TestATestSignsInForAReportAndNeverForASession(t *testing.T) {
	a := newAttacker(t)
	addPartner(t, a)
	a.manage(t, http.MethodPost, "/connections/partner/disable", nil) // a test comes before anybody is let in
	var made struct{ Trace, URL string }
	if err := json.Unmarshal(a.manage(t, http.MethodPost, "/connections/partner/test", nil), &made); err != nil {
		t.Fatal(err)
	}
	b, other := browser.New(), browser.New()
	page, err := b.Get(t.Context(), made.URL)
	if err != nil || page.Status != http.StatusOK {
		t.Fatalf("%v %s", err, page.Text())
	}
	begin, ok := page.Link("Begin the test")
	if !ok {
		t.Fatal(page.Text())
	}
	if page, err = b.Get(t.Context(), begin); err != nil {
		t.Fatal(err)
	}
	if stolen, err := other.Get(t.Context(), made.URL); err != nil || stolen.Status != http.StatusNotFound {
		t.Errorf("another browser is shown the test: %v %d", err, stolen.Status)
	}
	under, _, _ := strings.Cut(made.URL, "/login/test/")
	if led, err := b.Get(t.Context(), under+"/login/flow/"+page.URL.Query().Get("state")+"?idp=acme"); err != nil || led.Status != http.StatusBadRequest || !strings.Contains(led.Text(), "login_flow") {
		t.Errorf("the test is led to another provider: %v %d %s", err, led.Status, led.Text())
	}
	page = a.password(b, page, mallory)
	if page.Status != http.StatusOK || page.URL.String() != made.URL || !strings.Contains(page.Text(), "Mallory Quist") || !strings.Contains(page.Text(), "audience") {
		t.Fatalf("%d %s %s", page.Status, page.URL, page.Text())
	}
	if text, in := a.account(t, b); in {
		t.Errorf("the test signed somebody in: %s", text)
	}
	if people := string(a.manage(t, http.MethodGet, "/people?q=mallory", nil)); strings.Contains(people, mallory.Email) {
		t.Errorf("the test made a person: %s", people)
	}
	found := a.trace(made.Trace)
	if !found.Passed || found.Kind != "test" || found.Attributes["email"] != mallory.Email || len(found.Mapping) != 10 {
		t.Errorf("%+v", found)
	}
	if again, err := b.Get(t.Context(), begin); err != nil || again.Status != http.StatusNotFound {
		t.Errorf("a test that is over begins again: %v %d", err, again.Status)
	}
	if stolen, err := other.Get(t.Context(), made.URL); err != nil || stolen.Status != http.StatusNotFound {
		t.Errorf("another browser reads the report: %v %d", err, stolen.Status)
	}
}

func TestAConnectionAddedAtOneReplicaIsThereAtTheOther(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	issuer := serveProvider(t, l, c.Issuer()+"/login/callback/partner", partnerSecret)
	first := &stage{Demo: c.Demo, broker: c.brokers[0]}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	leads := func() bool { // whether the other replica leads to the partner
		res, err := client.Get(c.direct[1] + strings.TrimPrefix(first.request(url.Values{"idp": {"partner"}}), c.Issuer()))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return strings.HasPrefix(res.Header.Get("Location"), issuer)
	}
	if leads() {
		t.Fatal("control: it is not there yet")
	}
	first.manage(t, http.MethodPut, "/connections/partner", partnerSettings(issuer))
	eventually(t, "the other replica knows the partner", leads)
	first.manage(t, http.MethodDelete, "/connections/partner", nil)
	eventually(t, "the other replica knows it no more", func() bool { return !leads() })
}
