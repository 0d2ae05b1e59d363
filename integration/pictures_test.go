package integration

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
)

// pictures are those that the README shows, by file. `make screenshots` makes them
// anew.
func pictures() []string {
	return []string{"my-apps.png", "sign-in.png", "consent-phone.png", "account-dark.png", "administration-dark.png", "my-apps-phone-dark.png"}
}

// TestTheReadmeShowsWhatThePagesLookLike makes the pictures, and holds the README
// to show each of them.
func TestTheReadmeShowsWhatThePagesLookLike(t *testing.T) {
	t.Parallel()
	a := withPartner(t, "hr-feedback")
	for _, app := range []string{"expense-bot", "crm-dash", "field-notes"} {
		for _, person := range []string{"alice", "bob", "ada"} {
			b := a.atAcmeAs(person)
			if _, err := b.Get(t.Context(), a.Facts().App(app).URL+"login"); err != nil {
				t.Fatal(err)
			}
		}
	}
	w := chromium(t)
	dir := t.TempDir()
	if w.shots != "" {
		dir = w.shots
	}
	desktop, phone := screen{"desktop", 1200, 760, "light"}, screen{"phone", 390, 800, "light"}
	dark := func(s screen) screen { s.colours = "dark"; return s }
	made := map[string]bool{}
	take := func(file string, s screen) {
		w.on(s)
		w.do("wait for "+file, chromedp.WaitVisible(chromedp.CSS("h1")))
		picture, err := chromedp.Run(w.ctx, chromedp.CaptureScreenshot())
		if err == nil {
			picture, err = small(picture)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, file), picture, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		made[file] = true
	}
	w.do("begin to sign in", chromedp.Navigate(a.Facts().App("expense-bot").URL+"login"))
	take("sign-in.png", desktop)
	w.enterAs(a, "ada")
	take("my-apps.png", desktop)
	take("my-apps-phone-dark.png", dark(phone))
	w.do("open the account", chromedp.Navigate(a.Facts().Account))
	take("account-dark.png", dark(desktop))
	eventually(t, "the audit log is verified", func() bool {
		w.do("open the administration", chromedp.Navigate(a.Issuer()+"/admin"))
		whole, err := chromedp.Run(w.ctx, chromedp.Evaluate[bool](`document.querySelector('.stats').innerText.includes('Whole')`))
		return err == nil && whole
	})
	take("administration-dark.png", dark(desktop))
	w.do("open another company's app", chromedp.Navigate(a.Facts().App("hr-feedback").URL+"login"))
	take("consent-phone.png", phone)

	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range pictures() {
		if _, err := os.Stat(filepath.Join("../docs/images", file)); err != nil || !made[file] || !bytes.Contains(readme, []byte("docs/images/"+file)) {
			t.Errorf("%s: made %v, shown %v, %v", file, made[file], bytes.Contains(readme, []byte("docs/images/"+file)), err)
		}
	}
	for _, m := range regexp.MustCompile(`docs/images/([\w-]+\.png)`).FindAllSubmatch(readme, -1) {
		if !slices.Contains(pictures(), string(m[1])) {
			t.Errorf("the README shows %s, which nobody makes", m[1])
		}
	}
}

// small packs a picture as well as PNG can.
func small(picture []byte) ([]byte, error) {
	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, img)
	return out.Bytes(), err
}
