package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestColoursAreJudgedAsTheStandardDoes(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want float64
	}{{"#000000", "#ffffff", 21}, {"#777777", "#ffffff", 4.48}, {"#767676", "#ffffff", 4.54}, {"#0000ff", "#ffffff", 8.59}} {
		if got := contrast(rgb(c.a), rgb(c.b)); got < c.want-0.01 || got > c.want+0.01 {
			t.Errorf("%s on %s: %.3f, want %.2f", c.a, c.b, got, c.want)
		}
	}
	for accent, fine := range map[string]bool{"#0b5568": true, "#5b2a86": true, "#767676": false, "#f2b544": false, "#fff": false, "red": false, "": true} {
		k := &checker{}
		k.accent("product.accent", "light", accent, lightGrounds)
		if (len(k.found) == 0) != fine {
			t.Errorf("%q on light pages: %v", accent, k.found)
		}
	}
	for accent, fine := range map[string]bool{"#86cfe2": true, "#d9b8ff": true, "#0b5568": false, "#606060": false} {
		k := &checker{}
		k.accent("product.accent_dark", "dark", accent, darkGrounds)
		if (len(k.found) == 0) != fine {
			t.Errorf("%q on dark pages: %v", accent, k.found)
		}
	}
}

// The colours that accents are measured against are those of the pages.
func TestGroundsAreThoseOfThePages(t *testing.T) {
	css, err := os.ReadFile("../internal/ui/static/css/tokens.css")
	if err != nil {
		t.Fatal(err)
	}
	for token, value := range map[string]string{
		"--paper": lightGrounds[0] + ", " + darkGrounds[0], "--back": lightGrounds[1] + ", " + darkGrounds[1], "--on-accent": lightGrounds[0] + ", " + darkGrounds[2],
	} {
		if want := token + ": light-dark(" + value + ")"; !strings.Contains(string(css), want) {
			t.Errorf("tokens.css has no %s", want)
		}
	}
}

func TestALogoIsAPicture(t *testing.T) {
	dir := t.TempDir()
	for name, body := range map[string]string{"a.svg": `<svg xmlns="http://www.w3.org/2000/svg"/>`, "b.png": "\x89PNG\r\n\x1a\n...", "c.png": "<svg/>", "d.gif": "GIF89a", "e.svg": strings.Repeat("<svg>", maxLogo)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, fine := range map[string]bool{"a.svg": true, "b.png": true, "c.png": false, "d.gif": false, "e.svg": false, "f.svg": false, ".": false} {
		if message := logo(filepath.Join(dir, name)); (message == "") != fine {
			t.Errorf("%s: %s", name, message)
		}
	}
}
