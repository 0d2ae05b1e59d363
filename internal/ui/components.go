package ui

import (
	"hash/fnv"
	"html/template"
	"strconv"
	"strings"
	"unicode"
)

// Link is a way on.
type Link struct {
	Text Text
	Href string
}

// Nav is an entry of a navigation. Href is below the prefix.
type Nav struct {
	Text    Text
	Href    string
	Icon    string
	Current bool
	// Count is shown beside the entry unless it is 0: what waits there.
	Count int
}

// Tone is how good or bad something is: it chooses a colour, and never is the only
// thing that says so.
type Tone string

// The tones. The zero Tone is neutral.
const (
	Good Tone = "good"
	Warn Tone = "warn"
	Bad  Tone = "bad"
)

// Tag is the state of a thing in a word or two: {{template "tag" .}}.
type Tag struct {
	Text Text
	Tone Tone
}

// Notice is a sentence that needs to be read: {{template "notice" .}}.
type Notice struct {
	Text Text
	Tone Tone
}

// Empty stands where a list has nothing: {{template "empty" .}}. Action may be nil.
type Empty struct {
	Icon        string
	Title, Text Text
	Action      *Link
}

// Stat is a figure of an overview: {{template "stats" .}} takes a list of them.
type Stat struct {
	Label Text
	Value any // a number, or a Text
	Note  Text
	Tone  Tone
	Href  string
}

// Filters is the form over a list: {{template "filters" .}}. It works by sending
// itself; with htmx the list changes while one types. The list is then the element
// with id="list", and what says how many there are the one with id="count".
type Filters struct {
	// Action is the path of the list, with the prefix.
	Action string
	Fields []Field
	// Keep are parameters that stay as they are, such as the order.
	Keep map[string]string
	// Still sends the form as a whole: it is a question whose fields may be wrong, and
	// nothing changes while one types.
	Still bool
	// Button is what sends it, "Search" where it is empty, and Clear what empties it, "Show
	// all" where that is.
	Button, Clear Text
}

// Set reports whether any filter is set.
func (f Filters) Set() bool {
	for _, field := range f.Fields {
		if field.Value != "" {
			return true
		}
	}
	return false
}

// Field is one filter: a text to search for, or one of Options when there are some.
type Field struct {
	Name  string
	Label Text
	Value string
	// Type is that of the input: search (also when empty), text, date, datetime-local.
	Type    string
	Options []Option
	// Hint says how it is filled in, Wrong what is wrong with what was; Choices are what it
	// could have meant, each an address with that filled in.
	Hint, Wrong Text
	Choices     []Link
}

// Option is a value of a Field.
type Option struct {
	Value string
	Text  Text
}

// Heading is a column that a list can be ordered by: {{template "heading" .}}.
type Heading struct {
	Text Text
	Href string
	// Order is ascending, descending, or empty when the list has another order.
	Order string
}

// Pager leads on in a list that does not fit on a page: {{template "pager" .}}.
// Empty addresses are left out.
type Pager struct{ First, Next string }

// Confirm asks before something is destroyed: {{template "confirm" .}}. It says
// what will be hit, and does nothing until its form is sent to Action.
type Confirm struct {
	Question Text
	// Hits are the consequences, one sentence each.
	Hits   []Text
	Action string            // a path below the prefix
	Values map[string]string // hidden fields
	Button Text
	Back   string // where it is left, below the prefix
	// Reason asks for a reason, which is sent as the field of that name.
	Reason bool
}

// door is the sign of an app: an arch with the first letters of its title, in one
// of six colours that the title chooses.
func door(title string) template.HTML {
	letters := ""
	for _, word := range strings.FieldsFunc(title, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if len([]rune(letters)) < 2 {
			letters += strings.ToUpper(string([]rune(word)[:1]))
		}
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(title))                                                                                                                                // a hash takes everything
	return template.HTML(`<span class="door hue-` + strconv.Itoa(int(h.Sum32()%6)+1) + `" aria-hidden="true">` + template.HTMLEscapeString(letters) + `</span>`) //nolint:gosec // G203: escaped
}
