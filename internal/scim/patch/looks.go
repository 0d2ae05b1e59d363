package patch

import (
	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// ErrLooks refuses what would have one request look at too many values.
var ErrLooks = fault.New(fault.Invalid, "scim_looks", "the request looks at too many values of what is there: send the rest with another one")

// What is done with values, as a multiple of comparing one, and how much of that a request
// has: a second or two. A value is read with its record, or as a row of a group's members,
// and what is changed is written, with what it is found by.
const (
	ReadValue   = 5
	changeValue = 20
	mostLooks   = 2_000_000
)

// Looks is how many values a request looked at, of a bulk request all operations
// together: a path such as emails[type eq "work"] looks at each value that there is,
// however short it is itself. The zero value has looked at none. It is not safe for
// concurrent use.
type Looks struct{ taken int }

// Take adds n, and fails with ErrLooks where that is too much; from then on it always
// fails, also for none. The first time it never does: what is there is bounded, too.
func (l *Looks) Take(n int) error {
	first := l.taken == 0
	l.taken += n
	if !first && l.taken > mostLooks {
		return ErrLooks
	}
	return nil
}
