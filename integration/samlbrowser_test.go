package integration

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/gatehouse-io/gatehouse/config"
	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
	"github.com/gatehouse-io/gatehouse/internal/testkit"
)

// withSAML is an attacker of a broker that samlify signs people in at.
func withSAML(t *testing.T, change func(*config.Connection)) (a *attacker, base string) {
	t.Helper()
	s, base := withSamlify(t, change)
	return &attacker{t: t, stage: s, client: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, base
}

// form is the one form of a page.
func form(t *testing.T, page *browser.Page) browser.Form {
	t.Helper()
	f, ok := page.Form("")
	if !ok {
		t.Fatalf("no form: %s %s", page.URL, page.Text())
	}
	return f
}

// deliver posts a form as a browser with these cookies would: none, if it comes from
// another site.
func (a *attacker) deliver(values url.Values, cookies string) (*http.Response, string) {
	a.t.Helper()
	header := http.Header{}
	if cookies != "" {
		header.Set("Cookie", cookies)
	}
	return a.send(http.MethodPost, "/login/saml/own/acs", values, header)
}

func (a *attacker) cookies(b *browser.Browser) string {
	a.t.Helper()
	issuer, err := url.Parse(a.Issuer())
	if err != nil {
		a.t.Fatal(err)
	}
	return b.CookieHeader(issuer)
}

func TestASAMLAnswerCountsForTheBrowserThatAsked(t *testing.T) {
	t.Parallel()
	a, base := withSAML(t, nil)
	victim := browser.New()
	a.samlAnswer(t, victim, "grace") // under way
	answer := func(b *browser.Browser) url.Values { return form(t, a.samlAnswer(t, b, "mallory")).Values }

	t.Run("another browser with cookies of its own is refused", func(t *testing.T) {
		mallory := browser.New()
		values := answer(mallory)
		res, text := a.deliver(values, a.cookies(victim))
		if res.StatusCode != http.StatusBadRequest || !strings.Contains(text, "login_flow") || len(res.Cookies()) > 0 {
			t.Errorf("%d %s", res.StatusCode, text)
		}
		if res, _ := a.deliver(values, a.cookies(mallory)); !signedInBy(res) { // and nothing was used up
			t.Errorf("control: %d %v", res.StatusCode, res.Cookies())
		}
	})
	t.Run("what comes without cookies counts once they are shown", func(t *testing.T) {
		mallory := browser.New()
		values := answer(mallory)
		res, _ := a.deliver(values, "")
		to, err := res.Location()
		if err != nil || res.StatusCode != http.StatusSeeOther || !strings.HasSuffix(to.Path, "/arrive") || signedInBy(res) {
			t.Fatalf("%d %v", res.StatusCode, to)
		}
		for name, cookies := range map[string]string{"none": "", "the victim's": a.cookies(victim)} {
			if res, text := a.send(http.MethodGet, to.Path, nil, http.Header{"Cookie": {cookies}}); res.StatusCode != http.StatusBadRequest || signedInBy(res) {
				t.Errorf("%s: %d %s", name, res.StatusCode, text)
			}
		}
		if res, text := a.deliver(values, ""); res.StatusCode != http.StatusBadRequest && res.StatusCode != http.StatusForbidden {
			t.Errorf("a second time: %d %s", res.StatusCode, text)
		}
		if page, err := mallory.Get(t.Context(), to.String()); err != nil || !strings.HasPrefix(page.URL.String(), a.Facts().App("expense-bot").URL) {
			t.Errorf("control: %v %s", err, page.Text())
		}
		if page, err := mallory.Get(t.Context(), to.String()); err != nil || page.Status != http.StatusBadRequest {
			t.Errorf("a second time: %v %d", err, page.Status)
		}
	})
	t.Run("whoever begins a sign-in gets nothing of the one who answers it", func(t *testing.T) {
		mallory := browser.New()
		// Somebody else follows a link of mallory's to the provider, and posts from there.
		values := form(t, a.samlAnswer(t, mallory, "grace")).Values
		res, _ := a.deliver(values, "")
		to, err := res.Location()
		if err != nil || res.StatusCode != http.StatusSeeOther {
			t.Fatalf("%d %v", res.StatusCode, err)
		}
		known := "/login/flow/" + values.Get("RelayState")
		for _, path := range []string{known + "/arrive", known, known + "/cancel"} {
			if res, text := a.send(http.MethodGet, path, nil, http.Header{"Cookie": {a.cookies(mallory)}}); res.StatusCode != http.StatusBadRequest || signedInBy(res) {
				t.Errorf("%s: %d to %s %s", path, res.StatusCode, res.Header.Get("Location"), text)
			}
		}
		if page, err := mallory.Get(t.Context(), to.String()); err != nil || !strings.HasPrefix(page.URL.String(), a.Facts().App("expense-bot").URL) {
			t.Errorf("control: %v %s", err, page.Text())
		}
	})
	t.Run("a relay state that is none of ours leads nowhere", func(t *testing.T) {
		for name, relay := range map[string][]string{"none": nil, "an address": {"https://evil.example/"}, "another flow": {form(t, a.samlAnswer(t, browser.New(), "x")).Values.Get("RelayState")}} {
			mallory := browser.New()
			values := answer(mallory)
			values["RelayState"] = relay
			if res, _ := a.deliver(values, a.cookies(mallory)); res.StatusCode != http.StatusBadRequest && res.StatusCode != http.StatusForbidden || res.Header.Get("Location") != "" || signedInBy(res) {
				t.Errorf("%s: %d to %s", name, res.StatusCode, res.Header.Get("Location"))
			}
		}
	})
	t.Run("at the callback of OpenID Connect it is nothing", func(t *testing.T) {
		mallory := browser.New()
		values := answer(mallory)
		values.Set("state", values.Get("RelayState"))
		for _, query := range []string{"", "?" + values.Encode()} {
			method, body := http.MethodPost, values
			if query != "" {
				method, body = http.MethodGet, nil
			}
			if res, _ := a.send(method, "/login/callback/own"+query, body, http.Header{"Cookie": {a.cookies(mallory)}}); res.StatusCode != http.StatusBadRequest || signedInBy(res) {
				t.Errorf("%s: %d", method, res.StatusCode)
			}
		}
	})
	t.Run("at another connection it is nothing", func(t *testing.T) {
		mallory := browser.New()
		values := answer(mallory)
		for _, path := range []string{"/login/saml/acme/acs", "/login/saml/nobody/acs"} {
			if res, _ := a.send(http.MethodPost, path, values, http.Header{"Cookie": {a.cookies(mallory)}}); res.StatusCode != http.StatusBadRequest || signedInBy(res) {
				t.Errorf("%s: %d", path, res.StatusCode)
			}
		}
	})
	t.Run("a form that is too large or no form is refused", func(t *testing.T) {
		big := url.Values{"SAMLResponse": {strings.Repeat("A", 400<<10)}}
		if res, _ := a.deliver(big, ""); res.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("large: %d", res.StatusCode)
		}
		if res, _ := a.send(http.MethodPost, "/login/saml/own/acs", nil, http.Header{"Content-Type": {"text/xml"}}); res.StatusCode != http.StatusUnsupportedMediaType {
			t.Errorf("no form: %d", res.StatusCode)
		}
	})
	t.Run("the provider may not begin one", func(t *testing.T) {
		b := browser.New()
		page, err := b.Get(t.Context(), base+"/launch?username=grace")
		if err != nil {
			t.Fatal(err)
		}
		if page = submit(t, b, page, nil); page.Status != http.StatusForbidden || !strings.Contains(page.Text(), "saml_unsolicited") {
			t.Errorf("%d %s", page.Status, page.Text())
		}
	})
}

