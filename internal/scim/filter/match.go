package filter

import (
	"encoding/json"
	"strings"
	"time"
)

// Match reports whether x holds for a resource as encoding/json gives it, with the
// attributes of extensions below their URN, and names spelled as in the schema.
func Match(x Expr, resource map[string]any) bool {
	switch x := x.(type) {
	case And:
		return Match(x.L, resource) && Match(x.R, resource)
	case Or:
		return Match(x.L, resource) || Match(x.R, resource)
	case Not:
		return !Match(x.X, resource)
	case Present:
		return len(valuesAt(resource, x.Path)) > 0
	case Compare:
		return x.holds(valuesAt(resource, x.Path))
	case Within:
		for _, element := range valuesAt(resource, x.Path) {
			if Match(x.X, lift(x.Path, element)) {
				return true
			}
		}
	}
	return false
}

// MatchElement reports whether x, whose paths are those of the attribute at path, holds
// for one element of it.
func MatchElement(x Expr, path Path, element any) bool { return Match(x, lift(path, element)) }

// lift makes a resource that has nothing but one element of an attribute.
func lift(path Path, element any) map[string]any {
	one := map[string]any{path.Attribute: element}
	if path.URN == "" {
		return one
	}
	return map[string]any{path.URN: one}
}

// valuesAt returns the values that are present at a path.
func valuesAt(resource map[string]any, p Path) []any {
	if p.URN != "" {
		resource, _ = resource[p.URN].(map[string]any)
	}
	all := flat(nil, resource[p.Attribute])
	if p.Sub == "" {
		return all
	}
	var subs []any
	for _, v := range all {
		if m, ok := v.(map[string]any); ok {
			subs = flat(subs, m[p.Sub])
		}
	}
	return subs
}

// flat appends the values that are present in v.
func flat(to []any, v any) []any {
	switch v := v.(type) {
	case nil:
		return to
	case []any:
		for _, e := range v {
			to = flat(to, e)
		}
		return to
	case map[string]any:
		if len(v) == 0 {
			return to
		}
	}
	return append(to, v)
}

func (c Compare) holds(values []any) bool {
	if c.Value.Kind == Null {
		return (len(values) > 0) == (c.Op == Ne)
	}
	equality := c.Op == Ne
	for _, v := range values {
		if equality {
			if c.order(v, Eq) {
				return false
			}
		} else if c.order(v, c.Op) {
			return true
		}
	}
	return equality
}

// order compares one value.
func (c Compare) order(v any, op Op) bool {
	switch c.Value.Kind {
	case Null:
	case Text:
		s, ok := v.(string)
		want := c.Value.Text
		if !c.Of.CaseExact {
			s, want = Fold(s), Fold(want)
		}
		return ok && texts(s, want, op)
	case Bool:
		b, ok := v.(bool)
		return ok && op == Eq && b == c.Value.Bool
	case Number:
		n, ok := NumberOf(v)
		return ok && ordered(op, n < c.Value.Number, n > c.Value.Number)
	case Time:
		s, _ := v.(string)
		t, ok := ParseTime(s)
		return ok && ordered(op, t.Before(c.Value.Time), t.After(c.Value.Time))
	}
	return false
}

func texts(s, want string, op Op) bool {
	switch op {
	case Co:
		return strings.Contains(s, want)
	case Sw:
		return strings.HasPrefix(s, want)
	case Ew:
		return strings.HasSuffix(s, want)
	default:
		return ordered(op, s < want, s > want)
	}
}

func ordered(op Op, less, more bool) bool {
	switch op {
	case Eq:
		return !less && !more
	case Gt:
		return more
	case Ge:
		return !less
	case Lt:
		return less
	case Le:
		return !more
	default:
		return false
	}
}

// NumberOf returns a number, whatever Go type it has of those that JSON is read into.
func NumberOf(v any) (n float64, ok bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int64:
		return float64(v), true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	}
	return 0, false
}

// FormatTime writes a time as resources have it, to the millisecond.
func FormatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }
