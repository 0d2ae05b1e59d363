package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Where private keys are stored, for the Vault.
const (
	keyTable  = "signing_keys"
	keyColumn = "private"
)

var errAlgorithm = fault.New(fault.Invalid, "algorithm_unknown", "the broker does not sign with this algorithm")

// generate returns a new key as a Record without times.
func (r *Ring) generate(alg Algorithm) (Record, error) {
	private, err := newPrivate(alg)
	if err != nil {
		return Record{}, err
	}
	rec := Record{ID: identity.NewID(), Algorithm: alg}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return Record{}, fmt.Errorf("encode %s key: %w", alg, err)
	}
	if rec.Private, err = r.o.Vault.Seal(pkcs8, keyTable, keyColumn, rec.ID); err != nil {
		return Record{}, fmt.Errorf("seal %s key: %w", alg, err)
	}
	if rec.Public, err = x509.MarshalPKIXPublicKey(private.Public()); err != nil {
		return Record{}, fmt.Errorf("encode %s key: %w", alg, err)
	}
	if alg == SAML {
		rec.Certificate, err = r.certify(rec.ID, private)
	}
	return rec, err
}

func newPrivate(alg Algorithm) (crypto.Signer, error) {
	var private crypto.Signer
	var err error
	switch alg {
	case ES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case RS256, SAML:
		private, err = rsa.GenerateKey(rand.Reader, minRSABits)
	case EdDSA:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	default:
		return nil, errAlgorithm
	}
	if err != nil {
		return nil, fmt.Errorf("generate %s key: %w", alg, err)
	}
	return private, nil
}

// open returns the Signer of a record whose private half is still there.
func (r *Ring) open(rec Record, public PublicKey) (*Signer, error) {
	pkcs8, err := r.o.Vault.Open(rec.Private, keyTable, keyColumn, rec.ID)
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", rec.ID, err)
	}
	private, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", rec.ID, err)
	}
	signer, ok := private.(crypto.Signer)
	if !ok || !Fits(rec.Algorithm, signer.Public()) {
		return nil, fmt.Errorf("signing key %s: %w", rec.ID, errKeyType)
	}
	return newSigner(public, signer), nil
}

// public returns the public half of a record.
func (rec Record) public() (PublicKey, error) {
	key, err := x509.ParsePKIXPublicKey(rec.Public)
	if err == nil && !Fits(rec.Algorithm, key) {
		err = errKeyType
	}
	if err == nil {
		err = checkPublic(key)
	}
	if err != nil {
		return PublicKey{}, fmt.Errorf("signing key %s: %w", rec.ID, err)
	}
	return PublicKey{ID: rec.ID, Algorithm: rec.Algorithm, Key: key}, nil
}

// The states of a record at a time. Each excludes the others but for published,
// which is everything that the JWKS shows.

func (rec Record) removed(now time.Time) bool {
	return rec.Killed || !rec.RemoveAt.IsZero() && !now.Before(rec.RemoveAt)
}

func (rec Record) retired(now time.Time) bool {
	return rec.removed(now) || !rec.RetiredAt.IsZero() && !now.Before(rec.RetiredAt)
}

// idle reports that nobody needs the private half any more. A retired SAML key
// goes on decrypting what peers with the metadata of before encrypt for it.
func (rec Record) idle(now time.Time) bool {
	return rec.removed(now) || rec.Algorithm != SAML && rec.retired(now)
}

func (rec Record) waiting(now time.Time) bool { return !rec.retired(now) && now.Before(rec.SignsFrom) }

func (rec Record) maySign(now time.Time) bool {
	return !rec.retired(now) && !rec.SignsFrom.IsZero() && !now.Before(rec.SignsFrom)
}
