package main

import "testing"

func TestMemoryIsGivenBackWhenNobodyAsksAnything(t *testing.T) {
	var total uint64
	released := 0
	h := &heap{allocated: func() uint64 { return total }, release: func() { released++ }}
	for _, step := range []struct {
		what  string
		bytes uint64
		want  int
	}{
		{"while it starts, nothing is done", 30 << 20, 0},
		{"as soon as it is idle, what the start left goes", 1 << 20, 1},
		{"a little garbage may lie", 1 << 20, 1},
		{"under load it may, too", 100 << 20, 1},
		{"until the load ends", 0, 2},
		{"and nothing is done twice", 0, 2},
	} {
		total += step.bytes
		if h.look(); released != step.want {
			t.Errorf("%s: released %d times, want %d", step.what, released, step.want)
		}
	}
}
