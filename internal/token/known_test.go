package token_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/keys"
	"github.com/gatehouse-io/gatehouse/internal/revoke"
	"github.com/gatehouse-io/gatehouse/internal/token"
)

func TestATokenThatComesAgainIsAskedEverythingButItsSignature(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(h *house, a token.Access)
		want  error
	}{
		"revoked":                  {func(h *house, a token.Access) { h.revoked[identity.Grant(a.Grant)] = a.Rev + 1 }, revoke.ErrRevoked},
		"expired":                  {func(h *house, a token.Access) { h.now = a.Expires }, token.ErrExpired},
		"of another era":           {func(h *house, _ token.Access) { h.era = "another" }, token.ErrInvalid},
		"of a key that was killed": {func(h *house, a token.Access) { h.ring.Revoked(identity.Key(a.Key)) }, token.ErrInvalid},
	} {
		h := newHouse(t)
		raw := h.mint(t, keys.ES256, h.access())
		var a token.Access
		for range 4 {
			var err error
			if a, err = h.Verifier.Access(t.Context(), raw); err != nil {
				t.Fatal(err)
			}
		}
		c.spoil(h, a)
		if _, err := h.Verifier.Access(t.Context(), raw); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestATokenThatIsLikeOneThatIsKnownIsNotGood(t *testing.T) {
	h := newHouse(t)
	raw := h.mint(t, keys.ES256, h.access())
	for range 4 {
		if _, err := h.Verifier.Access(t.Context(), raw); err != nil {
			t.Fatal(err)
		}
	}
	header, rest, _ := strings.Cut(raw, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	unlike := h.access()
	unlike.ID = "jti-2"
	other := h.mint(t, keys.ES256, unlike)
	for name, like := range map[string]string{
		"another signature": header + "." + payload + "." + other[strings.LastIndexByte(other, '.')+1:], "padding": raw + "=", "a line break": raw + "\n",
		"no signature": header + "." + payload + ".", "the other order": header + "." + signature + "." + payload,
	} {
		if _, err := h.Verifier.Access(t.Context(), like); err == nil {
			t.Errorf("%s is good", name)
		}
	}
}

func TestManyTokensThatComeAgainAreGoodStill(t *testing.T) {
	h := newHouse(t)
	a := h.access()
	for i := range 200 {
		a.ID, a.Expires = identity.NewID(), h.now.Add(time.Duration(i+2)*time.Second)
		raw := h.mint(t, keys.ES256, a)
		for range 3 {
			if got, err := h.Verifier.Access(t.Context(), raw); err != nil || got.ID != a.ID {
				t.Fatalf("token %d: %+v %v", i, got, err)
			}
		}
	}
}
