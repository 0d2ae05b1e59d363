package directory

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxText is how many bytes of a text a profile has.
const MaxText = 256

// Clean returns what a provider says as text that may stand in a page, a token or a log:
// without control characters and those that reorder text, trimmed, and cut to MaxText.
func Clean(s string) string {
	s = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || c == utf8.RuneError || unicode.Is(unicode.Bidi_Control, c) {
			return -1
		}
		return c
	}, s)
	for len(s) > MaxText {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return strings.TrimSpace(s)
}
