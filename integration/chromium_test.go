package integration

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// browserLimit bounds what one test may do in the browser.
const browserLimit = 90 * time.Second

// window is a tab of a browser that a test has to itself.
type window struct {
	t   *testing.T
	ctx context.Context
	// shots is where screenshots go; empty for none.
	shots string
	// met are the pages of ours that were looked at; nil when nobody asks.
	met map[string]bool
}

// chromium starts a browser for the test. It talks to loopback only.
func chromium(t *testing.T) *window {
	t.Helper()
	return chromiumFor(t, browserLimit)
}

// chromiumFor is chromium for a test that takes longer.
func chromiumFor(t *testing.T, limit time.Duration) *window {
	t.Helper()
	options := append([]chromedp.ExecAllocatorOption{}, chromedp.DefaultExecAllocatorOptions[:]...)
	options = append(options,
		chromedp.ExecPath(findChromium(t)), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-quic", true),
	)
	allocated, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	tab, cancel := chromedp.NewContext(allocated)
	t.Cleanup(cancel)
	if err := chromedp.Do(tab); err != nil { // the first call starts the browser and must have no limit of its own
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(tab, limit)
	t.Cleanup(cancel)
	return &window{t: t, ctx: ctx, shots: os.Getenv("GATEHOUSE_SCREENSHOTS")}
}

func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			return found
		}
	}
	t.Fatal("Chromium is missing: `make test` installs it")
	return ""
}

// do runs steps and fails the test at the first that does not work.
func (w *window) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	if err := chromedp.Do(w.ctx, steps...); err != nil {
		where, _ := chromedp.Run(w.ctx, chromedp.Location())
		w.t.Fatalf("%s: %v (at %s)", what, err, where)
	}
}

// reads fails the test unless the element shows want.
func (w *window) reads(selector, want string) {
	w.t.Helper()
	w.do("wait for "+selector, chromedp.WaitVisible(chromedp.CSS(selector)))
	got, err := chromedp.Run(w.ctx, chromedp.TextContent(chromedp.CSS(selector)))
	if err != nil || got != want {
		w.t.Fatalf("%s reads %q, want %q (%v)", selector, got, want, err)
	}
}

// withoutScripts switches JavaScript off for the pages of the tab.
func (w *window) withoutScripts() {
	w.t.Helper()
	if _, err := chromedp.Call(w.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		w.t.Fatal(err)
	}
}

// dark makes the tab prefer dark colours.
func (w *window) dark() {
	w.t.Helper()
	_, err := chromedp.Call(w.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// shoot keeps a picture of the page when GATEHOUSE_SCREENSHOTS names a folder.
func (w *window) shoot(name string) {
	w.t.Helper()
	if w.shots == "" {
		return
	}
	png, err := chromedp.Run(w.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.shots, name+".png"), png, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func TestAPersonSignsInToTwoAppsWithOneLoginAndOutEverywhere(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*window){
		"with scripts":    func(*window) {},
		"without scripts": (*window).withoutScripts,
		"dark":            (*window).dark,
	} {
		t.Run(name, func(t *testing.T) {
			s := startDemo(t, tempDir(t), nil)
			w := chromium(t)
			prepare(w)
			walkInBrowser(w, s, name)
		})
	}
}

func walkInBrowser(w *window, s *stage, name string) {
	facts := s.Facts()
	alice := facts.Person("alice")
	first, second := facts.App("expense-bot"), facts.App("crm-dash")

	w.do("open the first app", chromedp.Navigate(first.URL+"login"), chromedp.WaitVisible(chromedp.CSS("#password")))
	w.shoot(name + "-1-idp")
	w.do("sign in",
		chromedp.SendKeys(chromedp.CSS("#username"), alice.Username), chromedp.SendKeys(chromedp.CSS("#password"), alice.Password),
		chromedp.Click(chromedp.CSS("button")))
	w.reads("#who", alice.Email)
	w.shoot(name + "-2-first-app")

	w.do("open the second app", chromedp.Navigate(second.URL+"login"))
	w.reads("#who", alice.Email)

	w.do("open my apps", chromedp.Navigate(facts.Portal), chromedp.WaitVisible(chromedp.CSS("main")))
	w.shoot(name + "-3-my-apps")
	w.do("open an app's page", chromedp.Navigate(facts.Portal+"apps/expense-bot"), chromedp.WaitVisible(chromedp.CSS("main")))
	w.shoot(name + "-4-app-page")
	w.do("open the account", chromedp.Navigate(facts.Account))
	w.reads("#signed-in-as", alice.Email)
	w.shoot(name + "-5-account")

	w.do("sign out everywhere", chromedp.Click(chromedp.CSS(`form[action*="everywhere"] button`)),
		chromedp.WaitNotPresent(chromedp.CSS("#signed-in-as")))
	w.shoot(name + "-6-signed-out")
	w.do("open the second app again", chromedp.Navigate(second.URL+"login"), chromedp.WaitVisible(chromedp.CSS("#password")))
}

func TestAPersonWithoutTheGroupIsToldWhatIsMissing(t *testing.T) {
	s := startDemo(t, tempDir(t), nil)
	facts := s.Facts()
	carol := facts.Person("carol")
	w := chromium(t)
	w.do("open the app and sign in",
		chromedp.Navigate(facts.App("expense-bot").URL+"login"), chromedp.WaitVisible(chromedp.CSS("#password")),
		chromedp.SendKeys(chromedp.CSS("#username"), carol.Username), chromedp.SendKeys(chromedp.CSS("#password"), carol.Password),
		chromedp.Click(chromedp.CSS("button")), chromedp.WaitVisible(chromedp.CSS("main dl")))
	w.shoot("refused")
	text, err := chromedp.Run(w.ctx, chromedp.TextContent(chromedp.CSS("main")))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Expense Bot", "all-employees", "finance"} {
		if !strings.Contains(text, want) {
			t.Errorf("the refusal does not say %q: %s", want, text)
		}
	}
}
