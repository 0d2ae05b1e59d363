package integration

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
)

// TestAnAdministratorAddsAConnectionAndFindsOutWhyItDoesNotWork goes by the pages
// alone, without scripts on one screen: faults of the form, a test that fails and says why,
// the change that helps, a test that passes, and the code that a person was shown.
func TestAnAdministratorAddsAConnectionAndFindsOutWhyItDoesNotWork(t *testing.T) {
	t.Parallel()
	for _, on := range []screen{screens()[0], screens()[3]} {
		t.Run(on.name, func(t *testing.T) {
			a := newAttacker(t)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			issuer := serveProvider(t, l, a.Issuer()+"/login/callback/partner", partnerSecret)
			w, shot := chromium(t), on.name+"-connection-"
			w.on(on)
			if on.width < 1000 {
				w.withoutScripts()
			}
			look := func(name string, says ...string) {
				t.Helper()
				text := w.text("main")
				for _, s := range says {
					if !strings.Contains(text, s) {
						t.Errorf("%s does not say %q: %s", name, s, text)
					}
				}
				if on.width >= 1000 {
					w.holds(shot + name) // axe-core is a script
				} else {
					w.shoot(shot + name)
				}
			}
			field := func(path, value string) chromedp.Action[chromedp.Void] {
				return chromedp.SetValue(chromedp.CSS(`[name="`+path+`"]`), value)
			}
			signIn := func() {
				t.Helper()
				w.do("sign in there", chromedp.WaitVisible(chromedp.CSS("#password")), chromedp.SendKeys(chromedp.CSS("#username"), mallory.Username),
					chromedp.SendKeys(chromedp.CSS("#password"), mallory.Password), chromedp.Click(chromedp.CSS("button")), chromedp.WaitVisible(chromedp.CSS("main[data-page]")))
			}
			w.administer(a.stage)
			w.do("go to SAML's form", chromedp.Navigate(a.Issuer()+"/admin/new-connection?type=saml"), chromedp.WaitVisible(chromedp.CSS("h1")))
			look("0-saml", "Entity id of the provider", "What must be signed")
			w.do("go to the form", chromedp.Navigate(a.Issuer()+"/admin/new-connection"), chromedp.WaitVisible(chromedp.CSS("h1")))
			w.do("fill it in with faults", field("id", "partner"), field("title", "Partner Corp"), field("issuer", "http://partner.example"), field("client_id", "gatehouse"),
				field("claims", "name = claims."), field("scopes", "profile"))
			w.follow("send it", `form[action$="/new-connection"] button`, ".faults")
			look("1-faults", "3 faults", "claims.name", "must contain openid", "must be https")
			w.do("make it better", field("issuer", issuer), field("claims", "name = claims.name"), field("scopes", "openid profile email groups"), field("client_secret", "wrong-secret"))
			w.follow("send it again", `form[action$="/new-connection"] button`, ".notice.good")
			look("2-added", "Disabled", "Test it next", "/login/callback/partner")
			w.follow("test it", `form[action$="/partner/test"] button`, `main a[href$="/begin"]`)
			look("3-test", "not in a session")
			w.do("begin", chromedp.Click(chromedp.CSS(`main a[href$="/begin"]`)))
			signIn()
			look("4-failed", "Failed", "token_response", "401 invalid_client")
			w.do("put the secret right", chromedp.Navigate(a.Issuer()+"/admin/connections/partner/change"), chromedp.WaitVisible(chromedp.CSS("h1")), field("client_secret", partnerSecret))
			w.follow("send it", `form[action$="/change"] button`, ".notice.good")
			w.follow("test it again", `form[action$="/partner/test"] button`, `main a[href$="/begin"]`)
			w.do("begin", chromedp.Click(chromedp.CSS(`main a[href$="/begin"]`)))
			signIn()
			look("5-passed", "Passed", "Mallory Quist", "audience")
			a.manage(t, http.MethodPost, "/connections/partner/enable", nil)
			a.manage(t, http.MethodPut, "/connections/partner", partnerSettings(issuer, `"domains"`, `"claims":{"department":"claims.dept"},"domains"`))
			page := a.throughPartner(browser.New())
			code := codeOnPage.FindString(page.Text())
			w.do("fail as a person does", chromedp.Navigate(a.request(url.Values{"idp": {"partner"}, "prompt": {"login"}})), chromedp.WaitVisible(chromedp.CSS("h1")))
			if w.page() == "" {
				signIn()
			}
			look("5-code", "Tell your administrator this code")
			w.do("look the code up", chromedp.Navigate(a.Issuer()+"/admin/traces"), chromedp.WaitVisible(chromedp.CSS("#filter-code")))
			look("6-traces", code, "claim_rule", "Test")
			w.do("open it", chromedp.Navigate(a.Issuer()+"/admin/traces?code="+strings.ToLower(code)), chromedp.WaitVisible(chromedp.CSS(`main[data-page="trace"]`)))
			look("7-trace", code, "department = claims.dept", "no such key: dept", "the claim that it reads is not there")
			w.do("go to the connection", chromedp.Navigate(a.Issuer()+"/admin/connections/partner"), chromedp.WaitVisible(chromedp.CSS("#traces")))
			look("8-connection", code)
			w.follow("ask to remove it", `a[href$="/partner/remove"]`, ".confirm button.danger")
			look("9-remove", "Remove Partner Corp?")
			w.follow("remove it", ".confirm button.danger", ".notice.good")
		})
	}
}
