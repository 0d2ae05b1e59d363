package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // ES256, RS256, PS256
	_ "crypto/sha512" // the 384 and 512 bit variants
	"errors"
	"slices"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// The algorithms that others may sign with, beside the three of the broker's.
const (
	ES384 Algorithm = "ES384"
	ES512 Algorithm = "ES512"
	RS384 Algorithm = "RS384"
	RS512 Algorithm = "RS512"
	PS256 Algorithm = "PS256"
	PS384 Algorithm = "PS384"
	PS512 Algorithm = "PS512"
)

// ErrSignature refuses a signature, for whatever reason.
var ErrSignature = fault.New(fault.Unauthenticated, "signature_invalid", "the signature is not valid")

// What a public RSA key may measure. Above the upper bound a verification costs
// more than a stranger may ask for.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// scheme is how an algorithm works: a curve makes it ECDSA, pss or pkcs RSA, and
// neither Ed25519.
type scheme struct {
	hash  crypto.Hash
	curve elliptic.Curve
	rsa   bool
	pss   bool
}

// schemes are all algorithms that a signature may be verified with (RFC 7518,
// section 3.1, and RFC 8037). There is no "none" and no HMAC.
var schemes = map[Algorithm]scheme{
	ES256: {hash: crypto.SHA256, curve: elliptic.P256()},
	ES384: {hash: crypto.SHA384, curve: elliptic.P384()},
	ES512: {hash: crypto.SHA512, curve: elliptic.P521()},
	RS256: {hash: crypto.SHA256, rsa: true},
	RS384: {hash: crypto.SHA384, rsa: true},
	RS512: {hash: crypto.SHA512, rsa: true},
	PS256: {hash: crypto.SHA256, rsa: true, pss: true},
	PS384: {hash: crypto.SHA384, rsa: true, pss: true},
	PS512: {hash: crypto.SHA512, rsa: true, pss: true},
	EdDSA: {},
}

// Fits reports whether key is of the type and curve that alg needs.
func Fits(alg Algorithm, key crypto.PublicKey) bool {
	if _, is := key.(*rsa.PublicKey); alg == SAML {
		return is
	}
	s, known := schemes[alg]
	if !known {
		return false
	}
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		return s.curve != nil && k.Curve == s.curve
	case *rsa.PublicKey:
		return s.rsa
	case ed25519.PublicKey:
		return s.curve == nil && !s.rsa
	}
	return false
}

// VerifySignature checks a JWS signature over input. alg is what the key is for;
// it must never be taken from the token alone. It fails with ErrSignature.
func VerifySignature(alg Algorithm, key crypto.PublicKey, input, signature []byte) error {
	s, known := schemes[alg]
	if !known || !Fits(alg, key) {
		return ErrSignature
	}
	var digest []byte
	if s.hash != 0 {
		digest = sum(s.hash, input)
	}
	ok := false
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		ok = verifyECDSA(k, digest, signature)
	case *rsa.PublicKey:
		ok = verifyRSA(k, s, digest, signature)
	case ed25519.PublicKey:
		ok = len(k) == ed25519.PublicKeySize && ed25519.Verify(k, input, signature)
	}
	if !ok {
		return ErrSignature
	}
	return nil
}

// verifyECDSA takes r and s at fixed width (RFC 7518, section 3.4).
func verifyECDSA(key *ecdsa.PublicKey, digest, signature []byte) bool {
	width := (key.Params().BitSize + 7) / 8
	if len(signature) != 2*width {
		return false
	}
	return ecdsa.VerifyASN1(key, digest, derSignature(signature))
}

func verifyRSA(key *rsa.PublicKey, s scheme, digest, signature []byte) bool {
	if s.pss {
		return rsa.VerifyPSS(key, s.hash, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
	}
	return rsa.VerifyPKCS1v15(key, s.hash, digest, signature) == nil
}

func sum(h crypto.Hash, input []byte) []byte {
	digest := h.New()
	digest.Write(input) // a hash never fails
	return digest.Sum(nil)
}

// The reasons to refuse a public key.
var (
	errCurve    = errors.New("the curve is not P-256, P-384 or P-521")
	errPoint    = errors.New("the point is not on the curve")
	errRSASize  = errors.New("an RSA key must have 2048 to 8192 bits")
	errExponent = errors.New("the RSA exponent must be odd and from 65537")
	errKeyType  = errors.New("the key is neither RSA nor ECDSA nor Ed25519")
)

// checkPublic refuses keys that are weak or malformed.
func checkPublic(key crypto.PublicKey) error {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if !slices.Contains([]elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()}, k.Curve) {
			return errCurve
		}
		if _, err := k.Bytes(); err != nil {
			return errPoint
		}
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return errRSASize
		}
		if k.E < 65537 || k.E%2 == 0 {
			return errExponent
		}
	case ed25519.PublicKey:
		if len(k) != ed25519.PublicKeySize {
			return errPoint
		}
	default:
		return errKeyType
	}
	return nil
}
