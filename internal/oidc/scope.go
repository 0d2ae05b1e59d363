package oidc

import (
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// errScopeMalformed refuses what no scope can be. What is no list of scopes asks for
// none of them, and must not get all that there are.
var errScopeMalformed = fault.New(fault.Invalid, "invalid_scope", "scope is a list of words in printable ASCII with spaces between them (RFC 6749, section 3.3)")

// Scopes reads the parameter scope (RFC 6749, section 3.3): nil for one that is left out.
// Spaces alone separate, whatever else other readers take for white space. It fails with
// invalid_scope.
func Scopes(scope string) ([]string, error) {
	if strings.ContainsFunc(scope, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		return nil, errScopeMalformed
	}
	all := strings.Fields(scope)
	if len(all) == 0 && scope != "" {
		return nil, errScopeMalformed
	}
	return all, nil
}
