package xmlgate

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/beevik/etree"
)

// declaration is the content of the one XML declaration that may open a document.
var declaration = regexp.MustCompile(`^version=["']1\.0["'](\s+encoding=["'](?i:utf-8)["'])?(\s+standalone=["'](yes|no)["'])?\s*$`)

// byteOrderMark may open a document, as Windows likes it.
const byteOrderMark = "\ufeff"

// errEncoding stops the decoder at an encoding other than UTF-8.
var errEncoding = errors.New("not UTF-8")

// node is one element, its name resolved. el is the same element in the tree that
// goxmldsig canonicalizes: it is built beside, so that a document is read once.
type node struct {
	name
	el       *etree.Element
	parent   *node
	children []*node
	text     bool // it has text that is not white space
	comment  bool // a comment was left out of it
}

// parser reads one document. It keeps nothing that the limits do not bound.
type parser struct {
	raw      []byte
	dec      *xml.Decoder
	limits   Limits
	kind     Kind
	scope    []binding
	marks    []int // length of scope outside of each open element
	top      *node // the innermost open element
	root     *node
	elements int
	signed   int // how many elements are called Signature
	ids      map[string]struct{}
}

// signatures is how many a document has at the most: that of a response and that of
// its assertion. More are refused before they cost anything.
const signatures = 2

// parse reads a document of a kind and refuses what the limits and the XML rules
// of the package do not allow. ids are those that it may not use, nil for none; they
// are returned with its own among them.
func parse(raw []byte, kind Kind, limits Limits, ids map[string]struct{}) (*node, map[string]struct{}, error) {
	switch {
	case len(raw) == 0:
		return nil, nil, refuse("saml_empty", "a document", "nothing")
	case len(raw) > limits.Bytes:
		return nil, nil, refuse("saml_size", bound(limits.Bytes, "bytes"), "%d", len(raw))
	case !utf8.Valid(raw):
		return nil, nil, refuse("saml_encoding", "UTF-8", "bytes that are not")
	}
	raw = bytes.TrimPrefix(raw, []byte(byteOrderMark))
	p := &parser{raw: raw, dec: xml.NewDecoder(bytes.NewReader(raw)), limits: limits, kind: kind, ids: ids}
	if ids == nil {
		p.ids = map[string]struct{}{}
	}
	p.dec.CharsetReader = func(string, io.Reader) (io.Reader, error) { return nil, errEncoding }
	for {
		at := p.dec.InputOffset()
		token, err := p.dec.RawToken()
		switch {
		case errors.Is(err, io.EOF):
			root, err := p.finish()
			return root, p.ids, err
		case errors.Is(err, errEncoding):
			return nil, nil, refuse("saml_encoding", "UTF-8", "another encoding")
		case err != nil:
			return nil, nil, refuse("saml_xml", "well-formed XML 1.0", "a fault at byte %d", p.dec.InputOffset())
		}
		if err := p.token(token, p.raw[at:p.dec.InputOffset()], at); err != nil {
			return nil, nil, err
		}
	}
}

// finish returns the root when everything is closed.
func (p *parser) finish() (*node, error) {
	if p.top != nil || p.root == nil {
		return nil, refuse("saml_xml", "one closed root element", "an end before it")
	}
	return p.root, nil
}

// blank reports whether a text is white space.
func blank(text string) bool { return strings.Trim(text, " \t\r\n") == "" }

// token takes the next token; raw is how it was written, at its offset.
func (p *parser) token(token xml.Token, raw []byte, at int64) error {
	switch t := token.(type) {
	case xml.StartElement:
		return p.start(t, raw)
	case xml.EndElement:
		return p.end(t)
	case xml.CharData:
		return p.chars(t, raw)
	case xml.Comment:
		return p.aside()
	case xml.Directive:
		return refuse("saml_doctype", "no DTD", "a declaration at byte %d", at)
	case xml.ProcInst:
		if at == 0 && t.Target == "xml" {
			if declaration.Match(t.Inst) {
				return nil
			}
			return refuse("saml_encoding", "XML 1.0 in UTF-8", "another XML declaration")
		}
		return refuse("saml_processing_instruction", "no processing instruction", "one at byte %d", at)
	}
	return refuse("saml_xml", "well-formed XML 1.0", "a fault at byte %d", at)
}

// aside meets a comment. Messages have none; metadata, which people edit, may have
// them between elements.
func (p *parser) aside() error {
	if p.kind != Metadata {
		return refuse("saml_comment", "no comment", "one in %s", p.where())
	}
	if p.top != nil {
		p.top.comment = true
		return p.split(p.top)
	}
	return nil
}

// split refuses an element whose text is in pieces.
func (p *parser) split(n *node) error {
	if n.text && n.comment {
		return refuse("saml_comment", "no comment inside of text", "one in %s", p.where())
	}
	if n.text && len(n.children) > 0 {
		return refuse("saml_mixed_content", "text or elements, not both", "both in %s", p.where())
	}
	return nil
}

