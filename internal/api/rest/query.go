package rest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/httpx"
)

// kind is the type of a parameter.
type kind int

const (
	text kind = iota
	number
	truth
	instant
	choice
)

// How long a text may be, in characters, and a cursor.
const (
	longest       = 256
	longestText   = 4096
	longestCursor = 1024
)

// Param is one of a route's parameters in the query.
type Param struct {
	Name, About string
	kind        kind
	most        int
	choices     []string
}

// Text is a parameter of any text.
func Text(name, about string) Param {
	return Param{Name: name, About: about, kind: text, most: longest}
}

// LongText is a parameter of any text, of 4096 characters at most.
func LongText(name, about string) Param {
	return Param{Name: name, About: about, kind: text, most: longestText}
}

// Truth is one that is true or false.
func Truth(name, about string) Param { return Param{Name: name, About: about, kind: truth} }

// Instant is a time (RFC 3339).
func Instant(name, about string) Param { return Param{Name: name, About: about, kind: instant} }

// Number is a whole number from 1 to most.
func Number(name, about string, most int) Param {
	return Param{Name: name, About: about, kind: number, most: most}
}

// Choice is one of several words.
func Choice(name, about string, words ...string) Param {
	return Param{Name: name, About: about, kind: choice, choices: words}
}

// check says what is wrong with a value.
func (p Param) check(value string) error {
	bad := func(rule string, args ...any) error {
		return fault.New(fault.Invalid, "parameter_invalid", p.Name+" is "+rule, args...).At(p.Name)
	}
	switch p.kind {
	case number:
		if n, err := strconv.Atoi(value); err != nil || n < 1 || n > p.most || value[0] == '+' {
			return bad("a whole number from 1 to %d", p.most)
		}
	case truth:
		if value != "true" && value != "false" {
			return bad("true or false")
		}
	case instant:
		if t, err := time.Parse(time.RFC3339, value); err != nil || t.Year() < 1970 {
			return bad("a time as in RFC 3339, such as 2026-01-02T15:04:05Z")
		}
	case choice:
		if !slices.Contains(p.choices, value) {
			return bad("one of %s", strings.Join(p.choices, ", "))
		}
	case text:
		if utf8.RuneCountInString(value) > p.most {
			return bad("at most %d characters long", p.most)
		}
	}
	return nil
}

// parameters reads the query of a route and refuses what it does not know: a
// filter with a slip of the pen must not select everything.
func (rt *Route) parameters(r *http.Request) (url.Values, error) {
	params, err := httpx.Query(r)
	if err != nil {
		return nil, err
	}
	for name := range params {
		i := slices.IndexFunc(rt.Query, func(p Param) bool { return p.Name == name })
		if i < 0 {
			return nil, fault.New(fault.Invalid, "parameter_unknown", "there is no such parameter").At(shown(name))
		}
		if err := rt.Query[i].check(params.Get(name)); err != nil {
			return nil, err
		}
	}
	return params, nil
}

// shown is a name that a stranger chose, as it may stand in an answer.
func shown(name string) string {
	if len(name) > 64 {
		name = name[:64]
	}
	return strings.ToValidUTF8(name, "")
}

// Query is what was asked for, checked against the route's parameters.
type Query struct {
	url.Values
	// Sort is the field that a list is sorted by, and Descending how.
	Sort       string
	Descending bool
	// Limit is how many items a page has; After is the cursor of the page before.
	Limit int
	After string
}

// Bool returns a Truth, nil when it was not asked for.
func (q Query) Bool(name string) *bool {
	value := q.Get(name)
	if value == "" {
		return nil
	}
	v := value == "true"
	return &v
}

// Time returns an Instant, the zero time when it was not asked for.
func (q Query) Time(name string) time.Time {
	t, _ := time.Parse(time.RFC3339, q.Get(name)) // parameters checked it
	return t.UTC()
}
