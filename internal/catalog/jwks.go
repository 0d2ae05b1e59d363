package catalog

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"slices"
)

// jwk is a public key as a manifest may give it (RFC 7517, RFC 8037), and the
// members of a private one, which it must not have.
type jwk struct {
	KeyType   string `json:"kty"`
	KeyID     string `json:"kid"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	Y         string `json:"y"`
	N         string `json:"n"`
	E         string `json:"e"`
}

// privateMembers of a JWK (RFC 7518, section 6).
var privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

// maxKeys is how many keys a client may have at once.
const maxKeys = 20

// keySet checks an inline JWK set: public keys only, each of a kind that a
// client assertion may be signed with.
func (c *checker) keySet(raw json.RawMessage, path string) {
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil || len(set.Keys) == 0 || len(set.Keys) > maxKeys {
		c.fail(path, "must be a JWK set: {keys: [...]} with 1 to %d keys", maxKeys)
		return
	}
	var ids []string
	for i, members := range set.Keys {
		at := index(path+".keys", i)
		for _, private := range privateMembers {
			if _, has := members[private]; has {
				c.fail(at+"."+private, "is private: a manifest holds public keys only. Consider this key as leaked")
			}
		}
		key, ok := toJWK(members)
		switch message := badKey(key); {
		case !ok:
			c.fail(at, "must be a JWK whose members are text")
		case message != "":
			c.fail(at, "%s", message)
		case key.KeyID == "" && len(set.Keys) > 1:
			c.fail(at+".kid", "is required when there are several keys")
		case key.KeyID != "" && slices.Contains(ids, key.KeyID):
			c.fail(at+".kid", "is the kid of another key")
		}
		ids = append(ids, key.KeyID)
	}
}

// toJWK reads the members that matter; ok is false when one is not text.
func toJWK(members map[string]any) (key jwk, ok bool) {
	body, err := json.Marshal(members)
	if err != nil {
		return jwk{}, false
	}
	return key, json.Unmarshal(body, &key) == nil
}

// badKey says why a key cannot verify a client's assertions; "" means it can.
func badKey(k jwk) string {
	if k.Use != "" && k.Use != "sig" {
		return "must be a key for signatures: use is sig"
	}
	switch k.KeyType {
	case "EC":
		return badEC(k)
	case "RSA":
		return badRSA(k)
	case "OKP":
		if x, err := base64.RawURLEncoding.DecodeString(k.X); err != nil || len(x) != 32 || k.Curve != "Ed25519" || !k.signs("EdDSA", "Ed25519") {
			return "must be an Ed25519 key"
		}
		return ""
	}
	return "must be of the type EC, RSA or OKP"
}

// signs reports whether the key's alg, if it has one, is among algorithms.
func (k jwk) signs(algorithms ...string) bool {
	return k.Algorithm == "" || slices.Contains(algorithms, k.Algorithm)
}

// badEC accepts points on P-256 alone: ES256 is the algorithm that is read.
func badEC(k jwk) string {
	x, errX := base64.RawURLEncoding.DecodeString(k.X)
	y, errY := base64.RawURLEncoding.DecodeString(k.Y)
	if k.Curve != "P-256" || errX != nil || errY != nil || len(x) != 32 || len(y) != 32 || !k.signs("ES256") {
		return "must be an ES256 key on P-256"
	}
	if _, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y)); err != nil {
		return "is not a point on P-256"
	}
	return ""
}

// badRSA accepts moduli of 2048 to 8192 bits and odd exponents from 3 on.
func badRSA(k jwk) string {
	n, errN := base64.RawURLEncoding.DecodeString(k.N)
	e, errE := base64.RawURLEncoding.DecodeString(k.E)
	exponent := new(big.Int).SetBytes(e)
	if errN != nil || errE != nil || len(e) > 4 || exponent.Cmp(big.NewInt(3)) < 0 || exponent.Bit(0) == 0 || !k.signs("RS256") {
		return "must be an RS256 key"
	}
	if bits := new(big.Int).SetBytes(n).BitLen(); bits < 2048 || bits > 8192 {
		return "must have a modulus of 2048 to 8192 bits"
	}
	return ""
}
