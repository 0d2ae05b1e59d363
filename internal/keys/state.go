package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// PublicKey is a key to verify with, and what for.
type PublicKey struct {
	ID        string // kid
	Algorithm Algorithm
	Key       crypto.PublicKey
	// own is set for a key of the broker's whose private half is at hand.
	own *ownKey
}

// Verify checks a JWS signature over input. It fails with ErrSignature.
func (k PublicKey) Verify(input, signature []byte) error {
	if k.own == nil {
		return VerifySignature(k.Algorithm, k.Key, input, signature)
	}
	if !k.own.verify(input, signature) {
		return ErrSignature
	}
	return nil
}

// state is what the records mean at a time. It is immutable.
type state struct {
	// until is when time alone makes another state of the same keys; zero is never.
	until   time.Time
	signers map[Algorithm]*Signer
	public  map[string]PublicKey // in the JWKS
	former  map[string]PublicKey // were in it and left in good standing
	// certified are the published SAML keys, the signing one first.
	certified []Certified
	jwks      []byte
	etag      string
}

// material is everything loaded, whatever the time: the records, oldest first,
// with their keys. It is immutable.
type material struct {
	records []Record
	public  map[string]PublicKey
	signers map[string]*Signer
	// certificates are those of SAML keys.
	certificates map[string]*x509.Certificate
}

// add adds the private half of a key, which from then on verifies as well.
func (m *material) add(s *Signer) {
	m.signers[s.id] = s
	key := m.public[s.id]
	key.own = s.own
	m.public[s.id] = key
}

// private returns the private half of a SAML key, nil when it is gone.
func (m *material) private(kid string) *rsa.PrivateKey {
	if s, ok := m.signers[kid]; ok {
		key, _ := s.key.(*rsa.PrivateKey)
		return key
	}
	return nil
}

// at works out the state at time now.
func (m *material) at(now time.Time) (*state, error) {
	s := &state{signers: map[Algorithm]*Signer{}, public: map[string]PublicKey{}, former: map[string]PublicKey{}}
	var published []PublicKey
	for _, rec := range m.records {
		key := m.public[rec.ID]
		switch {
		case rec.Killed:
		case rec.Algorithm == SAML:
			if !rec.removed(now) {
				s.certified = append(s.certified, Certified{Key: m.private(rec.ID), Certificate: m.certificates[rec.ID]})
			}
		case rec.removed(now):
			s.former[rec.ID] = key
		default:
			s.public[rec.ID] = key
			published = append(published, key)
		}
		s.change(now, rec.SignsFrom, rec.RetiredAt, rec.RemoveAt)
	}
	for alg, rec := range current(m.records, now) {
		if signer, ok := m.signers[rec.ID]; ok {
			s.signers[alg] = signer
		}
		signs := m.certificates[rec.ID]
		if i := slices.IndexFunc(s.certified, func(c Certified) bool { return c.Certificate == signs }); i > 0 {
			s.certified[0], s.certified[i] = s.certified[i], s.certified[0]
		}
	}
	var err error
	if s.jwks, err = marshalJWKS(published); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(s.jwks)
	s.etag = `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
	return s, nil
}

// change moves until to the first of times that is still to come.
func (s *state) change(now time.Time, times ...time.Time) {
	for _, t := range times {
		if t.After(now) && (s.until.IsZero() || t.Before(s.until)) {
			s.until = t
		}
	}
}

// current returns the record that signs per algorithm: the newest whose time has
// come.
func current(records []Record, now time.Time) map[Algorithm]Record {
	signing := map[Algorithm]Record{}
	for _, rec := range records {
		best, ok := signing[rec.Algorithm]
		if rec.maySign(now) && (!ok || !rec.SignsFrom.Before(best.SignsFrom)) {
			signing[rec.Algorithm] = rec
		}
	}
	return signing
}

// jwk is a public key (RFC 7517, RFC 7518 section 6, RFC 8037). It has no member
// for anything private.
type jwk struct {
	KeyType   string    `json:"kty"`
	Use       string    `json:"use"`
	Algorithm Algorithm `json:"alg"`
	ID        string    `json:"kid"`
	Curve     string    `json:"crv,omitempty"`
	X         string    `json:"x,omitempty"`
	Y         string    `json:"y,omitempty"`
	N         string    `json:"n,omitempty"`
	E         string    `json:"e,omitempty"`
}

func marshalJWKS(list []PublicKey) ([]byte, error) {
	set := struct {
		Keys []jwk `json:"keys"`
	}{Keys: make([]jwk, 0, len(list))}
	for _, key := range list {
		k, err := toJWK(key)
		if err != nil {
			return nil, err
		}
		set.Keys = append(set.Keys, k)
	}
	body, err := json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("encode JWKS: %w", err)
	}
	return body, nil
}

func toJWK(key PublicKey) (jwk, error) {
	enc := base64.RawURLEncoding.EncodeToString
	k := jwk{Use: "sig", Algorithm: key.Algorithm, ID: key.ID}
	switch public := key.Key.(type) {
	case *ecdsa.PublicKey:
		point, err := public.Bytes() // 4 || x || y
		if err != nil {
			return jwk{}, errors.Join(errPoint, err)
		}
		width := (len(point) - 1) / 2
		k.KeyType, k.Curve, k.X, k.Y = "EC", public.Params().Name, enc(point[1:1+width]), enc(point[1+width:])
	case *rsa.PublicKey:
		k.KeyType, k.N, k.E = "RSA", enc(public.N.Bytes()), enc(big.NewInt(int64(public.E)).Bytes())
	case ed25519.PublicKey:
		k.KeyType, k.Curve, k.X = "OKP", "Ed25519", enc(public)
	default:
		return jwk{}, errKeyType
	}
	return k, nil
}
