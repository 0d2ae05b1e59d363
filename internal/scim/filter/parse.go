package filter

import (
	"strings"

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
