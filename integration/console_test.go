package integration

import (
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// administer signs ada in at the administration.
func (w *window) administer(s *stage) {
	w.t.Helper()
	ada := s.Facts().Person("ada")
	w.do("open the administration and sign in", chromedp.Navigate(s.Issuer()+"/admin/people?sort=-name"), chromedp.WaitVisible(chromedp.CSS("#password")),
		chromedp.SendKeys(chromedp.CSS("#username"), ada.Username), chromedp.SendKeys(chromedp.CSS("#password"), ada.Password),
		chromedp.Click(chromedp.CSS("button")), chromedp.WaitVisible(chromedp.CSS("#list")))
	if at, err := chromedp.Run(w.ctx, chromedp.Location()); err != nil || at != s.Issuer()+"/admin/people?sort=-name" {
		w.t.Errorf("the sign-in leads to %s, %v", at, err)
	}
}

// follow clicks what a selector finds and waits for what comes.
func (w *window) follow(what, selector, wait string) {
	w.t.Helper()
	w.do(what, chromedp.Click(chromedp.CSS(selector)), chromedp.WaitVisible(chromedp.CSS(wait)))
}

func (w *window) text(selector string) string {
	w.t.Helper()
	for {
		text, err := chromedp.Run(w.ctx, chromedp.TextContent(chromedp.CSS(selector)))
		switch {
		case err == nil:
			return text
		case w.ctx.Err() != nil || !strings.Contains(err.Error(), "No node with given id"):
			w.t.Fatal(err)
		}
		// The page put another in its place between finding and reading it.
	}
}

// TestAnAdministratorSwitchesAnAppOffAndOn goes by clicks alone, with scripts and
// without: an app is three of them away.
func TestAnAdministratorSwitchesAnAppOffAndOn(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*window){"with scripts": func(*window) {}, "without scripts": (*window).withoutScripts} {
		t.Run(name, func(t *testing.T) {
			s := startDemo(t, tempDir(t), nil)
			alice := s.signIn(t, "alice", "expense-bot")
			w := chromium(t)
			prepare(w)
			w.administer(s)
			w.follow("go to the apps", `.side a[href$="/admin/apps"]`, `a[href$="/admin/apps/expense-bot"]`)
			w.follow("go to the app", `a[href$="/admin/apps/expense-bot"]`, `a[href$="/expense-bot/disable"]`)
			w.follow("ask to switch it off", `a[href$="/expense-bot/disable"]`, ".confirm button.danger")
			for _, want := range []string{"Switch off Expense Bot?", "Alice Moreau", "microapp-expense-bot", "all-employees"} {
				if text := w.text("main"); !strings.Contains(text, want) {
					t.Errorf("the question does not say %q: %s", want, text)
				}
			}
			if text, _ := s.account(t, alice); !strings.Contains(text, "Expense Bot") {
				t.Errorf("something is done before it is confirmed: %s", text)
			}
			w.follow("switch it off", ".confirm button.danger", ".notice.good")
			if text, _ := s.account(t, alice); strings.Contains(text, "Apps with access Expense Bot") {
				t.Errorf("the app still holds access: %s", text)
			}
			w.follow("switch it on", `form[action$="/expense-bot/enable"] button`, `a[href$="/expense-bot/disable"]`)
			if text := w.text(".notice"); !strings.Contains(text, "switched on again") {
				t.Errorf("the page says %s", text)
			}
		})
	}
}

// TestAListAnswersWhileOneTypes is what scripts add: the list changes under the
// filter, and its address with it.
func TestAListAnswersWhileOneTypes(t *testing.T) {
	t.Parallel()
	s := startDemo(t, tempDir(t), nil)
	s.signIn(t, "alice", "expense-bot")
	s.signIn(t, "bob", "expense-bot")
	w := chromium(t)
	w.administer(s)
	if text := w.text("#list"); !strings.Contains(text, "Alice Moreau") || !strings.Contains(text, "Bob Okafor") {
		t.Fatalf("%s", text)
	}
	eventually(t, "the page's script is ready", func() bool {
		ready, err := chromedp.Run(w.ctx, chromedp.Evaluate[bool](`document.readyState === 'complete' && !!window.htmx`))
		return err == nil && ready
	})
	w.do("type", chromedp.SendKeys(chromedp.CSS("#filter-q"), "moreau"))
	eventually(t, "the list has one person", func() bool {
		text := w.text("#list")
		return strings.Contains(text, "Alice Moreau") && !strings.Contains(text, "Bob Okafor")
	})
	at, err := chromedp.Run(w.ctx, chromedp.Location())
	if u, bad := url.Parse(at); err != nil || bad != nil || u.Query().Get("q") != "moreau" || u.Query().Get("sort") != "-name" {
		t.Errorf("the address is %s, %v", at, err)
	}
}

// TestTheOverviewRefreshesItself waits for a figure that changes without a click.
func TestTheOverviewRefreshesItself(t *testing.T) {
	t.Parallel()
	s := startDemo(t, tempDir(t), nil)
	w := chromium(t)
	w.administer(s)
	w.follow("go to the overview", `.side a[href$="/admin"]`, "#live")
	people := func() string { return w.text(`#live a[href$="/admin/people"]`) + w.text("#live .stats") }
	before := people()
	s.signIn(t, "alice", "expense-bot")
	eventually(t, "the figures have changed", func() bool { return people() != before })
}
