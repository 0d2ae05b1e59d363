package gatetest

import (
	"fmt"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/saml/xmlgate"
)

// nameID is the element that attacks on text aim at.
const nameID = `>` + NameID + `</saml:NameID>`

// markup is put inside of text, where a canonical form leaves no trace of it and
// readers disagree on what the text is.
func (l *Lab) markup() []Attack {
	good := l.good()
	name := func(becomes string) string { return swap(good.Raw, nameID, `>`+becomes+`</saml:NameID>`) }
	return against("markup", good,
		row{"a comment in NameID", "saml_comment", name("alice<!--x-->@example.com")},
		row{"a comment that cuts NameID", "saml_comment", name("alice@example.com<!---->.evil.example")},
		row{"a comment before NameID's text", "saml_comment", name("<!--x-->" + NameID)},
		row{"a comment in Issuer", "saml_comment", swap(good.Raw, Issuer, "https://idp.<!--x-->example.com")},
		row{"a comment in an attribute's value", "saml_comment", swap(good.Raw, `>payroll<`, `>pay<!--x-->roll<`)},
		row{"a comment in the signature's value", "saml_comment", swap(good.Raw, `<ds:SignatureValue>`, `<ds:SignatureValue><!--x-->`)},
		row{"a comment between elements", "saml_comment", swap(good.Raw, `<saml:Subject>`, `<!--x--><saml:Subject>`)},
		row{"a comment before the document", "saml_comment", `<!--x-->` + good.Raw},
		row{"CDATA as NameID", "saml_cdata", name("<![CDATA[" + NameID + "]]>")},
		row{"CDATA in NameID", "saml_cdata", name("alice<![CDATA[@]]>example.com")},
		row{"an assertion in CDATA", "saml_cdata", swap(good.Raw, `>payroll<`, `><![CDATA[<saml:Assertion/>]]><`)},
		row{"a processing instruction in NameID", "saml_processing_instruction", name("alice<?x y?>@example.com")},
		row{"a processing instruction before the document", "saml_processing_instruction", `<?xml-stylesheet href="http://evil.example/x.xsl"?>` + good.Raw},
		row{"an XML declaration in the middle", "saml_processing_instruction", name(`<?xml version="1.0"?>` + NameID)},
		row{"an element in NameID", "saml_mixed_content", name("alice<x></x>@example.com")},
		row{"an element before NameID's text", "saml_mixed_content", name("<x></x>" + NameID)},
		row{"text between elements", "saml_mixed_content", swap(good.Raw, `<saml:Subject>`, `admin<saml:Subject>`)},
		row{"an element alone in NameID", "saml_element_unknown", name("<x></x>")},
	)
}

// entities are declared, or used, or both.
func (l *Lab) entities() []Attack {
	good := l.good()
	dtd := func(declarations, use string) string {
		return `<!DOCTYPE r [` + declarations + `]>` + swap(good.Raw, nameID, `>`+use+`</saml:NameID>`)
	}
	var laughs strings.Builder
	laughs.WriteString(`<!ENTITY a0 "ha">`)
	for i := range 30 {
		fmt.Fprintf(&laughs, `<!ENTITY a%d "&a%d;&a%d;">`, i+1, i, i)
	}
	return against("entity", good,
		row{"a DTD", "saml_doctype", `<!DOCTYPE r>` + good.Raw},
		row{"an external DTD", "saml_doctype", `<!DOCTYPE r SYSTEM "http://169.254.169.254/x.dtd">` + good.Raw},
		row{"an external entity", "saml_doctype", dtd(`<!ENTITY x SYSTEM "file:///etc/passwd">`, "&x;")},
		row{"a parameter entity", "saml_doctype", dtd(`<!ENTITY % x SYSTEM "http://evil.example/x"> %x;`, NameID)},
		row{"a billion laughs", "saml_doctype", dtd(laughs.String(), "&a30;")},
		row{"an entity that is long, often", "saml_doctype", dtd(`<!ENTITY a "`+strings.Repeat("a", 50_000)+`">`, strings.Repeat("&a;", 10_000))},
		row{"an attribute declared as an ID", "saml_doctype", dtd(`<!ATTLIST NameID Format ID #IMPLIED>`, NameID)},
		row{"a DTD in the middle", "saml_doctype", swap(good.Raw, `<saml:Subject>`, `<!DOCTYPE r><saml:Subject>`)},
		row{"an element declaration", "saml_doctype", `<!ELEMENT r ANY>` + good.Raw},
		row{"an entity that nobody declared", "saml_xml", swap(good.Raw, nameID, `>&x;</saml:NameID>`)},
		row{"an entity of HTML", "saml_xml", swap(good.Raw, nameID, `>alice&nbsp;</saml:NameID>`)},
		row{"a character reference in an attribute", "saml_character_reference", swap(good.Raw, `Recipient="h`, `Recipient="&#x68;`)},
		row{"a character reference in an algorithm", "saml_character_reference", swap(good.Raw, `Algorithm="h`, `Algorithm="&#104;`)},
		row{"a reference to no character", "saml_xml", swap(good.Raw, nameID, `>&#0;</saml:NameID>`)},
	)
}

