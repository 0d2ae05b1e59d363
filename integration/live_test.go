package integration

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/gatehouse-io/gatehouse/internal/demo/browser"
)

// TestAListIsSearchedWhileOneTypes shows that htmx works under the content security
// policy, and that nothing is lost without it.
func TestAListIsSearchedWhileOneTypes(t *testing.T) {
	t.Parallel()
	a := withPartner(t)
	for name, c := range map[string]struct {
		prepare func(*window)
		search  string // keys that are typed
		leave   chromedp.Action[chromedp.Void]
	}{
		"with scripts":    {func(*window) {}, "crm", chromedp.NavigateBack()},
		"without scripts": {(*window).withoutScripts, "crm\r", chromedp.Click(chromedp.CSS("a.quiet"))},
	} {
		t.Run(name, func(t *testing.T) {
			w := chromium(t)
			c.prepare(w)
			w.enterAs(a, "alice")
			w.do("type", chromedp.SendKeys(chromedp.CSS("#filter-q"), c.search), chromedp.WaitNotPresent(chromedp.CSS(`#list a[href="/apps/expense-bot"]`)),
				chromedp.WaitVisible(chromedp.CSS(`#list a[href="/apps/crm-dash"]`)))
			w.reads("#count", "1 app is open to you.")
			if at, err := chromedp.Run(w.ctx, chromedp.Location()); err != nil || !strings.HasSuffix(at, "?q=crm") {
				t.Errorf("the address is %s: %v", at, err)
			}
			w.do("leave the search", c.leave, chromedp.WaitVisible(chromedp.CSS(`#list a[href="/apps/expense-bot"]`)))
		})
	}
}

func TestAnAppChoosesTheLanguageOfItsSignIn(t *testing.T) {
	a := withPartner(t)
	for locales, want := range map[string]string{"": "Where do you sign in?", "de": "Wo melden Sie sich an?", "fr de-CH en": "Wo melden Sie sich an?", "xx": "Where do you sign in?"} {
		b := browser.New()
		page, err := b.Get(t.Context(), a.request(url.Values{"ui_locales": {locales}}))
		if err != nil || !strings.Contains(page.Text(), want) {
			t.Fatalf("%q: %v %s", locales, err, page.Text())
		}
		// What comes later in the same sign-in speaks the same language.
		link, _ := page.Link("Acme")
		if page, err = b.Get(t.Context(), link); err != nil || page.Status != http.StatusOK {
			t.Fatal(err)
		}
		form, _ := page.Form("")
		gaveUp := a.Issuer() + "/login/callback/acme?" + url.Values{"error": {"access_denied"}, "state": {form.Values.Get("state")}}.Encode()
		back := map[bool]string{true: "Zurück zur App", false: "Back to the app"}[strings.HasPrefix(want, "Wo")]
		if page, err = b.Get(t.Context(), gaveUp); err != nil || !strings.Contains(page.Text(), back) {
			t.Errorf("%q, when it fails: %v %s", locales, err, page.Text())
		}
	}
}

func TestALanguageThatAPersonChoseStays(t *testing.T) {
	s := startDemo(t, tempDir(t), nil)
	b := s.signIn(t, "alice", "expense-bot")
	text := func(address string) string {
		page, err := b.Get(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		return page.Text()
	}
	if got := text(s.Facts().Account); !strings.Contains(got, "My account") {
		t.Error(got)
	}
	if got := text(s.Facts().Account + "?lang=de"); !strings.Contains(got, "Mein Konto") {
		t.Error(got)
	}
	if got := text(s.Facts().Portal); !strings.Contains(got, "Meine Apps") {
		t.Error(got)
	}
	if got := text(s.Facts().Account + "?lang=en"); !strings.Contains(got, "My account") {
		t.Error(got)
	}
}
