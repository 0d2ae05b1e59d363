package kit

import (
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/ui"
)

// Cell is what one row says in one column. Everything but Also may be empty.
type Cell struct {
	// Text is somebody's or something's name; Say is said in the page's language.
	Text string
	Say  ui.Text
	// Also is a second, quieter line; Href, with the prefix, makes the text a link.
	Also, Href string
	// Raw is what a file has instead of what is shown.
	Raw string
	// Time is shown as a person would say it now; with Exact, to the second in UTC.
	Time  time.Time
	Exact bool
	// Number is shown when Counted says that it is one.
	Number  int64
	Counted bool
	// Code shows the text in the type of identifiers; Free is whatever somebody wrote, a
	// long word of which is broken rather than that it keeps other columns out of sight.
	Code, Free bool
	Tags       []ui.Tag
}

// plain is the cell in a file: English, and a time as in RFC 3339.
func (c Cell) plain() string {
	if c.Raw != "" {
		return c.Raw
	}
	parts := make([]string, 0, 2)
	if c.Text != "" {
		parts = append(parts, c.Text)
	}
	if !c.Say.Empty() {
		parts = append(parts, c.Say.English())
	}
	if c.Counted {
		parts = append(parts, strconv.FormatInt(c.Number, 10))
	}
	if !c.Time.IsZero() {
		parts = append(parts, c.Time.UTC().Format(time.RFC3339))
	}
	for _, t := range c.Tags {
		parts = append(parts, t.Text.English())
	}
	return strings.Join(parts, ", ")
}

// Stamp is an exact time, as logs have it.
func (c Cell) Stamp() string { return c.Time.UTC().Format("2006-01-02 15:04:05") }

// RFC3339 is the time for machines.
func (c Cell) RFC3339() string { return c.Time.UTC().Format(time.RFC3339) }

// Count is the cell of a number.
func Count(n int64) Cell { return Cell{Number: n, Counted: true} }

// Joined is a list of words in one text.
func Joined(words []string) string { return strings.Join(words, ", ") }

// Clip cuts a text that is longer than n runes.
func Clip(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n]) + "…"
	}
	return text
}