// signedInBy reports whether an answer begins a session.
func signedInBy(res *http.Response) bool {
	for _, c := range res.Cookies() {
		if c.Name == "gatehouse" && c.Value != "" {
			return true
		}
	}
	return false
}

func TestAProviderThatMayBeginsSignInsThatEndAtOurOwnPages(t *testing.T) {
	t.Parallel()
	a, base := withSAML(t, func(c *config.Connection) { c.SAML.IDPInitiated = true })
	launch := func(b *browser.Browser, who string) *browser.Page {
		t.Helper()
		page, err := b.Get(t.Context(), base+"/launch?username="+who)
		if err != nil {
			t.Fatal(err)
		}
		return submit(t, b, page, nil)
	}
	b := browser.New()
	page := launch(b, "grace")
	if page.URL.String() != a.Facts().Portal {
		t.Errorf("it ends at %s: %s", page.URL, page.Text())
	}
	if _, in := a.account(t, b); !in {
		t.Error("nobody is signed in")
	}
	if page = launch(b, "mallory"); page.Status != http.StatusConflict || !strings.Contains(page.Text(), "login_other_person") {
		t.Errorf("over somebody else's session: %d %s", page.Status, page.Text())
	}
	if text, _ := a.account(t, b); !strings.Contains(text, "grace@") {
		t.Errorf("somebody else was signed in: %s", text)
	}
	if page = launch(b, "grace"); page.URL.String() != a.Facts().Portal {
		t.Errorf("the same person again: %s", page.Text())
	}
	// An answer to a request is none that nobody asked for.
	values := form(t, a.samlAnswer(t, browser.New(), "mallory")).Values
	values.Del("RelayState")
	if res, text := a.deliver(values, ""); res.StatusCode != http.StatusForbidden || !strings.Contains(text, "saml_in_response_to") {
		t.Errorf("a stolen answer: %d %s", res.StatusCode, text)
	}
}

