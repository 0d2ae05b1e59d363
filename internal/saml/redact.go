package saml

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
)

// The bounds of what is shown of a document.
const (
	maxShown   = 16 << 10
	maxLooked  = 256 << 10
	maxTokens  = 20_000
	maxDepth   = 32
	maxVisible = 200
)

// plain are the elements whose text is shown: they are about the message, not about
// a person or a secret.
var plain = []string{"Issuer", "Audience", "AuthnContextClassRef", "StatusMessage", "AuthenticatingAuthority"}

// Redact returns what a form's SAMLResponse or SAMLRequest holds, for people to read:
// indented, without what it says of a person, without signature values and keys. It
// decides on nothing, and shows of a document that is not well-formed what stands
// before the fault.
func Redact(encoded string) string {
	raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(encoded), ""))
	if err != nil || len(raw) == 0 {
		return ""
	}
	d := xml.NewDecoder(bytes.NewReader(raw[:min(len(raw), maxLooked)]))
	d.Strict = true
	r := &redaction{}
	for range maxTokens {
		t, err := d.RawToken()
		if err != nil || r.out.Len() > maxShown {
			break
		}
		r.token(t)
	}
	text := strings.ToValidUTF8(r.out.String(), "\uFFFD")
	if len(text) > maxShown {
		text = strings.ToValidUTF8(text[:maxShown], "") + "…"
	}
	return text
}

// redaction writes what may be shown.
type redaction struct {
	out  bytes.Buffer
	open []string
}

func (r *redaction) token(t xml.Token) {
	switch t := t.(type) {
	case xml.StartElement:
		r.line("<" + named(t.Name) + attrs(t.Attr) + ">")
		r.open = append(r.open, t.Name.Local)
	case xml.EndElement:
		if len(r.open) > 0 {
			r.open = r.open[:len(r.open)-1]
		}
		r.line("</" + named(t.Name) + ">")
	case xml.CharData:
		r.text(strings.TrimSpace(string(t)))
	case xml.Comment:
		r.line(fmt.Sprintf("[a comment of %d bytes]", len(t)))
	case xml.ProcInst:
		r.line("[a processing instruction]")
	case xml.Directive:
		r.line("[a document type or directive]")
	}
}

func (r *redaction) text(text string) {
	switch {
	case text == "":
	case len(r.open) > 0 && slices.Contains(plain, r.open[len(r.open)-1]):
		r.line(clean(shortened(text)))
	default:
		r.line(fmt.Sprintf("[%d bytes]", len(text)))
	}
}

func (r *redaction) line(text string) {
	r.out.WriteString(strings.Repeat("  ", min(len(r.open), maxDepth)) + text + "\n")
}

func named(n xml.Name) string {
	if n.Space != "" {
		return clean(shortened(n.Space + ":" + n.Local))
	}
	return clean(shortened(n.Local))
}

func attrs(all []xml.Attr) string {
	var b strings.Builder
	for _, a := range all {
		fmt.Fprintf(&b, " %s=%q", named(a.Name), clean(shortened(a.Value)))
	}
	return b.String()
}

func shortened(text string) string {
	if len(text) > maxVisible {
		return strings.ToValidUTF8(text[:maxVisible], "") + "…"
	}
	return text
}
