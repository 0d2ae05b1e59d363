package integration

import (
	"net/url"

	"github.com/chromedp/chromedp"
)

// walkPages walks past every page that a person may meet on the way into an app and
// out of it.
func (w *window) walkPages(a *attacker, prefix string) {
	w.t.Helper()
	facts := a.Facts()
	app := facts.App("expense-bot")
	enter := func(username string) {
		who := facts.Person(username)
		w.do("sign in", chromedp.SendKeys(chromedp.CSS("#username"), who.Username), chromedp.SendKeys(chromedp.CSS("#password"), who.Password),
			chromedp.Click(chromedp.CSS("button")), chromedp.WaitNotPresent(chromedp.CSS("#password")))
	}
	w.do("open the app", chromedp.Navigate(app.URL))
	w.holds(prefix + "01-app")
	w.do("begin to sign in", chromedp.Navigate(app.URL+"login"))
	w.holds(prefix + "02-choose")
	w.do("choose", chromedp.Click(chromedp.CSS(`a[href*="idp=acme"]`)), chromedp.WaitVisible(chromedp.CSS("#password")))
	w.holds(prefix + "03-idp")
	enter("alice")
	w.holds(prefix + "04-consent")
	w.do("do not allow", chromedp.Click(chromedp.CSS(`button[value="deny"]`)), chromedp.WaitNotPresent(chromedp.CSS(`button[value="deny"]`)))
	w.holds(prefix + "05-app-after-no")
	w.do("begin again", chromedp.Navigate(app.URL+"login"), chromedp.WaitVisible(chromedp.CSS(`button[value="allow"]`)),
		chromedp.Click(chromedp.CSS(`button[value="allow"]`)), chromedp.WaitVisible(chromedp.CSS("#who")))
	w.holds(prefix + "06-app-signed-in")
	w.do("have an app of SAML ask to sign out", chromedp.Navigate(a.plainWiki(w.t)))
	w.holds(prefix + "06-an-app-asks")
	w.do("ask to sign out", chromedp.Navigate(a.Issuer()+"/logout"))
	w.holds(prefix + "07-sign-out")
	w.do("sign out", chromedp.Click(chromedp.CSS(`form[action*="confirm"] button`)), chromedp.WaitNotPresent(chromedp.CSS(`form[action*="confirm"]`)))
	w.holds(prefix + "08-signed-out")
	w.do("sign in as carol", chromedp.Navigate(facts.App("crm-dash").URL+"login"), chromedp.Click(chromedp.CSS(`a[href*="idp=acme"]`)),
		chromedp.WaitVisible(chromedp.CSS("#password")))
	enter("carol")
	w.holds(prefix + "09-refused")
	w.do("an unknown app", chromedp.Navigate(a.Issuer()+"/authorize?"+url.Values{"client_id": {"nobody"}}.Encode()))
	w.holds(prefix + "10-unknown-app")
	w.do("a link that is over", chromedp.Navigate(a.Issuer()+"/login/flow/over"))
	w.holds(prefix + "11-over")
	w.do("no page", chromedp.Navigate(a.Issuer()+"/nowhere"))
	w.holds(prefix + "12-nowhere")
}