func TestASAMLConnectionThatIsSwitchedOffIsOutAtOnce(t *testing.T) {
	t.Parallel()
	a, _ := withSAML(t, nil)
	b, waiting := browser.New(), browser.New()
	a.samlSignIn(t, b, "grace")
	held := a.tokens(b)
	underWay := form(t, a.samlAnswer(t, waiting, "henry"))
	if got := a.userinfo(held); got != http.StatusOK {
		t.Fatalf("control: %d", got)
	}
	a.manage(t, http.MethodPost, "/connections/own/disable", nil)
	if _, in := a.account(t, b); in {
		t.Error("the session goes on")
	}
	if got := a.userinfo(held); got != http.StatusUnauthorized {
		t.Errorf("the token is good: %d", got)
	}
	if _, code := a.refresh(a.Facts().App("expense-bot"), held.RefreshToken, ""); code != "invalid_grant" {
		t.Errorf("the refresh token: %q", code)
	}
	if res, _ := a.deliver(underWay.Values, a.cookies(waiting)); signedInBy(res) || res.StatusCode < 400 {
		t.Errorf("an answer under way: %d", res.StatusCode)
	}
	if page, err := browser.New().Get(t.Context(), a.request(url.Values{"idp": {"own"}})); err != nil || page.Status != http.StatusBadRequest {
		t.Errorf("a new one: %v %d", err, page.Status)
	}
	a.manage(t, http.MethodPost, "/connections/own/enable", nil)
	if page := a.samlSignIn(t, browser.New(), "grace"); !strings.HasPrefix(page.URL.String(), a.Facts().App("expense-bot").URL) {
		t.Errorf("control: %s", page.Text())
	}
}

