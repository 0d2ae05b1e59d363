package ui

import (
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Languages are those that every page speaks, the first unless asked otherwise.
func Languages() []language.Tag { return []language.Tag{language.English, language.German} }

// languageCookie remembers a language that a person chose on a page.
const languageCookie = "gatehouse-language"

// localesKey is where a request carries the languages that an app asked for.
type localesKey struct{}

// choose returns the index in Languages of what a request is answered in: what the
// person chose with ?lang=, the app's ui_locales, the person's earlier choice, what
// the browser says it understands.
func choose(r *http.Request) int {
	wishes := []string{r.URL.Query().Get("lang")}
	if asked, _ := r.Context().Value(localesKey{}).(string); asked != "" {
		wishes = append(wishes, strings.Fields(asked)...)
	}
	if c, err := r.Cookie(languageCookie); err == nil {
		wishes = append(wishes, c.Value)
	}
	matcher := language.NewMatcher(Languages())
	for _, wish := range append(wishes, r.Header.Get("Accept-Language")) {
		tags, _, err := language.ParseAcceptLanguage(wish)
		if err != nil || len(tags) == 0 {
			continue
		}
		if _, i, sure := matcher.Match(tags...); sure != language.No {
			return i
		}
	}
	return 0
}

// locale says texts, numbers and times in one language.
type locale struct {
	tag         language.Tag
	print       *message.Printer
	own, shared catalogue // empty in English
	now         func() time.Time
}

func (l *locale) german() bool { return l.tag == language.German }

// text resolves a Text, or a literal of a template with its arguments.
func (l *locale) text(what any, args ...any) (string, error) {
	t, ok := what.(Text)
	if key, literal := what.(string); literal {
		t, ok = T(key, args...), true
	}
	if !ok {
		return "", fmt.Errorf("text: %T is neither a Text nor a literal", what)
	}
	if t.plain || t.key == "" {
		return t.key, nil
	}
	format := t.key
	if s, ok := l.shared.Rules[t.key]; t.rule && ok {
		format = s
	} else if s, ok := l.own.Texts[t.key]; ok {
		format = s
	} else if s, ok := l.shared.Texts[t.key]; ok {
		format = s
	}
	if len(t.args) == 0 {
		return format, nil
	}
	resolved := make([]any, len(t.args))
	for i, a := range t.args {
		resolved[i] = a
		if inner, ok := a.(Text); ok {
			s, err := l.text(inner)
			if err != nil {
				return "", err
			}
			resolved[i] = s
		}
	}
	return l.print.Sprintf(format, resolved...), nil
}

// say is text for Texts of our own making, which never fail.
func (l *locale) say(t Text) string {
	s, err := l.text(t)
	if err != nil {
		return t.key
	}
	return s
}

// plural is one of two literals of a template, by n.
func (l *locale) plural(n int, one, other string) string { return l.say(N(n, one, other)) }

// list joins names: "a, b and c".
func (l *locale) list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return l.say(T("%s and %s", strings.Join(names[:last], ", "), names[last]))
}

// number writes digits in groups.
func (l *locale) number(n any) string { return l.print.Sprint(n) }

// figure is a number, or a Text where there is none.
func (l *locale) figure(what any) (string, error) {
	if t, ok := what.(Text); ok {
		return l.text(t)
	}
	return l.number(what), nil
}

// date is a day; at adds the time. Both are in UTC, as in the logs.
func (l *locale) date(t time.Time) string {
	if l.german() {
		months := [...]string{"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"}
		return fmt.Sprintf("%d. %s %d", t.UTC().Day(), months[t.UTC().Month()-1], t.UTC().Year())
	}
	return t.UTC().Format("2 January 2006")
}

func (l *locale) moment(t time.Time) string { return l.date(t) + t.UTC().Format(", 15:04 UTC") }

// ago is a time as a person would say it now, with the exact one to be had.
func (l *locale) ago(t time.Time) template.HTML {
	return l.timeElement(t, l.relative(t), l.moment(t))
}

// at is an exact time.
func (l *locale) at(t time.Time) template.HTML { return l.timeElement(t, l.moment(t), "") }

func (l *locale) timeElement(t time.Time, text, title string) template.HTML {
	if t.IsZero() {
		return template.HTML(template.HTMLEscapeString(l.say(T("never")))) //nolint:gosec // G203: escaped
	}
	var b strings.Builder
	b.WriteString(`<time datetime="` + t.UTC().Format(time.RFC3339) + `"`)
	if title != "" {
		b.WriteString(` title="` + template.HTMLEscapeString(title) + `"`)
	}
	b.WriteString(">" + template.HTMLEscapeString(text) + "</time>")
	return template.HTML(b.String()) //nolint:gosec // G203: every part is escaped
}

// The units of relative times.
const (
	day  = 24 * time.Hour
	week = 7 * day
)

func (l *locale) relative(t time.Time) string {
	d := l.now().Sub(t)
	if d < 0 {
		return l.ahead(-d, t)
	}
	switch {
	case d < time.Minute:
		return l.say(T("just now"))
	case d < time.Hour:
		return l.say(N(int(d/time.Minute), "a minute ago", "%d minutes ago"))
	case d < day:
		return l.say(N(int(d/time.Hour), "an hour ago", "%d hours ago"))
	case d < week:
		return l.say(N(int(d/day), "yesterday", "%d days ago"))
	}
	return l.date(t)
}

func (l *locale) ahead(d time.Duration, t time.Time) string {
	switch {
	case d < time.Minute:
		return l.say(T("in a moment"))
	case d < time.Hour:
		return l.say(N(int(d/time.Minute), "in a minute", "in %d minutes"))
	case d < day:
		return l.say(N(int(d/time.Hour), "in an hour", "in %d hours"))
	case d < week:
		return l.say(N(int(d/day), "tomorrow", "in %d days"))
	}
	return l.date(t)
}
