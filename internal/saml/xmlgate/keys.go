package xmlgate

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
)

// algorithm is a signature method that is let in (RFC 6931).
type algorithm struct {
	hash crypto.Hash
	rsa  bool
	x509 x509.SignatureAlgorithm
}

// methods are the signature methods, by identifier.
var methods = map[string]algorithm{
	"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256":   {crypto.SHA256, true, x509.SHA256WithRSA},
	"http://www.w3.org/2001/04/xmldsig-more#rsa-sha384":   {crypto.SHA384, true, x509.SHA384WithRSA},
	"http://www.w3.org/2001/04/xmldsig-more#rsa-sha512":   {crypto.SHA512, true, x509.SHA512WithRSA},
	"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256": {crypto.SHA256, false, x509.ECDSAWithSHA256},
	"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384": {crypto.SHA384, false, x509.ECDSAWithSHA384},
	"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512": {crypto.SHA512, false, x509.ECDSAWithSHA512},
}

// digests are the digest methods, by identifier.
var digests = map[string]crypto.Hash{
	"http://www.w3.org/2001/04/xmlenc#sha256":       crypto.SHA256,
	"http://www.w3.org/2001/04/xmldsig-more#sha384": crypto.SHA384,
	"http://www.w3.org/2001/04/xmlenc#sha512":       crypto.SHA512,
}

// The sizes of RSA keys that are used: below is weak, above costs too much.
const (
	minRSA = 2048
	maxRSA = 8192
)

// maxCertificates bounds how many keys a signature is tried with.
const maxCertificates = 16

// method returns the algorithm of an identifier.
func method(id string) (algorithm, error) {
	m, known := methods[id]
	if !known {
		return algorithm{}, refuse("saml_signature_algorithm", "RSA or ECDSA with SHA-256, SHA-384 or SHA-512", "%s", quote(id))
	}
	return m, nil
}

// candidates returns the certificates of a caller that may verify a signature of
// the algorithm now, in their order.
func (w Want) candidates(m algorithm) ([]*x509.Certificate, error) {
	if len(w.Certificates) == 0 || len(w.Certificates) > maxCertificates {
		return nil, refuse("saml_certificates", "one to 16 configured certificates", "%d", len(w.Certificates))
	}
	var may []*x509.Certificate
	var last error
	for _, c := range w.Certificates {
		if err := usable(c, m); err != nil {
			last = err
			continue
		}
		if w.Now.Before(c.NotBefore) || w.Now.After(c.NotAfter) {
			last = refuse("saml_certificate_time", "a certificate that is valid now", "one valid from %s to %s",
				c.NotBefore.UTC().Format("2006-01-02"), c.NotAfter.UTC().Format("2006-01-02"))
			continue
		}
		may = append(may, c)
	}
	if len(may) == 0 {
		return nil, last
	}
	return may, nil
}

// usable checks a certificate's key.
func usable(c *x509.Certificate, m algorithm) error {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if size := key.N.BitLen(); size < minRSA || size > maxRSA {
			return refuse("saml_key_size", "an RSA key of 2048 to 8192 bits", "%d", size)
		}
		if m.rsa {
			return nil
		}
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() && key.Curve != elliptic.P384() && key.Curve != elliptic.P521() {
			return refuse("saml_key_size", "an ECDSA key on P-256, P-384 or P-521", "another curve")
		}
		if !m.rsa {
			return nil
		}
	}
	return refuse("saml_key_type", "a key for the signature's algorithm", "a %s key", c.PublicKeyAlgorithm)
}

// signer returns which of the certificates made a signature over octets.
func signer(may []*x509.Certificate, m algorithm, octets []byte, value string) (*x509.Certificate, error) {
	var last error
	for _, c := range may {
		raw, err := signatureValue(value, c)
		if err != nil {
			last = err
			continue
		}
		if c.CheckSignature(m.x509, octets, raw) == nil {
			return c, nil
		}
		last = refuse("saml_signature_invalid", "a signature by a configured certificate", "none that verifies")
	}
	return nil, last
}

// signatureValue decodes a signature for a key: as it is for RSA, and into ASN.1,
// which crypto takes, for ECDSA.
func signatureValue(value string, c *x509.Certificate) ([]byte, error) {
	raw, err := unbase64(value)
	if err != nil {
		return nil, err
	}
	key, ok := c.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return raw, nil
	}
	size := (key.Curve.Params().BitSize + 7) / 8
	if len(raw) != 2*size {
		return nil, refuse("saml_signature_value", fmt.Sprintf("r and s of %d bytes each", size), "%d bytes", len(raw))
	}
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:size]), new(big.Int).SetBytes(raw[size:])})
	if err != nil {
		return nil, refuse("saml_signature_value", "two numbers", "something else")
	}
	return der, nil
}

// unbase64 decodes base64 with white space in it, as XML Schema has it.
func unbase64(value string) ([]byte, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(strings.Join(strings.Fields(value), ""))
	if err != nil || len(raw) == 0 {
		return nil, refuse("saml_base64", "base64", "something else")
	}
	return raw, nil
}

// fingerprint is the SHA-256 of a certificate.
func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}
