package xmlgate

import (
	"maps"
	"slices"
)

// Checks returns the codes of all checks in alphabetical order.
func Checks() []string { return slices.Sorted(maps.Keys(checks)) }
