package storage

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
)

// The bounds of what a person is found by: an identity provider may send anything.
const (
	maxFolded = 512 // bytes of the sort key
	maxWord   = 64  // bytes
	maxWords  = 40
)

// fold returns the text in folded case, without what no database keeps.
func fold(text string) string {
	return cases.Fold().String(strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text))
}

// cut returns the text with at most n bytes, whole characters only.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// wordsIn returns words, each once and sorted: what stands between white space, and
// the parts of it between marks.
func wordsIn(texts ...string) []string {
	var all []string
	add := func(word string) {
		if word = cut(word, maxWord); word != "" && len(all) < maxWords && !slices.Contains(all, word) {
			all = append(all, word)
		}
	}
	for _, text := range texts {
		for word := range strings.FieldsSeq(fold(text)) {
			add(word)
			if _, domain, ok := strings.Cut(word, "@"); ok {
				add(domain)
			}
			for _, part := range strings.FieldsFunc(word, isMark) {
				add(part)
			}
		}
	}
	slices.Sort(all)
	return all
}

func isMark(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) }

// prefix returns the range of bytes that begin with the word.
func prefix(word string) (from, before []byte) {
	from = []byte(cut(word, maxWord))
	before = slices.Clone(from)
	before[len(before)-1]++ // no byte of UTF-8 is the highest
	return from, before
}
