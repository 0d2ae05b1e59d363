package filter

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// value reads a JSON string, number, true, false or null; the words in any case, since
// there are clients that write them as their language does.
func (p *parser) value() (Value, error) {
	p.space()
	if p.peek() == '"' {
		s, err := p.text()
		return Value{Kind: Text, Text: s}, err
	}
	switch word := p.word(); {
	case p.keyword("true"):
		return Value{Kind: Bool, Bool: true}, nil
	case p.keyword("false"):
		return Value{Kind: Bool}, nil
	case p.keyword("null"):
		return Value{}, nil
	case word == "" || !json.Valid([]byte(word)):
		return Value{}, p.fail("%q is no value: write strings in quotes", clip(word))
	default:
		n, err := strconv.ParseFloat(word, 64)
		if err != nil {
			return Value{}, p.fail("the number is too large")
		}
		p.at += len(word)
		return Value{Kind: Number, Number: n}, nil
	}
}

// text reads a JSON string.
func (p *parser) text() (string, error) {
	escaped := false
	for end := p.at + 1; end < len(p.in); end++ {
		switch c := p.in[end]; {
		case c == '\\':
			escaped = true
			end++
		case c == '"':
			raw := p.in[p.at : end+1]
			if !escaped {
				p.at = end + 1
				return raw[1 : len(raw)-1], nil
			}
			var s string
			if err := json.Unmarshal([]byte(raw), &s); err != nil || strings.ContainsRune(s, 0) || strings.ContainsRune(s, utf8.RuneError) {
				return "", p.fail("a string is malformed")
			}
			p.at = end + 1
			return s, nil
		case c < ' ':
			return "", p.fail("a string has a control character")
		}
	}
	return "", p.fail("a string has no end")
}

// fit makes of a value what the attribute is compared with, or refuses it.
func (p *parser) fit(path Path, of Attribute, op Op, v Value) (Value, error) {
	if v.Kind == Null {
		if op != Eq && op != Ne {
			return v, p.fail("null is only compared by eq and ne")
		}
		return v, nil
	}
	v, fits, wants := of.take(v, op)
	if !fits {
		return v, p.fail("%s is compared with %s", path, wants)
	}
	return v, nil
}

// take makes of a value what the attribute is compared with by op, and says whether it
// could be, and else with what it is.
func (a Attribute) take(v Value, op Op) (as Value, fits bool, wants string) {
	equality, matching := op == Eq || op == Ne, op == Co || op == Sw || op == Ew
	switch a.Type {
	case String, Reference:
		return v, v.Kind == Text, "a string"
	case Binary:
		return v, v.Kind == Text && equality, "base64, by eq or ne"
	case Boolean:
		v = asBool(v)
		return v, v.Kind == Bool && equality, "true or false, by eq or ne"
	case Decimal, Integer:
		return v, v.Kind == Number && !matching, "a number, by its size"
	case DateTime:
		t, ok := ParseTime(v.Text)
		return Value{Kind: Time, Time: t}, v.Kind == Text && ok && !matching, "a date and time such as \"2006-01-02T15:04:05Z\", by its order"
	case Complex:
	}
	return v, false, "nothing: it has sub-attributes"
}

// asBool is a truth that was written as a string.
func asBool(v Value) Value {
	if truth := strings.EqualFold(v.Text, "true"); v.Kind == Text && (truth || strings.EqualFold(v.Text, "false")) {
		return Value{Kind: Bool, Bool: truth}
	}
	return v
}

// ParseTime reads a date and time of XML Schema as SCIM has it (RFC 7643, section
// 2.3.5); without a zone it is in UTC.
func ParseTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