// malformed is what readers disagree on, or what is not XML.
func (l *Lab) malformed() []Attack {
	good := l.good()
	raw := good.Raw
	return against("malformed", good,
		row{"nothing", "saml_empty", ""},
		row{"no XML", "saml_xml", "SAMLResponse"},
		row{"JSON", "saml_xml", `{"Response":{}}`},
		row{"white space alone", "saml_xml", " \n"},
		row{"cut in the middle", "saml_xml", raw[:len(raw)/2]},
		row{"cut within a tag", "saml_xml", raw[:len(raw)-3]},
		row{"a second root", "saml_xml", raw + raw},
		row{"text behind", "saml_xml", raw + "x"},
		row{"text before", "saml_xml", "x" + raw},
		row{"a character reference behind", "saml_xml", raw + "&#32;"},
		row{"an end too many", "saml_xml", raw + `</samlp:Response>`},
		row{"ends crossed", "saml_xml", swap(raw, `</saml:NameID>`, `</saml:NameId>`)},
		row{"an end with another prefix", "saml_xml", swap(strings.Replace(raw, `<samlp:Response`, `<samlp:Response xmlns:s2="urn:oasis:names:tc:SAML:2.0:assertion"`, 1), `</saml:NameID>`, `</s2:NameID>`)},
		row{"an attribute twice", "saml_attribute_twice", swap(raw, ` Recipient="`, ` Recipient="https://evil.example" Recipient="`)},
		row{"an attribute without quotes", "saml_xml", swap(raw, `Version="2.0"`, `Version=2.0`)},
		row{"an attribute without a value", "saml_xml", swap(raw, `Version="2.0"`, `Version`)},
		row{"attributes without space", "saml_xml", swap(raw, `" Version="2.0"`, `"Version="2.0"`)},
		row{"a < in an attribute", "saml_xml", swap(raw, `Recipient="h`, `Recipient="<h`)},
		row{"]]> in text", "saml_xml", swap(raw, nameID, `>alice]]></saml:NameID>`)},
		row{"-- in a comment", "saml_xml", swap(raw, `<saml:Subject>`, `<!-- -- --><saml:Subject>`)},
		row{"a control character", "saml_xml", swap(raw, nameID, ">alice\x01</saml:NameID>")},
		row{"a null", "saml_xml", swap(raw, nameID, ">alice\x00</saml:NameID>")},
		row{"bytes that are not UTF-8", "saml_encoding", swap(raw, nameID, ">alice\xc0\xae</saml:NameID>")},
		row{"UTF-16", "saml_encoding", "\xff\xfe<\x00a\x00/\x00>\x00"},
		row{"UTF-7 declared", "saml_encoding", `<?xml version="1.0" encoding="UTF-7"?>` + raw},
		row{"Latin-1 declared", "saml_encoding", `<?xml version="1.0" encoding="ISO-8859-1"?>` + raw},
		row{"XML 1.1", "saml_xml", `<?xml version="1.1"?>` + raw},
		row{"an XML declaration with more in it", "saml_encoding", `<?xml version="1.0" encoding="UTF-8" evil="yes"?>` + raw},
		row{"a space before the XML declaration", "saml_processing_instruction", ` <?xml version="1.0"?>` + raw},
		row{"a byte order mark in the middle", "saml_xml", " \ufeff" + raw},
	)
}

