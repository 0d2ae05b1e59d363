package resource

import (
	"encoding/json"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/elimity-com/scim/schema"

	"github.com/gatehouse-io/gatehouse/internal/scim/filter"
)

// Value checks what a client sends for what is at a path and returns it as it is kept:
// a list for an attribute with several values, an object for one with sub-attributes.
// It is nil for what means "no value": null, an empty list and an empty object (RFC
// 7643, section 2.5). It fails with ErrValue, which names the attribute.
//
// A list may be left out around a single value. Of a group's members, of which there may
// be very many, it returns Members.
func (t *Type) Value(p filter.Path, v any) (any, error) {
	a, ok := t.attributes[p]
	if !ok {
		return nil, Bad(ErrValue, "there is no attribute %q", p)
	}
	if !a.MultiValued() {
		return t.single(p, a, v)
	}
	list, size, ok := Elements(v)
	if !ok && v != nil {
		list, size, _ = Elements([]any{v})
	}
	if t.members(p) {
		return t.membersIn(p, a, list, size)
	}
	if size > maxElements {
		return nil, Bad(ErrValues, "%s has more than %d values", p, maxElements)
	}
	var values []any
	for e := range list {
		one, err := t.single(p, a, e)
		if err != nil {
			return nil, err
		}
		if one != nil {
			values = append(values, one)
		}
	}
	if len(values) == 0 {
		return nil, nil
	}
	return values, nil
}

// maxElements is how many values an attribute has at most, but for a group's members: more
// are too large for a record, whatever they are.
const maxElements = 20_000

// Member is a member of a group as a client names it: by a value, and maybe with a type.
type Member struct{ Value, Type string }

// Members are the members of a group, in the order that they came in.
type Members []Member

func (t *Type) members(p filter.Path) bool {
	return t.Name == "Group" && p == filter.Path{Attribute: "members"}
}

// membersIn checks members, one after the other.
func (t *Type) membersIn(p filter.Path, a schema.CoreAttribute, list iter.Seq[any], size int) (any, error) {
	all := make(Members, 0, size)
	for e := range list {
		one, err := t.single(p, a, e)
		if err != nil {
			return nil, err
		}
		if of, ok := one.(map[string]any); ok {
			var m Member
			m.Value, _ = of["value"].(string)
			m.Type, _ = of["type"].(string)
			all = append(all, m)
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	return all, nil
}

// single checks one value.
func (t *Type) single(p filter.Path, a schema.CoreAttribute, v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	if a.AttributeType() == "complex" {
		return t.complex(p, a, v)
	}
	v, err := t.leaf(p, a, v)
	if err != nil {
		return nil, err
	}
	kept, bad := a.ValidateSingular(v)
	if bad != nil {
		return nil, Bad(ErrValue, "%s takes %s", p, wants[a.AttributeType()])
	}
	return kept, nil
}

var wants = map[string]string{
	"string": "a string", "boolean": "true or false", "decimal": "a number", "integer": "a whole number",
	"dateTime": "a date and time such as 2006-01-02T15:04:05Z", "binary": "base64", "reference": "a URI as a string", "complex": "an object",
}

// leaf brings a value without sub-attributes into the form that the schema checks.
func (t *Type) leaf(p filter.Path, a schema.CoreAttribute, v any) (any, error) {
	switch a.AttributeType() {
	case "boolean":
		if s, ok := v.(string); ok && (strings.EqualFold(s, "true") || strings.EqualFold(s, "false")) {
			return strings.EqualFold(s, "true"), nil
		}
	case "integer":
		if f, ok := v.(float64); ok && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			return int64(f), nil
		}
	case "decimal":
		if n, ok := v.(json.Number); ok {
			if f, err := n.Float64(); err != nil || math.IsInf(f, 0) {
				return nil, Bad(ErrValue, "%s takes a number that is not that large", p)
			}
		}
	}
	if s, ok := v.(string); ok && (strings.ContainsRune(s, 0) || !utf8.ValidString(s)) {
		return nil, Bad(ErrValue, "%s has a character that no text has", p)
	}
	return v, nil
}

// complex checks an object. Sub-attributes that are not known are left out, and so are
// those that only the server sets.
func (t *Type) complex(p filter.Path, a schema.CoreAttribute, v any) (any, error) {
	object, ok := objectOf(a, v)
	if !ok {
		return nil, Bad(ErrValue, "%s takes %s", p, wants["complex"])
	}
	kept := map[string]any{}
	known := len(object) == 0 // nothing is nothing unknown
	for _, name := range slices.Sorted(maps.Keys(object)) {
		sub, _, ok := t.Paths.Resolve(filter.Path{URN: p.URN, Attribute: p.Attribute, Sub: name})
		if known = known || ok; !ok || name == "" || t.attributes[sub].Mutability() == "readOnly" {
			continue
		}
		if _, twice := kept[sub.Sub]; twice {
			return nil, Bad(ErrSyntax, "%s comes twice", sub)
		}
		one, err := t.Value(sub, object[name])
		if err != nil {
			return nil, err
		}
		if one != nil {
			kept[sub.Sub] = one
		}
	}
	switch {
	case !known && a.MultiValued():
		return nil, Bad(ErrValue, "%s has a value with nothing in it that is known", p)
	case len(kept) == 0:
		return nil, nil
	}
	return kept, nil
}

// objectOf is the object that a value is or, of an attribute with one value, is short for:
// a string is that of the sub-attribute "value", and an empty one is nothing.
func objectOf(a schema.CoreAttribute, v any) (object map[string]any, ok bool) {
	if s, text := v.(string); text && !a.MultiValued() {
		if _, has := a.SubAttributes().ContainsAttribute("value"); !has {
			return nil, false
		}
		if s == "" {
			return nil, true
		}
		return map[string]any{"value": s}, true
	}
	object, ok = v.(map[string]any)
	return object, ok
}

// Check says what is wrong with a resource as a whole: that something required is
// missing, or that several values are called the primary one (RFC 7643, section 2.4).
func (t *Type) Check(r map[string]any) error {
	for _, a := range t.Core.Attributes {
		if v, ok := r[a.Name()]; a.Required() && (!ok || v == "") {
			return Bad(ErrValue, "%s is required", a.Name())
		}
	}
	if err := t.primaries("", r); err != nil {
		return err
	}
	for _, e := range t.Extensions {
		of, _ := r[e.ID].(map[string]any)
		if err := t.primaries(e.ID, of); err != nil {
			return err
		}
	}
	return nil
}

func (t *Type) primaries(urn string, of map[string]any) error {
	for name, v := range of {
		list, _ := v.([]any)
		n := 0
		for _, e := range list {
			if m, ok := e.(map[string]any); ok && m["primary"] == true {
				n++
			}
		}
		if n > 1 {
			return Bad(ErrValue, "%s has more than one primary value", filter.Path{URN: urn, Attribute: name})
		}
	}
	return nil
}

// Copy returns a deep copy.
func Copy(r map[string]any) map[string]any {
	c := make(map[string]any, len(r))
	for k, v := range r {
		c[k] = copyValue(v)
	}
	return c
}

func copyValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return Copy(v)
	case []any:
		c := make([]any, len(v))
		for i, e := range v {
			c[i] = copyValue(e)
		}
		return c
	}
	return v
}
