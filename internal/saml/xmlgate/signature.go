package xmlgate

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"
)

// The two transforms that a reference has, in this order.
const (
	enveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
	exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#"
)

// canonical is how etree writes a tree that was brought into canonical form.
var canonical = etree.WriteSettings{CanonicalAttrVal: true, CanonicalEndTags: true, CanonicalText: true}

// profile is what a signature of the one form that is let in says.
type profile struct {
	method, digest string
	algorithm      algorithm
	sum            []byte // what was signed of the parent
	value          *node  // SignatureValue
	info           *node  // SignedInfo
}

// signatureOf returns the signature of an element, nil without one.
func signatureOf(n *node) *node { return n.child(signatureName) }

// profiled checks that a signature has the form that is let in: one reference to
// the parent, the two transforms, and good algorithms.
func profiled(s *node) (profile, error) {
	var p profile
	if err := conforms(s); err != nil { // metadata has no model of its own
		return p, err
	}
	p.info, p.value = s.child(ds("SignedInfo")), s.child(ds("SignatureValue"))
	c14n := p.info.child(ds("CanonicalizationMethod"))
	if id, _ := c14n.attr("Algorithm"); id != exclusive || len(c14n.children) > 0 {
		return p, refuse("saml_canonicalization", "exclusive canonicalization without comments or prefixes", "%s", quote(id))
	}
	p.method, _ = p.info.child(ds("SignatureMethod")).attr("Algorithm")
	var err error
	if p.algorithm, err = method(p.method); err != nil {
		return p, err
	}
	return p, p.refers(p.info.child(ds("Reference")), s.parent)
}

// refers checks a reference: to the parent, with the transforms, and its digest.
func (p *profile) refers(r, parent *node) error {
	id, _ := parent.attr("ID")
	if uri, _ := r.attr("URI"); id == "" || uri != "#"+id {
		return refuse("saml_reference_uri", quote("#"+id)+", the signed element", "%s", quote(uri))
	}
	if err := transformed(r.child(ds("Transforms"))); err != nil {
		return err
	}
	p.digest, _ = r.child(ds("DigestMethod")).attr("Algorithm")
	hash, known := digests[p.digest]
	if !known {
		return refuse("saml_digest_algorithm", "SHA-256, SHA-384 or SHA-512", "%s", quote(p.digest))
	}
	sum, err := base64.StdEncoding.Strict().DecodeString(r.child(ds("DigestValue")).content())
	if err != nil || len(sum) != hash.Size() {
		return refuse("saml_digest_value", "a digest of the method's length in base64", "something else")
	}
	p.sum = sum
	return nil
}

// transformed checks the transforms of a reference.
func transformed(t *node) error {
	var ids []string
	for _, c := range t.children {
		id, _ := c.attr("Algorithm")
		ids = append(ids, id)
		for _, list := range c.children {
			prefixes, _ := list.attr("PrefixList")
			if id != exclusive || slices.ContainsFunc(strings.Fields(prefixes), func(s string) bool { return !ncName(s) }) {
				return refuse("saml_prefix_list", "a list of prefixes for the canonicalization", "%s", quote(prefixes))
			}
		}
	}
	if !slices.Equal(ids, []string{enveloped, exclusive}) {
		return refuse("saml_transforms", "enveloped signature, then exclusive canonicalization without comments", "%s", quote(strings.Join(ids, " ")))
	}
	return nil
}

// verify verifies the signature of an element with the keys of the caller and
// returns what it covers, nil when the element has no signature.
func (w Want) verify(n *node) (*verified, *SignedBy, error) {
	s := signatureOf(n)
	if s == nil {
		return nil, nil, nil
	}
	p, err := profiled(s)
	if err != nil {
		return nil, nil, err
	}
	may, err := w.candidates(p.algorithm)
	if err != nil {
		return nil, nil, err
	}
	if info := s.child(ds("KeyInfo")); info != nil {
		s.el.RemoveChild(info.el) // no key but the configured ones
	}
	inherit(n)
	key := may[0]
	if len(may) > 1 {
		if key, err = p.signer(may); err != nil {
			return nil, nil, err
		}
	}
	verified, err := w.covered(n, p, key)
	if err != nil {
		return nil, nil, err
	}
	return verified, &SignedBy{Fingerprint: fingerprint(key), Method: p.method, Digest: p.digest}, nil
}

