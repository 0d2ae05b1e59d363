package xmlgate

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"io"
	"net/url"
	"strings"
)

// query is a redirect-binding query taken apart, each value as it was written.
type query struct {
	message, relayState, sigAlg, signature string
	signed                                 bool
	octets                                 string // what a signature covers
}

// VerifyRedirect lets in a document as it came in the redirect binding (bindings
// section 3.4): rawQuery is the query string untouched, since the signature covers
// the parameters as they were written. Parameters come in the order of section
// 3.4.4.1, each once and no other beside them. The error is a *Refusal.
func VerifyRedirect(rawQuery string, w Want) (m Message, err error) {
	defer caught(&m, &err)
	if err := w.sensible(); err != nil {
		return Message{}, err
	}
	limits := w.Limits.within(w.Kind)
	q, err := taken(rawQuery, w.Kind, limits.Bytes)
	if err != nil {
		return Message{}, err
	}
	raw, err := inflated(q.message, limits.Bytes)
	if err != nil {
		return Message{}, err
	}
	root, _, err := parse(raw, w.Kind, limits, nil)
	if err != nil {
		return Message{}, err
	}
	m = Message{Hints: hints(root)}
	if err := w.detached(root, q, &m); err != nil {
		return Message{Hints: m.Hints}, err
	}
	return m, nil
}

// detached verifies a parsed document by its query.
func (w Want) detached(root *node, q *query, m *Message) (err error) {
	if err := shaped(root, w.Kind); err != nil {
		return err
	}
	if signatureOf(root) != nil {
		return refuse("saml_signature_embedded", "a signature in the query alone", "one in the document")
	}
	if m.RelayState, err = unescaped(q.relayState); err != nil {
		return err
	}
	if q.signed && (w.Signed != None || len(w.Certificates) > 0) {
		if m.EnvelopeSignature, err = w.query(q); err != nil {
			return err
		}
		m.Envelope, err = canonicalForm(root.el, "")
		return err
	}
	if w.Signed != None {
		return refuse("saml_unsigned", "a signed query", "one without a signature")
	}
	m.Unsigned, err = canonicalForm(root.el, "")
	return err
}

// query verifies the signature of a query.
func (w Want) query(q *query) (*SignedBy, error) {
	id, err := unescaped(q.sigAlg)
	if err != nil {
		return nil, err
	}
	m, err := method(id)
	if err != nil {
		return nil, err
	}
	value, err := unescaped(q.signature)
	if err != nil {
		return nil, err
	}
	may, err := w.candidates(m)
	if err != nil {
		return nil, err
	}
	by, err := signer(may, m, []byte(q.octets), value)
	if err != nil {
		return nil, err
	}
	return &SignedBy{Fingerprint: fingerprint(by), Method: id}, nil
}

// taken takes a query apart.
func taken(raw string, kind Kind, limit int) (*query, error) {
	first := map[Kind]string{AuthnRequest: "SAMLRequest", LogoutRequest: "SAMLRequest", LogoutResponse: "SAMLResponse"}[kind]
	if first == "" {
		return nil, refuse("saml_binding", "the POST binding for "+kind.String(), "the redirect binding")
	}
	if len(raw) > limit {
		return nil, refuse("saml_size", bound(limit, "bytes"), "%d", len(raw))
	}
	q := &query{}
	fields := []struct {
		key   string
		value *string
	}{{first, &q.message}, {"RelayState", &q.relayState}, {"SigAlg", &q.sigAlg}, {"Signature", &q.signature}}
	next := 0
	for i, part := range strings.Split(raw, "&") {
		key, value, _ := strings.Cut(part, "=")
		at := next
		for at < len(fields) && fields[at].key != key {
			at++
		}
		if at == len(fields) || i == 0 && at != 0 {
			return nil, refuse("saml_query", first+", RelayState, SigAlg, Signature in this order, once each", "%s", quote(key))
		}
		*fields[at].value = value
		next = at + 1
	}
	return q.octetsOf(raw)
}

// octetsOf finds what the signature covers: all before the signature.
func (q *query) octetsOf(raw string) (*query, error) {
	q.signed = q.signature != "" || q.sigAlg != ""
	if q.signed && (q.signature == "" || q.sigAlg == "") {
		return nil, refuse("saml_query", "SigAlg and Signature, or neither", "one of them")
	}
	q.octets, _, _ = strings.Cut(raw, "&Signature=")
	return q, nil
}

// unescaped decodes one value.
func unescaped(value string) (string, error) {
	plain, err := url.QueryUnescape(value)
	if err != nil || strings.ContainsAny(value, ";\x00") {
		return "", refuse("saml_query", "values that are percent-encoded", "another")
	}
	return plain, nil
}

// inflated decodes and decompresses a message (section 3.4.4.1, DEFLATE), and
// stops at the limit.
func inflated(value string, limit int) ([]byte, error) {
	plain, err := unescaped(value)
	if err != nil {
		return nil, err
	}
	packed, err := base64.StdEncoding.Strict().DecodeString(plain)
	if err != nil || strings.ContainsAny(plain, "\r\n") {
		return nil, refuse("saml_base64", "base64 without line ends", "something else")
	}
	from := bytes.NewReader(packed)
	raw, err := io.ReadAll(io.LimitReader(flate.NewReader(from), int64(limit)+1))
	switch {
	case len(raw) > limit:
		return nil, refuse("saml_size", bound(limit, "bytes when inflated"), "more")
	case err != nil || from.Len() > 0:
		return nil, refuse("saml_deflate", "one DEFLATE stream", "something else")
	}
	return raw, nil
}