// namespaces are bound so that readers disagree on names.
func (l *Lab) namespaces() []Attack {
	good := l.good()
	raw := good.Raw
	on := func(attributes string) string { return swap(raw, `<samlp:Response`, `<samlp:Response `+attributes) }
	return against("namespace", good,
		row{"an undeclared prefix on an element", "saml_prefix_undeclared", swap(raw, `<saml:Subject>`, `<x:Subject>`)},
		row{"an undeclared prefix on an attribute", "saml_prefix_undeclared", swap(raw, ` Version=`, ` x:Version=`)},
		row{"xml bound to another namespace", "saml_namespace", on(`xmlns:xml="urn:example:x"`)},
		row{"xml declared twice", "saml_attribute_twice", on(`xmlns:xml="http://www.w3.org/XML/1998/namespace" xmlns:xml="http://www.w3.org/XML/1998/namespace"`)},
		row{"xmlns bound", "saml_namespace", on(`xmlns:xmlns="urn:example:x"`)},
		row{"a prefix bound to xml's namespace", "saml_namespace", on(`xmlns:x="http://www.w3.org/XML/1998/namespace"`)},
		row{"a prefix bound to xmlns's namespace", "saml_namespace", on(`xmlns:x="http://www.w3.org/2000/xmlns/"`)},
		row{"a prefix bound to nothing", "saml_namespace", on(`xmlns:x=""`)},
		row{"a prefix bound twice", "saml_attribute_twice", on(`xmlns:x="urn:example:x" xmlns:x="urn:example:y"`)},
		row{"a namespace with a space", "saml_namespace", on(`xmlns:x="urn:example: x"`)},
		row{"a prefix that means another namespace", "saml_assertion_namespace", strings.ReplaceAll(raw, nsA, ` xmlns:saml="urn:example:saml"`)},
		row{"no namespace at all", "saml_root", strings.NewReplacer("samlp:", "", "saml:", "", nsP, "", nsA, "").Replace(raw)},
		row{"a name with two colons", "saml_xml", swap(raw, `<saml:Subject>`, `<saml:Sub:ject>`)},
		row{"a name that begins with a colon", "saml_name", swap(raw, `<saml:Subject>`, `<:Subject>`)},
		row{"a name that ends with a colon", "saml_name", swap(raw, `<saml:Subject>`, `<saml:>`)},
		row{"a name in Cyrillic", "saml_name", swap(raw, `<saml:Subject>`, `<saml:Ѕubject>`)},
		row{"an attribute with a colon too many", "saml_xml", swap(raw, ` Version=`, ` a:b:Version=`)},
		row{"an attribute with SAML's prefix", "saml_attribute_namespace", swap(raw, ` Recipient=`, ` saml:Recipient=`)},
		row{"an attribute twice, once with a prefix", "saml_attribute_namespace", swap(raw, ` Recipient=`, ` xmlns:x="urn:example:x" x:Recipient="https://evil.example" Recipient=`)},
		row{"an attribute twice by two prefixes of one namespace", "saml_attribute_twice", swap(raw, ` xsi:type="xs:string"`, ` xmlns:y="http://www.w3.org/2001/XMLSchema-instance" y:type="xs:int" xsi:type="xs:string"`)},
		row{"a foreign Name on an attribute", "saml_attribute_namespace", swap(raw, `<saml:Attribute Name="email"`, `<saml:Attribute xmlns:x="urn:example:x" x:Name="email"`)},
	)
}

// limits are reached.
func (l *Lab) limits() []Attack {
	good := l.good()
	extensions := func(what string) string {
		return swap(good.Raw, Success, `<samlp:Extensions>`+what+`</samlp:Extensions>`+Success)
	}
	nested := strings.Repeat("<a>", 10_000) + strings.Repeat("</a>", 10_000)
	var attributes, declared strings.Builder
	for i := range 40 {
		fmt.Fprintf(&attributes, ` a%d=""`, i)
	}
	for i := range 9 {
		declared.WriteString("<a")
		for j := range 10 {
			fmt.Fprintf(&declared, ` xmlns:n%dx%d="urn:example:n"`, i, j)
		}
		declared.WriteString(">")
	}
	declared.WriteString(strings.Repeat("</a>", 9))
	all := against("limit", good,
		row{"10 MB", "saml_size", extensions(strings.Repeat("<a></a>", 10<<20/7))},
		row{"10 MB of text", "saml_size", extensions("<a>" + strings.Repeat("a", 10<<20) + "</a>")},
		row{"a byte over 256 KB", "saml_size", good.Raw + strings.Repeat(" ", 256<<10-len(good.Raw)+1)},
		row{"10,000 nested elements", "saml_depth", extensions(nested)},
		row{"10,000 nested elements and nothing else", "saml_depth", nested},
		row{"33 levels", "saml_depth", extensions(strings.Repeat("<a>", 31) + strings.Repeat("</a>", 31))},
		row{"6,000 elements", "saml_elements", extensions(strings.Repeat("<a/>", 6000))},
		row{"40 attributes", "saml_attributes", extensions("<a" + attributes.String() + "/>")},
		row{"90 namespaces in force", "saml_namespaces", extensions(declared.String())},
	)
	narrow := good
	narrow.Want.Limits = xmlgate.Limits{Bytes: 1000}
	return append(all, Attack{Name: "limit: a limit of the caller's", Good: good, Bad: narrow, Refused: "saml_size"})
}
