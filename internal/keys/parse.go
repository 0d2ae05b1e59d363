package keys

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// What somebody else's JWKS may measure.
const (
	MaxJWKS     = 128 << 10 // bytes
	maxJWKSKeys = 64
)

// ErrJWKS refuses a JWK set. It points at the key: "/keys/0".
var ErrJWKS = fault.New(fault.Invalid, "jwks_invalid", "this is not a set of public signing keys")

// KeySet is somebody else's public keys. The zero value is empty; it does not
// change and may be shared.
type KeySet struct{ keys []PublicKey }

// ParseJWKS reads a JWK set (RFC 7517). Keys that we do not understand or that
// are not for signatures are passed over, as section 5 asks; a private or
// symmetric key, a weak one, or one off its curve refuses the whole set with
// ErrJWKS: somebody has to act on it. References to elsewhere (x5u) are ignored.
func ParseJWKS(raw []byte) (KeySet, error) {
	if len(raw) > MaxJWKS {
		return KeySet{}, jwksFault("it is larger than %d bytes", MaxJWKS)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		return KeySet{}, fault.Wrap(err, fault.Invalid, ErrJWKS.Code, "%s: it is not JSON of that shape", ErrJWKS.Detail)
	}
	if set.Keys == nil || len(set.Keys) > maxJWKSKeys {
		return KeySet{}, jwksFault("it must have a list of at most %d keys", maxJWKSKeys).At("/keys")
	}
	var out KeySet
	for i, one := range set.Keys {
		key, use, trouble := parseJWK(one)
		if trouble != nil {
			return KeySet{}, trouble.At("/keys/" + strconv.Itoa(i))
		}
		if use {
			out.keys = append(out.keys, key)
		}
	}
	return out, nil
}

// Len is the number of usable keys.
func (s KeySet) Len() int { return len(s.keys) }

// Select returns the keys that a signature with this kid and alg may be from,
// each with alg as its Algorithm. An empty kid stands for any. alg must be one
// that the caller allows; a key that names its own algorithm is never returned
// for another.
func (s KeySet) Select(kid string, alg Algorithm) []PublicKey {
	var found []PublicKey
	for _, key := range s.keys {
		if kid != "" && key.ID != kid || key.Algorithm != "" && key.Algorithm != alg || !Fits(alg, key.Key) {
			continue
		}
		key.Algorithm = alg
		found = append(found, key)
	}
	return found
}

// privateMembers of a JWK (RFC 7518, section 6; "priv" of the post-quantum drafts).
var privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}

// parseJWK reads one key. use is false for a key to pass over.
func parseJWK(raw json.RawMessage) (key PublicKey, use bool, trouble *fault.Error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil || members == nil {
		return PublicKey{}, false, jwksFault("a key must be a JSON object")
	}
	for name := range members {
		if slices.Contains(privateMembers, name) {
			return PublicKey{}, false, jwksFault("member %q is private; consider this key as leaked", name)
		}
	}
	if !understood(members) {
		return PublicKey{}, false, nil
	}
	// Certificates vouch for nothing here, and a malformed one must not lose the key.
	for name := range members {
		if strings.HasPrefix(name, "x5") {
			delete(members, name)
		}
	}
	cleaned, err := json.Marshal(members)
	var parsed jose.JSONWebKey
	if err == nil {
		err = parsed.UnmarshalJSON(cleaned)
	}
	if err == nil {
		err = checkPublic(parsed.Key)
	}
	if err != nil {
		return PublicKey{}, false, fault.Wrap(err, fault.Invalid, ErrJWKS.Code, "%s: a key is malformed or weak", ErrJWKS.Detail)
	}
	key = PublicKey{ID: parsed.KeyID, Algorithm: Algorithm(parsed.Algorithm), Key: parsed.Key}
	if key.Algorithm != "" && !Fits(key.Algorithm, key.Key) {
		return PublicKey{}, false, jwksFault("alg does not fit the key")
	}
	return key, true, nil
}

// understood reports whether a key is of a type we know and meant to verify
// signatures with.
func understood(members map[string]json.RawMessage) bool {
	one := func(name string) (value string, set bool) {
		raw, set := members[name]
		if set && json.Unmarshal(raw, &value) != nil {
			value = "?" // of another type than a string: not understood
		}
		return value, set
	}
	kty, _ := one("kty")
	crv, _ := one("crv")
	if kty != "RSA" && kty != "EC" && (kty != "OKP" || crv != "Ed25519") {
		return false
	}
	if kty == "EC" && !slices.Contains([]string{"P-256", "P-384", "P-521"}, crv) {
		return false
	}
	if use, set := one("use"); set && use != "sig" {
		return false
	}
	if alg, set := one("alg"); set {
		if _, known := schemes[Algorithm(alg)]; !known {
			return false
		}
	}
	var ops []string
	if raw, set := members["key_ops"]; set {
		return json.Unmarshal(raw, &ops) == nil && slices.Contains(ops, "verify")
	}
	return true
}

func jwksFault(why string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, ErrJWKS.Code, ErrJWKS.Detail+": "+why, args...)
}
