package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"sync/atomic"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// Signer signs with one key. Take a new one from the Ring for every token: which
// key signs changes. It is safe for concurrent use.
type Signer struct {
	id        string
	algorithm Algorithm
	key       crypto.Signer
	own       *ownKey // nil where verifying takes the public half
	// headers are the encoded JOSE headers by typ; there is a handful.
	headers atomic.Pointer[map[string]string]
}

func newSigner(public PublicKey, key crypto.Signer) *Signer {
	s := &Signer{id: public.ID, algorithm: public.Algorithm, key: key, own: newOwnKey(key, public.Key)}
	s.headers.Store(&map[string]string{})
	return s
}

// Algorithm is what the key signs with.
func (s *Signer) Algorithm() Algorithm { return s.algorithm }

// KID is the key's id, the kid of the JOSE header.
func (s *Signer) KID() string { return s.id }

// Sign returns payload as a compact JWS with the header {alg, kid, typ}.
func (s *Signer) Sign(typ string, payload []byte) (string, error) {
	header := s.header(typ)
	enc := base64.RawURLEncoding
	out := make([]byte, 0, len(header)+1+enc.EncodedLen(len(payload))+1+enc.EncodedLen(s.signatureSize()))
	out = append(out, header...)
	out = append(out, '.')
	out = enc.AppendEncode(out, payload)
	signature, err := s.sign(out)
	if err != nil {
		return "", fault.Wrap(err, fault.Internal, "signing_failed", "the token could not be signed")
	}
	out = append(out, '.')
	return string(enc.AppendEncode(out, signature)), nil
}

// Header returns the JOSE header that a Signer with this key writes, byte for
// byte: what a verifier of our own tokens may insist on.
func Header(alg Algorithm, kid, typ string) string {
	return `{"alg":"` + string(alg) + `","kid":"` + kid + `","typ":"` + typ + `"}`
}

func (s *Signer) header(typ string) string {
	known := s.headers.Load()
	if h, ok := (*known)[typ]; ok {
		return h
	}
	h := base64.RawURLEncoding.EncodeToString([]byte(Header(s.algorithm, s.id, typ)))
	next := maps.Clone(*known)
	next[typ] = h
	s.headers.CompareAndSwap(known, &next) // whoever loses computes it once more
	return h
}

// sign returns the raw signature: r and s at fixed width for ECDSA.
func (s *Signer) sign(input []byte) ([]byte, error) {
	switch key := s.key.(type) {
	case *ecdsa.PrivateKey:
		digest := sha256.Sum256(input)
		der, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
		if err != nil {
			return nil, fmt.Errorf("ecdsa: %w", err)
		}
		return rawSignature(der, p256Width)
	case *rsa.PrivateKey:
		if s.algorithm == SAML {
			return nil, errKeyType // no token is signed with a key for SAML
		}
		digest := sha256.Sum256(input)
		return rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	case ed25519.PrivateKey:
		return ed25519.Sign(key, input), nil
	}
	return nil, errKeyType
}

// p256Width is the length of a coordinate or scalar of P-256, in bytes.
const p256Width = 32

func (s *Signer) signatureSize() int {
	if key, ok := s.key.(*rsa.PrivateKey); ok {
		return key.Size()
	}
	return 2 * p256Width // P-256 and Ed25519 alike
}
