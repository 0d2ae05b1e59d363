package keys

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"
)

// How far a certificate reaches beyond the life that is planned for its key, and
// its life where none is planned: SAML peers trust the key by having the
// certificate, and some refuse one that has run out.
const (
	certificateEarly   = 24 * time.Hour
	certificateMargin  = 90 * 24 * time.Hour
	certificateForever = 20 * 365 * 24 * time.Hour
)

// Certified is a key for SAML messages, with the certificate that peers know it by.
type Certified struct {
	Key         *rsa.PrivateKey
	Certificate *x509.Certificate
}

// Certified returns the SAML keys that are published now, the signing one first.
// The first signs; metadata lists the certificates of all, so that a peer knows the
// next key before it signs; and each may be what a peer encrypted for. It fails with
// ErrNoSigner.
func (r *Ring) Certified() ([]Certified, error) {
	if _, err := r.Signer(SAML); err != nil {
		return nil, err
	}
	if all := r.now().certified; len(all) > 0 && all[0].Key != nil {
		return all, nil
	}
	return nil, ErrNoSigner
}

// certify makes the self-signed certificate of a SAML key.
func (r *Ring) certify(kid string, private crypto.Signer) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("certificate of SAML key %s: %w", kid, err)
	}
	life := certificateForever
	if r.o.Rotate > 0 {
		life = r.o.Lead + r.o.Rotate + r.o.Overlap + certificateMargin
	}
	now := r.o.Now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "SAML signing " + kid},
		NotBefore: now.Add(-certificateEarly), NotAfter: now.Add(life), KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		SignatureAlgorithm: x509.SHA256WithRSA, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, fmt.Errorf("certificate of SAML key %s: %w", kid, err)
	}
	return der, nil
}

// certificate returns the certificate of a SAML key, which is of that very key.
func (rec Record) certificate() (*x509.Certificate, error) {
	c, err := x509.ParseCertificate(rec.Certificate)
	if err == nil && !bytes.Equal(c.RawSubjectPublicKeyInfo, rec.Public) {
		err = errKeyType
	}
	if err != nil {
		return nil, fmt.Errorf("certificate of SAML key %s: %w", rec.ID, err)
	}
	return c, nil
}
