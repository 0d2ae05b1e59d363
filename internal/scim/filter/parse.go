package filter

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// Parse reads a filter. It fails with ErrFilter, whose detail says what is wrong and
// where.
func Parse(s string, r Resolver) (Expr, error) {
	p := parser{in: s, names: r, kind: ErrFilter}
	if err := p.bounded(); err != nil {
		return nil, err
	}
	x, err := p.or()
	if err != nil {
		return nil, err
	}
	return x, p.end()
}

// ParsePath reads the path of an operation of PATCH. It fails with ErrPath, and with
// ErrFilter where the filter in brackets is what is wrong.
func ParsePath(s string, r Resolver) (PatchPath, error) {
	p := parser{in: s, names: r, kind: ErrPath}
	if err := p.bounded(); err != nil {
		return PatchPath{}, err
	}
	p.space()
	path, of, err := p.attribute(true)
	if err != nil {
		return PatchPath{}, err
	}
	out := PatchPath{Path: path, Of: of}
	if p.peek() == '[' {
		if out.Where, err = p.brackets(path, of); err != nil {
			return PatchPath{}, err
		}
		if p.peek() == '.' {
			if out.Path, out.Of, err = p.following(path); err != nil {
				return PatchPath{}, err
			}
		}
	}
	return out, p.end()
}

// ParseAttribute reads the name of an attribute as sortBy, attributes and
// excludedAttributes have it. It fails with ErrPath.
func ParseAttribute(s string, r Resolver) (Path, Attribute, error) {
	p := parser{in: s, names: r, kind: ErrPath}
	if err := p.bounded(); err != nil {
		return Path{}, Attribute{}, err
	}
	p.space()
	path, of, err := p.attribute(true)
	if err != nil {
		return Path{}, Attribute{}, err
	}
	return path, of, p.end()
}

// parser is a recursive descent over the bytes of one filter or path.
type parser struct {
	in      string
	at      int
	names   Resolver
	kind    *fault.Error
	depth   int
	clauses int
	within  Path // the attribute in whose brackets we are
}

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

func (p *parser) or() (Expr, error) {
	l, err := p.and()
	for err == nil && p.keyword("or") {
		var r Expr
		if r, err = p.and(); err == nil {
			l = Or{l, r}
		}
	}
	return l, err
}

func (p *parser) and() (Expr, error) {
	l, err := p.unary()
	for err == nil && p.keyword("and") {
		var r Expr
		if r, err = p.unary(); err == nil {
			l = And{l, r}
		}
	}
	return l, err
}

// unary reads a group, a negated group, or a clause. An attribute may be called "not":
// what follows tells.
func (p *parser) unary() (Expr, error) {
	p.space()
	if p.peek() == '(' {
		return p.group()
	}
	if start := p.at; p.keyword("not") {
		p.space()
		if p.peek() == '(' {
			x, err := p.group()
			return Not{x}, err
		}
		p.at = start
	}
	return p.clause()
}

func (p *parser) group() (Expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	p.at++
	x, err := p.or()
	if err != nil {
		return nil, err
	}
	p.space()
	if p.peek() != ')' {
		return nil, p.fail("a closing parenthesis is missing")
	}
	p.at++
	p.depth--
	return x, nil
}

// clause reads a comparison, a presence or a value path.
func (p *parser) clause() (Expr, error) {
	path, of, err := p.attribute(false)
	if err != nil {
		return nil, err
	}
	if p.peek() != '[' {
		return p.compare(path, of)
	}
	if !p.within.IsZero() {
		return nil, p.fail("brackets do not stand within brackets")
	}
	x, err := p.brackets(path, of)
	if err != nil {
		return nil, err
	}
	if p.peek() == '.' {
		sub, its, err := p.following(path)
		if err != nil {
			return nil, err
		}
		y, err := p.compare(sub, its)
		if err != nil {
			return nil, err
		}
		x = And{x, y}
	}
	return Within{path, x}, nil
}

// attribute reads a name and resolves it. A whole one may be the URN of an extension.
func (p *parser) attribute(whole bool) (Path, Attribute, error) {
	name := p.word()
	if name == "" {
		return Path{}, Attribute{}, p.fail("the name of an attribute is missing")
	}
	path, of, ok := p.resolve(name)
	if !ok || path.Attribute == "" && !whole {
		return Path{}, Attribute{}, p.fail("there is no attribute %q that could stand here", clip(name))
	}
	p.at += len(name)
	return path, of, nil
}

