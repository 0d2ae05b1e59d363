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

// New makes new keys.
func New() (*Lab, error) {
	return made(func(bits int) (crypto.Signer, error) {
		if bits == 0 {
			return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		}
		return rsa.GenerateKey(rand.Reader, bits)
	})
}

// Derived makes the keys out of a text, so that several processes, and several runs,
// have the same: what one signed the other verifies.
func Derived(text string) (*Lab, error) { return made((&stream{text: text}).key) }

// made makes all keys: of so many bits for RSA, of none for ECDSA on P-256.
func made(key func(bits int) (crypto.Signer, error)) (*Lab, error) {
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
		k, err := key(m.bits)
		if err != nil {
			return nil, fmt.Errorf("make a key: %w", err)
		}
		if *m.to, err = l.identity(k, m.until); err != nil {
			return nil, err
		}
	}
	ours, err := key(2048)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	l.Ours, _ = ours.(*rsa.PrivateKey)
	return l, nil
}

// identity makes a certificate for a key, which signs it itself.
func (l *Lab) identity(key crypto.Signer, until time.Time) (Identity, error) {
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
