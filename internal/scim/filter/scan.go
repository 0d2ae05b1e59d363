package filter

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// fail says what is wrong, and at which byte.
func (p *parser) fail(why string, args ...any) error {
	f := fault.New(p.kind.Kind, p.kind.Code, why, args...)
	f.Detail += " (at byte " + strconv.Itoa(p.at+1) + ")"
	return f
}

func (p *parser) bounded() error {
	switch {
	case len(p.in) > MaxLength:
		return p.fail("it is longer than %d bytes", MaxLength)
	case !utf8.ValidString(p.in):
		return p.fail("it is not UTF-8")
	}
	return nil
}

func (p *parser) space() {
	for p.at < len(p.in) && p.in[p.at] == ' ' {
		p.at++
	}
}

// peek returns the next byte, 0 at the end.
func (p *parser) peek() byte {
	if p.at < len(p.in) {
		return p.in[p.at]
	}
	return 0
}

func (p *parser) end() error {
	p.space()
	if p.at < len(p.in) {
		return p.fail("there is something after its end")
	}
	return nil
}

// enter counts a level of nesting.
func (p *parser) enter() error {
	if p.depth++; p.depth > MaxDepth {
		return p.fail("it nests deeper than %d levels", MaxDepth)
	}
	return nil
}

// word returns the next word without reading it: what stands before a space, a bracket,
// a parenthesis or a quote.
func (p *parser) word() string {
	end := p.at
	for end < len(p.in) && !strings.ContainsRune(" ()[]\"", rune(p.in[end])) {
		end++
	}
	return p.in[p.at:end]
}

// keyword reads word if it comes next, whatever its case.
func (p *parser) keyword(word string) bool {
	p.space()
	if !strings.EqualFold(p.word(), word) {
		return false
	}
	p.at += len(word)
	return true
}

// clip keeps what an error repeats short.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
