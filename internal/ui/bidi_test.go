package ui

import (
	"strings"
	"testing"
	"unicode"
)

func TestWhatReordersTextIsWrittenOutWhereAPersonReadsIt(t *testing.T) {
	for page, want := range map[string]string{
		"<p>Control</p>":                                "<p>Control</p>",
		"<td>admin\u202egnp.exe</td>":                   "<td>admin[U+202E]gnp.exe</td>",
		"<title>\u2066a\u2069</title>":                  "<title>[U+2066]a[U+2069]</title>",
		`<input value="a` + "\u202e" + `b">` + "\u200f": `<input value="a` + "\u202e" + `b">[U+200F]`,
		"<textarea name=t>a\u202eb</textarea>\u061c":    "<textarea name=t>a\u202eb</textarea>[U+061C]",
		"<script>\u202e<p></script>\u202d":              "<script>\u202e<p></script>[U+202D]",
		"שלום, مرحبا and \u200dzero":                    "שלום, مرحبا and \u200dzero",
		"<p>a\u202e":                                    "<p>a[U+202E]",
		"<p title=\u202e":                               "<p title=\u202e",
	} {
		if got := string(harmless([]byte(page))); got != want {
			t.Errorf("%q: %q, want %q", page, got, want)
		}
	}
}

// Of every character that Unicode says reorders text, none is left.
func TestEveryCharacterThatReordersTextIsKnown(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if unicode.Is(unicode.Bidi_Control, r) != reorders(r) {
			t.Errorf("%U", r)
		}
		if unicode.Is(unicode.Bidi_Control, r) && strings.ContainsRune(string(harmless([]byte(string(r)))), r) {
			t.Errorf("%U is left", r)
		}
	}
}
