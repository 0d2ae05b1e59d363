package integration

import (
	"net/url"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// unfit finds what makes a page hard to use on the screen that it is shown on: it
// is wider than the screen, a text's contrast is below 4.5 (WCAG 2.2, 1.4.3), a
// control is smaller than 24 pixels (2.5.8), or there is not exactly one heading.
const unfit = `(() => {
  const faults = [], root = document.documentElement;
  if (root.scrollWidth > window.innerWidth) faults.push('is ' + root.scrollWidth + ' wide on ' + window.innerWidth);
  if (document.querySelectorAll('h1').length !== 1) faults.push('has not one h1');
  const parse = (c) => (c.match(/[\d.]+/g) || []).map(Number);
  const light = (c) => { const [r, g, b] = c.slice(0, 3).map((v) => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] > 0) return c; } return [255, 255, 255]; };
  for (const e of document.querySelectorAll('h1, h2, p, li, a, dt, dd, button, th, td, label, code')) {
    if (e.className === 'skip' || !e.textContent.trim() || !e.getClientRects().length) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))];
    const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (contrast < 4.5) faults.push(e.tagName + ' "' + e.textContent.trim().slice(0, 30) + '" has contrast ' + contrast.toFixed(2));
  }
  for (const e of document.querySelectorAll('button, .button, input:not([type=hidden])')) {
    const box = e.getBoundingClientRect();
    if (box.height < 24 || box.width < 24) faults.push(e.tagName + ' is ' + box.width + ' by ' + box.height);
  }
  return faults.join('; ');
})()`

// fits shows a picture of the page and checks it.
func (w *window) fits(name string) {
	w.t.Helper()
	w.do("wait for "+name, chromedp.WaitVisible(chromedp.CSS("h1")))
	w.shoot(name)
	if faults, err := chromedp.Run(w.ctx, chromedp.Evaluate[string](unfit)); err != nil || faults != "" {
		w.t.Errorf("%s: %s %v", name, faults, err)
	}
}

func (w *window) screen(width, height int64, colours string) {
	w.t.Helper()
	w.do("take a screen", chromedp.EmulateViewport(width, height))
	_, err := chromedp.Call(w.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: colours}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestPagesOfASignInFitEveryScreen walks past every page that a person may meet
// on the way into an app and out of it.
func TestPagesOfASignInFitEveryScreen(t *testing.T) {
	for name, screen := range map[string]struct {
		width, height int64
		colours       string
	}{
		"desktop-light": {1280, 800, "light"}, "desktop-dark": {1280, 800, "dark"}, "phone-light": {360, 740, "light"}, "phone-dark": {360, 740, "dark"},
	} {
		t.Run(name, func(t *testing.T) {
			a := withPartner(t, "expense-bot")
			w := chromium(t)
			w.screen(screen.width, screen.height, screen.colours)
			w.walkPages(a, name+"-")
		})
	}
}

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
	w.fits(prefix + "01-app")
	w.do("begin to sign in", chromedp.Navigate(app.URL+"login"))
	w.fits(prefix + "02-choose")
	w.do("choose", chromedp.Click(chromedp.CSS(`a[href*="idp=acme"]`)), chromedp.WaitVisible(chromedp.CSS("#password")))
	w.fits(prefix + "03-idp")
	enter("alice")
	w.fits(prefix + "04-consent")
	w.do("do not allow", chromedp.Click(chromedp.CSS(`button[value="deny"]`)), chromedp.WaitNotPresent(chromedp.CSS(`button[value="deny"]`)))
	w.fits(prefix + "05-app-after-no")
	w.do("begin again", chromedp.Navigate(app.URL+"login"), chromedp.WaitVisible(chromedp.CSS(`button[value="allow"]`)),
		chromedp.Click(chromedp.CSS(`button[value="allow"]`)), chromedp.WaitVisible(chromedp.CSS("#who")))
	w.fits(prefix + "06-app-signed-in")
	w.do("ask to sign out", chromedp.Navigate(a.Issuer()+"/logout"))
	w.fits(prefix + "07-sign-out")
	w.do("sign out", chromedp.Click(chromedp.CSS(`form[action*="confirm"] button`)), chromedp.WaitNotPresent(chromedp.CSS(`form[action*="confirm"]`)))
	w.fits(prefix + "08-signed-out")
	w.do("sign in as carol", chromedp.Navigate(facts.App("crm-dash").URL+"login"), chromedp.Click(chromedp.CSS(`a[href*="idp=acme"]`)),
		chromedp.WaitVisible(chromedp.CSS("#password")))
	enter("carol")
	w.fits(prefix + "09-refused")
	w.do("an unknown app", chromedp.Navigate(a.Issuer()+"/authorize?"+url.Values{"client_id": {"nobody"}}.Encode()))
	w.fits(prefix + "10-unknown-app")
	w.do("a link that is over", chromedp.Navigate(a.Issuer()+"/login/flow/over"))
	w.fits(prefix + "11-over")
	w.do("no page", chromedp.Navigate(a.Issuer()+"/nowhere"))
	w.fits(prefix + "12-nowhere")
}
