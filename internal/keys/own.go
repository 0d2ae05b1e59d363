package keys

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"math/big"

	"filippo.io/bigmod"
)

// ownKey verifies ES256 signatures of a key whose private half is at hand, for about a
// quarter of what a stranger pays. A signature (r, s) over a digest e is valid when the point
// e/s·G + r/s·Q has r as its x-coordinate (FIPS 186-5, section 6.4.2). Who knows d, with
// Q = d·G, finds the same point as ((e + r·d)/s)·G: one multiplication of the base point,
// for which there are tables, in the place of one of a point that can be any.
//
// What d goes into is worked out in constant time, as by a signature: the sum and the
// products by bigmod, the point by crypto/ecdh. The inverse of s and the coordinate are
// public.
type ownKey struct {
	order *big.Int
	n     *bigmod.Modulus // the order again
	d     *bigmod.Nat
}

// newOwnKey returns nil, and the key is verified with as anybody's, unless private is of
// P-256 and the other half of public.
func newOwnKey(private crypto.Signer, public crypto.PublicKey) *ownKey {
	key, ok := private.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() || !key.PublicKey.Equal(public) {
		return nil
	}
	order := elliptic.P256().Params().N
	n, err := bigmod.NewModulus(order.Bytes())
	if err != nil {
		return nil
	}
	scalar, err := key.Bytes()
	if err != nil {
		return nil
	}
	d, err := bigmod.NewNat().SetBytes(scalar, n)
	if err != nil {
		return nil
	}
	return &ownKey{order: order, n: n, d: d}
}

// verify reports what crypto/ecdsa would of a signature that is r and s at fixed width.
func (k *ownKey) verify(input, signature []byte) bool {
	if len(signature) != 2*p256Width {
		return false
	}
	r, s := new(big.Int).SetBytes(signature[:p256Width]), new(big.Int).SetBytes(signature[p256Width:])
	if r.Sign() == 0 || r.Cmp(k.order) >= 0 || s.Sign() == 0 || s.Cmp(k.order) >= 0 {
		return false
	}
	digest := sha256.Sum256(input)
	scalar, err := k.scalar(digest[:], signature[:p256Width], s.ModInverse(s, k.order))
	if err != nil {
		return false
	}
	point, err := ecdh.P256().NewPrivateKey(scalar) // which refuses 0, the point at infinity
	if err != nil {
		return false
	}
	x := new(big.Int).SetBytes(point.PublicKey().Bytes()[1 : 1+p256Width]) // after the 4 of an uncompressed point
	return x.Mod(x, k.order).Cmp(r) == 0
}

// scalar is (e + r·d)·w. It tells d to whoever learns of it.
func (k *ownKey) scalar(digest, r []byte, w *big.Int) ([]byte, error) {
	var room [p256Width]byte
	inverse, err := bigmod.NewNat().SetBytes(w.FillBytes(room[:]), k.n)
	if err != nil {
		return nil, err
	}
	e, err := bigmod.NewNat().SetOverflowingBytes(digest, k.n)
	if err != nil {
		return nil, err
	}
	u, err := bigmod.NewNat().SetBytes(r, k.n)
	if err != nil {
		return nil, err
	}
	return u.Mul(k.d, k.n).Add(e, k.n).Mul(inverse, k.n).Bytes(k.n), nil
}
