package porting

import (
	"strconv"
	"testing"
)

func TestGroupsThatAreWithinVeryManyOthersTakeNoTimeWithoutEnd(t *testing.T) {
	var n nesting
	add := func(group, within string) bool {
		return n.add(Membership{Connection: "acme", Group: within, Subgroup: group})
	}
	const many = 5000
	for i := range many {
		if !add("middle", "above "+strconv.Itoa(i)) || !add("leaf "+strconv.Itoa(i), "top") {
			t.Fatal("control: many groups above one, or within one, are refused")
		}
	}
	if add("top", "leaf 1") {
		t.Error("a loop is taken")
	}
	refused := 0
	for i := range many {
		if !add("below "+strconv.Itoa(i), "middle") {
			refused++
		}
	}
	if refused == 0 || refused == many {
		t.Errorf("%d of %d are refused", refused, many)
	}
}
