package scim

import (
	"context"
	"errors"
	"testing"
)

func TestWhatIsSentAtOnceIsBounded(t *testing.T) {
	const most = 10 * normal
	left, leave := context.WithCancel(t.Context())
	leave() // who would wait is there no more
	for what, length := range map[string]int64{"the largest": most, "one that does not say": -1, "one that is too large": most + 1} {
		l, other := newLanes(normalRoom, most), newLanes(normalRoom, most)
		free, err := l.enter(t.Context(), length)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if _, err := l.enter(left, normal+1); !errors.Is(err, errCrowded) {
			t.Errorf("%s, and one more: %v", what, err)
		}
		for range normalRoom / normal { // control: what clients send all day
			if _, err := l.enter(t.Context(), normal); err != nil {
				t.Errorf("%s, and a normal one: %v", what, err)
			}
		}
		if _, err := l.enter(left, normal); !errors.Is(err, errCrowded) {
			t.Errorf("%s, and more normal ones than there is room for: %v", what, err)
		}
		if _, err := other.enter(t.Context(), most); err != nil {
			t.Errorf("%s, and one of another connection: %v", what, err)
		}
		free()
		if _, err := l.enter(t.Context(), most); err != nil {
			t.Errorf("after %s: %v", what, err)
		}
	}
}
