// Package trace owns what is kept of sign-ins that failed, so that an administrator
// can say why within a minute, and the reports of tests of connections.
//
// The person whose sign-in failed is shown a code, and tells it to whoever looks after
// the connection. The trace has every check that was made, with what was expected and
// what came, and what the identity provider sent, without secrets, tokens, signatures
// and what it says of the person. The report of a test, which somebody signs in for,
// also has every attribute, and what the claim rules made of them.
//
// Traces are kept for a set time, and no more than Most of a connection.
package trace

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// Most is how many traces of one connection are kept: the newest.
const Most = 1000

// ErrNotFound is returned for a code that no trace has, or not any more.
var ErrNotFound = fault.New(fault.NotFound, "trace_not_found", "no sign-in has this code, or it is too long ago: traces are kept for a set time")

// Kind says what a trace is of.
type Kind string

// The kinds.
const (
	SignIn  Kind = "sign-in"  // one that failed
	SignOut Kind = "sign-out" // a provider's message about signing out that was refused
	Test    Kind = "test"     // the test of a connection, whether it passed or not
)

// Trace is one sign-in.
type Trace struct {
	// ID is the code that the person was shown: see NewID.
	ID         string    `json:"id"`
	Time       time.Time `json:"time"`
	Expires    time.Time `json:"expires"`
	Connection string    `json:"connection"`
	Kind       Kind      `json:"kind"`
	// Passed is true for the test of a connection that works.
	Passed bool `json:"passed"`
	// Rule is the code of the fault that it failed with, Detail its sentence.
	Rule   string `json:"rule,omitempty"`
	Detail string `json:"detail,omitempty"`
	// App is the internal id of the app that the sign-in was for, if for one.
	App string `json:"app,omitempty"`
	// By is who began it; of a failed sign-in, the request that failed.
	By     identity.Actor   `json:"by"`
	Checks []identity.Check `json:"checks"`
	// Document is what the provider sent, for people to read.
	Document string `json:"document,omitempty"`
	// Attributes, Mapping and Groups are those of a test that got so far: what the
	// provider said of the person, what each field became, and the names that their
	// groups have here.
	Attributes map[string]any `json:"attributes,omitempty"`
	Mapping    []Mapped       `json:"mapping,omitempty"`
	Groups     []string       `json:"groups,omitempty"`
}

// Mapped is what became of one field of a profile.
type Mapped struct {
	Field string `json:"field"`
	// From is the CEL expression, or the name of the claim where there is none.
	From string `json:"from"`
	// Value is what it gave, as text; Failure why it gave nothing.
	Value   string `json:"value,omitempty"`
	Failure string `json:"failure,omitempty"`
}

// Failed returns the first check that was not passed, and ok if there is one.
func (t Trace) Failed() (c identity.Check, ok bool) {
	for _, c := range t.Checks {
		if !c.Passed {
			return c, true
		}
	}
	return identity.Check{}, false
}

// Query selects traces, newest first.
type Query struct {
	// Connection, Kind, Rule and Check select by what they are; empty takes all. Check is
	// the name of the first that was not passed.
	Connection string
	Kind       Kind
	Rule       string
	Check      string
	// Passed selects tests that passed, or what did not; nil takes all.
	Passed *bool
	// From and To bound the time; zero does not.
	From, To time.Time
	Limit    int
	// After is the cursor of the page before.
	After string
}

// ErrCursor refuses a cursor that no page gave.
var ErrCursor = fault.New(fault.Invalid, "cursor_invalid", "this is no cursor that a page gave: begin without one").At("after")

// Store keeps traces.
type Store interface {
	SaveTrace(ctx context.Context, t Trace) error
	// Trace returns the one with this id, or ErrNotFound.
	Trace(ctx context.Context, id string) (Trace, error)
	// SearchTraces returns a page and the cursor of the next, empty at the end. The
	// traces have all but Document, Attributes and Mapping.
	SearchTraces(ctx context.Context, q Query) (page []Trace, next string, err error)
}

// alphabet is Crockford's base32: nothing in it looks like something else.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// idSize is how many characters an id has: 60 bits.
const idSize = 12

// NewID returns a code that can be read out: three groups of four characters.
func NewID() string {
	b := make([]byte, idSize)
	_, _ = rand.Read(b) // crypto/rand.Read never fails
	for i := range b {
		b[i] = alphabet[b[i]&31]
	}
	return grouped(string(b))
}

func grouped(s string) string { return s[:4] + "-" + s[4:8] + "-" + s[8:] }

// lookalikes are what people write for a character of the alphabet.
var lookalikes = strings.NewReplacer("O", "0", "I", "1", "L", "1", "-", "", " ", "", "U", "V")

// ParseID returns the id that somebody meant by what they wrote, or ErrNotFound for
// what can be none.
func ParseID(text string) (string, error) {
	s := lookalikes.Replace(strings.ToUpper(strings.TrimSpace(text)))
	if len(s) != idSize || strings.Trim(s, alphabet) != "" {
		return "", ErrNotFound
	}
	return grouped(s), nil
}