func (p *parser) resolve(name string) (Path, Attribute, bool) {
	if !p.within.IsZero() {
		return p.names.Resolve(Path{p.within.URN, p.within.Attribute, name})
	}
	var path Path
	if path.URN = p.names.Prefix(name); path.URN != "" {
		if name = strings.TrimPrefix(name[len(path.URN):], ":"); name == "" {
			return path, Attribute{Type: Complex}, true
		}
	}
	path.Attribute, path.Sub, _ = strings.Cut(name, ".")
	if path.Sub == "" && strings.HasSuffix(name, ".") {
		return Path{}, Attribute{}, false
	}
	return p.names.Resolve(path)
}

// clip keeps what an error repeats short.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// brackets reads the filter of a value path, brackets and all.
func (p *parser) brackets(path Path, of Attribute) (Expr, error) {
	if of.Type != Complex || path.Sub != "" || path.Attribute == "" {
		return nil, p.fail("only an attribute with sub-attributes takes a filter in brackets")
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	was := p.kind
	p.at++
	p.within, p.kind = path, ErrFilter
	x, err := p.or()
	if err != nil {
		return nil, err
	}
	p.within = Path{}
	p.space()
	if p.peek() != ']' {
		return nil, p.fail("a closing bracket is missing")
	}
	p.at++
	p.depth--
	p.kind = was
	return x, nil
}

// following reads the sub-attribute after a bracket.
func (p *parser) following(path Path) (Path, Attribute, error) {
	p.at++
	name := p.word()
	sub, of, ok := p.names.Resolve(Path{path.URN, path.Attribute, name})
	if !ok || name == "" {
		return Path{}, Attribute{}, p.fail("%s has no sub-attribute %q", path.Attribute, clip(name))
	}
	p.at += len(name)
	return sub, of, nil
}

func (p *parser) compare(path Path, of Attribute) (Expr, error) {
	if p.clauses++; p.clauses > MaxClauses {
		return nil, p.fail("it has more than %d comparisons", MaxClauses)
	}
	if p.keyword("pr") {
		return Present{path, of}, nil
	}
	op, err := p.operator()
	if err != nil {
		return nil, err
	}
	if of.Type == Complex { // "emails co" means the values of the e-mail addresses
		value, its, ok := p.names.Resolve(Path{path.URN, path.Attribute, "value"})
		if !ok || path.Sub != "" {
			return nil, p.fail("%s is compared by one of its sub-attributes", path)
		}
		path, of = value, its
	}
	v, err := p.value()
	if err != nil {
		return nil, err
	}
	if v, err = p.fit(path, of, op, v); err != nil {
		return nil, err
	}
	return Compare{path, of, op, v}, nil
}

func (p *parser) operator() (Op, error) {
	p.space()
	word := p.word()
	for op, name := range ops {
		if strings.EqualFold(word, name) {
			p.at += len(word)
			return Op(op), nil
		}
	}
	return 0, p.fail("there is no operator %q", clip(word))
}

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
	equality, matching := op == Eq || op == Ne, op == Co || op == Sw || op == Ew
	if v.Kind == Null {
		if !equality {
			return v, p.fail("null is only compared by eq and ne")
		}
		return v, nil
	}
	fits, wants := false, ""
	switch of.Type {
	case String, Reference:
		fits, wants = v.Kind == Text, "a string"
	case Binary:
		fits, wants = v.Kind == Text && equality, "base64, by eq or ne"
	case Boolean:
		if v.Kind == Text && (strings.EqualFold(v.Text, "true") || strings.EqualFold(v.Text, "false")) {
			v = Value{Kind: Bool, Bool: strings.EqualFold(v.Text, "true")}
		}
		fits, wants = v.Kind == Bool && equality, "true or false, by eq or ne"
	case Decimal, Integer:
		fits, wants = v.Kind == Number && !matching, "a number, by its size"
	case DateTime:
		t, ok := ParseTime(v.Text)
		fits, wants = v.Kind == Text && ok && !matching, "a date and time such as \"2006-01-02T15:04:05Z\", by its order"
		v = Value{Kind: Time, Time: t}
	case Complex:
		wants = "nothing: it has sub-attributes"
	}
	if !fits {
		return v, p.fail("%s is compared with %s", path, wants)
	}
	return v, nil
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
