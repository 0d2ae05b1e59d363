package xmlgate

import (
	"fmt"
	"strconv"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// Refusal says why a document did not pass. It is an error; its fault is found by
// errors.As and fault.As, and carries the check as its code.
type Refusal struct {
	// Check is the code of the check that failed: saml_….
	Check string
	// Expected and Came are for whoever looks into a failed sign-in. Came is cut
	// after 100 bytes and never contains the content of an assertion.
	Expected, Came string
	fault          *fault.Error
}

// Error is for logs: the fault's text.
func (r *Refusal) Error() string { return r.fault.Error() }

// Unwrap returns the fault.
func (r *Refusal) Unwrap() error { return r.fault }

// refuse returns the refusal of a check: Denied for a document that is well made
// and may not pass, Invalid for one that should never have been sent.
func refuse(check, expected, came string, args ...any) *Refusal {
	came = fmt.Sprintf(came, args...)
	if len(came) > 100 {
		came = came[:100] + "…"
	}
	kind, known := checks[check]
	if !known {
		kind = fault.Internal
	}
	return &Refusal{
		Check: check, Expected: expected, Came: came,
		fault: fault.New(kind, check, "expected %s; came %s", expected, came),
	}
}

// quote makes a name or an identifier out of a document safe to show.
func quote(s string) string {
	if len(s) > 80 {
		s = s[:80] + "…"
	}
	return strconv.QuoteToASCII(s)
}
