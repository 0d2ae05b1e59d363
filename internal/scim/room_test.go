package scim

import (
	"context"
	"errors"
	"testing"
)

func TestWhatAConnectionSendsAtOnceIsBounded(t *testing.T) {
	limits := DefaultLimits()
	p, err := NewProfile(limits)
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewProfile(limits)
	if err != nil {
		t.Fatal(err)
	}
	left, leave := context.WithCancel(t.Context())
	leave() // who would wait is there no more
	for what, length := range map[string]int64{"the largest": limits.Payload, "one that does not say": -1, "one that is too large": limits.Payload + 1} {
		free, err := p.room(t.Context(), length)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if _, err := p.room(left, 1); !errors.Is(err, errCrowded) {
			t.Errorf("%s, and one more: %v", what, err)
		}
		if done, err := other.room(t.Context(), limits.Payload); err != nil {
			t.Errorf("%s, and one of another connection: %v", what, err)
		} else {
			done()
		}
		free()
	}
	for range 10 { // control: small ones beside each other
		if _, err := p.room(t.Context(), limits.Payload/10); err != nil {
			t.Errorf("a small one: %v", err)
		}
	}
}