// chars takes text.
func (p *parser) chars(t xml.CharData, raw []byte) error {
	if bytes.HasPrefix(raw, []byte("<![CDATA[")) {
		return refuse("saml_cdata", "no CDATA section", "one in %s", p.where())
	}
	text := string(t)
	if p.top == nil {
		if !blank(text) || bytes.IndexByte(raw, '&') >= 0 {
			return refuse("saml_xml", "nothing beside the root element", "text")
		}
		return nil
	}
	p.top.el.CreateText(text)
	if blank(text) {
		return nil
	}
	p.top.text = true
	return p.split(p.top)
}

// end closes the innermost element.
func (p *parser) end(t xml.EndElement) error {
	if p.top == nil || p.top.el.Space != t.Name.Space || p.top.el.Tag != t.Name.Local {
		return refuse("saml_xml", "the end of "+p.where(), "another end tag")
	}
	last := len(p.marks) - 1
	p.scope, p.marks = p.scope[:p.marks[last]], p.marks[:last]
	p.top = p.top.parent
	return nil
}

// start opens an element.
func (p *parser) start(t xml.StartElement, raw []byte) error {
	p.elements++
	switch {
	case p.root != nil && p.top == nil:
		return refuse("saml_xml", "one root element", "another")
	case len(p.marks) >= p.limits.Depth:
		return refuse("saml_depth", bound(p.limits.Depth, "levels"), "one more")
	case p.elements > p.limits.Elements:
		return refuse("saml_elements", bound(p.limits.Elements, "elements"), "more")
	case len(t.Attr) > p.limits.Attributes:
		return refuse("saml_attributes", bound(p.limits.Attributes, "attributes"), "%d", len(t.Attr))
	case t.Name.Local == "Signature":
		if p.signed++; p.signed > signatures {
			return refuse("saml_signature_count", bound(signatures, "signatures"), "more")
		}
	}
	if err := plainTag(raw); err != nil {
		return err
	}
	n := &node{parent: p.top, el: &etree.Element{Space: t.Name.Space, Tag: t.Name.Local}}
	p.marks = append(p.marks, len(p.scope))
	if err := p.declare(t.Attr); err != nil {
		return err
	}
	var err error
	if n.name, err = p.resolve(t.Name, true); err != nil {
		return err
	}
	if err := p.attributes(n, t.Attr); err != nil {
		return err
	}
	if p.top == nil {
		p.root, p.top = n, n
		return nil
	}
	p.top.el.AddChild(n.el)
	p.top.children = append(p.top.children, n)
	parent := p.top
	p.top = n
	return p.split(parent)
}

// attributes checks an element's attributes and puts them into the tree.
func (p *parser) attributes(n *node, attrs []xml.Attr) error {
	if len(attrs) > 0 {
		n.el.Attr = make([]etree.Attr, 0, len(attrs)+4)
	}
	for i, a := range attrs {
		value := normalize(a.Value)
		if !declares(a.Name) {
			if err := p.attribute(n, a.Name, value, attrs[:i]); err != nil {
				return err
			}
		}
		n.el.Attr = append(n.el.Attr, etree.Attr{Space: a.Name.Space, Key: a.Name.Local, Value: value})
	}
	return nil
}

// attribute checks one attribute that is no namespace declaration.
func (p *parser) attribute(n *node, a xml.Name, value string, before []xml.Attr) error {
	resolved, err := p.resolve(a, false)
	if err != nil {
		return err
	}
	for _, b := range before {
		if b.Name.Local == a.Local && !declares(b.Name) {
			return refuse("saml_attribute_twice", "an attribute name once", "%s twice on %s", quote(a.Local), quote(n.local))
		}
	}
	if strings.EqualFold(a.Local, "ID") {
		return p.id(a, value)
	}
	if a.Space != "" && !mayQualify(n.name, resolved) {
		return refuse("saml_attribute_namespace", "attributes of SAML without a prefix", "%s on %s", quote(a.Space+":"+a.Local), quote(n.local))
	}
	return nil
}

// id checks an attribute that is called ID, however it is written.
func (p *parser) id(a xml.Name, value string) error {
	if a.Space != "" {
		return refuse("saml_id_namespaced", "an ID without a prefix", "%s", quote(a.Space+":"+a.Local))
	}
	if !plainID(value) {
		return refuse("saml_id", "an ID of at most 256 letters, digits, '_', '-', '.'", "%s", quote(value))
	}
	if _, twice := p.ids[value]; twice {
		return refuse("saml_id_twice", "unique IDs", "%s twice", quote(value))
	}
	p.ids[value] = struct{}{}
	return nil
}

// where names the innermost open element.
func (p *parser) where() string {
	if p.top == nil {
		return "the prolog"
	}
	return quote(p.top.local)
}
