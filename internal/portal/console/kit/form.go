package kit

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// Form is what the template "form" gets: fields that are filled in and sent by GET, and
// below them what that would do, which is done by POST.
type Form struct {
	// Action is where both are sent, Back where it is left to, with the prefix.
	Action, Back string
	Lead         ui.Text
	Fields       []ui.Field
	// Fault is what is wrong with the whole of it.
	Fault ui.Text
	// Preview is set once everything is right: Values are sent with Seen, see SeenOf, to do it.
	Preview []Hit
	Values  map[string]string
	Seen    string
	Button  ui.Text
}

// WrongIn reports whether anything was said at a field.
func WrongIn(fields []ui.Field) bool {
	return slices.ContainsFunc(fields, func(f ui.Field) bool { return !f.Wrong.Empty() })
}

// SeenOf identifies what a preview was about, by everything that it depends on.
func SeenOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}
