package kit

import (
	"cmp"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// The spans that pages speak of.
const (
	Day  = 24 * time.Hour
	Week = 7 * Day
)

// NameOf is what a person is called on a page.
func NameOf(p directory.Person) string {
	return cmp.Or(p.Profile.Name, p.Profile.Username, p.Profile.Email, p.ID)
}

// Age is how long ago something was, or that there was nothing.
func (s Site) Age(t time.Time) ui.Text {
	if t.IsZero() {
		return ui.Plain("–")
	}
	return Span(s.Now().Sub(t))
}

// Span is a length of time in its greatest unit.
func Span(d time.Duration) ui.Text {
	switch {
	case d < time.Minute:
		return ui.T("%d s", int(d.Seconds()))
	case d < time.Hour:
		return ui.T("%d min", int(d.Minutes()))
	case d < 2*Day:
		return ui.T("%d h", int(d.Hours()))
	}
	return ui.T("%d days", int(d/Day))
}
