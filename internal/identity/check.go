package identity

import (
	"errors"
	"strings"
)

// Check is one thing that was looked at in what an identity provider sent, for
// those who want to know why a sign-in failed. It holds no secret, no token and no
// signature: what it tells of them is whether they are right.
type Check struct {
	// Name is stable, lower-case, with underscores: "audience".
	Name string `json:"name"`
	// Passed says that what came is what was expected.
	Passed bool `json:"passed"`
	// Expected and Got are in words or values, cut to MaxFinding bytes; empty where there is
	// nothing to say.
	Expected string `json:"expected,omitempty"`
	Got      string `json:"got,omitempty"`
}

// Refusal is an error that names the check that was not passed.
type Refusal struct {
	Check Check
	Cause error
}

// Error is that of the cause.
func (r *Refusal) Error() string { return r.Cause.Error() }

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Cause }

// Refuse returns cause as the refusal of a check.
func Refuse(cause error, name, expected, got string) error {
	return &Refusal{Check: Check{Name: name, Expected: shorten(expected), Got: shorten(got)}, Cause: cause}
}

// MaxFinding is how long Expected and Got of a Check are at most, in bytes.
const MaxFinding = 500

// Findings gathers checks in the order in which they are made. The zero value is
// ready for use.
type Findings struct{ Checks []Check }

// Refused adds the check that err names, or one of this name.
func (f *Findings) Refused(err error, name string) {
	var r *Refusal
	if errors.As(err, &r) {
		f.Checks = append(f.Checks, r.Check)
		return
	}
	f.Note(name, false, "", "")
}

// Note adds a check and returns passed.
func (f *Findings) Note(name string, passed bool, expected, got string) bool {
	f.Checks = append(f.Checks, Check{Name: name, Passed: passed, Expected: shorten(expected), Got: shorten(got)})
	return passed
}

// shorten cuts text to MaxFinding bytes, on a character's border.
func shorten(text string) string {
	if len(text) <= MaxFinding {
		return strings.ToValidUTF8(text, "\uFFFD")
	}
	return strings.ToValidUTF8(text[:MaxFinding-len("…")], "") + "…"
}
