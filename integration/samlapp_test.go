package integration

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// said is what the app on node-saml says of itself.
type said struct {
	NameID     string         `json:"nameID"`
	Format     string         `json:"format"`
	Index      string         `json:"index"`
	Attributes map[string]any `json:"attributes"`
	Relay      string         `json:"relay"`
	Encrypted  bool           `json:"encrypted"`
	LoggedOut  bool           `json:"loggedOut"`
	Person     *string        `json:"person"`
	Error      string         `json:"error"`
}

// withNodeSAML starts a demo and an app on npm @node-saml/node-saml: a service
// provider of another make. It returns where the app is.
func withNodeSAML(t *testing.T, change map[string]any) (s *stage, base string) {
	t.Helper()
	if err := nodeModules(); err != nil {
		t.Fatalf("`make test` installs Node.js: %v", err)
	}
	port := testkit.FreePort(t)
	base = "http://127.0.0.1:" + port
	s = startDemo(t, tempDir(t), nil)
	key, certificate := certified(t)
	pem, err := os.ReadFile(certificate)
	if err != nil {
		t.Fatal(err)
	}
	app := map[string]any{
		"entityId": base + "/metadata", "acs": []string{base + "/acs"}, "slo": base + "/slo", "nameIdFormat": "emailAddress", "certificate": string(pem),
		"encryptAssertions": true, "scopes": []map[string]string{{"name": "profile"}, {"name": "email"}, {"name": "groups"}}, "attributes": map[string]string{"groups": "memberOf"},
	}
	for k, v := range change {
		app[k] = v
	}
	manifest, err := json.Marshal(map[string]any{
		"apiVersion": "marketplace/v1alpha1", "kind": "MicroApp", "metadata": map[string]string{"name": "their-wiki", "title": "Their Wiki", "description": "An app of another make."},
		"spec": map[string]any{
			"owner":        map[string]any{"team": "people-tools", "primary": "ada@acme.example"},
			"entitlements": []any{map[string]any{"name": "reader", "description": "Read", "groups": []string{"all-employees"}}},
			"identity":     map[string]any{"protocol": "saml", "saml": app},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.manage(t, http.MethodPut, "/apps/their-wiki", manifest)
	startProgram(t, "node", []string{"node", "saml-app.mjs"}, port, "KEY="+key, "CERT="+certificate, "BROKER="+s.Issuer())
	return s, base
}

// carried opens an address of the app, signs in where it is asked for, posts the forms
// that carry messages, and reads what the app says in the end.
func (s *stage) carried(t *testing.T, b *browser.Browser, target, who string) said {
	t.Helper()
	page, err := b.Get(t.Context(), target)
	for range 8 {
		if err != nil {
			t.Fatal(err)
		}
		if form, ok := page.Form(""); ok && form.Values.Has("username") {
			p := s.Facts().Person(who)
			page, err = b.Submit(t.Context(), page, "", url.Values{"username": {p.Username}, "password": {p.Password}})
			continue
		}
		if form, ok := page.Form(""); ok && (form.Values.Has("SAMLResponse") || form.Values.Has("SAMLRequest")) {
			page, err = b.Submit(t.Context(), page, "", nil)
			continue
		}
		break
	}
	text, ok := page.ByID("says")
	var says said
	if !ok || json.Unmarshal([]byte(text), &says) != nil {
		t.Fatalf("%s: %s", page.URL, page.Text())
	}
	return says
}

// TestAnAppOnNodeSAMLSignsPeopleInAndOut uses npm @node-saml/node-saml: another
// implementation, which verifies what we sign, decrypts what we encrypt, and whose
// signatures we verify.
func TestAnAppOnNodeSAMLSignsPeopleInAndOut(t *testing.T) {
	t.Parallel()
	s, base := withNodeSAML(t, nil)
	for name, start := range map[string]string{"by redirect": "/login", "by POST": "/login?binding=post", "with a new password": "/login?force"} {
		b := browser.New()
		in := s.carried(t, b, base+start, "alice")
		if in.Error != "" || in.NameID != "alice@acme.example" || !strings.HasSuffix(in.Format, ":emailAddress") || in.Index == "" || !in.Encrypted || in.Relay != "deep" {
			t.Fatalf("%s: %+v", name, in)
		}
		if in.Attributes["email"] != "alice@acme.example" || in.Attributes["name"] != "Alice Moreau" || !strings.Contains(fmt.Sprint(in.Attributes["memberOf"]), "all-employees") {
			t.Errorf("%s: %+v", name, in.Attributes)
		}
		if again := s.carried(t, b, base+"/login?passive", "nobody"); again.NameID != in.NameID || again.Index != in.Index {
			t.Errorf("%s: the second time %+v", name, again)
		}
		out := s.carried(t, b, base+"/logout", "nobody")
		if !out.LoggedOut || out.Relay != "deep" {
			t.Errorf("%s: signed out %+v", name, out)
		}
		if _, signedIn := s.account(t, b); signedIn {
			t.Errorf("%s: still signed in at the broker", name)
		}
	}
}

func TestAnAppOnNodeSAMLHearsWhatCannotBe(t *testing.T) {
	t.Parallel()
	s, base := withNodeSAML(t, nil)
	if in := s.carried(t, browser.New(), base+"/login?passive", "nobody"); in.NameID != "" || in.Error != "" {
		t.Errorf("passive without a session: %+v", in) // node-saml takes NoPassive for nobody
	}
	if in := s.carried(t, browser.New(), base+"/login?weak", "alice"); !strings.Contains(in.Error, "NoAuthnContext") && !strings.Contains(in.Error, "did not sign in") {
		t.Errorf("a smart card: %+v", in)
	}
	b := browser.New()
	page, err := b.Get(t.Context(), base+"/login")
	if err != nil {
		t.Fatal(err)
	}
	carol := s.Facts().Person("carol")
	if page, err = b.Submit(t.Context(), page, "", url.Values{"username": {carol.Username}, "password": {carol.Password}}); err != nil {
		t.Fatal(err)
	}
	if page.Status != http.StatusForbidden || !strings.Contains(page.Text(), "all-employees") {
		t.Errorf("somebody without the group: %d %s", page.Status, page.Text())
	}
}

func TestThePortalOpensAnAppOfSAMLAndSignsOutOfIt(t *testing.T) {
	t.Parallel()
	s, base := withNodeSAML(t, nil)
	b := s.signIn(t, "alice", "expense-bot")
	portal, err := b.Get(t.Context(), s.Issuer()+"/")
	if err != nil || !strings.Contains(portal.Body, s.Issuer()+"/saml/launch/their-wiki") {
		t.Fatalf("%v: the portal does not open it: %s", err, portal.Text())
	}
	if in := s.carried(t, b, s.Issuer()+"/saml/launch/their-wiki", "nobody"); in.NameID != "alice@acme.example" || in.Relay != "" {
		t.Fatalf("%+v", in)
	}
	account, err := b.Get(t.Context(), s.Facts().Account)
	if err != nil {
		t.Fatal(err)
	}
	page, err := b.Submit(t.Context(), account, "/account/sign-out", nil)
	if err != nil {
		t.Fatal(err)
	}
	// A browser follows by itself; this one has no timers.
	if refresh := page.Header.Get("Refresh"); strings.HasPrefix(refresh, "0; url="+base) {
		if page, err = b.Get(t.Context(), strings.TrimPrefix(refresh, "0; url=")); err != nil {
			t.Fatal(err)
		}
	}
	if page.URL.Path != "/signed-out" || !strings.Contains(page.Text(), "You are signed out") {
		t.Errorf("it ends at %s: %s", page.URL, page.Text())
	}
	if says := s.carried(t, b, base+"/", "nobody"); says.Person != nil {
		t.Errorf("the app goes on for %s", *says.Person)
	}
}

func TestAnAppOfSAMLIsOutAtOnce(t *testing.T) {
	s, base := withNodeSAML(t, nil)
	b := browser.New()
	if in := s.carried(t, b, base+"/login", "alice"); in.NameID == "" {
		t.Fatalf("%+v", in)
	}
	refused := func(name, with string) {
		t.Helper()
		page, err := b.Get(t.Context(), base+"/login")
		if err != nil {
			t.Fatal(err)
		}
		if page.Status < http.StatusBadRequest || strings.Contains(page.Body, "SAMLResponse") || !strings.Contains(page.Body, with) {
			t.Errorf("%s: %d %s", name, page.Status, page.Text())
		}
	}
	s.manage(t, http.MethodPost, "/apps/their-wiki/disable", nil)
	refused("switched off", "Their Wiki")
	s.manage(t, http.MethodPost, "/apps/their-wiki/enable", nil)
	if in := s.carried(t, b, base+"/login", "alice"); in.NameID == "" {
		t.Errorf("on again: %+v", in)
	}
	s.manage(t, http.MethodPost, "/people/"+s.person(t, "alice")+"/disable", nil)
	page, err := b.Get(t.Context(), base+"/login?passive")
	if err != nil {
		t.Fatal(err)
	}
	if form, ok := page.Form(""); ok && form.Values.Has("SAMLResponse") {
		if in, err := b.Submit(t.Context(), page, "", nil); err != nil || strings.Contains(in.Text(), "alice@acme.example") {
			t.Errorf("a person who is disabled gets in: %v %s", err, in.Text())
		}
	}
	s.manage(t, http.MethodDelete, "/apps/their-wiki", nil)
	refused("removed", "saml_app_unknown")
}

func TestASAMLKeyIsRotatedWithoutLosingASignIn(t *testing.T) {
	t.Parallel()
	s, base := withNodeSAML(t, nil)
	before := string(s.manage(t, http.MethodGet, "/saml", nil))
	s.manage(t, http.MethodPost, "/keys/SAML/rotate", nil)
	after := string(s.manage(t, http.MethodGet, "/saml", nil))
	if strings.Count(before, "BEGIN CERTIFICATE") != 1 || strings.Count(after, "BEGIN CERTIFICATE") != 2 {
		t.Errorf("the next certificate is not published: %s", after)
	}
	if in := s.carried(t, browser.New(), base+"/login", "bob"); in.NameID != "bob@acme.example" {
		t.Errorf("%+v", in)
	}
}

// TestSignOutsGoAllTheWayBetweenAProviderAndAnApp has SAML on both sides: npm samlify
// vouches for a person, and the demo's wiki lets them in.
func TestSignOutsGoAllTheWayBetweenAProviderAndAnApp(t *testing.T) {
	t.Parallel()
	if err := nodeModules(); err != nil {
		t.Fatalf("`make test` installs Node.js: %v", err)
	}
	port := testkit.FreePort(t)
	base := "http://127.0.0.1:" + port
	s := startDemoWithSAML(t, func(c *config.Config) { addSamlify(c, base, nil) })
	startSamlify(t, port, s.Issuer())
	wiki := s.Facts().SAMLApps[0].URL
	b := browser.New()
	carry := func(page *browser.Page, err error) *browser.Page {
		t.Helper()
		for range 8 {
			if err != nil {
				t.Fatal(err)
			}
			form, ok := page.Form("")
			if !ok || !form.Values.Has("SAMLResponse") && !form.Values.Has("SAMLRequest") || form.Values.Has("username") {
				break
			}
			page, err = b.Submit(t.Context(), page, "", nil)
		}
		return page
	}
	signIn := func() {
		t.Helper()
		page, err := b.Get(t.Context(), wiki+"login")
		if err != nil {
			t.Fatal(err)
		}
		elsewhere, ok := page.Link("Elsewhere")
		if !ok {
			t.Fatalf("no choice: %s", page.Text())
		}
		// The broker may have asked for its metadata before it answered.
		eventually(t, "the provider is known", func() bool {
			if page, err = b.Get(t.Context(), elsewhere); err != nil {
				t.Fatal(err)
			}
			return page.Status == http.StatusOK
		})
		page = carry(b.Submit(t.Context(), page, "", url.Values{"username": {"grace"}}))
		if who, _ := page.ByID("who"); who != "grace@elsewhere.example" {
			t.Fatalf("%s: %s", page.URL, page.Text())
		}
	}
	out := func(where string) {
		t.Helper()
		for address, sign := range map[string]string{wiki: "grace@", base + "/sessions": "grace", s.Facts().Account: "grace@"} {
			if page, err := b.Get(t.Context(), address); err != nil || strings.Contains(page.Text(), sign) {
				t.Errorf("signed out at %s, and still in at %s: %v %s", where, address, err, page.Text())
			}
		}
	}
	signIn()
	if page := carry(b.Get(t.Context(), base+"/sign-out?username=grace")); !strings.Contains(page.Text(), "Signed out everywhere, with relay state ours") {
		t.Errorf("%s: %s", page.URL, page.Text())
	}
	out("the provider")
	signIn()
	page, err := b.Get(t.Context(), wiki)
	if err != nil {
		t.Fatal(err)
	}
	page = carry(b.Submit(t.Context(), page, "/logout", nil))
	if refresh, ok := strings.CutPrefix(page.Header.Get("Refresh"), "0; url="); ok { // a browser goes on by itself
		page = carry(b.Get(t.Context(), refresh))
	}
	if bye, _ := page.ByID("bye"); bye == "" {
		t.Errorf("%s: %s", page.URL, page.Text())
	}
	out("the app")
}

// plainWiki adds an app of SAML that signs nothing, and returns a request of it to sign
// somebody out.
func (s *stage) plainWiki(t *testing.T) (signOut string) {
	t.Helper()
	s.manage(t, http.MethodPut, "/apps/plain-wiki", []byte(`{"apiVersion": "marketplace/v1alpha1", "kind": "MicroApp",
		"metadata": {"name": "plain-wiki", "title": "Plain Wiki", "description": "An app of SAML that signs nothing."},
		"spec": {"owner": {"team": "people-tools", "primary": "ada@acme.example"},
			"entitlements": [{"name": "reader", "description": "Read", "groups": ["all-employees"]}],
			"identity": {"protocol": "saml", "saml": {"entityId": "https://plain.example/saml", "acs": ["https://plain.example/acs"], "slo": "https://plain.example/slo",
				"launchUri": "https://plain.example/", "attributes": {"email": "urn:oid:0.9.2342.19200300.100.1.3"}}}}}`))
	message := `<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_1" Version="2.0" IssueInstant="` +
		time.Now().UTC().Format(time.RFC3339) + `"><saml:Issuer>https://plain.example/saml</saml:Issuer><saml:NameID>somebody</saml:NameID></samlp:LogoutRequest>`
	var deflated bytes.Buffer
	f, err := flate.NewWriter(&deflated, flate.BestCompression)
	if err == nil {
		_, err = f.Write([]byte(message))
	}
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return s.Issuer() + "/saml/slo?SAMLRequest=" + url.QueryEscape(base64.StdEncoding.EncodeToString(deflated.Bytes()))
}