// verified is what a signature covers: its bytes, and the tree that goxmldsig read
// from them.
type verified struct {
	bytes []byte
	tree  *etree.Element
}

// covered has goxmldsig validate the signature with one key, and returns what was
// digested. It computes the digest again: what is handed on is what was signed,
// whatever became of it on the way.
func (w Want) covered(n *node, p profile, key *x509.Certificate) (*verified, error) {
	value, err := signatureValue(p.value.content(), key)
	if err != nil {
		return nil, err
	}
	p.value.el.SetText(base64.StdEncoding.EncodeToString(value))
	for len(p.value.el.Child) > 1 {
		p.value.el.RemoveChildAt(len(p.value.el.Child) - 1)
	}
	context := dsig.ValidationContext{
		CertificateStore: &dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{key}},
		IdAttribute:      "ID",
		Clock:            dsig.NewFakeClockAt(w.Now),
	}
	tree, err := context.Validate(n.el)
	if err != nil {
		if p.signs(key, value) {
			return nil, refuse("saml_digest_mismatch", "the content that was signed", "another")
		}
		return nil, refuse("saml_signature_invalid", "a signature by a configured certificate", "none that verifies")
	}
	out := &verified{bytes: written(tree), tree: tree}
	hash := digests[p.digest].New()
	hash.Write(out.bytes)
	if !bytes.Equal(hash.Sum(nil), p.sum) {
		return nil, refuse("saml_digest_mismatch", "a canonical form that reads as itself", "another")
	}
	return out, nil
}

// signer returns which of several certificates a signature is by.
func (p *profile) signer(may []*x509.Certificate) (*x509.Certificate, error) {
	var last error = refuse("saml_signature_invalid", "a signature by a configured certificate", "none that verifies")
	for _, c := range may {
		value, err := signatureValue(p.value.content(), c)
		if err != nil {
			last = err
			continue
		}
		if p.signs(c, value) {
			return c, nil
		}
	}
	return nil, last
}

// signs reports whether a certificate's key made the signature over SignedInfo.
func (p *profile) signs(c *x509.Certificate, value []byte) bool {
	inherit(p.info)
	body, err := canonicalForm(p.info.el.Copy())
	return err == nil && c.CheckSignature(p.algorithm.x509, body, value) == nil
}

// canonicalForm brings an element that declares every namespace into exclusive
// canonical form, and returns its text.
func canonicalForm(el *etree.Element) ([]byte, error) {
	if err := etreeutils.TransformExcC14n(el, "", false); err != nil {
		return nil, refuse("saml_xml", "a document with a canonical form", "one without")
	}
	return written(el), nil
}

// written returns the text of an element in canonical form.
func written(el *etree.Element) []byte {
	var out bytes.Buffer
	out.Grow(4 << 10)
	el.WriteTo(&out, &canonical)
	return out.Bytes()
}

// inherit declares on an element the namespaces that are in force there, so that
// it can be canonicalized on its own.
func inherit(n *node) {
	seen := map[string]bool{}
	for at := n; at != nil; at = at.parent {
		for _, a := range at.el.Attr {
			key := a.FullKey()
			if (a.Space == "xmlns" || key == "xmlns") && !seen[key] {
				seen[key] = true
				if at != n {
					n.el.CreateAttr(key, a.Value)
				}
			}
		}
	}
}

// ds returns a name of XML Signature.
func ds(local string) name { return name{nsSignature, local} }
