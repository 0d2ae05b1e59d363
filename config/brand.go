package config

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Product is how the broker presents itself to people.
type Product struct {
	// Name is shown on every page. Default "Gatehouse".
	Name string `yaml:"name"`
	// Logo is an SVG or PNG file of at most 256 KiB that stands before the name, in
	// a square. Empty means Gatehouse's own.
	Logo string `yaml:"logo"`
	// Accent is the colour of buttons and links on light pages, as #rrggbb, and
	// AccentDark that on dark ones. Both need a contrast of 4.5 (WCAG 2.2, 1.4.3).
	// Empty means Gatehouse's own.
	Accent     string `yaml:"accent"`
	AccentDark string `yaml:"accent_dark"`
}

// maxLogo is how large a logo may be, in bytes.
const maxLogo = 256 << 10

// minContrast of text is what WCAG 2.2 asks for (1.4.3, level AA).
const minContrast = 4.5

// The colours that an accent stands on, or that stand on it: those of
// internal/ui/static/css/tokens.css, the page's paper first.
var (
	lightGrounds = []string{"#ffffff", "#f1f2ee"}
	darkGrounds  = []string{"#161e21", "#0e1416", "#06191f"}
)

var colour = regexp.MustCompile(`^#[0-9A-Fa-f]{6}$`)

func (k *checker) product(p Product) {
	if p.Name == "" || len(p.Name) > 60 || strings.ContainsFunc(p.Name, unprintable) {
		k.fail("product.name", "must be 1 to 60 printable characters")
	}
	if p.Logo != "" {
		if message := logo(p.Logo); message != "" {
			k.fail("product.logo", "%s", message)
		}
	}
	k.accent("product.accent", "light", p.Accent, lightGrounds)
	k.accent("product.accent_dark", "dark", p.AccentDark, darkGrounds)
}

func (k *checker) accent(path, pages, accent string, grounds []string) {
	switch {
	case accent == "":
	case !colour.MatchString(accent):
		k.fail(path, "must be a colour such as #0b5568")
	default:
		worst := contrast(rgb(accent), tint(accent, grounds[0]))
		for _, g := range grounds {
			worst = min(worst, contrast(rgb(accent), rgb(g)))
		}
		if worst < minContrast {
			k.fail(path, "must have a contrast of at least %.1f on %s pages (WCAG 2.2, 1.4.3): it has %.2f", minContrast, pages, math.Floor(worst*100)/100)
		}
	}
}

// logo says what is wrong with a logo's file.
func logo(file string) string {
	info, err := os.Stat(file)
	if err != nil {
		return "cannot be read: " + err.Error()
	}
	if !info.Mode().IsRegular() || info.Size() > maxLogo {
		return "must be a file of at most 256 KiB"
	}
	body, err := os.ReadFile(file) //nolint:gosec // G304: the operator names it
	if err != nil {
		return "cannot be read: " + err.Error()
	}
	switch ext := strings.ToLower(filepath.Ext(file)); {
	case ext == ".svg" && bytes.Contains(body, []byte("<svg")):
	case ext == ".png" && bytes.HasPrefix(body, []byte("\x89PNG\r\n\x1a\n")):
	default:
		return "must be an SVG or a PNG file, named .svg or .png"
	}
	return ""
}

// rgb returns the parts of a colour that has been checked, 0 to 255.
func rgb(colour string) (parts [3]float64) {
	for i := range parts {
		n, err := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
		if err != nil {
			return parts
		}
		parts[i] = float64(n)
	}
	return parts
}

// luminance is the relative luminance of WCAG 2.2.
func luminance(parts [3]float64) float64 {
	for i, v := range parts {
		if v /= 255; v <= 0.04045 {
			parts[i] = v / 12.92
		} else {
			parts[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return 0.2126*parts[0] + 0.7152*parts[1] + 0.0722*parts[2]
}

// contrast is the contrast ratio of WCAG 2.2, 1 to 21.
func contrast(a, b [3]float64) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// tint is the ground of what is current: a tenth of the accent on paper.
func tint(accent, paper string) (mixed [3]float64) {
	a, p := rgb(accent), rgb(paper)
	for i := range mixed {
		mixed[i] = a[i]*0.1 + p[i]*0.9
	}
	return mixed
}
