package gatetest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"math/big"
	"strconv"
)

// stream is a sequence of bytes that a text determines.
type stream struct {
	text string
	next int
}

// bytes returns the next n bytes, n a multiple of 32.
func (s *stream) bytes(n int) []byte {
	var out []byte
	for len(out) < n {
		sum := sha256.Sum256([]byte(s.text + strconv.Itoa(s.next)))
		out = append(out, sum[:]...)
		s.next++
	}
	return out
}

// prime returns the next prime of so many bits whose predecessor no public exponent
// divides.
func (s *stream) prime(bits int) *big.Int {
	for {
		b := s.bytes(bits / 8)
		b[0] |= 0xc0 // two of them have a product of twice the bits
		b[len(b)-1] |= 1
		p := new(big.Int).SetBytes(b)
		if new(big.Int).Mod(new(big.Int).Sub(p, big.NewInt(1)), big.NewInt(exponent)).Sign() != 0 && p.ProbablyPrime(8) {
			return p
		}
	}
}

// exponent is the public exponent of derived keys.
const exponent = 65537

// key returns the next key: RSA of so many bits, or ECDSA on P-256 for none.
func (s *stream) key(bits int) (crypto.Signer, error) {
	if bits == 0 {
		key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), s.bytes(32))
		if err != nil {
			return nil, fmt.Errorf("derive a key: %w", err)
		}
		return key, nil
	}
	p, q := s.prime(bits/2), s.prime(bits/2)
	one := big.NewInt(1)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: exponent},
		D:         new(big.Int).ModInverse(big.NewInt(exponent), phi),
		Primes:    []*big.Int{p, q},
	}
	key.Precompute()
	if err := key.Validate(); err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	return key, nil
}
