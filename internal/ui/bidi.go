package ui

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// reorders reports the characters that change the direction of text beyond themselves
// (Unicode Bidirectional Algorithm, section 2): a name that has them makes what stands
// around it read as something else.
func reorders(r rune) bool {
	return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' || r == '\u200e' || r == '\u200f' || r == '\u061c'
}

// rawText are the elements whose content is not text that a person reads, or that goes
// back as it is.
var rawText = [][]byte{[]byte("script"), []byte("style"), []byte("textarea")}

// harmless returns a page in which characters that reorder text are written out where a
// person reads them, such as [U+202E]. Values of attributes stay as they are: forms send
// them back. The page comes from a template, so that < and > stand nowhere else.
func harmless(page []byte) []byte {
	if bytes.IndexFunc(page, reorders) < 0 {
		return page
	}
	out := make([]byte, 0, len(page)+64)
	for len(page) > 0 {
		open := bytes.IndexByte(page, '<')
		if open < 0 {
			open = len(page)
		}
		out = writeOut(out, page[:open])
		page = page[open:]
		tag := tagLength(page)
		out, page = append(out, page[:tag]...), page[tag:]
	}
	return out
}

// tagLength is how long the tag is that page begins with, with its content where that
// is not read.
func tagLength(page []byte) int {
	end := bytes.IndexByte(page, '>') + 1
	if end == 0 {
		return len(page)
	}
	for _, name := range rawText {
		if !bytes.HasPrefix(page[1:], name) {
			continue
		}
		if closing := bytes.Index(page, append([]byte("</"), name...)); closing > 0 {
			return closing
		}
	}
	return end
}

// writeOut appends text with what reorders it written out.
func writeOut(out, text []byte) []byte {
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if reorders(r) {
			out = fmt.Appendf(out, "[U+%04X]", r)
		} else {
			out = append(out, text[:n]...)
		}
		text = text[n:]
	}
	return out
}
