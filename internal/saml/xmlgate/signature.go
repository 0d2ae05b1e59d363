package xmlgate

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/beevik/etree"
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
	prefixes       string // of the canonicalization of the parent
	sum            []byte // the digest of the parent
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
	if err := p.transformed(r.child(ds("Transforms"))); err != nil {
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
func (p *profile) transformed(t *node) error {
	var ids []string
	for _, c := range t.children {
		id, _ := c.attr("Algorithm")
		ids = append(ids, id)
		for _, list := range c.children {
			p.prefixes, _ = list.attr("PrefixList")
			if id != exclusive || slices.ContainsFunc(strings.Fields(p.prefixes), func(s string) bool { return !ncName(s) }) {
				return refuse("saml_prefix_list", "a list of prefixes for the canonicalization", "%s", quote(p.prefixes))
			}
		}
	}
	if !slices.Equal(ids, []string{enveloped, exclusive}) {
		return refuse("saml_transforms", "enveloped signature, then exclusive canonicalization without comments", "%s", quote(strings.Join(ids, " ")))
	}
	return nil
}

// verify verifies the signature of an element with the keys of the caller and
// returns the bytes that it covers, nil when the element has no signature. It takes
// the signature out of the tree and leaves the rest in canonical form.
//
// goxmldsig canonicalizes; keys and digests are Go's. What is digested is, byte for
// byte, what is returned: no tree is in between.
func (w Want) verify(n *node) ([]byte, *SignedBy, error) {
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
	inherit(p.info)
	info, err := canonicalForm(p.info.el.Copy(), "")
	if err != nil {
		return nil, nil, err
	}
	by, err := signer(may, p.algorithm, info, p.value.content())
	if err != nil {
		return nil, nil, err
	}
	inherit(n)
	n.el.RemoveChild(s.el)
	covered, err := canonicalForm(n.el, p.prefixes)
	if err != nil {
		return nil, nil, err
	}
	hash := digests[p.digest].New()
	hash.Write(covered)
	if !bytes.Equal(hash.Sum(nil), p.sum) {
		return nil, nil, refuse("saml_digest_mismatch", "the content that was signed", "another")
	}
	return covered, &SignedBy{Fingerprint: fingerprint(by), Method: p.method, Digest: p.digest}, nil
}

// canonicalForm brings an element that declares every namespace into exclusive
// canonical form, and returns its text.
func canonicalForm(el *etree.Element, prefixes string) ([]byte, error) {
	if err := etreeutils.TransformExcC14n(el, prefixes, false); err != nil {
		return nil, refuse("saml_xml", "a document with a canonical form", "one without")
	}
	var out bytes.Buffer
	out.Grow(4 << 10)
	el.WriteTo(&out, &canonical)
	return out.Bytes(), nil
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
