// Package why shows why somebody may or may not use an app: the page that the person
// reads, and the one of those who look after the broker, are one page in two voices. What
// it says comes from entitlement.Explanation, and whoever shows it has left out of that
// what the reader may not know: it adds nothing but names that Voice gives.
//
// The instant that is asked about is a field in UTC, as all times on pages are; the page
// needs no script.
package why

import (
	"embed"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/entitlement"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

//go:embed why.html de.yaml
var files embed.FS

// Files are the template "why", whose data is a Page, and its German.
func Files() ui.Files { return files }

// Template reads the page by itself.
func Template(u *ui.UI) (*ui.Template, error) { return u.Parse(files, "why.html") }

// Page is the data of the page.
type Page struct {
	// Lead says what the page is for.
	Lead ui.Text
	Form ui.Filters
	// Told is the answer; nil before there is one.
	Told *Told
}

// Voice is whom the page speaks to, and what it calls things. Those that lead somewhere
// return an empty address for what the reader cannot look at. Nil ones name nothing.
type Voice struct {
	// Self speaks to the person whom it is about; otherwise Person is what they are called.
	Self   bool
	Person string
	// Connection is what a connection is called, by its id.
	Connection func(id string) string
	// Role says what a role of the app is for, empty if that is not known.
	Role func(name string) string
	// Here is the address of the page for another instant.
	Here func(at string) string
	// Group, Event, Operation and Assignment lead to a group, to the entry of the audit log,
	// to a SCIM operation and to an assignment; Actor also says what somebody is called.
	Group      func(g identity.GroupRef) string
	Event      func(id string) string
	Operation  func(connection, id string) string
	Assignment func(id string) string
	Actor      func(a identity.Actor) ui.Link
	// App is what the app is called today, and who owns it today: the zero values are of an
	// app that is no longer there.
	App App
}

// Instant is the name of the field that says which instant is asked about.
const Instant = "at"

// ErrInstant refuses what is no date and time.
var ErrInstant = fault.New(fault.Invalid, "why_instant", "write a date and a time like 2026-11-26T09:00, in UTC").At(Instant)

// oldest is the first year that can be asked about: nothing is older than computers are.
const oldest = 1970

// Parse reads an instant as the field sends it, or as links have it; zero for an empty one,
// which means now. It fails with ErrInstant.
func Parse(text string) (time.Time, error) {
	if text = strings.TrimSpace(text); text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil && t.Year() >= oldest {
			return t.UTC(), nil
		}
	}
	return time.Time{}, ErrInstant
}

// Format writes an instant as Parse reads it.
func Format(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999999") }

// Field is the field for the instant, with what was sent. A browser writes into it to the
// second.
func Field(sent string) ui.Field {
	f := ui.Field{Name: Instant, Label: ui.T("Date and time (UTC)"), Type: "datetime-local", Value: sent, Hint: ui.T("Empty for now")}
	if t, err := Parse(sent); err == nil && !t.IsZero() {
		f.Value = t.Truncate(time.Second).Format("2006-01-02T15:04:05")
	}
	return f
}

// turns are the instants at which something began that the explanation speaks of.
func turns(e *entitlement.Explanation) (all []time.Time) {
	all = append(all, e.Release.Since)
	for _, o := range e.Obstacles {
		all = append(all, o.Since)
	}
	for _, r := range e.Reasons {
		for _, s := range r.Steps {
			all = append(all, s.Since)
		}
	}
	for _, m := range e.Missing {
		if m.Assignment != nil {
			all = append(all, m.Assignment.From, m.Assignment.Until, m.Assignment.Ended)
		}
	}
	return slices.DeleteFunc(all, func(t time.Time) bool { return t.IsZero() || t.After(e.At) })
}
