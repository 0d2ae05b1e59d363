package keys_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/keys"
)

func certified(t *testing.T, r *keys.Ring) []keys.Certified {
	t.Helper()
	all, err := r.Certified()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Key == nil || !c.Key.PublicKey.Equal(c.Certificate.PublicKey) || c.Key.N.BitLen() < 2048 {
			t.Fatalf("a certificate of another key: %v", c.Certificate.Subject)
		}
	}
	return all
}

func TestTheNextSAMLKeyIsKnownBeforeItSignsAndTheOneBeforeAfter(t *testing.T) {
	s, clock := &shelf{}, newMoved()
	r := newRing(t, s, clock, vaultOf(t, 1), keys.SAML)
	first := certified(t, r)
	if len(first) != 1 || clock.now().Before(first[0].Certificate.NotBefore) || clock.now().Add(24*time.Hour).After(first[0].Certificate.NotAfter) {
		t.Fatalf("%d keys at first", len(first))
	}
	if err := r.Rotate(t.Context(), keys.SAML, identity.System("test")); err != nil {
		t.Fatal(err)
	}
	both := certified(t, r)
	if len(both) != 2 || both[0].Certificate != first[0].Certificate && !both[0].Certificate.Equal(first[0].Certificate) {
		t.Fatalf("the next key, which has yet to sign, stands before the one that signs")
	}
	clock.pass(time.Hour + time.Second)
	if err := r.Advance(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := certified(t, r)
	if len(after) != 2 || !after[0].Certificate.Equal(both[1].Certificate) || !after[1].Certificate.Equal(first[0].Certificate) {
		t.Fatalf("after the rotation the next key does not come first, or the one before is gone")
	}
	clock.pass(2*time.Hour + time.Second)
	if last := certified(t, r); len(last) != 1 || !last[0].Certificate.Equal(both[1].Certificate) {
		t.Errorf("%d keys when the overlap is over", len(last))
	}
}

func TestASAMLKeyNeverSignsNorVerifiesAToken(t *testing.T) {
	s, clock := &shelf{}, newMoved()
	r := newRing(t, s, clock, vaultOf(t, 1), keys.ES256, keys.SAML)
	all, err := r.List(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	jwks, _ := r.JWKS()
	for _, k := range all {
		_, public := r.Public(k.ID)
		_, former := r.Former(k.ID)
		if in := strings.Contains(string(jwks), k.ID); in != (k.Algorithm == keys.ES256) || public != in || former != in {
			t.Errorf("%s: in the JWKS is %v, public %v, former %v", k.Algorithm, in, public, former)
		}
	}
	signer, err := r.Signer(keys.SAML)
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := signer.Sign("JWT", []byte("{}")); err == nil {
		t.Errorf("a SAML key signed %s", raw)
	}
	if err := keys.VerifySignature(keys.SAML, &certified(t, r)[0].Key.PublicKey, nil, nil); !errors.Is(err, keys.ErrSignature) {
		t.Errorf("a token is verified with a SAML key: %v", err)
	}
}

func TestAKilledSAMLKeyLeavesTheMetadataAtOnce(t *testing.T) {
	s, clock := &shelf{}, newMoved()
	r := newRing(t, s, clock, vaultOf(t, 1), keys.SAML)
	before := certified(t, r)
	all, err := r.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Kill(t.Context(), all[0].ID, identity.System("test")); err != nil {
		t.Fatal(err)
	}
	if after := certified(t, r); len(after) != 1 || after[0].Certificate.Equal(before[0].Certificate) {
		t.Errorf("after the kill there are %d keys", len(after))
	}
}
