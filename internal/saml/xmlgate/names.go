package xmlgate

import (
	"bytes"
	"encoding/xml"
	"slices"
	"strconv"
	"strings"
)

// The namespaces that the gate knows.
const (
	nsProtocol  = "urn:oasis:names:tc:SAML:2.0:protocol"
	nsAssertion = "urn:oasis:names:tc:SAML:2.0:assertion"
	nsMetadata  = "urn:oasis:names:tc:SAML:2.0:metadata"
	nsSignature = "http://www.w3.org/2000/09/xmldsig#"
	nsEncrypt   = "http://www.w3.org/2001/04/xmlenc#"
	nsEncrypt11 = "http://www.w3.org/2009/xmlenc11#"
	nsExclusive = "http://www.w3.org/2001/10/xml-exc-c14n#"
	nsInstance  = "http://www.w3.org/2001/XMLSchema-instance"
	nsXML       = "http://www.w3.org/XML/1998/namespace"
	nsXMLNS     = "http://www.w3.org/2000/xmlns/"
)

// name is an expanded name (Namespaces in XML 1.0 section 2.1).
type name struct{ space, local string }

// binding is a namespace declaration in force.
type binding struct{ prefix, uri string }

// declares reports whether an attribute is a namespace declaration.
func declares(a xml.Name) bool {
	return a.Space == "xmlns" || a.Space == "" && a.Local == "xmlns"
}

// declare takes the namespace declarations among an element's attributes.
func (p *parser) declare(attrs []xml.Attr) error {
	outside, xml := len(p.scope), false
	for _, a := range attrs {
		if !declares(a.Name) {
			continue
		}
		prefix := ""
		if a.Name.Space != "" {
			prefix = a.Name.Local
			if prefix == "xml" && a.Value == nsXML { // what it is anyway
				if xml {
					return refuse("saml_attribute_twice", "a prefix declared once", "xmlns:xml twice")
				}
				xml = true
				continue
			}
			if !ncName(prefix) || prefix == "xml" || prefix == "xmlns" {
				return refuse("saml_namespace", "a prefix of one's own", "xmlns:%s", quote(prefix))
			}
		}
		if !bindable(prefix, a.Value) {
			return refuse("saml_namespace", "an absolute namespace", "%s", quote(a.Value))
		}
		if slices.ContainsFunc(p.scope[outside:], func(b binding) bool { return b.prefix == prefix }) {
			return refuse("saml_attribute_twice", "a prefix declared once", "xmlns:%s twice", quote(prefix))
		}
		if len(p.scope) >= p.limits.Namespaces {
			return refuse("saml_namespaces", bound(p.limits.Namespaces, "namespaces in force"), "one more")
		}
		p.scope = append(p.scope, binding{prefix, a.Value})
	}
	return nil
}

// bindable reports whether a prefix, empty for none, may stand for a URI. Only the default
// namespace may be taken back; a relative one has no canonical form.
func bindable(prefix, uri string) bool {
	switch {
	case uri == nsXML, uri == nsXMLNS, strings.ContainsAny(uri, " \t\r\n"):
		return false
	case prefix == "" && uri == "":
		return true
	}
	return strings.Contains(uri, ":")
}

// resolve expands a name by the declarations in force. The default namespace is
// for elements alone.
func (p *parser) resolve(n xml.Name, element bool) (name, error) {
	if !ncName(n.Local) || n.Space != "" && !ncName(n.Space) {
		return name{}, refuse("saml_name", "names of ASCII letters, digits, '_', '-', '.'", "%s", quote(n.Space+":"+n.Local))
	}
	if n.Space == "xml" {
		return name{nsXML, n.Local}, nil
	}
	if n.Space == "" && !element {
		return name{"", n.Local}, nil
	}
	for i := len(p.scope) - 1; i >= 0; i-- {
		if p.scope[i].prefix == n.Space {
			return name{p.scope[i].uri, n.Local}, nil
		}
	}
	if n.Space == "" {
		return name{"", n.Local}, nil
	}
	return name{}, refuse("saml_prefix_undeclared", "declared prefixes", "%s", quote(n.Space))
}

// mayQualify reports whether an element may have a qualified attribute. SAML's own
// attributes have no prefix, and a reader that ignores namespaces must not take a
// foreign one for them: only where the schema allows any may there be others.
func mayQualify(element, attribute name) bool {
	switch element.space {
	case nsProtocol, nsAssertion, nsSignature, nsEncrypt:
	default:
		return true
	}
	switch attribute.space {
	case nsInstance, nsXML:
		return true
	}
	switch element.local {
	case "Attribute":
		return attribute.local != "Name" && attribute.local != "NameFormat" && attribute.local != "FriendlyName"
	case "AttributeValue":
		return true
	}
	return false
}

// ncName reports whether s is a name without a colon (Namespaces in XML 1.0
// section 3), of ASCII alone.
func ncName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_':
		case i > 0 && (c >= '0' && c <= '9' || c == '-' || c == '.'):
		default:
			return false
		}
	}
	return s != ""
}

// plainID reports whether s is what the gate takes for an ID: the letters of a name,
// with a digit or a sign in front too. The schema wants a name; some identity
// providers and apps send a bare UUID or random letters and digits (Rocket.Chat, CAS
// and LastPass once did), in which nothing can be read in two ways.
func plainID(s string) bool { return len(s) <= maxID && ncName("_"+s) && s != "" }

// maxID bounds an ID, which is stored for as long as it must not come again.
const maxID = 256

// plainTag refuses character references in a start tag, with which a value could
// be written in two ways, and attributes that no space parts, which the decoder
// lets pass. The decoder has found the tag well formed otherwise.
func plainTag(raw []byte) error {
	if bytes.Contains(raw, []byte("&#")) {
		return refuse("saml_character_reference", "attributes without character references", "one in a tag")
	}
	var quoted byte
	for i, c := range raw {
		switch {
		case quoted != 0:
			if c == quoted {
				quoted = 0
				if i+1 < len(raw) && !bytes.ContainsRune([]byte(" \t\r\n/>"), rune(raw[i+1])) {
					return refuse("saml_xml", "a space between attributes", "none")
				}
			}
		case c == '"' || c == '\'':
			quoted = c
		}
	}
	return nil
}

// normalize is the normalisation of an attribute's value (XML 1.0 section 3.3.3),
// which the decoder leaves out.
func normalize(value string) string {
	if !strings.ContainsAny(value, "\t\r\n") {
		return value
	}
	return strings.NewReplacer("\r\n", " ", "\r", " ", "\n", " ", "\t", " ").Replace(value)
}

// bound words a limit.
func bound(n int, of string) string { return "at most " + strconv.Itoa(n) + " " + of }