// TestASAMLSignInGoesOnAtAnotherReplica begins at one replica and ends at the other,
// where an assertion that the first took counts no more.
func TestASAMLSignInGoesOnAtAnotherReplica(t *testing.T) {
	t.Parallel()
	if err := nodeModules(); err != nil {
		t.Fatalf("`make test` installs Node.js: %v", err)
	}
	port := testkit.FreePort(t)
	c := startCluster(t, func(cfg *config.Config) { addSamlify(cfg, "http://127.0.0.1:"+port, nil) })
	startSamlify(t, port, c.Issuer())
	s := &stage{Demo: c.Demo}
	a := &attacker{t: t, stage: s, client: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	for i := range c.direct {
		c.at.Store(int32(i))
		s.known(t)
	}
	c.at.Store(0)
	b := browser.New()
	page := s.samlAnswer(t, b, "grace")
	first := form(t, page).Values
	c.at.Store(1)
	if page = submit(t, b, page, nil); !strings.HasPrefix(page.URL.String(), s.Facts().App("expense-bot").URL) {
		t.Fatalf("it does not end at the other replica: %s %s", page.URL, page.Text())
	}
	// The same assertion in a flow that is under way: the first replica has not seen it.
	c.at.Store(0)
	next := browser.New()
	second := form(t, s.samlAnswer(t, next, "grace")).Values
	second.Set("SAMLResponse", first.Get("SAMLResponse"))
	if res, text := a.deliver(second, a.cookies(next)); res.StatusCode != http.StatusForbidden || signedInBy(res) {
		t.Errorf("%d %s", res.StatusCode, text)
	}
}

// TestAnAnswerFromAnotherSiteFindsItsCookiesInABrowser has the provider on another
// site, from where Chromium posts without our SameSite cookies.
func TestAnAnswerFromAnotherSiteFindsItsCookiesInABrowser(t *testing.T) {
	t.Parallel()
	if err := nodeModules(); err != nil {
		t.Fatalf("`make test` installs Node.js: %v", err)
	}
	port := testkit.FreePort(t)
	var cookieless, shown atomic.Bool
	watch := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/acs") && len(r.Cookies()) == 0 {
				cookieless.Store(true)
			}
			if strings.HasSuffix(r.URL.Path, "/arrive") && len(r.Cookies()) > 0 {
				shown.Store(true)
			}
			next.ServeHTTP(w, r)
		})
	}
	s := startDemoAt(t, tempDir(t), watch, time.Now, func(c *config.Config) {
		addSamlify(c, "http://127.0.0.1:"+port, func(n *config.Connection) {
			n.Issuer, n.SAML.MetadataURL, n.SAML.Binding = "http://localhost:"+port+"/metadata", "http://127.0.0.1:"+port+"/metadata", config.BindingPost
		})
	})
	startSamlify(t, port, s.Issuer(), "HOST=localhost")
	s.known(t)
	w := chromium(t)
	w.do("sign in",
		chromedp.Navigate(s.Facts().App("expense-bot").URL+"login"), chromedp.WaitVisible(chromedp.CSS(`a[href$="idp=own"]`)), chromedp.Click(chromedp.CSS(`a[href$="idp=own"]`)),
		chromedp.WaitVisible(chromedp.CSS(`input[name="username"]`)), chromedp.SendKeys(chromedp.CSS(`input[name="username"]`), "grace"),
		chromedp.Click(chromedp.CSS("button")), chromedp.WaitVisible(chromedp.CSS(`form[action$="/acs"] button`)), chromedp.Click(chromedp.CSS(`form[action$="/acs"] button`)),
	)
	w.reads("#who", "grace@elsewhere.example")
	if !cookieless.Load() || !shown.Load() {
		t.Errorf("the form came with cookies: %v, and they were shown after: %v", !cookieless.Load(), shown.Load())
	}
	w.do("sign out", chromedp.Navigate(s.Facts().Account), chromedp.WaitVisible(chromedp.CSS("#signed-in-as")), chromedp.Click(chromedp.CSS(`form[action$="sign-out"] button`)), chromedp.WaitVisible(chromedp.CSS(`[data-page="left"]`)))
	said, err := chromedp.Run(w.ctx, chromedp.TextContent(chromedp.CSS(".lead")))
	if err != nil || !strings.Contains(said, "here and at Elsewhere") {
		t.Errorf("%q %v", said, err)
	}
}

