package integration

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// What a page is measured by in the browser; each script says what is wrong, or "".
var (
	//go:embed testdata/axe.js
	axeRun string
	//go:embed testdata/layout.js
	layoutRun string
	//go:embed testdata/keyboard.js
	keyboardRun string
)

// axe is axe-core as it is published: the rules of WCAG 2.2 AA and good practice.
var axe = sync.OnceValues(func() (string, error) {
	if err := nodeModules(); err != nil {
		return "", err
	}
	source, err := os.ReadFile(filepath.Join("node", "node_modules", "axe-core", "axe.min.js"))
	return string(source), err
})

// screen is what a page is looked at on.
type screen struct {
	name          string
	width, height int64
	colours       string
}

// screens are those that every page has to fit.
func screens() []screen {
	return []screen{{"desktop-light", 1280, 800, "light"}, {"desktop-dark", 1280, 800, "dark"}, {"phone-light", 360, 740, "light"}, {"phone-dark", 360, 740, "dark"}}
}

// on makes the tab a screen.
func (w *window) on(s screen) {
	w.t.Helper()
	w.do("take a screen", chromedp.EmulateViewport(s.width, s.height))
	_, err := chromedp.Call(w.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: s.colours},
			{Name: "prefers-reduced-motion", Value: "reduce"}, // nothing is looked at on its way from one colour to the other
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// says runs a script that says what is wrong with the page.
func (w *window) says(what, script string) {
	w.t.Helper()
	faults, err := chromedp.Run(w.ctx, chromedp.Evaluate[string](script, chromedp.EvalAwaitPromise))
	if err != nil || faults != "" {
		where, _ := chromedp.Run(w.ctx, chromedp.Location())
		w.t.Errorf("%s, %s: %s %v", where, what, faults, err)
	}
}

// page returns which of our pages the tab shows, or "" for somebody else's.
func (w *window) page() string {
	w.t.Helper()
	name, err := chromedp.Run(w.ctx, chromedp.Evaluate[string](`document.querySelector('main')?.dataset.page ?? ''`))
	if err != nil {
		w.t.Fatal(err)
	}
	return name
}

// holds checks the page as it stands: nothing moved while it loaded, no rule of
// axe-core is broken, it is no wider than the screen, and nothing of what strangers
// call themselves has become a part of it.
func (w *window) holds(name string) {
	w.t.Helper()
	w.do("wait for "+name, chromedp.WaitVisible(chromedp.CSS("h1")))
	w.shoot(name)
	if page := w.page(); page != "" && w.met != nil {
		w.met[page] = true
	}
	w.says("layout", layoutRun)
	source, err := axe()
	if err != nil {
		w.t.Fatalf("`make test` installs Node.js: %v", err)
	}
	if _, err := chromedp.Run(w.ctx, chromedp.Evaluate[any](`if (!window.axe) { `+source+` }; null`)); err != nil {
		w.t.Fatal(err)
	}
	w.says("axe-core", axeRun)
}

// keyboardWalk goes through the page with the tabulator key alone.
func (w *window) keyboardWalk() {
	w.t.Helper()
	w.says("keyboard", keyboardRun+"; walk.begin()")
	for range 400 {
		w.do("press the tabulator key", chromedp.KeyEvent(kb.Tab))
		over, err := chromedp.Run(w.ctx, chromedp.Evaluate[bool]("walk.step()"))
		if err != nil {
			w.t.Fatal(err)
		}
		if over {
			w.says("keyboard", "walk.end()")
			return
		}
	}
	w.says("keyboard", "'the walk does not come to an end'")
}

// links are the pages of ours that the page leads to by GET.
func (w *window) links() []string {
	w.t.Helper()
	list, err := chromedp.Run(w.ctx, chromedp.Evaluate[json.RawMessage](`[...new Set([...document.querySelectorAll('main a[href], .side a[href], header nav a[href]')]
		.filter((a) => a.origin === location.origin && !a.hasAttribute('download')).map((a) => a.href.split('#')[0]))]`))
	var all []string
	if err == nil {
		err = json.Unmarshal(list, &all)
	}
	if err != nil {
		w.t.Fatal(fmt.Errorf("links: %w", err))
	}
	return all
}

// TestAPageWithFaultsIsSeen shows that the checks would notice.
func TestAPageWithFaultsIsSeen(t *testing.T) {
	t.Parallel()
	w := chromium(t)
	w.on(screens()[0])
	for name, c := range map[string]struct{ html, script string }{
		"text that is too pale":     {`<h1>A</h1><p style="color:silver;background:white">pale</p>`, axeRun},
		"a field without a label":   {`<h1>A</h1><input>`, axeRun},
		"a page that is too wide":   {`<h1>A</h1><div style="width:3000px">wide</div>`, layoutRun},
		"a column out of sight":     {`<h1>A</h1><div class="table" style="overflow-x:auto"><p style="width:3000px">wide</p></div>`, layoutRun},
		"markup of a stranger":      {`<h1>A</h1><b data-hostile>b</b>`, layoutRun},
		"a button behind no key":    {`<h1>A</h1><button tabindex="-1">go</button>`, keyboardRun + "; walk.begin(), walk.step(), walk.end()"},
		"a page without a headline": {`<p>A</p>`, layoutRun},
	} {
		source, err := axe()
		if err != nil {
			t.Fatal(err)
		}
		w.do("open a page", chromedp.Navigate("data:text/html,<!doctype html><html lang=en><title>T</title><main>"+c.html+"</main>"))
		if _, err := chromedp.Run(w.ctx, chromedp.Evaluate[any](source+`; null`)); err != nil {
			t.Fatal(err)
		}
		faults, err := chromedp.Run(w.ctx, chromedp.Evaluate[string](c.script, chromedp.EvalAwaitPromise))
		if err != nil || faults == "" {
			t.Errorf("%s: nothing is said (%v)", name, err)
		}
	}
}
