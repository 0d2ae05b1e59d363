package integration

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
)

// The sample apps show how it is done: what the broker answered to one browser signs
// nobody in in another, where it would be another's account.
func TestASampleAppTakesAnAnswerOfItsOwnBrowserAlone(t *testing.T) {
	t.Parallel()
	a := startDemoWithSAML(t)
	once := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for name, begin := range map[string]string{
		"by form_post": a.Facts().App("expense-bot").URL + "login?response_mode=form_post",
		"over SAML":    a.Facts().SAMLApps[0].URL + "login",
	} {
		t.Run(name, func(t *testing.T) {
			answer := func(b *browser.Browser) *browser.Page {
				t.Helper()
				page, err := b.Get(t.Context(), begin)
				if err != nil {
					t.Fatal(err)
				}
				return page
			}
			signedIn := func(person string) *browser.Browser {
				t.Helper()
				b, who := browser.New(), a.Facts().Person(person)
				page, err := b.Get(t.Context(), a.Facts().App("crm-dash").URL+"login?idp=acme")
				if err != nil {
					t.Fatal(err)
				}
				submit(t, b, page, url.Values{"username": {who.Username}, "password": {who.Password}})
				return b
			}
			mallory, victim := signedIn("alice"), signedIn("bob")
			page := answer(mallory)
			got := form(t, page)
			answer(victim) // has begun something, too
			for whose, cookies := range map[string]string{"an empty browser": "", "the victim's": victim.CookieHeader(got.Action)} {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, got.Action.String(), strings.NewReader(got.Values.Encode()))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				req.Header.Set("Cookie", cookies)
				res, err := once.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				_ = res.Body.Close()
				if res.StatusCode < http.StatusBadRequest || len(res.Cookies()) > 0 {
					t.Errorf("%s: %d %v", whose, res.StatusCode, res.Cookies())
				}
			}
			in, err := mallory.Submit(t.Context(), page, "", nil)
			if err != nil {
				t.Fatal(err)
			}
			if who, _ := in.ByID("who"); who != "alice@acme.example" {
				t.Errorf("control: %s %s", in.URL, in.Text())
			}
			if again, err := mallory.Submit(t.Context(), page, "", nil); err != nil || again.Status < http.StatusBadRequest {
				t.Errorf("a second time: %v %d", err, again.Status)
			}
		})
	}
}

// TestAFormPostBringsItsCookieInABrowser: Chromium takes two ports of an address for one site.
func TestAFormPostBringsItsCookieInABrowser(t *testing.T) {
	t.Parallel()
	s := startDemo(t, tempDir(t), nil)
	alice, w := s.Facts().Person("alice"), chromium(t)
	w.do("sign in", chromedp.Navigate(s.Facts().App("expense-bot").URL+"login?response_mode=form_post"), chromedp.WaitVisible(chromedp.CSS(`input[name="username"]`)),
		chromedp.SendKeys(chromedp.CSS(`input[name="username"]`), alice.Username), chromedp.SendKeys(chromedp.CSS(`input[name="password"]`), alice.Password),
		chromedp.Click(chromedp.CSS("button")), chromedp.WaitVisible(chromedp.CSS("#who")))
	w.reads("#who", alice.Email)
}
