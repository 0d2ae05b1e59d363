// Package gatetest makes SAML documents for tests: good ones, and the attacks that
// verifiers of SAML have fallen for.
//
// It signs without any library for XML: documents are written in exclusive canonical
// form to begin with, so that what is digested is the text as it stands. What
// canonicalizes on the other side is thereby tested by something that is not itself.
package gatetest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"
)

// Identity is a key and a certificate for it.
type Identity struct {
	Key         crypto.Signer
	Certificate *x509.Certificate
}

// Lab holds the keys that documents are made with. All are made by New.
type Lab struct {
	// Now is when its documents are good.
	Now time.Time
	// RSA and EC sign for the identity provider, Next is its next RSA key. Stranger
	// signs for somebody else; Weak is trusted and too short; Expired was trusted.
	RSA, Next, EC, Stranger, Weak, Expired Identity
	// Ours decrypts for the service provider.
	Ours *rsa.PrivateKey
}

// New makes the keys.
func New() (*Lab, error) {
	l := &Lab{Now: time.Date(2026, 11, 26, 2, 0, 0, 0, time.UTC)}
	until := l.Now.AddDate(1, 0, 0)
	for _, m := range []struct {
		to    *Identity
		bits  int
		until time.Time
	}{
		{&l.RSA, 2048, until},
		{&l.Next, 2048, until},
		{&l.EC, 0, until},
		{&l.Stranger, 2048, until},
		{&l.Weak, 1024, until},
		{&l.Expired, 2048, l.Now.AddDate(0, 0, -1)},
	} {
		made, err := l.identity(m.bits, m.until)
		if err != nil {
			return nil, err
		}
		*m.to = made
	}
	var err error
	l.Ours, err = rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return l, nil
}

// identity makes an RSA key of so many bits, or an ECDSA key on P-256 for none, and
// signs its certificate with itself.
func (l *Lab) identity(bits int, until time.Time) (Identity, error) {
	var key crypto.Signer
	var err error
	if bits == 0 {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		key, err = rsa.GenerateKey(rand.Reader, bits)
	}
	if err != nil {
		return Identity{}, fmt.Errorf("make a key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "idp.example.com"},
		NotBefore: l.Now.AddDate(-1, 0, 0), NotAfter: until,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return Identity{}, fmt.Errorf("make a certificate: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return Identity{}, fmt.Errorf("read a certificate: %w", err)
	}
	return Identity{key, certificate}, nil
}
