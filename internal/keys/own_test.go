package keys

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"log/slog"
	"math/big"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatehouse-io/gatehouse/internal/identity"
)

func newP256(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func signRaw(t testing.TB, key *ecdsa.PrivateKey, input []byte) []byte {
	t.Helper()
	signature, err := newSigner(PublicKey{Algorithm: ES256, Key: key.Public()}, key).sign(input)
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

// agree holds that the private half decides as crypto/ecdsa does with the public one.
func agree(t testing.TB, own *ownKey, key *ecdsa.PrivateKey, input, signature []byte) (valid bool) {
	t.Helper()
	want := VerifySignature(ES256, key.Public(), input, signature) == nil
	if got := own.verify(input, signature); got != want {
		t.Fatalf("signature %x over %q: %v with the private half, %v with the public one", signature, input, got, want)
	}
	return want
}

func TestASignatureIsAsGoodWithThePrivateHalfAsWithThePublicOne(t *testing.T) {
	key := newP256(t)
	own := newOwnKey(key, key.Public())
	order := key.Params().N
	number := func(v *big.Int) []byte { return v.FillBytes(make([]byte, p256Width)) }
	input := []byte("what was signed")
	good := signRaw(t, key, input)
	r, s := good[:p256Width], good[p256Width:]
	zero, one := make([]byte, p256Width), number(big.NewInt(1))
	all := make([]byte, p256Width)
	for i := range all {
		all[i] = 0xff
	}
	join := func(a, b []byte) []byte { return append(append([]byte(nil), a...), b...) }
	for name, c := range map[string]struct {
		signature []byte
		valid     bool
	}{
		"as signed":                     {good, true},
		"s negated, which ECDSA allows": {join(r, number(new(big.Int).Sub(order, new(big.Int).SetBytes(s)))), true},
		"r negated":                     {join(number(new(big.Int).Sub(order, new(big.Int).SetBytes(r))), s), false},
		"r and s swapped":               {join(s, r), false},
		"r is 0":                        {join(zero, s), false},
		"s is 0":                        {join(r, zero), false},
		"both are 0":                    {join(zero, zero), false},
		"r is 1":                        {join(one, s), false},
		"r is the order":                {join(number(order), s), false},
		"s is the order":                {join(r, number(order)), false},
		"r is too large":                {join(all, s), false},
		"s is too large":                {join(r, all), false},
		"a byte short":                  {good[:len(good)-1], false},
		"a byte long":                   {join(good, []byte{0}), false},
		"nothing":                       {nil, false},
		"of another key":                {signRaw(t, newP256(t), input), false},
		"over something else":           {signRaw(t, key, []byte("something else")), false},
	} {
		if valid := agree(t, own, key, input, c.signature); valid != c.valid {
			t.Errorf("%s: valid is %v, want %v", name, valid, c.valid)
		}
	}
}

// The point at infinity has no coordinates. Only who knows d can name it: with r = -e/d
// the scalar is 0, whatever s is.
func TestASignatureThatComesToThePointAtInfinityIsRefused(t *testing.T) {
	key := newP256(t)
	input := []byte("what was not signed")
	digest := sha256.Sum256(input)
	order := key.Params().N
	scalar, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	r := new(big.Int).ModInverse(new(big.Int).SetBytes(scalar), order)
	r.Mul(r, new(big.Int).SetBytes(digest[:])).Neg(r).Mod(r, order)
	signature := append(r.FillBytes(make([]byte, p256Width)), signRaw(t, key, input)[p256Width:]...)
	if agree(t, newOwnKey(key, key.Public()), key, input, signature) {
		t.Fatal("the point at infinity is accepted")
	}
}

func TestPropertyBothHalvesOfAKeyDecideAlike(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		key := newP256(t)
		own := newOwnKey(key, key.Public())
		input := rapid.SliceOf(rapid.Byte()).Draw(r, "input")
		signature := signRaw(t, key, input)
		if !agree(t, own, key, input, signature) {
			r.Fatal("what the key signed is refused")
		}
		signature[rapid.IntRange(0, len(signature)-1).Draw(r, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(r, "bit")
		if agree(t, own, key, input, signature) {
			r.Fatal("a changed signature is accepted")
		}
	})
}

func TestOnlyTheOtherHalfOfAKeyOfP256Verifies(t *testing.T) {
	key, other := newP256(t), newP256(t)
	if newOwnKey(key, key.Public()) == nil {
		t.Error("a key does not verify with its private half")
	}
	if newOwnKey(key, other.Public()) != nil {
		t.Error("a private half verifies for the public half of another key")
	}
	for _, alg := range []Algorithm{RS256, EdDSA} {
		private, err := newPrivate(alg)
		if err != nil {
			t.Fatal(err)
		}
		if newOwnKey(private, private.Public()) != nil {
			t.Errorf("a key for %s verifies as one of P-256", alg)
		}
	}
}

// records is the store of one replica.
type records []Record

func (s *records) Keys(context.Context) ([]Record, error) { return slices.Clone(*s), nil }

func (s *records) Rotate(_ context.Context, change Change) error {
	next, _, err := change(slices.Clone(*s))
	if err == nil {
		*s = next
	}
	return err
}

func TestAKeyVerifiesWithItsPrivateHalfUntilThatIsErased(t *testing.T) {
	vault, err := NewVault(make([]byte, VaultKeySize))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	ring := NewRing(RingOptions{Store: new(records), Vault: vault, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler), Algorithms: []Algorithm{ES256}})
	if err := ring.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	signer, err := ring.Signer(ES256)
	if err != nil {
		t.Fatal(err)
	}
	input := []byte("what was signed")
	signature, err := signer.sign(input)
	if err != nil {
		t.Fatal(err)
	}
	verifies := func(private bool) {
		t.Helper()
		key, ok := ring.Public(signer.KID())
		if !ok || key.own != nil != private {
			t.Fatalf("published %v, with its private half %v, want %v", ok, key.own != nil, private)
		}
		if err := key.Verify(input, signature); err != nil {
			t.Error(err)
		}
		if err := key.Verify([]byte("something else"), signature); !errors.Is(err, ErrSignature) {
			t.Errorf("a signature over something else: %v", err)
		}
	}
	verifies(true)
	if err := ring.Rotate(t.Context(), ES256, identity.Actor{}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(ring.o.Lead + time.Minute) // another key signs, and this one is published still
	if err := ring.Advance(t.Context()); err != nil {
		t.Fatal(err)
	}
	verifies(false)
}

func FuzzBothHalvesOfAKeyDecideAlike(f *testing.F) {
	key := newP256(f)
	own := newOwnKey(key, key.Public())
	f.Add([]byte("input"), signRaw(f, key, []byte("input")))
	f.Add([]byte(nil), make([]byte, 64))
	f.Fuzz(func(t *testing.T, input, signature []byte) { agree(t, own, key, input, signature) })
}

func BenchmarkVerify(b *testing.B) {
	key := newP256(b)
	input := []byte("what was signed")
	signature := signRaw(b, key, input)
	public := PublicKey{Algorithm: ES256, Key: key.Public()}
	for name, k := range map[string]PublicKey{"public half": public, "private half": {Algorithm: ES256, Key: key.Public(), own: newOwnKey(key, key.Public())}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if k.Verify(input, signature) != nil {
					b.Fatal("refused")
				}
			}
		})
	}
}
