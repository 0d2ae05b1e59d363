package console

import (
	"time"

	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// reasonText says why a sign-in failed, by the code of the rule.
func reasonText(code string) ui.Text {
	switch code {
	case "entitlement":
		return ui.T("Not entitled to the app")
	case "access_denied":
		return ui.T("Cancelled, or refused by the provider")
	case "person_disabled":
		return ui.T("Disabled here")
	case "connection_disabled":
		return ui.T("Connection disabled")
	}
	return ui.Plain(code)
}

// age is how long ago something was, or that there was nothing.
func (c *Console) age(t time.Time) ui.Text {
	if t.IsZero() {
		return ui.Plain("–")
	}
	return span(c.o.Now().Sub(t))
}

// span is a length of time in its greatest unit.
func span(d time.Duration) ui.Text {
	switch {
	case d < time.Minute:
		return ui.T("%d s", int(d.Seconds()))
	case d < time.Hour:
		return ui.T("%d min", int(d.Minutes()))
	case d < 2*aDay:
		return ui.T("%d h", int(d.Hours()))
	}
	return ui.T("%d days", int(d/aDay))
}
