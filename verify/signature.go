package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"math/big"
	"slices"
	"strings"
)

// MaxSize is the longest token that is looked at, in bytes. The broker's are shorter.
const MaxSize = 8 << 10

// maxHeader bounds a token's header, in bytes once decoded.
const maxHeader = 512

// The signature algorithms (RFC 7518, section 3.1; RFC 8037). There is no other, no
// "none" and no HMAC.
const (
	es256 = "ES256"
	rs256 = "RS256"
	edDSA = "EdDSA"
)

var (
	errLong     = errors.New("the token is too long")
	errParts    = errors.New("the token does not have three parts")
	errBase64   = errors.New("the token is not canonical base64url")
	errType     = errors.New("typ is not at+jwt")
	errKeyName  = errors.New("the header names no key")
	errExtended = errors.New("the header has a member that changes what the signature means, or brings a key")
)

// compact is a token as it came, before anything in it is believed.
type compact struct {
	alg, kid           string
	input              string // what is signed
	payload, signature []byte
}

// strictBase64 refuses padding and bits that stand for nothing: a token has one spelling.
var strictBase64 = base64.RawURLEncoding.Strict()

func decode(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") { // which encoding/base64 would skip
		return nil, errBase64
	}
	b, err := strictBase64.DecodeString(s)
	if err != nil || len(b) == 0 {
		return nil, errBase64
	}
	return b, nil
}

// split takes a token apart and reads its header.
func split(raw string) (c compact, err error) {
	if len(raw) > MaxSize {
		return c, errLong
	}
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return c, errParts
	}
	header, err := decode(parts[0])
	if err != nil {
		return c, err
	}
	if len(header) > maxHeader {
		return c, errLong
	}
	if c.payload, err = decode(parts[1]); err != nil {
		return c, err
	}
	if c.signature, err = decode(parts[2]); err != nil {
		return c, err
	}
	c.input = raw[:len(parts[0])+1+len(parts[1])]
	return c, c.read(header)
}

// forbidden are members of a header that would choose the key, or what is signed.
var forbidden = []string{"crit", "b64", "zip", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256"}

func (c *compact) read(header []byte) error {
	o, err := parseObject(header)
	if err != nil {
		return err
	}
	for name := range o {
		if slices.Contains(forbidden, name) {
			return errExtended
		}
	}
	m := &members{object: o}
	c.alg, c.kid = m.text("alg"), m.text("kid")
	typ := m.text("typ")
	switch {
	case m.wrong != nil:
		return m.wrong
	case typ != "at+jwt" && typ != "application/at+jwt": // RFC 9068, section 4
		return errType
	case c.kid == "":
		return errKeyName
	}
	return nil
}

// key is a public key of the broker.
type key struct {
	alg    string
	public crypto.PublicKey
}

// verifies reports whether the key signed the token. The algorithm is the key's own.
func (k key) verifies(c compact) bool {
	if c.alg != k.alg {
		return false
	}
	digest := sha256.Sum256([]byte(c.input))
	switch public := k.public.(type) {
	case *ecdsa.PublicKey:
		if len(c.signature) != 2*p256Size { // r and s at fixed width (RFC 7518, section 3.4)
			return false
		}
		r, s := new(big.Int).SetBytes(c.signature[:p256Size]), new(big.Int).SetBytes(c.signature[p256Size:])
		return ecdsa.Verify(public, digest[:], r, s)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], c.signature) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(public, []byte(c.input), c.signature)
	}
	return false
}

// p256Size is the size of a coordinate, in bytes; RSA keys have from minRSA to maxRSA
// bits, above which a verification costs more than a stranger may ask for.
const (
	p256Size = 32
	minRSA   = 2048
	maxRSA   = 8192
	minE     = 65537
)

// parseKey reads a JWK (RFC 7517). ok is false for one that is not a good public key for
// one of the algorithms: it is passed over, and what it signed is refused.
func parseKey(o object) (kid string, k key, ok bool) {
	m := &members{object: o}
	kid = m.text("kid")
	use, alg := m.text("use"), m.text("alg")
	switch m.text("kty") + "/" + m.text("crv") {
	case "EC/P-256":
		k.alg, k.public = es256, ecKey(m)
	case "RSA/":
		k.alg, k.public = rs256, rsaKey(m)
	case "OKP/Ed25519":
		k.alg, k.public = edDSA, edKey(m)
	}
	_, private := o["d"]
	ok = m.wrong == nil && k.public != nil && kid != "" && !private && (use == "" || use == "sig") && (alg == "" || alg == k.alg)
	return kid, k, ok
}

func ecKey(m *members) crypto.PublicKey {
	x, errX := decode(m.text("x"))
	y, errY := decode(m.text("y"))
	if errX != nil || errY != nil || len(x) != p256Size || len(y) != p256Size {
		return nil
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
	if err != nil { // not on the curve
		return nil
	}
	return public
}

func rsaKey(m *members) crypto.PublicKey {
	n, errN := decode(m.text("n"))
	e, errE := decode(m.text("e"))
	if errN != nil || errE != nil || len(e) > 4 {
		return nil
	}
	public := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	if bits := public.N.BitLen(); bits < minRSA || bits > maxRSA || public.E < minE || public.E%2 == 0 {
		return nil
	}
	return public
}

func edKey(m *members) crypto.PublicKey {
	x, err := decode(m.text("x"))
	if err != nil || len(x) != ed25519.PublicKeySize {
		return nil
	}
	return ed25519.PublicKey(x)
}
