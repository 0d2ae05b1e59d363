package gatetest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	_ "crypto/sha1" //nolint:gosec // attacks sign with it
	"crypto/sha256"
	_ "crypto/sha512" // signatures may be by it
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
)

// Algorithm identifiers (RFC 6931), good and bad.
const (
	RSASHA1     = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
	RSASHA256   = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
	RSASHA384   = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384"
	RSASHA512   = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"
	ECDSASHA1   = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1"
	ECDSASHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
	ECDSASHA384 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"
	HMACSHA256  = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"
	SHA1        = "http://www.w3.org/2000/09/xmldsig#sha1"
	SHA256      = "http://www.w3.org/2001/04/xmlenc#sha256"
	SHA384      = "http://www.w3.org/2001/04/xmldsig-more#sha384"
	SHA512      = "http://www.w3.org/2001/04/xmlenc#sha512"
	Exclusive   = "http://www.w3.org/2001/10/xml-exc-c14n#"
	Enveloped   = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
)

// hashes are the digests of the identifiers above.
var hashes = map[string]crypto.Hash{
	RSASHA1: crypto.SHA1, RSASHA256: crypto.SHA256, RSASHA384: crypto.SHA384, RSASHA512: crypto.SHA512,
	ECDSASHA1: crypto.SHA1, ECDSASHA256: crypto.SHA256, ECDSASHA384: crypto.SHA384, HMACSHA256: crypto.SHA256,
	SHA1: crypto.SHA1, SHA256: crypto.SHA256, SHA384: crypto.SHA384, SHA512: crypto.SHA512,
}

// Place is where Sign puts the signature of the element with an ID.
func Place(id string) string { return "{signature of " + id + "}" }

// Sig says how to sign; the zero value of a field is the good choice.
type Sig struct {
	By             Identity
	Method, Digest string
	// Reference stands for the reference that is made otherwise; %s is the digest.
	Reference string
	// Info changes SignedInfo before it is signed, Done the signature after.
	Info, Done func(string) string
}

// Reference is the good reference to an ID; %s takes the digest.
func Reference(id, digest string) string {
	return `<ds:Reference URI="#` + id + `"><ds:Transforms><ds:Transform Algorithm="` + Enveloped + `"></ds:Transform><ds:Transform Algorithm="` + Exclusive +
		`"></ds:Transform></ds:Transforms><ds:DigestMethod Algorithm="` + digest + `"></ds:DigestMethod><ds:DigestValue>%s</ds:DigestValue></ds:Reference>`
}

// Sign signs the element, which must be in canonical form and hold the Place of its
// ID, and returns the document with the signature there.
func Sign(document, element, id string, s Sig) string {
	signed := strings.ReplaceAll(element, Place(id), "")
	return strings.Replace(document, Place(id), Signature(signed, id, s), 1)
}

// Signature makes a signature over the canonical text of the element with an ID.
func Signature(signed, id string, s Sig) string {
	if s.Method == "" {
		s.Method = RSASHA256
		if _, ok := s.By.Key.(*ecdsa.PrivateKey); ok {
			s.Method = ECDSASHA256
		}
	}
	if s.Digest == "" {
		s.Digest = SHA256
	}
	if s.Reference == "" {
		s.Reference = Reference(id, s.Digest)
	}
	reference := strings.ReplaceAll(s.Reference, "%s", base64.StdEncoding.EncodeToString(digest(s.Digest, signed)))
	info := `<ds:SignedInfo` + nsDS + `><ds:CanonicalizationMethod Algorithm="` + Exclusive +
		`"></ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="` + s.Method + `"></ds:SignatureMethod>` + reference + `</ds:SignedInfo>`
	if s.Info != nil {
		info = s.Info(info)
	}
	// Within Signature the canonical form does not declare the namespace again.
	within := strings.Replace(info, nsDS, "", 1)
	done := `<ds:Signature` + nsDS + `>` + within + `<ds:SignatureValue>` + base64.StdEncoding.EncodeToString(Octets(s.By, s.Method, info)) +
		`</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>` + base64.StdEncoding.EncodeToString(s.By.Certificate.Raw) +
		`</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>`
	if s.Done != nil {
		done = s.Done(done)
	}
	return done
}

// Octets signs octets: ECDSA as r and s side by side; HMAC with the certificate,
// which everybody knows, as the key.
func Octets(by Identity, method, octets string) []byte {
	if method == HMACSHA256 {
		mac := hmac.New(sha256.New, by.Certificate.Raw)
		mac.Write([]byte(octets))
		return mac.Sum(nil)
	}
	hash, known := hashes[method]
	if !known {
		hash = crypto.SHA256 // what a method that nobody knows is signed with
	}
	sum := hash.New()
	sum.Write([]byte(octets))
	value, err := by.Key.Sign(rand.Reader, sum.Sum(nil), hash)
	if err != nil {
		panic(fmt.Sprintf("gatetest: sign with %s: %v", method, err))
	}
	key, ok := by.Key.(*ecdsa.PrivateKey)
	if !ok {
		return value
	}
	var pair struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(value, &pair); err != nil {
		panic(fmt.Sprintf("gatetest: read a signature: %v", err))
	}
	size := (key.Params().BitSize + 7) / 8
	out := make([]byte, 2*size)
	pair.R.FillBytes(out[:size])
	pair.S.FillBytes(out[size:])
	return out
}

// digest digests a text by an identifier.
func digest(id, text string) []byte {
	hash, known := hashes[id]
	if !known {
		hash = crypto.SHA256
	}
	h := hash.New()
	h.Write([]byte(text))
	return h.Sum(nil)
}
