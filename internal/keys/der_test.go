package keys

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"math/big"
	"testing"
)

// FuzzSignaturesAreTheDERThatASN1Writes compares with encoding/asn1.
func FuzzSignaturesAreTheDERThatASN1Writes(f *testing.F) {
	for _, raw := range [][]byte{nil, make([]byte, 64), bytes.Repeat([]byte{0xff}, 64), bytes.Repeat([]byte{0x7f}, 96), append(make([]byte, 31), 1), append(bytes.Repeat([]byte{0}, 63), 0x80), bytes.Repeat([]byte{1}, 132), {1}} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		der := derSignature(raw)
		if len(raw)%2 != 0 || len(raw) > 132 {
			if der != nil {
				t.Fatalf("%x has DER: %x", raw, der)
			}
			return
		}
		half := len(raw) / 2
		want, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:half]), new(big.Int).SetBytes(raw[half:])})
		if err != nil || !bytes.Equal(der, want) {
			t.Fatalf("%x is %x, and encoding/asn1 writes %x: %v", raw, der, want, err)
		}
		if len(der) < 0x80 {
			if back, err := rawSignature(der, half); err != nil || !bytes.Equal(back, raw) {
				t.Fatalf("%x comes back as %x: %v", raw, back, err)
			}
		}
	})
}

func FuzzWhatIsReadOfDERIsWhatASN1Reads(f *testing.F) {
	for _, der := range [][]byte{nil, {0x30, 0}, {0x30, 6, 2, 1, 1, 2, 1, 2}, {0x30, 6, 2, 1, 0x80, 2, 1, 2}, {0x30, 7, 2, 1, 1, 2, 1, 2, 0}, {0x30, 0x81, 6, 2, 1, 1, 2, 1, 2}, {0x30, 3, 2, 0xff, 1}} {
		f.Add(der)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		raw, err := rawSignature(der, 32)
		if err != nil {
			return
		}
		var read struct{ R, S *big.Int }
		rest, err := asn1.Unmarshal(der, &read)
		if err != nil {
			return // a number with more zeros than it needs
		}
		if len(rest) != 0 || read.R.Cmp(new(big.Int).SetBytes(raw[:32])) != 0 || read.S.Cmp(new(big.Int).SetBytes(raw[32:])) != 0 {
			t.Fatalf("%x is read as %x, by encoding/asn1 as %v", der, raw, read)
		}
	})
}

func TestSignaturesOfEveryLengthAreMadeAndVerified(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := newSigner(PublicKey{ID: "kid", Algorithm: ES256, Key: key.Public()}, key)
	lengths := map[int]bool{}
	for i := range 2000 { // r or s begins with a zero byte in every 128th, of a whole byte or of one bit
		input := []byte{byte(i), byte(i >> 8)}
		raw, err := s.sign(input)
		if err != nil {
			t.Fatal(err)
		}
		lengths[len(derSignature(raw))] = true
		if err := VerifySignature(ES256, &key.PublicKey, input, raw); err != nil {
			t.Fatalf("%x: %v", raw, err)
		}
		digest := sha256.Sum256(input)
		if !ecdsa.Verify(&key.PublicKey, digest[:], new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])) {
			t.Fatalf("crypto/ecdsa refuses %x", raw)
		}
	}
	if len(lengths) < 3 {
		t.Errorf("only lengths %v were met", lengths)
	}
}