func TestASAMLConnectionIsAddedChangedAndRemovedWhileTheBrokerRuns(t *testing.T) {
	if err := nodeModules(); err != nil {
		t.Fatalf("`make test` installs Node.js: %v", err)
	}
	port := testkit.FreePort(t)
	base := "http://127.0.0.1:" + port
	a := newAttacker(t)
	settings := func(signed string) []byte {
		return []byte(`{"id":"own","title":"Elsewhere","type":"saml","issuer":"` + base + `/metadata","domains":["elsewhere.example"],"saml":{"metadata_url":"` + base + `/metadata","signed":"` + signed +
			`","name_id_format":"persistent","refresh":"30m"}}`)
	}
	a.manage(t, http.MethodPut, "/connections/own", settings("assertion"))
	a.manage(t, http.MethodPut, "/mappings/own/g-42", []byte(`{"name":"all-employees"}`))
	startSamlify(t, port, a.Issuer())
	a.known(t)
	if page := a.samlSignIn(t, browser.New(), "grace"); !strings.HasPrefix(page.URL.String(), a.Facts().App("expense-bot").URL) {
		t.Fatalf("added: %s %s", page.URL, page.Text())
	}
	a.manage(t, http.MethodPut, "/connections/own", settings("both"))
	a.known(t)
	if page := a.samlSignIn(t, browser.New(), "grace"); page.Status != http.StatusForbidden || !strings.Contains(page.Text(), "saml_") {
		t.Errorf("what must be signed was changed: %d %s", page.Status, page.Text())
	}
	a.manage(t, http.MethodPut, "/connections/own", settings("assertion"))
	a.known(t)
	b := browser.New()
	a.samlSignIn(t, b, "grace")
	held := a.tokens(b)
	a.manage(t, http.MethodDelete, "/connections/own", nil)
	if _, in := a.account(t, b); in || a.userinfo(held) != http.StatusUnauthorized {
		t.Error("the connection is gone, and its people are not")
	}
	if _, code := a.refresh(a.Facts().App("expense-bot"), held.RefreshToken, ""); code != "invalid_grant" {
		t.Errorf("the refresh token: %q", code)
	}
	if res, _ := a.send(http.MethodGet, "/login/saml/own/metadata", nil, http.Header{}); res.StatusCode != http.StatusBadRequest {
		t.Errorf("its metadata: %d", res.StatusCode)
	}
}

// Signed out at the provider, the person is out of everything that hung on the session.
func TestSigningOutAtTheProviderEndsWhatHangsOnTheSession(t *testing.T) {
	t.Parallel()
	a, base := withSAML(t, nil)
	told := make(chan string, 8)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { told <- r.PostFormValue("logout_token") }))
	t.Cleanup(receiver.Close)
	a.manage(t, http.MethodPut, "/apps/expense-bot", a.manifest(t, "expense-bot", map[string]any{"backchannelLogoutUri": receiver.URL + "/backchannel"}))
	b := browser.New()
	a.samlSignIn(t, b, "grace")
	held := a.tokens(b)
	next, code := a.refresh(a.Facts().App("expense-bot"), held.RefreshToken, "")
	if code != "" || a.userinfo(held) != http.StatusOK {
		t.Fatalf("control: %s", code)
	}
	if page, err := b.Get(t.Context(), base+"/sign-out?username=grace"); err != nil || !strings.Contains(page.Text(), "Signed out everywhere") {
		t.Fatalf("%v: %s", err, page.Text())
	}
	if got := a.userinfo(held); got != http.StatusUnauthorized {
		t.Errorf("the access token: %d", got)
	}
	if _, code := a.refresh(a.Facts().App("expense-bot"), next.RefreshToken, ""); code != "invalid_grant" {
		t.Errorf("the refresh token: %q", code)
	}
	select {
	case token := <-told:
		if strings.Count(token, ".") != 2 {
			t.Errorf("the app was sent %q", token)
		}
	case <-time.After(30 * time.Second):
		t.Error("the app is not told")
	}
}
