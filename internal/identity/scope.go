package identity

import "strings"

// between stands between the two parts of a Right. No scope has it.
const between = "#"

// Right names a scope of an API, as a person allows it: what another API calls the same is
// another one. With no audience it is the scope alone.
func Right(audience, scope string) string {
	if audience == "" {
		return scope
	}
	return audience + between + scope
}

// SplitRight takes a Right apart. audience is empty for a scope alone.
func SplitRight(right string) (audience, scope string) {
	if i := strings.LastIndex(right, between); i >= 0 {
		return right[:i], right[i+len(between):]
	}
	return "", right
}
