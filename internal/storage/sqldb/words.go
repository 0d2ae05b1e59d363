package sqldb

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
)

// The bounds of what something is found by: an identity provider may send anything.
const (
	MaxFolded = 512 // bytes of the sort key
	MaxWord   = 64  // bytes
	maxWords  = 40
)

// Fold returns the text in folded case, without what no database keeps.
func Fold(text string) string {
	return cases.Fold().String(strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text))
}

// Cut returns the text with at most n bytes, whole characters only.
func Cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// Words returns words, each once and sorted: what stands between white space, and
// the parts of it between marks.
func Words(texts ...string) []string {
	var all []string
	add := func(word string) {
		if word = Cut(word, MaxWord); word != "" && len(all) < maxWords && !slices.Contains(all, word) {
			all = append(all, word)
		}
	}
	for _, text := range texts {
		for word := range strings.FieldsSeq(Fold(text)) {
			add(word)
			if _, domain, ok := strings.Cut(word, "@"); ok {
				add(domain)
			}
			for _, part := range strings.FieldsFunc(word, IsMark) {
				add(part)
			}
		}
	}
	slices.Sort(all)
	return all
}

// IsMark reports whether r is neither a letter nor a digit, and so between words.
func IsMark(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) }

// PrefixRange returns the range of bytes that begin with the word.
func PrefixRange(word string) (from, before []byte) {
	from = []byte(Cut(word, MaxWord))
	before = slices.Clone(from)
	before[len(before)-1]++ // no byte of UTF-8 is the highest
	return from, before
}
